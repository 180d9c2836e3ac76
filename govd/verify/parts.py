"""Parts of a stored ledger, each looked at by itself, side by side: entries, the hashes over them,
and what is taken along from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from govd.errors import GovdError
from govd.ledger import canonical
from govd.records import in_force
from govd.verify import bounds
from govd.verify.approved import decision_of
from govd.verify.bounds import Vouched

#: Where entries name artifacts, and what each is.
ARTIFACTS: Final = {
    "request.file": {"examples": "example"},
    "model.add": {
        "basis": "basis of the model",
        "evaluation": "evaluation set",
        "calibration": "errors of predictions",
    },
    "model.update": {
        "basis": "basis of the model",
        "evaluation": "evaluation set",
        "calibration": "errors of predictions",
    },
    "contribution.make": {"artifact": "contribution", "prototypes": "prototype"},
    "revision.compose": {"edit": "edit", "basis": "basis of the edit"},
}
DELIVERIES: Final = ("model.add", "model.update", "model.remove", "revision.deliver")
"""Entries that say where published files were written, and which."""
VOUCHERS: Final = ("witness.cosign", "witness.stamp")
FIELDS: Final = frozenset(
    {"seq", "time", "actor", "kind", "subject", "model", "payload"}
)
CLAMPED: Final = FIELDS | {"clock_behind_seconds"}
"""Fields of an entry that was made while the clock was behind the entry before it."""
MOST: Final = 100
"""Faults that are told; more than that say nothing new."""
LEVEL = 16
"""A part that is verified at once has two to this power entries."""


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

    def foreign(self) -> list[str]:
        """What the database defines that no ledger does."""
        ...


@dataclass
class Times:
    """The times of entries in a row: whether they go back, and where the clock was behind."""

    first: str = ""
    last: str = ""
    # entry, the time before it, its own
    back: list[tuple[int, str, str]] = field(default_factory=list)
    behind: list[tuple[int, float]] = field(default_factory=list)  # entry, seconds

    def take(self, seq: int, entry: Mapping[str, Any]) -> None:
        """The next entry.

        Raises:
            TypeError: its time is none.
        """
        time = entry["time"]
        if time < self.last:
            self.back.append((seq, self.last, time))
        self.first = self.first or time
        self.last = time
        if "clock_behind_seconds" in entry:
            self.behind.append((seq, float(entry["clock_behind_seconds"])))

    def join(self, later: Times, seq: int) -> None:
        """Those of the entries from `seq` on."""
        if later.first and later.first < self.last:
            self.back.append((seq, self.last, later.first))
        self.back += later.back
        self.behind += later.behind
        self.first, self.last = self.first or later.first, later.last or self.last


@dataclass
class Part:
    """What verification found in entries `[start, stop)`, and what it needs from them."""

    faults: list[str] = field(default_factory=list)
    entries: int = 0
    # the complete subtrees, largest first
    edge: list[bytes] = field(default_factory=list)
    # of a whole part: the hashes of the larger subtrees that it completes, as stored
    above: bytes = b""
    # at each size that a log checkpoint speaks of
    edges: dict[int, list[bytes]] = field(default_factory=dict)
    rotations: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    vouched: list[Vouched] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    # subjects of the last revisions of each model, by kind of entry and model
    last: dict[str, str] = field(default_factory=dict)
    events: list[in_force.Event] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    times: Times = field(default_factory=Times)

    def take(self, seq: int, entry: Mapping[str, Any]) -> None:
        """What is needed of an entry.

        Raises:
            TypeError, KeyError, AttributeError: it is none.
        """
        kind = entry["kind"]
        self.times.take(seq, entry)
        if kind in ARTIFACTS or kind in DELIVERIES:
            self.named |= {digest for _, digest in named(entry)}
            if kind in DELIVERIES:
                self.delivered.append(delivery(entry))
        elif kind == "key.rotate":
            self.rotations.append((seq, entry["payload"]))
        elif kind in VOUCHERS:
            self.vouched.append(bounds.vouched(entry))
        if kind in ("revision.compose", "revision.publish"):
            self.last[f"{kind} {entry['model']}"] = str(entry["subject"])
        event = in_force.event_of(entry)
        if event is not None:
            self.events.append(event)
        decision = decision_of(entry)
        if decision is not None:
            self.decisions.append(decision)


def named(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The artifacts that an entry names: what each is, and its digest."""
    digests: list[tuple[str, Any]] = []
    for name, role in ARTIFACTS.get(entry["kind"], {}).items():
        value = entry["payload"].get(name)
        values = value if isinstance(value, list) else [value]
        digests += [(role, digest) for digest in values]
    return [(role, digest) for role, digest in digests if isinstance(digest, str)]


