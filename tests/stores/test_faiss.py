"""Vectors in FAISS indexes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.asking import plugins
from govd.errors import BadFile, Conflict, Unsupported, Usage
from govd.service.service import Service, open_service
from govd.stores.registry import StoreSettings
from govd.types import Store
from govd_faiss import govd_open_store
from tests.conftest import POINTS
from tests.stores.contract import BASE, DIM, StoreContract, an_edit, to, unit_rows
from tests.stores.shop import forget, patched

faiss = pytest.importorskip("faiss")


def index_of(kind: str, vectors: Any, metric: int = 0) -> Any:
    """An index as somebody makes it; with ids, these begin at 1000."""
    index = faiss.index_factory(DIM, kind, metric)
    index.train(vectors)
    if "IDMap" in kind or "IVF" in kind:
        index.add_with_ids(vectors, np.arange(1000, 1000 + len(vectors)))
    else:
        index.add(vectors)
    return index


class KeptFaiss:
    """An index as its users see it."""

    def __init__(self, path: Path, kind: str, vectors: Any) -> None:
        self.path, self.kind, self.vectors = path, kind, vectors
        faiss.write_index(index_of(kind, vectors), str(path))

    def open(self) -> Store:
        store = govd_open_store(url=self.path.as_uri())
        assert store is not None
        return store

    def ids(self, index: Any) -> Any:
        if "IDMap" in self.kind:
            return faiss.vector_to_array(index.id_map)
        return np.arange(index.ntotal)

    def searched(self) -> dict[str, Any]:
        index = faiss.read_index(str(self.path))
        if "IVF" in self.kind and "IDMap" not in self.kind:
            lists = index.invlists
            ids = [lists.get_ids(i) for i in range(index.nlist)]
            sizes = [lists.list_size(i) for i in range(index.nlist)]
            numbers = [
                faiss.rev_swig_ptr(p, n).copy() for p, n in zip(ids, sizes, strict=True)
            ]
            keys = np.sort(np.concatenate(numbers))
            index.set_direct_map_type(faiss.DirectMap.Hashtable)
            rows = index.reconstruct_batch(keys)
        else:
            keys = self.ids(index)
            inner = faiss.downcast_index(index.index) if "IDMap" in self.kind else index
            rows = inner.reconstruct_n(0, index.ntotal)
        return {str(key): row for key, row in zip(keys, rows, strict=True)}

    def insert(self, vectors: Any) -> Sequence[str]:
        index = faiss.read_index(str(self.path))
        if "IDMap" in self.kind or "IVF" in self.kind:
            keys = np.arange(9000 + index.ntotal, 9000 + index.ntotal + len(vectors))
            index.add_with_ids(vectors.astype(np.float32), keys)
        else:
            keys = np.arange(index.ntotal, index.ntotal + len(vectors))
            index.add(vectors.astype(np.float32))
        self.replaced(index)
        return [str(key) for key in keys]

    def delete(self, key: str) -> bool:
        if "HNSW" in self.kind or ("IDMap" not in self.kind and "IVF" not in self.kind):
            return False
        index = faiss.read_index(str(self.path))
        index.remove_ids(np.array([int(key)]))
        self.replaced(index)
        return True

    def replaced(self, index: Any) -> None:
        part = self.path.with_suffix(".part")
        faiss.write_index(index, str(part))
        part.replace(self.path)


@pytest.mark.parametrize("kind", ["Flat", "IDMap,Flat", "IVF1,Flat"])
class TestFaiss(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path, kind: str) -> KeptFaiss:
        return KeptFaiss(tmp_path / "items.faiss", kind, unit_rows(400))


@pytest.mark.parametrize("kind", ["HNSW8,Flat", "IVF4,Flat", "IDMap,HNSW8"])
def test_an_index_is_made_anew(tmp_path: Path, kind: str) -> None:
    kept = KeptFaiss(tmp_path / "items.index", kind, unit_rows(400))
    kept.open().claim(BASE)
    before = kept.searched()
    to(kept, tmp_path, 1, an_edit(1))
    after = kept.searched()
    np.testing.assert_allclose(
        np.stack(list(after.values())),
        an_edit(1).apply(np.stack(list(before.values()))),
        atol=1e-5,
    )
    assert (
        kept.open().facts().index.startswith("Index" + kind.replace("IDMap,", "")[:3])
    )
    key, row = list(after.items())[7]
    hit = kept.open().find((row / np.linalg.norm(row))[None], 1)[0][0]
    assert hit.key == key
    assert hit.score == pytest.approx(1, abs=1e-4)
    to(kept, tmp_path, 0, None)
    assert all(np.array_equal(row, before[key]) for key, row in kept.searched().items())


def test_what_is_updated_meanwhile_is_late(tmp_path: Path) -> None:
    kept = KeptFaiss(tmp_path / "items.faiss", "IDMap,Flat", unit_rows(400))
    kept.open().claim(BASE)
    to(kept, tmp_path, 1, an_edit(1))
    index, fresh = faiss.read_index(str(kept.path)), unit_rows(1, 77)
    index.remove_ids(np.array([1005]))
    index.add_with_ids(fresh, np.array([1005]))
    kept.replaced(index)
    assert to(kept, tmp_path, 2, an_edit(2)).skipped == 1
    np.testing.assert_array_equal(kept.searched()["1005"], fresh[0])


def test_rows_that_only_a_number_names_must_stay(tmp_path: Path) -> None:
    kept = KeptFaiss(tmp_path / "items.faiss", "Flat", unit_rows(400))
    kept.open().claim(BASE)
    to(kept, tmp_path, 1, an_edit(1))
    index = faiss.read_index(str(kept.path))
    index.remove_ids(np.array([5]))
    kept.replaced(index)
    with pytest.raises(Conflict, match="written anew"):
        to(kept, tmp_path, 2, an_edit(2))


def test_codes_are_made_anew_from_originals(tmp_path: Path) -> None:
    rows = unit_rows(400)
    kept = KeptFaiss(tmp_path / "items.faiss", "SQ8", rows)
    assert "codes" in kept.open().facts().lossy
    np.save(tmp_path / "vectors.npy", rows)

    class WithOriginals(KeptFaiss):
        def open(self) -> Any:
            return govd_open_store(url=kept.path.as_uri() + "?originals=vectors.npy")

    store = WithOriginals(kept.path, "SQ8", rows)
    assert store.open().facts().lossy == ""
    store.open().claim(BASE)
    to(store, tmp_path, 1, an_edit(1))
    after = store.open()
    edited = an_edit(1).apply(rows)
    read = [after.read("searched", p).vectors for p in after.portions("searched", 100)]
    np.testing.assert_allclose(np.concatenate(read), edited, atol=1e-6)
    np.testing.assert_allclose(
        np.stack(list(kept.searched().values())), edited, atol=0.02
    )
    query = edited[3] / np.linalg.norm(edited[3])
    assert after.find(query[None], 1)[0][0].key == "3"
    to(store, tmp_path, 2, an_edit(2))
    read = [
        store.open().read("base", p).vectors for p in store.open().portions("base", 400)
    ]
    np.testing.assert_array_equal(np.concatenate(read), rows)
    np.save(tmp_path / "vectors.npy", rows[:5])
    to(store, tmp_path, 0, None)
    with pytest.raises(BadFile, match="originals of shape"):
        to(store, tmp_path, 1, an_edit(1))


def test_what_is_no_such_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.faiss"
    with pytest.raises(BadFile, match="no such file"):
        govd_open_store(url=path.as_uri())
    path.write_bytes(b"nothing")
    with pytest.raises(BadFile, match=r"no FAISS index.*Write it whole"):
        govd_open_store(url=path.as_uri())
    faiss.write_index(index_of("PCA8,Flat", unit_rows(400)), str(path))
    with pytest.raises(Unsupported, match="IndexPreTransform"):
        govd_open_store(url=path.as_uri())
    with pytest.raises(Usage, match="unknown key"):
        govd_open_store(url=path.as_uri() + "?key=id")
    assert govd_open_store(url="file:///data/items.npy") is None


def test_ids_that_several_rows_have_are_refused(tmp_path: Path) -> None:
    kept = KeptFaiss(tmp_path / "v.faiss", "IDMap,Flat", unit_rows(8))
    index = faiss.read_index(str(kept.path))
    index.add_with_ids(unit_rows(1, 5), np.array([1003]))
    faiss.write_index(index, str(kept.path))
    with pytest.raises(BadFile, match="2 rows have the id 1003"):
        kept.open().claim(BASE)
    assert kept.open().stamp() is None


def test_an_empty_index_is_patched_like_any(tmp_path: Path) -> None:
    kept = KeptFaiss(tmp_path / "v.faiss", "Flat", unit_rows(0))
    kept.open().claim(BASE)
    assert to(kept, tmp_path, 1, an_edit(1)).stamp.rows == 0
    assert kept.open().find(unit_rows(2), 5) == [[], []]


def test_product_codes_are_not_taken_for_vectors_of_before(
    service: Service, tmp_path: Path, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their scores are coarse whatever they are of."""
    point = EntryPoint("faiss", "govd_faiss", "govd")
    monkeypatch.setattr(plugins, "found_entry_points", lambda: [*POINTS, point])
    np.save(tmp_path / "v.npy", rows)
    index = faiss.index_factory(rows.shape[1], "PQ2x4")
    index.train(rows)
    index.add(rows)
    faiss.write_index(index, str(tmp_path / "items.faiss"))
    url = (tmp_path / "items.faiss").as_uri() + "?originals=v.npy"
    service.close()
    with open_service(tmp_path / "home") as again:
        again.stores.add(StoreSettings("shop", url, "m", "base"), "ann")
        forget(again)
        store = patched(again)
        assert (store["state"], store["revision"], store["faults"]) == ("ready", 1, [])
        assert again.stores.verify("shop", "ann")["verdict"]["well"]
