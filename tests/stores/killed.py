"""Does the patches of a home that are under way, and is killed at a step: HOME KIND STEP."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

from govd.asking import plugins
from govd.service.service import open_service
from govd.stores import patching
from tests import conftest

ROWS: Final = 16
"""Of a portion."""
STORES: Final = {
    "parquet": "ParquetStore",
    "lance": "LanceStore",
    "faiss": "FaissStore",
    "pgvector": "PgStore",
}
MIDDLE: Final = {
    "parquet": ("govd_parquet.switching", "write_json", ".govd.json"),
    "lance": ("govd_lance.switching", "Switch.end", ""),
    "faiss": ("govd_faiss.making", "write_json", ".govd.json"),
    "pgvector": ("govd_pgvector.switching", "_rename", ""),
}
"""What is called in the middle of a switch, and how the path ends with which it is."""


def die(*_: Any) -> None:
    """End at once, as nobody can handle it."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrapped(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Let `around(call, *arguments)` be called in place of a function."""
    call = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: around(call, *given, **named))


def watch(kind: str, step: str) -> None:
    """Arrange for the end."""
    store = getattr(importlib.import_module(f"govd_{kind}.store"), STORES[kind])
    writes: list[None] = []

    def writing(call: Any, *given: Any, **named: Any) -> None:
        call(*given, **named)
        writes.append(None)
        if len(writes) == 3:
            die()

    def switching(call: Any, *given: Any) -> Any:
        call(*given)
        die()

    if step == "write":
        wrapped(store, "write", writing)
    elif step == "middle":
        module, path, ending = MIDDLE[kind]
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(module)
        for part in owners:
            owner = getattr(owner, part)
        wrapped(
            owner,
            name,
            lambda call, *given: (
                die() if str(given[0]).endswith(ending) else call(*given)
            ),
        )
    else:
        wrapped(store, "switch", switching)


def main() -> None:
    home, kind, step = sys.argv[1:]
    point = EntryPoint(kind, f"govd_{kind}", "govd")
    plugins.found_entry_points = lambda: [*conftest.POINTS, point]
    patching.ROWS = ROWS  # type: ignore[misc]
    watch(kind, step)
    with open_service(Path(home)) as service:
        service.stores.step()


if __name__ == "__main__":
    main()