def delivery(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What one of `DELIVERIES` says: where its model's revisions are written and which files it was
    registered with (`files` None), or which files a revision has, and the digest of the model that
    they were made of.
    """
    payload = entry["payload"]
    record = {"subject": entry["subject"], "folder": payload.get("publish_to")}
    if entry["kind"] == "revision.deliver":
        record["files"] = payload.get("files")
        record["digest"] = payload.get("model_digest")
        return record
    return {
        **record,
        "files": None,
        "registered": payload.get("files"),
        "digest": payload.get("digest"),
        "retired": bool(payload.get("retired")),
    }


def part(asked: tuple[Source, int, int, list[int]]) -> Part:
    """Entries `[start, stop)`: each is one, none is missing, and the stored nodes over them are
    their hashes.
    """
    source, start, stop, sizes = asked
    summary = Part()
    leaves: list[bytes] = []
    stored: list[Any] = []
    fault = summary.faults.append
    sha256 = hashlib.sha256
    decode = canonical.decode
    for seq, body, nodes in source.entries(start, stop):
        expected = start + len(leaves)
        if seq != expected or type(body) is not bytes:
            fault(
                f"entry {expected} is missing, or not stored as bytes: the next stored one is {seq}"
            )
            break
        leaves.append(sha256(b"\x00" + body).digest())
        stored.append(nodes)
        try:
            entry = decode(body)
            if entry["seq"] != seq or entry.keys() not in (FIELDS, CLAMPED):
                fault(f"entry {seq} is not an entry, or claims to be another one")
            else:
                summary.take(seq, entry)
        except (GovdError, TypeError, KeyError, AttributeError, ValueError) as error:
            fault(f"entry {seq} is not an entry: {error}")
        if len(summary.faults) > MOST:
            break
    else:
        if start + len(leaves) != stop:
            fault(f"entry {start + len(leaves)} is missing")
    _hash(summary, start, leaves, stored, sizes)
    return summary


def _hash(
    found: Part, start: int, leaves: list[bytes], stored: list[Any], sizes: list[int]
) -> None:
    """The hashes over leaves, compared with those that are stored with the entries that complete
    them.
    """
    sha256 = hashlib.sha256
    found.entries, levels, hashes = len(leaves), [leaves], [b""] * len(leaves)
    for level in range(1, LEVEL + 1):
        below = levels[-1]
        pairs = range(0, len(below) - 1, 2)
        nodes = [sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in pairs]
        levels.append(nodes)
        for i, value in enumerate(nodes, 1):
            hashes[(i << level) - 1] += value
    if len(leaves) == 1 << LEVEL and type(stored[-1]) is bytes:
        last = stored[-1]
        own_bytes = len(hashes[-1])
        stored[-1], found.above = last[:own_bytes], last[own_bytes:]
    wrong = [start + i for i in range(len(leaves)) if stored[i] != hashes[i]]
    if wrong:
        more = ""
        if len(wrong) > 1:
            more = f" (nor are those of {len(wrong) - 1} more, up to entry {wrong[-1]})"
        found.faults.append(
            f"the Merkle nodes that are stored with entry {wrong[0]} are not the hashes of its"
            f" entries{more}"
        )
    found.edge = _edge(levels, len(leaves))
    stop = start + len(leaves)
    found.edges = {
        size: _edge(levels, size - start) for size in sizes if start < size <= stop
    }


def _edge(levels: list[list[bytes]], size: int) -> list[bytes]:
    """The complete subtrees of the first `size` leaves, largest first."""
    return [
        levels[level][(size >> level) - 1]
        for level in reversed(range(LEVEL + 1))
        if size >> level & 1
    ]
