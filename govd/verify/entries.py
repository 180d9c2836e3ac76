"""Verification of a whole ledger, from what is stored and a public key. Small on purpose: reads
canonical, merkle, signing, and what is made of them (keys, bounds, parts, in_force).
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from govd.errors import GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint
from govd.records.in_force import InForce
from govd.verify import bounds, parts
from govd.verify.approved import Approved
from govd.verify.bounds import Trust, Vouched
from govd.verify.kept_notes import check_notes
from govd.verify.keys import Keys
from govd.verify.parts import Part, Source, Times
from govd.verify.verdict import Verdict, clock_sentences


def verify(
    source: Source,
    key: Key,
    origin: str,
    workers: Executor | None = None,
    kept: Sequence[str] = (),
    trust: Trust | None = None,
    signed: str | None = None,
) -> Verdict:
    """Recompute the tree from the bodies; compare stored nodes and every signed log checkpoint with
    it, every published revision with what was in force then, and every approval with what policies
    asked of people.

    `key` is trusted: the log's key, or an earlier one of it. `workers` (processes, say) verify
    parts side by side. `kept` are log checkpoints that somebody kept elsewhere: what they say must
    be the beginning of what is here. `trust`: whose cosignatures and time stamps the reader knows;
    those of others are looked at all the same. `signed`: the newest log checkpoint, as it lies
    beside the key.
    """
    verdict = Verdict()
    try:
        _verify(
            source,
            key,
            origin,
            workers,
            [*kept, *([signed] if signed else [])],
            trust or Trust(),
            verdict,
        )
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        verdict.fault(
            f"the database cannot be read, or has what no ledger has ({type(error).__name__}:"
            f" {error})"
        )
    return verdict


def _verify(
    source: Source,
    key: Key,
    origin: str,
    workers: Executor | None,
    kept: Sequence[str],
    trust: Trust,
    verdict: Verdict,
) -> None:
    for strange in source.foreign():
        verdict.fault(f"the database has what no ledger has: {strange}")
    notes = _notes(source, kept, verdict)
    # after the checkpoints: what is appended meanwhile is in neither
    first, last = source.extent()
    if first < 0:
        verdict.fault("there are entries with numbers below zero")
    scan = _Scan(verdict, last)
    sizes = sorted({size for size, _, _ in notes})
    step = 1 << parts.LEVEL
    cut = [
        (source, start, min(start + step, last + 1), sizes)
        for start in range(0, last + 1, step)
    ]
    for part in workers.map(parts.part, cut) if workers else map(parts.part, cut):
        if not scan.take(part):
            break
    scan.in_force.finish()
    verdict.root = verdict.root or merkle.EMPTY.hex()
    keys = Keys(key, origin, scan.rotations, verdict.fault)
    verdict.keys = [str(k) for k in keys.keys]
    check_notes(notes, scan.roots, keys, last, verdict)
    if not notes:
        verdict.fault(
            "there is no signed log checkpoint: nothing vouches for these entries"
        )
    _check_published(scan.published, verdict)
    verdict.notes += clock_sentences(scan.times)
    _check_vouchers(source, dict(source.checkpoints()), scan.vouchers, trust, verdict)


def _notes(
    source: Source, kept: Sequence[str], verdict: Verdict
) -> list[tuple[int, str, LogCheckpoint]]:
    """The log checkpoints that are stored and those that were kept, each with the size under which
    it lies; none twice.
    """
    notes: list[tuple[int, str, LogCheckpoint]] = []
    for size, note in dict.fromkeys(
        [*source.checkpoints(), *((-1, note) for note in kept)]
    ):
        try:
            checkpoint = LogCheckpoint.read(note)
        except GovdError as error:
            verdict.fault(
                f"log checkpoint {'that was kept' if size < 0 else size}: {error.message}"
            )
            continue
        if size >= 0 or (checkpoint.size, note, checkpoint) not in notes[-1:]:
            notes.append((checkpoint.size if size < 0 else size, note, checkpoint))
    return notes


class _Scan:
    """What parts come to, one after the other."""

    def __init__(self, verdict: Verdict, last: int) -> None:
        self.verdict = verdict
        self.last = last
        self.tree = merkle.Growing()
        self.roots = {0: merkle.EMPTY}
        self.rotations: list[tuple[int, dict[str, Any]]] = []
        self.vouchers: list[Vouched] = []
        self.published: list[tuple[int, str]] = []
        self.times = Times()
        self.in_force = InForce(verdict.fault)
        self.approved = Approved(verdict.fault)

    def take(self, part: Part) -> bool:
        """The next part; whether what comes after it can be looked at: not where one of its entries
        is missing.
        """
        verdict = self.verdict
        tree = self.tree
        step = 1 << parts.LEVEL
        for fault in part.faults:
            verdict.fault(fault)
        self.rotations += part.rotations
        self.vouchers += part.vouched
        self.times.join(part.times, verdict.size)
        for event in part.events:
            self.in_force.take(event)
            if event.kind == "revision.publish":
                self.published.append((event.seq, event.subject))
        for decision in part.decisions:
            self.approved.take(decision)
        verdict.delivered += part.delivered
        verdict.last |= part.last
        verdict.named |= part.named
        self.roots |= {size: tree.root(edge) for size, edge in part.edges.items()}
        verdict.size += part.entries
        # one is missing: what comes after it cannot be compared
        if verdict.size <= self.last and part.entries < step:
            verdict.root = tree.root(part.edge).hex()
            return False
        if part.entries == step:
            if part.above != b"".join(
                value for _, _, value in tree.add(part.edge[0])[1:]
            ):
                verdict.fault(
                    f"the upper Merkle nodes that are stored with entry {verdict.size - 1} are not"
                    " the hashes of its entries"
                )
            verdict.root = tree.root().hex()
        else:
            verdict.root = tree.root(part.edge).hex()
        return True


def _check_published(published: Sequence[tuple[int, str]], verdict: Verdict) -> None:
    """That every publish is signed: its log checkpoint is made with it."""
    bare = [(seq, subject) for seq, subject in published if seq >= verdict.signed_size]
    if bare and verdict.signed_size:
        seq, subject = bare[0]
        more = ""
        if bare[1:]:
            more = f" (nor are {len(bare) - 1} later ones)"
        fault = (
            f"{subject} was published by entry {seq}, which no signed log checkpoint covers{more}:"
            " checkpoints were deleted, or a crash"
        )
        verdict.fault(f"{fault} came before one was signed")


def _check_vouchers(
    source: Source,
    notes: Mapping[int, str],
    vouchers: Sequence[Vouched],
    trust: Trust,
    verdict: Verdict,
) -> None:
    """Each cosignature and time stamp against the log checkpoint that it is on."""

    def token(seq: int) -> bytes:
        ((_, body, _),) = source.entries(seq, seq + 1)
        return base64.b64decode(
            canonical.decode(body)["payload"]["token"], validate=True
        )

    verdict.bounds = bounds.check(
        vouchers, notes.get, token, trust, verdict.fault
    ).found
    bounds.idle(verdict.bounds, trust, verdict.fault)
