"""Hands log checkpoints to an HTTP witness (C2SP tlog-witness, https://c2sp.org/tlog-witness) and
brings its cosignature back.

A witness keeps the last checkpoint that it saw of a log and signs a newer one only where a proof
shows that the log has grown from it: so a log that shows different histories to different people
cannot have both cosigned.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from govd.errors import Unreachable, VerificationFailed
from govd.hookspecs import hookimpl

if TYPE_CHECKING:
    import httpx

SECONDS = 15.0
LARGEST = 1 << 20


@hookimpl
def govd_witness(
    url: str,
    checkpoint: str,
    before: int,
    prove: Callable[[int], Sequence[bytes]],
    key: str,
) -> Sequence[str] | None:
    """The witness's signature lines.

    Raises:
        Unreachable: it does not answer. VerificationFailed: it refuses, and why.
    """
    if not url.startswith(("http://", "https://")):
        return None
    answer = _ask(url, checkpoint, before, prove)
    if (
        answer.status_code == 409
        and answer.text.strip().isascii()
        and answer.text.strip().isdigit()
    ):
        # it has seen another size than the ledger remembers
        answer = _ask(url, checkpoint, int(answer.text), prove)
    if answer.status_code != 200:
        why = {
            403: "it does not accept this log's signature (was the key changed?)",
            404: "it does not know this log: register the log's origin and key there",
            409: "it has seen another size of this log",
            422: (
                "it holds another history of this log than the one here: find out which is the"
                " true one"
            ),
        }.get(answer.status_code, f"HTTP {answer.status_code}")
        raise VerificationFailed(f"the witness refuses: {why}", where=url)
    return [
        line for line in answer.text[:LARGEST].splitlines() if line.startswith("— ")
    ]


def _ask(
    url: str, checkpoint: str, old: int, prove: Callable[[int], Sequence[bytes]]
) -> httpx.Response:
    import httpx

    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in prove(old))]
    body = "\n".join(lines) + "\n\n" + checkpoint
    try:
        return httpx.post(
            f"{url.rstrip('/')}/add-checkpoint", content=body.encode(), timeout=SECONDS
        )
    except httpx.HTTPError as fault:
        raise Unreachable(
            f"the witness does not answer ({fault})",
            where=url,
            advice="It is asked again in a while.",
        ) from None
