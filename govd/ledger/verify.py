"""Verification of a whole ledger, from what is stored and a public key. Small on purpose: reads canonical, merkle, signing alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint

COLUMNS: Final = ("seq", "time", "actor", "kind", "subject", "model", "body")
MOST = 100
"""Faults that are told; more than that say nothing new."""


@dataclass
class Verdict:
    """What was looked at and what was wrong with it."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    signed_size: int = 0
    artifacts: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults

    def fault(self, text: str) -> None:
        """Note a fault."""
        if len(self.faults) < MOST:
            self.faults.append(text)


def verify(
    rows: Iterable[tuple[Any, ...]],
    nodes_at: Callable[[int], Iterator[tuple[int, bytes]]],
    checkpoints: Iterable[tuple[int, str]],
    key: Key,
    origin: str,
) -> Verdict:
    """Recompute the tree from the bodies; compare columns, stored nodes and every signed log checkpoint with it."""
    verdict, tree = Verdict(), merkle.Growing()
    signed = _signed(checkpoints, key, origin, verdict)
    levels: list[Iterator[tuple[int, bytes]]] = []
    for row in rows:
        seq, body = row[0], bytes(row[-1])
        if seq != tree.size:
            verdict.fault(f"entry {tree.size} is missing: the next stored one is {seq}")
            break
        _check_columns(row, body, verdict)
        _check_root(signed, tree, verdict)
        for level, number, value in tree.add(merkle.leaf_hash(body)):
            if level == len(levels):
                levels.append(nodes_at(level))
            if next(levels[level], None) != (number, value):
                verdict.fault(f"the stored Merkle node {level}/{number} (up to entry {seq}) is not the hash of its entries")
    _check_root(signed, tree, verdict)
    for level, rest in enumerate([*levels, nodes_at(len(levels))]):
        if next(rest, None) is not None:
            verdict.fault(f"there are Merkle nodes on level {level} without entries: entries were cut off")
    for size in sorted(signed):
        verdict.fault(f"a signed log checkpoint of {size} entries exists, but the ledger has {tree.size}: entries were cut off")
    verdict.size, verdict.root = tree.size, tree.root().hex()
    if not verdict.checkpoints:
        verdict.fault("there is no signed log checkpoint: nothing vouches for these entries")
    return verdict


def _signed(checkpoints: Iterable[tuple[int, str]], key: Key, origin: str, verdict: Verdict) -> dict[int, bytes]:
    signed: dict[int, bytes] = {}
    for size, note in checkpoints:
        try:
            checkpoint = LogCheckpoint.open(note, key)
        except GovdError as error:
            verdict.fault(f"log checkpoint {size}: {error.message}")
            continue
        if checkpoint.size != size or checkpoint.origin != origin:
            verdict.fault(f"log checkpoint {size} speaks of {checkpoint.origin} at {checkpoint.size}")
            continue
        verdict.checkpoints += 1
        verdict.signed_size = max(verdict.signed_size, size)
        signed[size] = checkpoint.root
    return signed


def _check_columns(row: tuple[Any, ...], body: bytes, verdict: Verdict) -> None:
    try:
        entry = canonical.decode(body)
        wrong = [name for name, value in zip(COLUMNS[:-1], row, strict=False) if entry[name] != value]
    except (GovdError, KeyError, TypeError) as error:
        verdict.fault(f"entry {row[0]} is no entry: {error}")
        return
    if wrong:
        verdict.fault(f"entry {row[0]}: the column {', '.join(wrong)} is not what the hashed entry says")


def _check_root(signed: dict[int, bytes], tree: merkle.Growing, verdict: Verdict) -> None:
    root = signed.pop(tree.size, None)
    if root is not None and root != tree.root():
        verdict.fault(f"the first {tree.size} entries are not those that were signed")
