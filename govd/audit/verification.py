"""The ledger of this home, verified: entries, artifacts, published files, edits; and the views made
anew from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from govd.errors import GovdError, VerificationFailed
from govd.ledger.signing import Key, LogCheckpoint
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Json, Record
from govd.verify import bounds, claim, delivered
from govd.verify.entries import verify
from govd.verify.honest import honest
from govd.verify.offline import composed_again, record_of, sections, told, trust_of
from govd.verify.parts import DELIVERIES, delivery
from govd.verify.verdict import Verdict
from govd.views.sealed_tables import remove_tables

PROVEN: Final = (
    (
        "The entries are those that were signed: none was changed, dropped, inserted or reordered,"
        " up to the last log checkpoint."
    ),
    "Every artifact that the entries name is here with the bytes that its name says.",
)
NOT_PROVEN: Final = (
    (
        "Whoever holds the signing key could have signed another history; a log checkpoint kept"
        " elsewhere, or a witness, would show that."
    ),
    (
        "What is recorded is what the daemon wrote: who acted is who held a token or the machine's"
        " account, and the figures are as measured."
    ),
    "What servers elsewhere answer from: only files that lie where they were published are hashed.",
)
MANY: Final = 200_000
"""Entries from which on verification uses all cores."""


class Verification:
    """Verifies one home's ledger."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def verify(
        self,
        since: Iterable[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        """Check the whole ledger, every artifact that it names, and published files where they
        still lie. `since`: log checkpoints that somebody kept, which must be the beginning of what
        is here; `key`: the log's public key, where it is known from elsewhere; `recompute`: compose
        every edit once more from its contributions; `witnesses`, `roots`: keys and root
        certificates (PEM) that vouch for times.
        """
        ledger = self.core.desk.ledger
        notes = list(since)
        trusted_key = Key.parse(key) if key else ledger.signer.key
        verdict = self._verdict(trusted_key, notes, trust_of(witnesses, roots))
        self._check_artifacts(verdict)
        files = delivered.check(
            verdict.delivered,
            verdict.fault,
            partial(self.delivered_since, verdict.size),
            dict(verdict.published()),
        )
        recomputed: Sequence[dict[str, Json]] = []
        if recompute and verdict.holds:
            entries = partial(ledger.entries, 0, verdict.size)
            recomputed = composed_again(verdict, entries, self.core.artifacts.get)
        record = record_of(verdict) | {
            "origin": ledger.origin,
            "key": str(trusted_key),
            "key_given": key is not None,
            "recomputed": recomputed,
            "unsigned": max(0, verdict.size - verdict.signed_size),
        }
        return record | self._sentences(verdict, notes, files, recomputed)

    def _verdict(self, key: Key, kept: list[str], trust: bounds.Trust) -> Verdict:
        """What the entries come to, with all cores where there are many."""
        ledger = self.core.desk.ledger
        many = ledger.size() >= MANY and (os.cpu_count() or 1) > 1
        with self.core.desk.lock:  # what is published is signed under it
            stored = ledger.stored().now()
        signed_note, unreadable = self._beside_the_key()
        workers: Any = _processes() if many else nullcontext()
        with workers as pool:
            executor: Executor | None = pool
            verdict = verify(
                stored, key, ledger.origin, executor, kept, trust, signed_note
            )
        for fault in unreadable:
            verdict.fault(fault)
        return verdict

    def _check_artifacts(self, verdict: Verdict) -> None:
        for digest in sorted(verdict.named):
            try:
                self.core.artifacts.get(digest)
                verdict.artifacts += 1
            except GovdError as error:
                verdict.fault(f"artifact {digest}: {error.message}")

    def _beside_the_key(self) -> tuple[str | None, list[str]]:
        """The log checkpoint that lies beside the key, and what is wrong with the file."""
        try:
            return self.core.desk.ledger.signed.note(), []
        except GovdError as error:
            return None, [error.message]

    def delivered_since(self, size: int) -> list[dict[str, Json]]:
        """Deliveries of the entries from `size` on."""
        return [
            delivery(entry)
            for entry in self.core.desk.ledger.entries(size)
            if entry["kind"] in DELIVERIES
        ]

    def _sentences(
        self,
        verdict: Verdict,
        kept: Sequence[str],
        files: delivered.Delivered,
        recomputed: Sequence[dict[str, Json]],
    ) -> dict[str, Json]:
        if not verdict.holds:
            return sections(verdict, "", (), (), ())
        again, missed = told(recomputed)
        proven, recorded = bounds.tell(verdict.bounds)
        begins = [
            f"It begins with the checkpoint that was kept: {LogCheckpoint.read(n).size} entries."
            for n in kept
        ]
        unsigned = verdict.size - verdict.signed_size
        late = []
        if unsigned:
            late.append(
                f"The last {unsigned} entries are not signed yet: `govd audit checkpoint` signs"
                " them."
            )
        if files.files:
            proven.append(
                f"{files.files} published files lie where they were written, with the bytes that"
                " the entries name."
            )
        if files.gone:
            late.append(
                f"{len(files.gone)} published revisions are not there any more ({files.gone[0]}):"
                " their files were not hashed."
            )
        late += [f"What is served elsewhere: {line}." for line in files.behind]
        if not any(b.checked for b in verdict.bounds):
            late.append(
                "When it happened: the times are those of the daemon's clock, and nothing that was"
                " checked bounds them."
            )
        proven = [*PROVEN, *again, *begins, *proven]
        return sections(
            verdict,
            self._claim(verdict.newest()),
            proven,
            [*recorded, *files.serves],
            [*missed, *late, *NOT_PROVEN],
        )

    def _claim(self, revisions: Sequence[claim.Revision]) -> str:
        """The honest claim about what each model serves, from the entries about it, which are
        searched in the ledger.
        """
        ledger = self.core.desk.ledger
        subjects = {
            name for model, number in revisions for name in (model, f"{model}/{number}")
        }
        entries = ledger.some(ledger.stored().about(subjects))
        composed = [entry for entry in entries if entry["kind"] == "revision.compose"]
        requests = {
            str(request)
            for entry in composed
            for request in entry["payload"]["requests"]
        }
        entries += ledger.some(ledger.stored().about(requests))
        claims = claim.claims_of(lambda: entries, revisions)
        return " ".join(honest(c) for c in claims.values()) or honest(None)

    def rebuild(self) -> Record:
        """Make the views anew from the entries and compare them with those in use; where they
        differ the new ones take their place.

        Raises:
            VerificationFailed: the entries themselves do not hold; then the views stay, which may
            say what the entries said.
        """
        desk = self.core.desk
        with desk.lock:
            stored = desk.ledger.stored().now()
        verdict = verify(stored, desk.ledger.signer.key, desk.ledger.origin)
        # before the first log checkpoint nothing says what they were
        if not verdict.holds and desk.ledger.last_checkpoint() is not None:
            advice = (
                "Run `govd audit verify`, and restore a "
                "backup. The views were left as they are."
            )
            raise VerificationFailed(
                f"the entries are not as they were signed: {verdict.faults[0]}",
                where="ledger",
                advice=advice,
            )
        with desk.lock, desk.fold:
            fresh = desk.views_anew(desk.views.size)
            path = fresh.records.path
            assert path is not None
            differ = 0
            examples: list[str] = []
            for row, fresh_row in zip_longest(desk.views.dump(), fresh.dump()):
                if row != fresh_row:
                    differ += 1
                    if len(examples) < 10:
                        examples.append(" ".join((row or fresh_row or ())[:4])[:200])
            fresh.records.close()
            if differ:
                desk.views.replace(path)
            remove_tables(path)
        return {
            "entries": desk.views.size,
            "same": not differ,
            "differences": differ,
            "examples": examples,
        }


def _processes() -> Executor:
    """Processes that share the work; imported here, as every command imports this module."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(mp_context=get_context("spawn"))
