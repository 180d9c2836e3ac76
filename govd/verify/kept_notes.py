"""Signed log checkpoints against the entries that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from govd.errors import GovdError
from govd.ledger.signing import Key, LogCheckpoint
from govd.verify.keys import Keys
from govd.verify.verdict import Verdict


@dataclass
class _Notes:
    """Signed log checkpoints that the entries do not bear out, by their sizes."""

    last: int
    """The last entry that there is."""
    beyond: list[int] = field(default_factory=list)
    """Of more entries than there are."""
    other_roots: list[int] = field(default_factory=list)
    """Of other entries."""

    def fault_of_beyond(
        self, size: int, note: str, checkpoint: LogCheckpoint, keys: Keys
    ) -> str:
        """What is wrong with one of more entries than there are; "" where one of the log's keys
        signed it: it is told with the others.
        """
        if checkpoint.origin not in [key.name for key in keys.keys]:
            return f"log checkpoint {size} belongs to another log, {checkpoint.origin[:100]}"
        if any(_opens(note, key) for key in keys.keys):
            self.beyond.append(size)
            return ""
        return (
            f"log checkpoint {size} is not signed by any key known here; if it is genuine,"
            f" entries were cut off: the ledger has {self.last + 1}"
        )

    def tell(self, verdict: Verdict) -> None:
        """The faults of those that say the same, each kind once."""
        if self.beyond:
            more = ""
            if self.beyond[1:]:
                more = f", and {len(self.beyond) - 1} more,"
            verdict.fault(
                f"a signed log checkpoint of {self.beyond[0]} entries{more} exists, but the ledger"
                f" has {self.last + 1}: entries were cut off"
            )
        if self.other_roots:
            first = self.other_roots[0]
            size = verdict.signed_size
            extent = "a later one holds"
            if size < first:
                extent = f"the first {size} are: what was changed is entry {size} or one after it"
            more = ""
            if self.other_roots[1:]:
                more = (
                    f", nor those of {len(self.other_roots) - 1} more log checkpoints"
                )
            verdict.fault(
                f"the first {first} entries are not those that were signed{more}; {extent}"
            )


def check_notes(
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


def _opens(note: str, key: Key) -> bool:
    try:
        LogCheckpoint.open(note, key)
    except GovdError:
        return False
    return True
