"""Verification of a whole ledger, from what is stored and a public key. Small on purpose: reads
canonical, merkle, signing, and what is made of them (keys, bounds, parts, standing).
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from govd.errors import GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint
from govd.ledger.times import is_time, seconds_between
from govd.records.standing import Standing
from govd.verify import bounds, parts
from govd.verify.bounds import Bound, Trust, Vouched
from govd.verify.claim import newest
from govd.verify.keys import Keys
from govd.verify.parts import MOST, Part, Source, Times


@dataclass
class Verdict:
    """What was looked at and what was wrong with it."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    signed_size: int = 0
    artifacts: int = 0
    named: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What is no fault and yet to be told, whether or not anything was wrong."""
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults

    def newest(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last; the last composed one where none
        was.
        """
        return newest(
            {"kind": kind, "subject": s}
            for kind in ("revision.compose", "revision.publish")
            for s in self._of(kind)
        )

    def published(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last."""
        return newest(
            {"kind": "revision.publish", "subject": s} for s in self._of("revision.publish")
        )

    def _of(self, kind: str) -> list[str]:
        return [subject for key, subject in self.last.items() if key.startswith(f"{kind} ")]

    @property
    def full(self) -> bool:
        """Whether more faults would not be told."""
        return len(self.faults) >= MOST

    def fault(self, text: str) -> None:
        """Note a fault."""
        if not self.full:
            self.faults.append(text)


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
    it, and every published revision with what was in force then.

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
    asked = _notes(source, kept, verdict)
    first, last = source.extent()  # after the checkpoints: what is appended meanwhile is in neither
    if first < 0:
        verdict.fault("there are entries with numbers below zero")
    scan = _Scan(verdict, last)
    sizes, step = sorted({size for size, _, _ in asked}), 1 << parts.LEVEL
    cut = [
        (source, start, min(start + step, last + 1), sizes) for start in range(0, last + 1, step)
    ]
    for part in workers.map(parts.part, cut) if workers else map(parts.part, cut):
        if not scan.take(part):
            break
    scan.standing.finish()
    verdict.root = verdict.root or merkle.EMPTY.hex()
    keys = Keys(key, origin, scan.rotations, verdict.fault)
    verdict.keys = [str(k) for k in keys.keys]
    _check_notes(asked, scan.roots, keys, last, verdict)
    if not asked:
        verdict.fault("there is no signed log checkpoint: nothing vouches for these entries")
    _check_published(scan.published, verdict)
    verdict.notes += told(scan.times)
    _check_vouchers(source, dict(source.checkpoints()), scan.vouchers, trust, verdict)


def _notes(
    source: Source, kept: Sequence[str], verdict: Verdict
) -> list[tuple[int, str, LogCheckpoint]]:
    """The log checkpoints that are stored and those that were kept, each with the size under which
    it lies; none twice.
    """
    asked: list[tuple[int, str, LogCheckpoint]] = []
    for size, note in dict.fromkeys([*source.checkpoints(), *((-1, note) for note in kept)]):
        try:
            said = LogCheckpoint.read(note)
        except GovdError as error:
            verdict.fault(
                f"log checkpoint {'that was kept' if size < 0 else size}: {error.message}"
            )
            continue
        if size >= 0 or (said.size, note, said) not in asked[-1:]:
            asked.append((said.size if size < 0 else size, note, said))
    return asked


class _Scan:
    """What parts come to, one after the other."""

    def __init__(self, verdict: Verdict, last: int) -> None:
        self.verdict, self.last = verdict, last
        self.tree = merkle.Growing()
        self.roots = {0: merkle.EMPTY}
        self.rotations: list[tuple[int, dict[str, Any]]] = []
        self.vouchers: list[Vouched] = []
        self.published: list[tuple[int, str]] = []
        self.times = Times()
        self.standing = Standing(verdict.fault)

    def take(self, part: Part) -> bool:
        """The next part; whether what comes after it can be looked at: not where one of its entries
        is missing.
        """
        verdict, tree, step = self.verdict, self.tree, 1 << parts.LEVEL
        for fault in part.faults:
            verdict.fault(fault)
        self.rotations += part.rotations
        self.vouchers += part.vouched
        self.times.join(part.times, verdict.size)
        for event in part.events:
            self.standing.take(event)
            if event.kind == "revision.publish":
                self.published.append((event.seq, event.subject))
        verdict.delivered += part.delivered
        verdict.last |= part.last
        verdict.named |= part.named
        self.roots |= {size: tree.root(edge) for size, edge in part.edges.items()}
        verdict.size += part.entries
        if (
            verdict.size <= self.last and part.entries < step
        ):  # one is missing: what comes after it cannot be compared
            verdict.root = tree.root(part.edge).hex()
            return False
        if part.entries == step:
            if part.above != b"".join(value for _, _, value in tree.add(part.edge[0])[1:]):
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
        more = f" (nor are {len(bare) - 1} later ones)" if bare[1:] else ""
        what = (
            f"{subject} was published by entry {seq}, which no signed log checkpoint covers{more}:"
            " checkpoints were deleted, or a crash"
        )
        verdict.fault(f"{what} came before one was signed")


def told(times: Times) -> list[str]:
    """What there is to say of the times that entries bear."""
    said = []
    if times.back:
        seq, before, own = times.back[0]
        more = f" (and {len(times.back) - 1} times more)" if times.back[1:] else ""
        by = f"{seconds_between(own, before):,.0f} s " if is_time(own) and is_time(before) else ""
        said.append(
            f"Times go back: entry {seq} is dated {by}before the one before it{more}; `as-of` takes"
            " the greatest time so far."
        )
    if times.behind:
        seq, seconds = max(times.behind, key=lambda b: b[1])
        said.append(
            f"The clock was behind at {len(times.behind)} entries, by up to {seconds:,.0f} s (entry"
            f" {seq})."
        )
    return said


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
        return base64.b64decode(canonical.decode(body)["payload"]["token"], validate=True)

    verdict.bounds = bounds.check(vouchers, notes.get, token, trust, verdict.fault).found
    bounds.idle(verdict.bounds, trust, verdict.fault)


def _opens(note: str, key: Key) -> bool:
    try:
        LogCheckpoint.open(note, key)
    except GovdError:
        return False
    return True


@dataclass
class _Notes:
    """Signed log checkpoints that the entries do not bear out, by their sizes."""

    last: int
    """The last entry that there is."""
    beyond: list[int] = field(default_factory=list)
    """Of more entries than there are."""
    other_roots: list[int] = field(default_factory=list)
    """Of other entries."""

    def fault_of_beyond(self, size: int, note: str, checkpoint: LogCheckpoint, keys: Keys) -> str:
        """What is wrong with one of more entries than there are; "" where one of the log's keys
        signed it: it is told with the others.
        """
        if checkpoint.origin not in [key.name for key in keys.keys]:
            return f"log checkpoint {size} speaks of another log, {checkpoint.origin[:100]}"
        if any(_opens(note, key) for key in keys.keys):
            self.beyond.append(size)
            return ""
        return (
            f"log checkpoint {size} is signed by no key that is known here; if it is genuine,"
            f" entries were cut off: the ledger has {self.last + 1}"
        )

    def tell(self, verdict: Verdict) -> None:
        """The faults of those that say the same, each kind once."""
        if self.beyond:
            more = f", and {len(self.beyond) - 1} more," if self.beyond[1:] else ""
            verdict.fault(
                f"a signed log checkpoint of {self.beyond[0]} entries{more} exists, but the ledger"
                f" has {self.last + 1}: entries were cut off"
            )
        if self.other_roots:
            first, size = self.other_roots[0], verdict.signed_size
            extent = "a later one holds"
            if size < first:
                extent = f"the first {size} are: what was changed is entry {size} or one after it"
            more = ""
            if self.other_roots[1:]:
                more = f", nor those of {len(self.other_roots) - 1} more log checkpoints"
            verdict.fault(
                f"the first {first} entries are not those that were signed{more}; {extent}"
            )


def _check_notes(
    notes: Sequence[tuple[int, str, LogCheckpoint]],
    roots: dict[int, bytes],
    keys: Keys,
    last: int,
    verdict: Verdict,
) -> None:
    """Every signed log checkpoint against the entries; those that say the same are told once."""
    unborne = _Notes(last)
    for size, note, checkpoint in sorted(notes, key=lambda entry: entry[0]):
        if size > last + 1:
            fault = unborne.fault_of_beyond(size, note, checkpoint, keys)
            if fault:
                verdict.fault(fault)
            continue
        key = keys.at(size)
        try:
            LogCheckpoint.open(note, key)
        except GovdError as error:
            verdict.fault(f"log checkpoint {size}: {error.message}")
            continue
        if checkpoint.size != size or checkpoint.origin != key.name:
            verdict.fault(
                f"log checkpoint {size} speaks of {checkpoint.origin} at {checkpoint.size}"
            )
        elif size > verdict.size:
            continue  # an entry before is missing, which is told
        elif roots.get(size) != checkpoint.root:
            unborne.other_roots.append(size)
        else:
            verdict.checkpoints += 1
            verdict.signed_size = max(verdict.signed_size, size)
    unborne.tell(verdict)
