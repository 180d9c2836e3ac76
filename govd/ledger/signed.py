"""The newest log checkpoint that was signed, kept beside the key: what a ledger's database says
later must go on from it.

The database alone can be set back with its checkpoints; this file is where the key is, so who
changes it could sign anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from govd.errors import BadFile, GovdError, MachineFault
from govd.ledger.owner_files import write_owned
from govd.ledger.signing import LogCheckpoint


@dataclass(frozen=True)
class LastSigned:
    """One file with a signed note. `path` None: a ledger that keeps none."""

    path: Path | None

    def note(self) -> str | None:
        """The note, None where none was kept yet (no ledger before this file's first version has
        one).

        Raises:
            BadFile: it is no log checkpoint.
        """
        if self.path is None:
            return None
        try:
            note = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from error
        try:
            LogCheckpoint.read(note)
        except GovdError as error:
            raise self._unreadable(error.what) from error
        return note

    def keep(self, note: str) -> None:
        """Keep a note instead of the one before; durable when this returns, and before the database
        has it.

        Raises:
            MachineFault: it cannot be written; then nothing may be signed.
        """
        if self.path is None:
            return
        try:
            write_owned(self.path, note.encode())
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as fault:
            reason = (
                f"the log checkpoint cannot be kept ({os.strerror(fault.errno or 0)})"
            )
            raise MachineFault(
                reason, where=str(self.path), advice="Nothing was signed."
            ) from None

    def _unreadable(self, why: str) -> BadFile:
        advice = "Restore it, or the whole home, from a backup."
        return BadFile(
            f"the last signed log checkpoint cannot be read ({why})",
            where=str(self.path),
            advice=advice,
        )
