"""Verification of a whole ledger, from what is stored and a public key. Small on purpose: reads canonical, merkle, signing alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from govd.errors import GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint, rotation_text

#: Where entries name artifacts.
ARTIFACTS: Final = {
    "request.file": ("examples",),
    "model.add": ("basis", "evaluation"),
    "model.update": ("basis", "evaluation"),
    "contribution.make": ("artifact",),
    "revision.compose": ("edit", "basis"),
}
FIELDS: Final = {"seq", "time", "actor", "kind", "subject", "model", "payload"}
MOST = 100
"""Faults that are told; more than that say nothing new."""
LEVEL: Final = 16
"""A part that is verified at once has two to this power entries."""
PAGE = 4096


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
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults

    def fault(self, text: str) -> None:
        """Note a fault."""
        if len(self.faults) < MOST:
            self.faults.append(text)


class Source(Protocol):
    """Where a stored ledger is read from; it is sent to other processes."""

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Numbers, bodies, and the hashes of the subtrees that each completes, in order."""
        ...

    def extent(self) -> tuple[int, int]:
        """The smallest and the largest stored entry number (0, −1 where there are none)."""
        ...

    def checkpoints(self) -> list[tuple[int, str]]:
        """Sizes and notes."""
        ...


@dataclass(frozen=True)
class Stored:
    """A ledger in an SQLite file, read without changing it."""

    path: Path

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)

    def _ask(self, query: str, *values: int) -> Iterator[tuple[Any, ...]]:
        with closing(self._opened()) as connection:
            asked = connection.execute(query, values)
            while page := asked.fetchmany(PAGE):
                yield from page

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        return self._ask("SELECT seq, body, nodes FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq", start, stop)

    def extent(self) -> tuple[int, int]:
        ((first, last),) = self._ask("SELECT (SELECT min(seq) FROM entries), (SELECT max(seq) FROM entries)")  # together they would scan
        return int(first or 0), -1 if last is None else int(last)

    def checkpoints(self) -> list[tuple[int, str]]:
        return [(int(size), str(note)) for size, note in self._ask("SELECT size, note FROM checkpoints ORDER BY size")]


@dataclass
class Part:
    """What one part of the ledger comes to: the complete subtrees of its entries, largest first."""

    entries: int
    edge: list[bytes]
    above: bytes  # what is stored with its last entry beyond the part's own levels
    edges: dict[int, list[bytes]]  # the same at each size that a log checkpoint speaks of
    rotations: list[tuple[int, dict[str, Any]]]
    named: set[str]
    faults: list[str]


def digests(entry: Mapping[str, Any]) -> list[str]:
    """The artifacts that an entry names."""
    found: list[Any] = []
    for name in ARTIFACTS.get(entry["kind"], ()):
        said = entry["payload"].get(name)
        found += said if isinstance(said, list) else [said]
    return [digest for digest in found if isinstance(digest, str)]


def verify(source: Source, key: Key, origin: str, workers: Executor | None = None, kept: Sequence[str] = ()) -> Verdict:
    """Recompute the tree from the bodies; compare stored nodes and every signed log checkpoint with it.

    `key` is trusted: the log's key, or an earlier one of it. `workers` (processes, say) verify parts side by side. `kept` are log
    checkpoints that somebody kept elsewhere: what they say must be the beginning of what is here.
    """
    verdict = Verdict()
    try:
        _verify(source, key, origin, workers, kept, verdict)
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        verdict.fault(f"the database cannot be read, or has what no ledger has ({type(error).__name__}: {error})")
    return verdict


def _verify(source: Source, key: Key, origin: str, workers: Executor | None, kept: Sequence[str], verdict: Verdict) -> None:
    tree = merkle.Growing()
    asked: list[tuple[int, str, LogCheckpoint]] = []
    for size, note in [*source.checkpoints(), *((-1, note) for note in kept)]:
        try:
            said = LogCheckpoint.read(note)
            asked.append((said.size if size < 0 else size, note, said))
        except GovdError as error:
            verdict.fault(f"log checkpoint {'that was kept' if size < 0 else size}: {error.message}")
    notes = {size for size, _, _ in asked}
    first, last = source.extent()  # after the checkpoints: what is appended meanwhile is in neither
    if first < 0:
        verdict.fault("there are entries with numbers below zero")
    parts = [(source, start, min(start + (1 << LEVEL), last + 1), sorted(notes)) for start in range(0, last + 1, 1 << LEVEL)]
    rotations: list[tuple[int, dict[str, Any]]] = []
    roots = {0: merkle.EMPTY}
    for part in workers.map(_part, parts) if workers else map(_part, parts):
        for fault in part.faults:
            verdict.fault(fault)
        rotations += part.rotations
        verdict.named |= part.named
        roots |= {size: tree.root(edge) for size, edge in part.edges.items()}
        if part.faults and part.entries < 1 << LEVEL and verdict.size + part.entries <= last:
            break
        verdict.size += part.entries
        if part.entries == 1 << LEVEL:
            if part.above != b"".join(value for _, _, value in tree.add(part.edge[0])[1:]):
                verdict.fault(f"the upper Merkle nodes that are stored with entry {verdict.size - 1} are not the hashes of its entries")
            verdict.root = tree.root().hex()
        else:
            verdict.root = tree.root(part.edge).hex()
    verdict.root = verdict.root or merkle.EMPTY.hex()
    _check_notes(asked, roots, Keys(key, origin, rotations, verdict), verdict)
    if not asked:
        verdict.fault("there is no signed log checkpoint: nothing vouches for these entries")


