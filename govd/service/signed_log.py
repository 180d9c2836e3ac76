"""Whether a ledger is the one that was signed last, as far as its size and its name tell: a file
that was cut, emptied or put back is smaller than the log checkpoint beside the key says.
"""

from __future__ import annotations

from pathlib import Path

from govd.errors import BadFile, VerificationFailed
from govd.home.home import SIGNED
from govd.ledger.signing import LogCheckpoint


def last_signed(folder: Path) -> LogCheckpoint | None:
    """The log checkpoint that was signed last in a home; None where none is known."""
    try:
        return LogCheckpoint.read((folder / "keys" / SIGNED).read_text("utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, VerificationFailed):
        return None


def check_signed(
    signed: LogCheckpoint | None, origin: str, size: int, path: Path
) -> None:
    """That a ledger at `path`, called `origin` and of `size` entries, goes on from what was signed
    before it was looked at.

    Raises:
        BadFile: it does not.
    """
    if signed is None:
        return
    advice = (
        "`govd audit verify` tells what was changed; restore a backup (govd restore)."
    )
    if signed.origin != origin:
        raise BadFile(
            f"the log that was signed last is another one, {signed.origin[:100]}",
            where=str(path),
            advice=advice,
        )
    if signed.size > size:
        raise BadFile(
            f"the ledger has {size} entries, and {signed.size} were signed: entries were cut off,"
            " or an older file put there",
            where=str(path),
            advice=advice,
        )
