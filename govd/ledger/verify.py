"""Verification of a whole ledger, from what is stored and a public key. Small on purpose: reads canonical, merkle, signing, and what is
made of them (keys, bounds)."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from govd.errors import GovdError
from govd.ledger import bounds, canonical, merkle
from govd.ledger.bounds import Bound, Trust, Vouched
from govd.ledger.claim import newest
from govd.ledger.keys import Keys
from govd.ledger.signing import Key, LogCheckpoint

#: Where entries name artifacts, and what each is.
ARTIFACTS: Final = {
    "request.file": {"examples": "example"},
    "model.add": {"basis": "basis of the model", "evaluation": "evaluation set"},
    "model.update": {"basis": "basis of the model", "evaluation": "evaluation set"},
    "contribution.make": {"artifact": "contribution", "prototypes": "prototype"},
    "revision.compose": {"edit": "edit", "basis": "basis of the edit"},
}
DELIVERIES: Final = ("model.add", "model.update", "model.remove", "revision.deliver")
"""Entries that say where published files were written, and which."""
VOUCHERS: Final = ("witness.cosign", "witness.stamp")
FIELDS: Final = {"seq", "time", "actor", "kind", "subject", "model", "payload"}
MOST: Final = 100
"""Faults that are told; more than that say nothing new."""
LEVEL: Final = 16
"""A part that is verified at once has two to this power entries."""
PAGE = 4096
TIME: Final = len('"time":"2027-01-31T12:00:00.000000Z"}')
"""Bytes that an entry ends in after its subject."""


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
    faults: list[str] = field(default_factory=list)
    most: ClassVar[int] = MOST

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults

    def newest(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last; the last composed one where none was."""
        return newest({"kind": kind, "subject": s} for kind in ("revision.compose", "revision.publish") for s in self._of(kind))

    def published(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last."""
        return newest({"kind": "revision.publish", "subject": s} for s in self._of("revision.publish"))

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

    def _ask(self, query: str, *values: int | bytes) -> Iterator[tuple[Any, ...]]:
        with closing(self._opened()) as connection:
            asked = connection.execute(query, values)
            while page := asked.fetchmany(PAGE):
                yield from page

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        return self._ask("SELECT seq, body, nodes FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq", start, stop)

    def extent(self) -> tuple[int, int]:
        ((first, last),) = self._ask("SELECT (SELECT min(seq) FROM entries), (SELECT max(seq) FROM entries)")  # together they would scan
        return int(first or 0), -1 if last is None else int(last)

    def about(self, subjects: Collection[str]) -> list[int]:
        """Numbers of the entries about these subjects, in order: every entry is looked at, no index is asked.

        In canonical JSON an entry ends in its subject and its time, which has 27 characters.
        """
        by_length: dict[int, list[bytes]] = {}
        for subject in subjects:
            end = b'"subject":' + canonical.encode(subject) + b","
            by_length.setdefault(len(end), []).append(end)
        ends = [(length, ends[at : at + 200]) for length, ends in by_length.items() for at in range(0, len(ends), 200)]
        found: set[int] = set()
        for at in range(0, len(ends), 8):
            where = [f"substr(body, {-length - TIME}, {length}) IN ({', '.join('?' * len(few))})" for length, few in ends[at : at + 8]]
            values = [end for _, few in ends[at : at + 8] for end in few]
            found |= {int(seq) for (seq,) in self._ask(f"SELECT seq FROM entries WHERE {' OR '.join(where)}", *values)}
        return sorted(found)

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
    vouched: list[Vouched]
    delivered: list[dict[str, Any]]
    last: dict[str, str]  # subjects of the last revisions of each model, by kind of entry and model
    faults: list[str]


def named(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The artifacts that an entry names: what each is, and its digest."""
    found: list[tuple[str, Any]] = []
    for name, what in ARTIFACTS.get(entry["kind"], {}).items():
        said = entry["payload"].get(name)
        found += [(what, digest) for digest in (said if isinstance(said, list) else [said])]
    return [(what, digest) for what, digest in found if isinstance(digest, str)]


def verify(
    source: Source, key: Key, origin: str, workers: Executor | None = None, kept: Sequence[str] = (), trust: Trust | None = None
) -> Verdict:
    """Recompute the tree from the bodies; compare stored nodes and every signed log checkpoint with it.

    `key` is trusted: the log's key, or an earlier one of it. `workers` (processes, say) verify parts side by side. `kept` are log
    checkpoints that somebody kept elsewhere: what they say must be the beginning of what is here. `trust`: whose cosignatures and time
    stamps the reader knows; those of others are looked at all the same.
    """
    verdict = Verdict()
    try:
        _verify(source, key, origin, workers, kept, trust or Trust(), verdict)
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        verdict.fault(f"the database cannot be read, or has what no ledger has ({type(error).__name__}: {error})")
    return verdict


def _verify(source: Source, key: Key, origin: str, workers: Executor | None, kept: Sequence[str], trust: Trust, verdict: Verdict) -> None:
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
    vouchers: list[Vouched] = []
    roots = {0: merkle.EMPTY}
    for part in workers.map(_part, parts) if workers else map(_part, parts):
        for fault in part.faults:
            verdict.fault(fault)
        rotations += part.rotations
        vouchers += part.vouched
        verdict.delivered += part.delivered
        verdict.last |= part.last
        verdict.named |= part.named
        roots |= {size: tree.root(edge) for size, edge in part.edges.items()}
        verdict.size += part.entries
        if verdict.size <= last and part.entries < 1 << LEVEL:  # one is missing: what comes after it cannot be compared
            verdict.root = tree.root(part.edge).hex()
            break
        if part.entries == 1 << LEVEL:
            if part.above != b"".join(value for _, _, value in tree.add(part.edge[0])[1:]):
                verdict.fault(f"the upper Merkle nodes that are stored with entry {verdict.size - 1} are not the hashes of its entries")
            verdict.root = tree.root().hex()
        else:
            verdict.root = tree.root(part.edge).hex()
    verdict.root = verdict.root or merkle.EMPTY.hex()
    keys = Keys(key, origin, rotations, verdict.fault)
    verdict.keys = [str(k) for k in keys.keys]
    _check_notes(asked, roots, keys, last, verdict)
    if not asked:
        verdict.fault("there is no signed log checkpoint: nothing vouches for these entries")
    _check_vouchers(source, dict(source.checkpoints()), vouchers, trust, verdict)


def _check_vouchers(source: Source, notes: Mapping[int, str], vouchers: Sequence[Vouched], trust: Trust, verdict: Verdict) -> None:
    """Each cosignature and time stamp against the log checkpoint that it is on."""

    def token(seq: int) -> bytes:
        ((_, body, _),) = source.entries(seq, seq + 1)
        return base64.b64decode(canonical.decode(body)["payload"]["token"], validate=True)

    verdict.bounds = bounds.check(vouchers, notes.get, token, trust, verdict.fault).found
    bounds.idle(verdict.bounds, trust, verdict.fault)


def _part(asked: tuple[Source, int, int, list[int]]) -> Part:
    """Entries `[start, stop)`: each is one, none is missing, and the stored nodes over them are their hashes."""
    source, start, stop, sizes = asked
    found = Part(0, [], b"", {}, [], set(), [], [], {}, [])
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
            elif kind in ARTIFACTS or kind in DELIVERIES:
                found.named |= {digest for _, digest in named(entry)}
                if kind in DELIVERIES:
                    found.delivered.append(delivery(entry))
                elif kind == "revision.compose":
                    found.last[f"{kind} {entry['model']}"] = str(entry["subject"])
            elif kind == "revision.publish":
                found.last[f"{kind} {entry['model']}"] = str(entry["subject"])
            elif kind == "key.rotate":
                found.rotations.append((seq, entry["payload"]))
            elif kind in VOUCHERS:
                found.vouched.append(bounds.vouched(entry))
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
    wrong = [start + i for i in range(len(leaves)) if stored[i] != made[i]]
    if wrong:
        more = f" (nor are those of {len(wrong) - 1} more, up to entry {wrong[-1]})" if wrong[1:] else ""
        fault(f"the Merkle nodes that are stored with entry {wrong[0]} are not the hashes of its entries{more}")
    found.edge = _edge(levels, len(leaves))
    found.edges = {size: _edge(levels, size - start) for size in sizes if start < size <= start + len(leaves)}
    return found


def _edge(levels: list[list[bytes]], size: int) -> list[bytes]:
    """The complete subtrees of the first `size` leaves, largest first."""
    return [levels[level][(size >> level) - 1] for level in reversed(range(LEVEL + 1)) if size >> level & 1]


def delivery(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What one of `DELIVERIES` says: where its model's revisions are written and which files it was registered with (`files` None), or
    which files a revision has, and the digest of the model that they were made of."""
    payload = entry["payload"]
    said = {"subject": entry["subject"], "folder": payload.get("publish_to"), "files": payload.get("files")}
    if entry["kind"] == "revision.deliver":
        return said | {"digest": payload.get("model_digest")}
    said |= {"files": None, "registered": payload.get("files"), "digest": payload.get("digest")}
    return said | {"retired": bool(payload.get("retired"))}


def _opens(note: str, key: Key) -> bool:
    try:
        LogCheckpoint.open(note, key)
    except GovdError:
        return False
    return True


def _check_notes(asked: Sequence[tuple[int, str, LogCheckpoint]], roots: dict[int, bytes], keys: Keys, last: int, verdict: Verdict) -> None:
    """Every signed log checkpoint against the entries; those that say the same are told once."""
    beyond: list[int] = []
    others: list[int] = []
    for size, note, said in sorted(asked, key=lambda a: a[0]):
        if size > last + 1:
            if said.origin not in [key.name for key in keys.keys]:
                verdict.fault(f"log checkpoint {size} speaks of another log, {said.origin[:100]}")
            elif any(_opens(note, key) for key in keys.keys):
                beyond.append(size)
            else:
                what = f"log checkpoint {size} is signed by no key that is known here"
                verdict.fault(f"{what}; if it is genuine, entries were cut off: the ledger has {last + 1}")
            continue
        key = keys.at(size)
        try:
            LogCheckpoint.open(note, key)
        except GovdError as error:
            verdict.fault(f"log checkpoint {size}: {error.message}")
            continue
        if said.size != size or said.origin != key.name:
            verdict.fault(f"log checkpoint {size} speaks of {said.origin} at {said.size}")
        elif size > verdict.size:
            continue  # an entry before is missing, which is told
        elif roots.get(size) != said.root:
            others.append(size)
        else:
            verdict.checkpoints += 1
            verdict.signed_size = max(verdict.signed_size, size)
    if beyond:
        more = f", and {len(beyond) - 1} more," if beyond[1:] else ""
        what = f"a signed log checkpoint of {beyond[0]} entries{more} exists, but the ledger has {last + 1}: entries were cut off"
        verdict.fault(what)
    if others:
        held = verdict.signed_size
        fine = f"the first {held} are: what was changed is entry {held} or one after it" if held < others[0] else "a later one holds"
        more = f", nor those of {len(others) - 1} more log checkpoints" if others[1:] else ""
        verdict.fault(f"the first {others[0]} entries are not those that were signed{more}; {fine}")
