"""Composing again from a bundle of one request that shows others as digests only: what can be, and
what is seen of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from govd.errors import GovdError, NotFound
from govd.types import Json
from govd.verify.contributions import Fault, named_contribution
from govd.verify.excerpt import Composed, Excerpt
from govd.verify.filings import Log, check_spec
from govd.verify.recompute import recompute

Entry = Mapping[str, Any]


def recompute_excerpt(
    entries: Callable[[], Iterable[Entry]],
    artifact: Callable[[str], bytes],
    excerpt: Excerpt,
) -> list[dict[str, Json]]:
    """As `recompute`. Revisions that are made of others as well are not composed again: the
    request's own contributions are compared with what was filed, which `same_contribution` says.
    """

    def composable(entry: Entry) -> bool:
        return entry["kind"] != "revision.compose" or excerpt.alone(
            str(entry["subject"])
        )

    records = recompute((entry for entry in entries() if composable(entry)), artifact)
    log = Log()
    for entry in entries():
        if composable(entry):
            log.take(entry)
        elif entry["subject"] in excerpt.revisions:
            records += _shared(
                excerpt.composed[entry["subject"]], excerpt, log, artifact
            )
    return records


def _shared(
    composed: Composed, excerpt: Excerpt, log: Log, artifact: Callable[[str], bytes]
) -> list[dict[str, Json]]:
    """What is seen of a revision that is made of others as well."""
    blank: dict[str, Json] = {
        "revision": composed.revision,
        "says": "",
        "fault": "",
        "same_bytes": None,
    }
    records: list[dict[str, Json]] = []
    for digest in composed.own:
        try:
            request = _check_filed(digest, excerpt, log, artifact)
        except NotFound as error:
            records.append(
                blank | {"says": f"its contribution was not looked at: {error.message}"}
            )
        except GovdError as error:
            records.append(
                blank
                | {"fault": f"its contribution is not what was filed: {error.message}"}
            )
        else:
            finding = (
                f"its contribution {digest[:16]}… has the bytes that its name says, and the scope,"
                f" method, target and strength that {request} was filed with"
            )
            records.append(blank | {"says": finding, "same_contribution": True})
    if composed.others > 1:
        digests = f"{composed.others} contributions of other requests are shown as digests only"
    else:
        digests = f"{composed.others} contribution of other requests is shown as a digest only"
    advice = "recomposing needs a bundle that was made --with-others"
    return [
        *records,
        blank | {"says": f"it was not composed again: {digests}; {advice}"},
    ]


def _check_filed(
    digest: str, excerpt: Excerpt, log: Log, artifact: Callable[[str], bytes]
) -> str:
    """That a contribution is what one of the requests was filed with; which one.

    Raises:
        Fault: it is not. NotFound: it is not at hand.
    """
    owners = [
        request
        for request in sorted(excerpt.requests & set(log.filed))
        if log.contribution_of.get(request) == digest
    ]
    if digest not in log.artifact_of or not owners:
        raise Fault(
            "no entry before it made this contribution for the request", where=digest
        )
    path = log.artifact_of[digest]
    check_spec(
        owners[0],
        log,
        named_contribution(digest, path, log.basis_of[digest], artifact(path)),
    )
    return owners[0]
