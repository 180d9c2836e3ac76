"""A folder of Chroma's, and in it the collections of a store: searched, originals, next."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import chromadb
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from govd.errors import BadFile, GovdError, MachineFault, NotFound
from govd.types import Generation, StoreStamp
from govd_chroma.records import Records
from govd_chroma.settings import STAMP, SWITCH, without_own

DATABASE: Final = "chroma.sqlite3"
VECTORS: Final = "data_level0.bin"
"""The file of an index folder that its vectors are in."""
_ALONE: Final = threading.RLock()


class Folder:
    """The collections of one name. The library is used by one thread at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        settings = Settings(anonymized_telemetry=False)
        with self.use():
            self.client = chromadb.PersistentClient(str(folder), settings=settings)

    @contextmanager
    def use(self) -> Iterator[None]:
        """One thread at a time, and what the library refuses in govd's words.

        Raises:
            BadFile: what is asked for is not there. MachineFault: it cannot be written.
        """
        try:
            with _ALONE:
                yield
        except GovdError:
            raise
        except NotFoundError as fault:
            raise BadFile(str(fault), where=str(self.folder)) from None
        except (ChromaError, OSError, sqlite3.Error) as fault:
            words = f"Chroma refuses ({str(fault)[:300]})"
            raise MachineFault(words, where=str(self.folder)) from None

    def place(self, generation: Generation) -> str:
        """The name of a generation's collection."""
        return (
            self.name if generation == "searched" else f"{self.name}_govd_{generation}"
        )

    def at(self, generation: Generation) -> Any:
        """The collection of a generation; None where there is none."""
        try:
            return self.client.get_collection(
                self.place(generation), embedding_function=None
            )
        except NotFoundError:
            return None

    def names(self) -> list[str]:
        """The collections of the folder, but for those that govd keeps there."""
        names = (collection.name for collection in self.client.list_collections())
        return sorted(name for name in names if "_govd_" not in name)

    def records(self, generation: Generation) -> Records:
        """The records of a generation.

        Raises:
            NotFound: there are none.
        """
        collection = self.at(generation)
        if collection is None:
            raise NotFound(
                f"there are no vectors of {generation}", where=str(self.folder)
            )
        return Records(collection)

    def stamp(self, generation: Generation) -> StoreStamp | None:
        """What a generation's collection says it is of."""
        collection = self.at(generation)
        text = ((collection and collection.metadata) or {}).get(STAMP)
        return StoreStamp.from_json(json.loads(text)) if text else None

    def recover(self) -> None:
        """End a switch: give the collection that is to be searched its name."""
        if self.at("searched") is not None:
            return
        for generation in ("next", "base"):
            collection = self.at(generation)
            if collection is not None and (collection.metadata or {}).get(SWITCH):
                collection.modify(name=self.name)
                stamp = collection.metadata[STAMP]
                collection.modify(
                    metadata=without_own(collection.metadata) | {STAMP: stamp}
                )
                return

    def delete(self, generation: Generation) -> None:
        """Delete the collection of a generation, and what Chroma leaves of its index."""
        self.client.delete_collection(self.place(generation))
        self.sweep()

    def sweep(self) -> None:
        """Take away index folders that no collection has: Chroma leaves them behind with all
        vectors when a collection is deleted.
        """
        with closing(sqlite3.connect(self.folder / DATABASE, timeout=10)) as database:
            segments = database.execute("SELECT id FROM segments").fetchall()
        known = {name for (name,) in segments}
        for path in self.folder.iterdir():
            if path.name not in known and (path / VECTORS).is_file():
                shutil.rmtree(path)

    def vacuum(self) -> bool:
        """Let the database write itself anew, without free pages; False where others use it."""
        database = sqlite3.connect(self.folder / DATABASE, timeout=10)
        try:
            database.execute("VACUUM")
        except sqlite3.OperationalError:
            return False
        finally:
            database.close()
        return True
