"""The log checkpoints of a bundle: who signed them, and that each goes on from older ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from govd.errors import GovdError
from govd.ledger import merkle
from govd.ledger.signing import LONGEST as NOTE
from govd.ledger.signing import LogCheckpoint
from govd.verify.bundle_entries import Scan
from govd.verify.keys import Keys
from govd.verify.open_bundle import OpenBundle
from govd.verify.proofs import Proofs


def notes_of(opened: OpenBundle) -> dict[int, tuple[str, LogCheckpoint]]:
    """The log checkpoints by size, as notes and read, whoever signed them. One that is malformed is
    a fault, and left out.
    """
    notes: dict[int, tuple[str, LogCheckpoint]] = {}
    for name in opened.files.members:
        if name.startswith("checkpoints/"):
            try:
                note = opened.files.read(name, NOTE).decode()
                checkpoint = LogCheckpoint.read(note)
            except (GovdError, UnicodeDecodeError) as error:
                opened.verdict.fault(f"{name}: {getattr(error, 'what', error)}")
                continue
            if name == f"checkpoints/{checkpoint.size}.note":
                notes[checkpoint.size] = note, checkpoint
            else:
                opened.verdict.fault(f"{name}: it speaks of another size")
    return notes


def kept_notes(
    kept: Sequence[str], opened: OpenBundle
) -> list[tuple[str, LogCheckpoint]]:
    """The log checkpoints that the reader kept, as notes and read; one that is none is a fault."""
    notes = []
    for note in kept:
        try:
            notes.append((note, LogCheckpoint.read(note)))
        except GovdError as error:
            opened.verdict.fault(f"the log checkpoint that was kept: {error.message}")
    return notes


def check_signature(
    name: str, note: str, checkpoint: LogCheckpoint, keys: Keys, opened: OpenBundle
) -> None:
    """That a log checkpoint is of this log and signed by the key that the log had then.

    Args:
        name: what a fault calls it.
        note: its signed text.
        checkpoint: the same, read.
        keys: the keys of the log, each from its first entry on.
        opened: the bundle that it is of; its verdict gets the fault.
    """
    key = keys.at(checkpoint.size)
    try:
        LogCheckpoint.open(note, key)
    except GovdError as error:
        opened.verdict.fault(f"{name}: {error.what}")
        return
    if checkpoint.origin != key.name or checkpoint.origin != opened.manifest.get(
        "origin"
    ):
        opened.verdict.fault(
            f"{name}: it is of another log ({checkpoint.origin[:100]})"
        )


@dataclass(frozen=True)
class Growth:
    """The log up to the newest log checkpoint of a bundle, and what shows that it only grew."""

    opened: OpenBundle
    newest: LogCheckpoint
    scan: Scan
    proofs: Proofs

    def begins_with(self, older: LogCheckpoint) -> bool:
        """Whether the log was seen to begin with an older log checkpoint."""
        if older.size == self.newest.size:
            return self.newest.root == older.root
        if self.opened.whole:
            return self.scan.roots.get(older.size) == older.root
        path = self.proofs.older.get(older.size)
        return path is not None and merkle.consistent(
            older.size, self.newest.size, older.root, self.newest.root, path
        )

    def fault_of_kept(self, kept: LogCheckpoint) -> str:
        """What is wrong with the log as the continuation of a log checkpoint that was kept; ""
        where nothing is.
        """
        if kept.size > self.newest.size:
            return (
                f"the log checkpoint that you kept has {kept.size} entries, this bundle ends at"
                f" {self.newest.size}: ask for a newer one"
            )
        is_older = kept.size != self.newest.size
        if is_older and not self.opened.whole and kept.size not in self.proofs.older:
            return (
                f"whether this begins with the log checkpoint of {kept.size} entries that was kept"
                " cannot be checked: the bundle has no proof from there (govd audit bundle FILE"
                " --since CHECKPOINT)"
            )
        if not self.begins_with(kept):
            return (
                f"the log checkpoint of {kept.size} entries that was kept is not the beginning of"
                " this log"
            )
        return ""


def check_growth(
    growth: Growth,
    notes: Mapping[int, tuple[str, LogCheckpoint]],
    kept: Sequence[tuple[str, LogCheckpoint]],
    keys: Keys,
) -> None:
    """That the newest log checkpoint goes on from each older one of `notes`, and from each that the
    reader `kept` and one of the `keys` signed.
    """
    verdict = growth.opened.verdict
    newest = growth.newest
    for size, (_, checkpoint) in notes.items():
        if not growth.begins_with(checkpoint):
            verdict.fault(
                f"the log checkpoint of {size} entries is not the beginning of that of"
                f" {newest.size}"
            )
    for note, checkpoint in kept:
        check_signature(
            "the log checkpoint that was kept", note, checkpoint, keys, growth.opened
        )
        fault = growth.fault_of_kept(checkpoint)
        if fault:
            verdict.fault(fault)
    verdict.checkpoints = len(notes)
    verdict.signed_size, verdict.root = newest.size, newest.root.hex()
