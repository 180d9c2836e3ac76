"""Does the patches of a home that are under way, and is killed at a step: HOME KIND STEP."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
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
SECONDS: Final = 20.0
"""How long a portion may take to be noted."""
STORES: Final = {
    "parquet": "govd_parquet.store.ParquetStore",
    "lance": "govd_lance.store.LanceStore",
    "faiss": "govd_faiss.store.FaissStore",
    "pgvector": "govd_pgvector.store.PgStore",
    "qdrant": "govd_qdrant.store.QdrantStore",
    "qdrant-alias": "govd_qdrant.store.QdrantStore",
    "chroma": "govd_chroma.store.ChromaStore",
}
SYNCED: Final = "qdrant_client.local.persistence.CollectionPersistence.persist"
MIDDLE: Final = {
    "parquet": ("govd_parquet.switching.write_json", lambda path, *_: _is_stamp(path)),
    "lance": ("govd_lance.switching.Switch.end", lambda *_: True),
    "faiss": ("govd_faiss.making.write_json", lambda path, *_: _is_stamp(path)),
    "pgvector": ("govd_pgvector.switching._rename", lambda *_: True),
    "qdrant": (SYNCED, lambda at, point: _is_tenth(at, point)),
    "qdrant-alias": ("govd_qdrant.switching.point_alias", lambda *_: True),
    "chroma": ("govd_chroma.folder.Folder.recover", lambda at: not at.at("searched")),
}
"""What is called in the middle of a switch, and whether it is then."""
tenth: Final = iter(range(10))


def _is_stamp(path: Any) -> bool:
    return str(path).endswith(".govd.json")


def _is_tenth(at: Any, _: Any) -> bool:
    """Whether nine points of what is searched were written."""
    return at.location.parent.name == "items" and next(tenth, 0) == 9


def attribute(path: str) -> tuple[Any, str]:
    """What has an attribute that a dotted path names, and the attribute's name."""
    names = path.split(".")
    for count in range(len(names) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(names[:count]))
        except ModuleNotFoundError:
            continue
        for name in names[count:-1]:
            owner = getattr(owner, name)
        return owner, names[-1]
    raise LookupError(path)


def plugin(kind: str) -> EntryPoint:
    """The entry point of a kind."""
    name = kind.removesuffix("-alias")
    return EntryPoint(name, f"govd_{name}", "govd")


def die(*_: Any) -> None:
    """End at once, as nobody can handle it."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrapped(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Let `around(call, *arguments)` be called in place of a function."""
    call = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: around(call, *given, **named))


def until_noted(journal: Path) -> None:
    """Wait until a portion is noted: they are written by several threads, and noted by another."""
    end = time.monotonic() + SECONDS
    while len(journal.read_bytes().splitlines()) < 2 and time.monotonic() < end:
        time.sleep(0.01)


def watch(kind: str, step: str, journal: Path) -> None:
    """Arrange for the end. `journal`: of the patch, its head in the first line."""
    store = getattr(*attribute(STORES[kind]))
    writes: list[None] = []

    def writing(call: Any, *given: Any, **named: Any) -> None:
        call(*given, **named)
        writes.append(None)
        if len(writes) == 3:
            until_noted(journal)
            die()

    def switching(call: Any, *given: Any) -> Any:
        call(*given)
        die()

    if step == "write":
        wrapped(store, "write", writing)
    elif step == "middle":
        path, is_now = MIDDLE[kind]
        wrapped(
            *attribute(path),
            lambda call, *given: die() if is_now(*given) else call(*given),
        )
    else:
        wrapped(store, "switch", switching)


def main() -> None:
    home, kind, step = sys.argv[1:]
    plugins.found_entry_points = lambda: [*conftest.POINTS, plugin(kind)]
    patching.ROWS = ROWS  # type: ignore[misc]
    watch(kind, step, Path(home) / "stores" / "shop" / "patch.ndjson")
    with open_service(Path(home)) as service:
        service.stores.step()


if __name__ == "__main__":
    main()
