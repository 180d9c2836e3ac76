"""Which portions of a patch are written, beside the ledger: after a crash a patch goes on there."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.stores.portions import PortionDone
from govd.types import Json

STORES: Final = "stores"


class Journal:
    """Lines of one patch of one store, below `stores/NAME` in the home. `plan` says which patch:
    lines of another are dropped.
    """

    def __init__(self, home: Path, name: str, plan: Mapping[str, Json]) -> None:
        self.path = home / STORES / name / "patch.ndjson"
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        head = json.dumps({"plan": plan}, sort_keys=True)
        self.done: dict[str, PortionDone] = {}
        self._lock = threading.Lock()
        lines = (
            self.path.read_text(encoding="utf-8").splitlines()
            if self.path.exists()
            else []
        )
        if lines[:1] == [head]:
            self.done = {
                portion.name: portion
                for portion in map(_read, lines[1:])
                if portion is not None
            }
        whole = [
            head,
            *(json.dumps(portion.as_json()) for portion in self.done.values()),
        ]
        self.path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
        self._file = self.path.open("a", encoding="utf-8")

    def add(self, done: PortionDone) -> None:
        """Note a portion that is written and was read back."""
        with self._lock:
            self.done[done.name] = done
            self._file.write(json.dumps(done.as_json()) + "\n")
            self._file.flush()

    def drop(self, name: str) -> None:
        """A portion is to be written again."""
        with self._lock:
            self.done.pop(name, None)

    def skipped(self) -> list[list[str]]:
        """Rows that were left as they are: portion, key, reason."""
        return [
            [portion.name, *row]
            for portion in sorted(self.done.values(), key=_by_name)
            for row in portion.named
        ]

    def digest(self) -> str:
        """SHA-256 over the portions' names, rows and checksums, in the order of the names."""
        whole = hashlib.sha256()
        for portion in sorted(self.done.values(), key=_by_name):
            whole.update(f"{portion.name} {portion.rows} {portion.crc32}\n".encode())
        return whole.hexdigest()

    def close(self) -> None:
        """Keep what was noted."""
        self._file.close()

    def end(self) -> None:
        """The patch is over: nothing of it is needed any more."""
        self.close()
        self.path.unlink(missing_ok=True)
        for place in (self.path.parent,):
            if not os.listdir(place):
                place.rmdir()


def _by_name(done: PortionDone) -> str:
    return done.name


def _read(line: str) -> PortionDone | None:
    """A line; None where it was cut off."""
    try:
        return PortionDone(**json.loads(line))
    except (ValueError, TypeError):
        return None