def _part(asked: tuple[Source, int, int, list[int]]) -> Part:
    """Entries `[start, stop)`: each is one, none is missing, and the stored nodes over them are their hashes."""
    source, start, stop, sizes = asked
    found = Part(0, [], b"", {}, [], set(), [])
    leaves: list[bytes] = []
    stored: list[Any] = []
    fault, sha256, decode = found.faults.append, hashlib.sha256, canonical.decode
    for seq, body, nodes in source.entries(start, stop):
        if seq != start + len(leaves) or type(body) is not bytes:
            fault(f"entry {start + len(leaves)} is missing, or not stored as bytes: the next stored one is {seq}")
            break
        leaves.append(sha256(b"\x00" + body).digest())
        stored.append(nodes)
        try:
            entry = decode(body)
            kind = entry["kind"]
            if entry["seq"] != seq or entry.keys() != FIELDS:
                fault(f"entry {seq} is no entry, or says that it is another one")
            elif kind in ARTIFACTS:
                found.named |= set(digests(entry))
            elif kind == "key.rotate":
                found.rotations.append((seq, entry["payload"]))
        except (GovdError, TypeError, KeyError, AttributeError) as error:
            fault(f"entry {seq} is no entry: {error}")
        if len(found.faults) > MOST:
            break
    else:
        if start + len(leaves) != stop:
            fault(f"entry {start + len(leaves)} is missing")
    found.entries, levels, made = len(leaves), [leaves], [b""] * len(leaves)
    for level in range(1, LEVEL + 1):
        below = levels[-1]
        levels.append([sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in range(0, len(below) - 1, 2)])
        for i, value in enumerate(levels[-1], 1):
            made[(i << level) - 1] += value
    if len(leaves) == 1 << LEVEL and type(stored[-1]) is bytes:
        stored[-1], found.above = stored[-1][: len(made[-1])], stored[-1][len(made[-1]) :]
    for seq in [start + i for i in range(len(leaves)) if stored[i] != made[i]][:MOST]:
        fault(f"the Merkle nodes that are stored with entry {seq} are not the hashes of its entries")
    found.edge = _edge(levels, len(leaves))
    found.edges = {size: _edge(levels, size - start) for size in sizes if start < size <= start + len(leaves)}
    return found


def _edge(levels: list[list[bytes]], size: int) -> list[bytes]:
    """The complete subtrees of the first `size` leaves, largest first."""
    return [levels[level][(size >> level) - 1] for level in reversed(range(LEVEL + 1)) if size >> level & 1]


class Keys:
    """Which key signs log checkpoints of which sizes: each rotation is an entry, signed by the old and by the new key."""

    def __init__(self, trusted: Key, origin: str, rotations: Sequence[tuple[int, dict[str, Any]]], verdict: Verdict) -> None:
        self.from_size: list[tuple[int, Key]] = []
        for seq, payload in rotations:
            try:
                old, new = Key.parse(payload["old"]), Key.parse(payload["new"])
                text = rotation_text(origin, old, new)
                fine = all(
                    key.signed(text, base64.b64decode(payload[f"signature_{name}"], validate=True))
                    for name, key in (("old", old), ("new", new))
                )
            except (GovdError, KeyError, TypeError, AttributeError, ValueError, binascii.Error):
                fine = False
            if not fine or (self.from_size and self.from_size[-1][1] != old):
                verdict.fault(f"entry {seq} changes the key without the signatures of both keys")
                continue
            if not self.from_size:
                self.from_size.append((0, old))
            self.from_size.append((seq + 1, new))
        self.from_size = self.from_size or [(0, trusted)]
        if trusted not in [key for _, key in self.from_size]:
            names = ", ".join(str(key) for _, key in self.from_size)
            verdict.fault(f"the log is not signed by the key that is trusted ({trusted}), but by {names}")
            self.from_size = [(0, trusted)]
        verdict.keys = [str(key) for _, key in self.from_size]

    def at(self, size: int) -> Key:
        """The key that signs a checkpoint of that size."""
        return next(key for start, key in reversed(self.from_size) if size >= start)


def _check_notes(asked: Sequence[tuple[int, str, LogCheckpoint]], roots: dict[int, bytes], keys: Keys, verdict: Verdict) -> None:
    for size, note, said in asked:
        key = keys.at(size)
        try:
            LogCheckpoint.open(note, key)
        except GovdError as error:
            verdict.fault(f"log checkpoint {size}: {error.message}")
            continue
        if said.size != size or said.origin != key.name:
            verdict.fault(f"log checkpoint {size} speaks of {said.origin} at {said.size}")
        elif size > verdict.size:
            verdict.fault(f"a signed log checkpoint of {size} entries exists, but the ledger has {verdict.size}: entries were cut off")
        elif roots.get(size) != said.root:
            verdict.fault(f"the first {size} entries are not those that were signed")
        else:
            verdict.checkpoints += 1
            verdict.signed_size = max(verdict.signed_size, size)
