"""What went wrong with plugins, kept beside the ledger so that `govd doctor` can tell it, whoever
worked on the home.
"""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Final

from govd.errors import MachineFault
from govd.home.home import write_private
from govd.ledger.times import now
from govd.types import Json

FILE: Final = "plugin-failures.json"
SPEAKING: Final = frozenset(
    {
        "govd_vote",
        "govd_gate",
        "govd_methods",
        "govd_on_entry",
        "govd_routes",
        "govd_commands",
    }
)
"""Hooks that are given nothing private: of the others is kept that they failed, not with which
words.
"""
MOST: Final = 200
"""Plugins and hooks that are kept at most."""


class Failures:
    """By plugin and hook: how often it failed, when last, with which words, and whether it has
    answered since. `path` None: in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known = (
            {(str(row["plugin"]), str(row["hook"])): row for row in read(path)}
            if path
            else {}
        )

    def failed(self, plugin: str, version: str, hook: str, what: str) -> None:
        """It failed."""
        with self._lock:
            times = int(self._known.get((plugin, hook), {}).get("times", 0)) + 1
            message = (
                what
                if hook in SPEAKING or not what.count(":")
                else what.partition(":")[0]
            )
            row = {
                "plugin": plugin,
                "version": version,
                "hook": hook,
                "times": times,
                "at": now(),
                "what": message,
                "answered": False,
            }
            self._known[plugin, hook] = row
            while len(self._known) > MOST:
                self._known.pop(next(iter(self._known)))
            self._write()

    def answered(self, plugin: str, hook: str) -> None:
        """It answered as it should."""
        row = self._known.get((plugin, hook))
        if row is not None and not row["answered"]:
            with self._lock:
                row["answered"] = True
                self._write()

    def all(self) -> list[dict[str, Json]]:
        """What is known, the oldest first."""
        with self._lock:
            return [dict(row) for row in self._known.values()]

    def _write(self) -> None:
        if self.path is not None and self.path.parent.is_dir():
            # a full disk must not make a plugin's fault the request's
            with contextlib.suppress(MachineFault):
                write_private(
                    self.path, json.dumps(list(self._known.values()), indent=1) + "\n"
                )


def read(path: Path) -> list[dict[str, Json]]:
    """What is kept in a file; nothing where there is none, or one that is damaged: it is there to
    help, and proves nothing.
    """
    columns = {"plugin", "hook", "times", "at", "what", "answered"}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [row for row in rows if columns <= set(row)]
    except (OSError, ValueError, TypeError):
        return []
