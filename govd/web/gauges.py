"""Figures of the process, its home and what is late, as `metrics` shows them."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from govd.models.core import Core
from govd.records.dates import due_date
from govd.records.lifecycle import OPEN, STANDING
from govd.types import Record

LOOK_SECONDS: Final = 60.0
"""Between two looks at the sizes of the home's files, which may be many."""
PARTS: Final = {
    "ledger.db": "ledger",
    "views.db": "views",
    "artifacts": "artifacts",
    "private": "private",
}
"""Files (with SQLite's own beside them) and folders of a home; the rest is told as `other`."""


class Sizes:
    """How many bytes the parts of a home take, looked at once a minute."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        self._looked = float("-inf")

    def of_parts(self) -> dict[str, int]:
        """Bytes by part."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._known, self._looked = _sizes(self.folder), time.monotonic()
            return dict(self._known)


def _sizes(folder: Path) -> dict[str, int]:
    sizes = dict.fromkeys((*PARTS.values(), "other"), 0)
    for entry in os.scandir(folder):
        name = entry.name.removesuffix("-wal").removesuffix("-shm")
        sizes[PARTS.get(name, "other")] += _bytes_of(entry)
    return sizes


def _bytes_of(entry: os.DirEntry[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            with os.scandir(entry.path) as entries:
                return sum(_bytes_of(inner) for inner in entries)
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # taken away meanwhile
        return 0


def free_bytes(folder: Path) -> int:
    """What is left on the home's disk for this account."""
    return shutil.disk_usage(folder).free


def resident_bytes() -> int | None:
    """Memory of this process that is not swapped out; None where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """The most memory that this process had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # getrusage(2): KiB but on macOS
    return peak if sys.platform == "darwin" else peak * 1024


def age_seconds(moment: str | None, now: datetime) -> float:
    """Seconds since a time as entries spell it; 0 where there is none, or the clock was set
    back.
    """
    return (
        max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
        if moment
        else 0.0
    )


def lateness(core: Core, now: datetime | None = None) -> dict[str, float]:
    """Of requests that nothing serves yet: age in seconds of the oldest (`oldest_seconds`), and of
    the oldest that waits for a person or a plugin (`oldest_waiting_seconds`); how many forgets are
    past their due date (`late`); how many in force are past their expiry (`expired`).
    """
    now = now or datetime.now(UTC)
    requests: list[Record] = list(core.desk.views.open.values())
    undecided = [r for r in requests if r["state"] in OPEN]
    waiting = [r for r in undecided if r["state"] == "waiting"]
    days = core.home.settings.deadline_days
    late = [r for r in undecided if r["kind"] == "forget" and due_date(r, days) < now]
    standing = [
        r
        for r in requests
        if r["kind"] == "forget" and r["state"] in STANDING and r.get("expires_at")
    ]
    return {
        "oldest_seconds": max(
            (age_seconds(str(r["filed_at"]), now) for r in undecided), default=0.0
        ),
        "oldest_waiting_seconds": max(
            (age_seconds(str(r["filed_at"]), now) for r in waiting), default=0.0
        ),
        "late": len(late),
        "expired": sum(
            datetime.fromisoformat(str(r["expires_at"])) < now for r in standing
        ),
    }
