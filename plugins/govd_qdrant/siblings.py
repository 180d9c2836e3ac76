"""What lies beside a collection: the one that is filled, the one of originals. Where vectors are
replaced in place in local mode they are files (`files.py`), else collections of the same settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from qdrant_client import models

from govd_qdrant.files import FilePoints
from govd_qdrant.points import Point, Points

FILE: Final = "file:"
"""How names of siblings begin that are files."""
FOLDER: Final = "govd"
"""Of these files, in that of local mode."""
BASE: Final = "_govd_base"
"""How names of siblings end that keep originals of what is replaced in place."""


class Sibling(Protocol):
    """Points of a sibling."""

    def get(self, ids: Sequence[Any]) -> dict[Any, Point]: ...
    def pages(self, first: Any = None, last: Any = None) -> Iterator[list[Point]]: ...
    def ids(self) -> Iterator[Any]: ...
    def put(self, points: Sequence[Point]) -> None: ...
    def delete(self, ids: Sequence[Any]) -> None: ...


@dataclass(frozen=True)
class Siblings:
    """By their names. `folder`: of local mode; None on a server. `vector`: the one that they have
    of each point.
    """

    client: Any
    folder: Path | None
    vector: str

    def name_in_place(self, name: str) -> str:
        """The name of a sibling of what is replaced in place."""
        return name if self.folder is None else f"{FILE}{name}"

    def described(self, name: str) -> str:
        """A sibling of what is replaced in place, in words."""
        return f"the {'collection' if self.folder is None else 'file'} {name}"

    def points(self, name: str) -> Sibling:
        """The points of a sibling."""
        return self._file(name) or Points(self.client, name, self.vector)

    def create(self, name: str, source: str) -> None:
        """Make one, an empty one with the settings of a collection; one that is there stays."""
        file = self._file(name)
        if file is not None:
            file.create()
        elif not self.client.collection_exists(name):
            create_like(self.client, source, name)

    def exists(self, name: str) -> bool:
        """Whether one is there."""
        file = self._file(name)
        if file is not None:
            return file.path.is_file()
        return bool(self.client.collection_exists(name))

    def drop(self, name: str) -> None:
        """Take one away, where it is there."""
        file = self._file(name)
        if file is not None:
            file.drop()
        elif name and self.client.collection_exists(name):
            self.client.delete_collection(name)

    def count(self, name: str) -> int:
        """How many points one has; 0 where it is not there."""
        file = self._file(name)
        if file is not None:
            return file.count()
        if not self.client.collection_exists(name):
            return 0
        return Points(self.client, name, self.vector).count()

    def _file(self, name: str) -> FilePoints | None:
        if self.folder is None or not name.startswith(FILE):
            return None
        file = quote(name.removeprefix(FILE), safe="")
        return FilePoints(self.folder / FOLDER / f"{file}.sqlite")


def create_like(client: Any, source: str, name: str) -> None:
    """An empty collection with the settings of another, payload indexes included."""
    info = client.get_collection(source)
    params = info.config.params
    settings = {}
    if info.config.hnsw_config is not None:
        settings["hnsw_config"] = models.HnswConfigDiff(
            **info.config.hnsw_config.model_dump(exclude_none=True)
        )
    if info.config.quantization_config is not None:
        settings["quantization_config"] = info.config.quantization_config
    for option in ("shard_number", "replication_factor", "on_disk_payload"):
        if getattr(params, option, None) is not None:
            settings[option] = getattr(params, option)
    client.create_collection(
        name,
        vectors_config=params.vectors,
        sparse_vectors_config=params.sparse_vectors,
        **settings,
    )
    for field, schema in (info.payload_schema or {}).items():
        client.create_payload_index(name, field, schema.params or schema.data_type)
