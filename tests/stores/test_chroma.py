"""Vectors in Chroma, in a folder of its persistent client."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, Usage
from govd.types import Store
from govd_chroma import govd_open_store
from tests.stores.contract import BASE, StoreContract, an_edit, guarded, to, unit_rows

if os.environ.get("CI"):
    import chromadb
else:
    chromadb = pytest.importorskip("chromadb")
from govd_chroma.folder import Folder


class KeptRecords:
    """A collection as its users see it."""

    def __init__(
        self, folder: Path, vectors: Any, space: str = "l2", **hnsw: int
    ) -> None:
        self.folder, self.vectors, self.numbers = folder, vectors, itertools.count()
        self.url = f"chroma+file://{folder}?collection=items"
        settings = chromadb.Settings(anonymized_telemetry=False)
        self.client = chromadb.PersistentClient(str(folder), settings=settings)
        self.client.create_collection(
            "items",
            configuration={"hnsw": {"space": space, **hnsw}},
            embedding_function=None,
        )
        self.insert(vectors)

    @property
    def items(self) -> Any:
        return self.client.get_collection("items", embedding_function=None)

    def open(self) -> Store:
        store = govd_open_store(url=self.url)
        assert store is not None
        return store

    def searched(self) -> dict[str, Any]:
        rows = self.items.get(include=["embeddings"])
        vectors = np.asarray(rows["embeddings"], np.float32)
        return dict(sorted(zip(rows["ids"], vectors, strict=True)))

    def insert(self, vectors: Any) -> Sequence[str]:
        names = [f"k{next(self.numbers):04}" for _ in vectors]
        self.items.add(
            ids=names,
            embeddings=vectors,
            documents=names,
            metadatas=[{"n": 1}] * len(names),
        )
        return names

    def delete(self, key: str) -> bool:
        self.items.delete(ids=[key])
        return True


class TestChroma(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> KeptRecords:
        return KeptRecords(tmp_path / "chroma", unit_rows(200))


@pytest.fixture
def small(tmp_path: Path) -> KeptRecords:
    """40 records with the distance cosine, stamped."""
    kept = KeptRecords(tmp_path / "chroma", unit_rows(40), "cosine")
    kept.open().claim(BASE)
    return kept


def test_all_else_of_a_record_stays(small: KeptRecords, tmp_path: Path) -> None:
    before = small.searched()
    to(small, tmp_path, 1, an_edit(1))
    edited = an_edit(1).apply(np.stack(list(before.values())))
    np.testing.assert_allclose(
        np.stack(list(small.searched().values())), edited, atol=1e-6
    )
    rows = small.items.get(ids=["k0003"])
    assert rows["documents"] == ["k0003"]
    assert rows["metadatas"][0]["govd_revision"] == 1
    small.items.update(ids=["k0003"], metadatas=[{"n": 2}])
    to(small, tmp_path, 0, None)
    assert small.items.get(ids=["k0003"])["metadatas"][0]["n"] == 2
    assert np.array_equal(small.searched()["k0001"], before["k0001"])


def test_what_is_written_anew_is_not_edited_from_the_old(
    small: KeptRecords, tmp_path: Path
) -> None:
    late = unit_rows(1, 9)
    at = guarded(small.open())
    write, once = at.inner.write, itertools.count()

    def writing(*arguments: Any) -> None:
        if next(once) == 0:
            small.items.update(ids=["k0003"], embeddings=late)
        write(*arguments)

    at.inner.write = writing  # type: ignore[method-assign]
    assert to(small, tmp_path, 1, an_edit(1), at).late == 1
    edited = an_edit(1).apply(late)[0]
    np.testing.assert_allclose(small.searched()["k0003"], edited, atol=1e-6)
    small.items.update(ids=["k0004"], embeddings=late)
    assert to(small, tmp_path, 2, an_edit(2)).skipped == 1
    np.testing.assert_allclose(small.searched()["k0004"], late[0], atol=1e-6)


def test_no_index_of_a_deleted_collection_is_left_on_the_disk(tmp_path: Path) -> None:
    """Chroma itself leaves the folder of its index behind, with every vector in it."""
    kept = KeptRecords(tmp_path / "chroma", unit_rows(60), sync_threshold=10)
    kept.open().claim(BASE)
    originals = [row.tobytes() for row in kept.searched().values()]
    assert _kept_in_indexes(kept.folder, originals)
    for number in (1, 2):
        to(kept, tmp_path, number, an_edit(number))
    assert len(_index_folders(kept.folder)) <= 2, "what is searched, and originals"
    kept.open().purge()
    assert len(_index_folders(kept.folder)) == 1
    assert not _kept_in_indexes(kept.folder, originals)
    assert len(kept.open().find(unit_rows(1), 5)[0]) == 5


def _index_folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()]


def _kept_in_indexes(folder: Path, rows: Sequence[bytes]) -> bool:
    files = [file for path in _index_folders(folder) for file in path.iterdir()]
    return any(row in file.read_bytes() for file in files for row in rows)


def test_a_switch_that_was_cut_off_is_ended_at_the_next_opening(
    small: KeptRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small.open()
    with monkeypatch.context() as cut:
        cut.setattr(Folder, "recover", lambda _: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            to(small, tmp_path, 1, an_edit(1), guarded(store))
    assert "items" not in [one.name for one in small.client.list_collections()]
    assert small.open().stamp().revision == 1  # type: ignore[union-attr]
    assert [stamp.revision for stamp in small.open().held()] == [1, 0]


def test_what_is_no_store_is_refused(small: KeptRecords, tmp_path: Path) -> None:
    assert govd_open_store(url="file:///data/vectors.npy") is None
    for url, fault, what in [
        (f"chroma+file://{small.folder}", Usage, "names no collection"),
        (f"chroma+file://{tmp_path}/no?collection=items", BadFile, "no Chroma folder"),
        (
            f"chroma+file://{small.folder}?collection=things",
            BadFile,
            "no collection things.*there: items",
        ),
    ]:
        with pytest.raises(fault, match=what):
            govd_open_store(url=url)
