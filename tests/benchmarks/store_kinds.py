"""Kinds of stores as their users rewrite them: by the library alone, with the same edit.

`fill` makes a store of vectors `(n, d)`; `rewrite` reads every vector, edits it and writes it in
its place, in portions where the library has them. Neither checks, keeps originals, reads back,
hashes or can go on after a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from govd.types import Floats

PORTION = 8192
"""Rows of a portion, as govd's."""
Apply = Callable[[Floats], Floats]


class Kind(Protocol):
    """A store of one kind, at an address."""

    url: str

    def fill(self, vectors: Floats) -> None: ...
    def rewrite(self, apply: Apply) -> None: ...


def spans(rows: int) -> Iterator[slice]:
    """Slices of portions."""
    for start in range(0, rows, PORTION):
        yield slice(start, min(start + PORTION, rows))


def synced(new: Path, path: Path) -> None:
    """Put a file in the place of another, on the disk."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)


class Npy:
    """A memory-mapped file, written anew and renamed."""

    def __init__(self, folder: Path, _: ExitStack) -> None:
        self.path = folder / "v.npy"
        self.url = self.path.as_uri()

    def fill(self, vectors: Floats) -> None:
        np.save(self.path, vectors)

    def rewrite(self, apply: Apply) -> None:
        rows: Any = np.load(self.path, mmap_mode="r")
        new = self.path.with_suffix(".new")
        copy: Any = np.lib.format.open_memmap(
            new, mode="w+", dtype=rows.dtype, shape=rows.shape
        )
        for part in spans(len(rows)):
            copy[part] = apply(np.array(rows[part]))
        copy.flush()
        synced(new, self.path)


class Parquet:
    """A file of row groups, read and written batch by batch."""

    name = "v.parquet"

    def __init__(self, folder: Path, _: ExitStack) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.pa, self.pq = pa, pq
        self.path = folder / self.name
        self.url = self.path.as_uri()

    def fill(self, vectors: Floats) -> None:
        table = self.pa.table(
            {"id": np.arange(len(vectors)), "vector": self.column(vectors)}
        )
        self.written(self.path, table.schema, table.to_batches(PORTION))

    def rewrite(self, apply: Apply) -> None:
        batches = self.batches()
        first = next(batches)
        dim = first.schema.field("vector").type.list_size

        def edited(batch: Any) -> Any:
            rows = batch["vector"].flatten().to_numpy().reshape(-1, dim)
            return batch.set_column(1, "vector", self.column(apply(rows)))

        new = self.path.with_suffix(f".new{self.path.suffix}")
        rest = (edited(batch) for batch in batches)
        head = edited(first)
        self.written(
            new, head.schema, (batch for part in ([head], rest) for batch in part)
        )
        synced(new, self.path)

    def column(self, rows: Floats) -> Any:
        flat = self.pa.array(np.ascontiguousarray(rows).reshape(-1))
        return self.pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])

    def batches(self) -> Iterator[Any]:
        yield from self.pq.ParquetFile(self.path).iter_batches(PORTION)

    def written(self, path: Path, schema: Any, batches: Any) -> None:
        with self.pq.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)


class Arrow(Parquet):
    """The same as an Arrow file, mapped."""

    name = "v.arrow"

    def batches(self) -> Iterator[Any]:
        with self.pa.memory_map(str(self.path)) as source:
            file = self.pa.ipc.open_file(source)
            for number in range(file.num_record_batches):
                yield file.get_batch(number)

    def written(self, path: Path, schema: Any, batches: Any) -> None:
        with self.pa.ipc.new_file(str(path), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)


class Lance(Parquet):
    """A data set without an index, written over by a new version."""

    name = "v.lance"

    def __init__(self, folder: Path, held: ExitStack) -> None:
        import lance

        super().__init__(folder, held)
        self.lance, self.url = lance, f"lance://{self.path}"

    def batches(self) -> Iterator[Any]:
        yield from self.lance.dataset(str(self.path)).to_batches(batch_size=PORTION)

    def rewrite(self, apply: Apply) -> None:
        schema = self.lance.dataset(str(self.path)).schema
        dim = schema.field("vector").type.list_size

        def edited() -> Iterator[Any]:
            for batch in self.batches():
                rows = batch["vector"].flatten().to_numpy().reshape(-1, dim)
                yield batch.set_column(1, "vector", self.column(apply(rows)))

        self.written(self.path, schema, edited(), "overwrite")

    def written(
        self, path: Path, schema: Any, batches: Any, mode: str = "create"
    ) -> None:
        self.lance.write_dataset(batches, str(path), schema=schema, mode=mode)


class Faiss:
    """A flat index, which is whole in memory whatever one does."""

    def __init__(self, folder: Path, _: ExitStack) -> None:
        import faiss

        self.faiss: Any = faiss
        self.path = folder / "v.faiss"
        self.url = self.path.as_uri()

    def fill(self, vectors: Floats) -> None:
        self.written(iter([vectors]), vectors.shape[1], self.path)

    def rewrite(self, apply: Apply) -> None:
        index = self.faiss.read_index(str(self.path))
        edited = (
            apply(index.reconstruct_n(part.start, part.stop - part.start))
            for part in spans(index.ntotal)
        )
        new = self.path.with_suffix(".new")
        self.written(edited, index.d, new)
        synced(new, self.path)

    def written(self, blocks: Iterator[Floats], dim: int, path: Path) -> None:
        index = self.faiss.IndexFlatIP(dim)
        for block in blocks:
            index.add(block)
        self.faiss.write_index(index, str(path))


class Pgvector:
    """A table without an index over its vectors: binary `COPY` into a temporary table and an
    `UPDATE` for each portion, in one transaction.
    """

    server = ""
    index = ""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        import psycopg

        from tests.stores.postgres import postgres

        if not Pgvector.server:
            Pgvector.server = held.enter_context(postgres())
            held.callback(setattr, Pgvector, "server", "")
        self.name = "items_" + folder.name.replace("-", "_")
        self.url = f"{Pgvector.server}&table={self.name}&index=drop"
        self.users: Any = held.enter_context(
            psycopg.connect(Pgvector.server, autocommit=True)
        )
        self.users.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def fill(self, vectors: Floats) -> None:
        self.users.execute(
            f"CREATE TABLE {self.name} (id bigint PRIMARY KEY, title text,"
            f" embedding vector({vectors.shape[1]}))"
        )
        self.copied(f"{self.name} (id, embedding)", range(len(vectors)), vectors)
        self.users.execute(f"VACUUM ANALYZE {self.name}")
        self.indexed()

    def copied(self, target: str, keys: Any, rows: Floats) -> None:
        head = rows.shape[1].to_bytes(2, "big") + bytes(2)
        cells = rows.astype(">f4")
        with (
            self.users.cursor() as cursor,
            cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int8", "bytea"])
            for key, row in zip(keys, cells, strict=True):
                copy.write_row((key, head + row.tobytes()))

    def rewrite(self, apply: Apply) -> None:
        self.users.execute(f"DROP INDEX IF EXISTS {self.name}_index")
        self.users.execute(
            "CREATE TEMP TABLE IF NOT EXISTS edited (k bigint, v vector)"
        )
        every = f"SELECT id, embedding FROM {self.name} ORDER BY id"
        update = f"UPDATE {self.name} t SET embedding = v FROM edited WHERE id = k"
        with (
            self.users.transaction(),
            self.users.cursor(name="every", binary=True) as cursor,
        ):
            cursor.execute(every)
            while rows := cursor.fetchmany(PORTION):
                cells = np.frombuffer(b"".join(row[1] for row in rows), np.uint8)
                numbers = cells.reshape(len(rows), -1)[:, 4:].copy().view(">f4")
                self.users.execute("TRUNCATE edited")
                vectors = apply(numbers.astype(np.float32))
                self.copied("edited", [row[0] for row in rows], vectors)
                self.users.execute(update)
        self.indexed()

    def indexed(self) -> None:
        if self.index:
            name = f"{self.name}_index"
            self.users.execute(f"CREATE INDEX {name} ON {self.name} USING {self.index}")


class PgvectorHnsw(Pgvector):
    """The same with an HNSW index: dropped first, and built again."""

    index = "hnsw (embedding vector_cosine_ops)"


class Qdrant:
    """A collection of local mode, vectors put in place page by page."""

    alias = ""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        from qdrant_client import QdrantClient

        from govd_qdrant.clients import Client, address_of

        QdrantClient(path=str(folder / "qdrant")).close()
        name = self.alias or "items"
        self.url = f"qdrant+file://{folder / 'qdrant'}?collection={name}"
        client = Client(address_of(self.url), "")
        held.callback(client.close)
        self.use = client.use

    def fill(self, vectors: Floats) -> None:
        from qdrant_client import models

        config = models.VectorParams(
            size=vectors.shape[1], distance=models.Distance.DOT
        )
        with self.use() as at:
            at.create_collection("items", vectors_config=config)
            at.upload_collection("items", vectors, ids=range(len(vectors)))
            if self.alias:
                alias = models.CreateAlias(
                    collection_name="items", alias_name=self.alias
                )
                operation = models.CreateAliasOperation(create_alias=alias)
                at.update_collection_aliases([operation])

    def rewrite(self, apply: Apply) -> None:
        from qdrant_client import models

        following: Any = 0
        with self.use() as at:
            while following is not None:
                points, following = at.scroll(
                    "items", limit=1000, offset=following, with_vectors=True
                )
                rows = np.array([point.vector for point in points], np.float32)
                edited = [
                    models.PointVectors(id=point.id, vector=row.tolist())
                    for point, row in zip(points, apply(rows), strict=True)
                ]
                at.update_vectors("items", edited, wait=True)


class QdrantAlias(Qdrant):
    """The same, searched by an alias."""

    alias = "searched"


class Chroma:
    """A collection of a folder, vectors updated page by page."""

    def __init__(self, folder: Path, _: ExitStack) -> None:
        import chromadb

        self.url = f"chroma+file://{folder / 'chroma'}?collection=items"
        settings = chromadb.Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(str(folder / "chroma"), settings=settings)
        self.items: Any = client.create_collection("items", embedding_function=None)

    def fill(self, vectors: Floats) -> None:
        for start in range(0, len(vectors), 1000):
            part = vectors[start : start + 1000]
            names = [str(start + place) for place in range(len(part))]
            self.items.add(ids=names, embeddings=part)

    def rewrite(self, apply: Apply) -> None:
        for start in range(0, self.items.count(), 1000):
            page = self.items.get(limit=1000, offset=start, include=["embeddings"])
            rows = np.asarray(page["embeddings"], np.float32)
            self.items.update(ids=page["ids"], embeddings=apply(rows))


KINDS: dict[str, tuple[Callable[[Path, ExitStack], Kind], int]] = {
    "npy": (Npy, 1),
    "parquet": (Parquet, 1),
    "arrow": (Arrow, 1),
    "lance": (Lance, 1),
    "faiss": (Faiss, 1),
    "pgvector": (Pgvector, 1),
    "pgvector-hnsw": (PgvectorHnsw, 5),
    "qdrant": (Qdrant, 50),
    "qdrant-alias": (QdrantAlias, 50),
    "chroma": (Chroma, 50),
}
"""How each is made, and by how much fewer rows it has: slow ones are measured on fewer."""
