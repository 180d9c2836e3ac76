"""What is wrong with a home's receivers, told from its files alone: `govd doctor` opens none."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from govd.ledger.database import marked
from govd.notices.kept import KeptFiles
from govd.records.fold import folded
from govd.records.notice import Receiver, ReceiverState

MARKS: Final = (b'"kind":"notice.',)
"""What entries about notices have in them."""


def faults_of_receivers(folder: Path) -> list[str]:
    """Receivers of the home in `folder` that failed, and secrets that are missing or open to
    others, with what to do.

    Raises:
        MachineFault: the ledger cannot be read. BadFile: it is damaged.
    """
    entries = [
        e
        for e in marked(folder / "ledger.db", MARKS)
        if e["kind"].startswith("notice.")
    ]
    records = folded(entries).values()
    receivers = [receiver for receiver in records if isinstance(receiver, Receiver)]
    live = [
        receiver
        for receiver in receivers
        if receiver.state is not ReceiverState.REMOVED
    ]
    key_files = KeptFiles(folder)
    faults = list[str]()
    for receiver in sorted(live, key=lambda receiver: receiver.name):
        name = receiver.name
        failed = receiver.failed
        if failed is not None:
            day = str(failed["at"])[:16].replace("T", " ")
            faults.append(
                f"the receiver {name} failed on {day} UTC ({failed['reason']}) and is told nothing."
                f" Correct it, then: govd notice retry {name}"
            )
        path = key_files.path(name)
        if receiver.is_mail:
            continue
        if not path.exists():
            advice = f"Restore it from a backup, or remove {name} and add it anew."
            faults.append(f"{path}, with its address and secret, is missing. {advice}")
        elif path.stat().st_mode & 0o077:
            faults.append(f"{path} can be read by others. Run: chmod 600 {path}")
    return faults
