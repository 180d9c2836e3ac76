"""Vectors in Qdrant, in the library's local mode."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, Conflict, Unreachable, Unsupported, Usage
from govd.stores.opening import GuardedStore
from govd.types import Store
from tests.stores.contract import (
    BASE,
    DIM,
    StoreContract,
    an_edit,
    guarded,
    to,
    unit_rows,
)

qdrant = pytest.importorskip("qdrant_client")
from govd_qdrant import govd_open_store, siblings, store  # noqa: E402
from govd_qdrant.clients import Client, address_of  # noqa: E402


class KeptCollection:
    """A collection as its users see it, by an alias or by its name."""

    def __init__(
        self,
        folder: Path,
        vectors: Any,
        distance: str = "Dot",
        alias: bool = True,
        named: str = "",
    ) -> None:
        self.folder, self.vectors, self.named = folder, vectors, named
        folder.mkdir()
        (folder / "meta.json").write_text(
            json.dumps({"collections": {}, "aliases": {}})
        )
        self.url = f"qdrant+file://{folder}?collection=items" + (
            f"&vector={named}" * bool(named)
        )
        self.opened: list[Any] = [Client(address_of(self.url), "")]
        self.numbers = itertools.count(1)
        own = qdrant.models.VectorParams(size=DIM, distance=distance)
        other = qdrant.models.VectorParams(size=3, distance="Dot")
        config = {named: own, "other": other} if named else own
        with self.client() as at:
            at.create_collection(
                "items_v1" if alias else "items", vectors_config=config
            )
            if alias:
                create = qdrant.models.CreateAlias(
                    collection_name="items_v1", alias_name="items"
                )
                operation = qdrant.models.CreateAliasOperation(create_alias=create)
                at.update_collection_aliases([operation])
        self.insert(vectors)

    def client(self) -> Any:
        return self.opened[0].use()

    def open(self) -> Store:
        store = govd_open_store(url=self.url, secret="")
        assert store is not None
        self.opened.append(store)
        return store

    def close(self) -> None:
        for one in reversed(self.opened):
            one.close()

    def searched(self) -> dict[str, Any]:
        with self.client() as at:
            points, _ = at.scroll("items", limit=100_000, with_vectors=True)
        return {
            str(point.id): np.array(
                point.vector[self.named] if self.named else point.vector, np.float32
            )
            for point in points
        }

    def payloads(self) -> dict[str, Any]:
        with self.client() as at:
            points, _ = at.scroll("items", limit=100_000)
        return {str(point.id): point.payload for point in points}

    def put(self, key: int, vector: Any) -> None:
        row: Any = vector.tolist()
        if self.named:
            row = {self.named: row, "other": [1.0, 2.0, 3.0]}
        with self.client() as at:
            point = qdrant.models.PointStruct(
                id=key, vector=row, payload={"title": f"n{key}"}
            )
            at.upsert("items", [point], wait=True)

    def insert(self, vectors: Any) -> Sequence[str]:
        keys = [next(self.numbers) for _ in vectors]
        for key, vector in zip(keys, vectors, strict=True):
            self.put(key, vector)
        return [str(key) for key in keys]

    def delete(self, key: str) -> bool:
        with self.client() as at:
            at.delete("items", qdrant.models.PointIdsList(points=[int(key)]))
        return True


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local mode commits each point by itself: let it not wait for the disk."""
    from qdrant_client.local.persistence import CollectionPersistence

    ensure = CollectionPersistence._ensure_table

    def ensuring(self: Any) -> None:
        self.storage.execute("PRAGMA synchronous = OFF")
        self.storage.execute("PRAGMA journal_mode = MEMORY")
        ensure(self)

    monkeypatch.setattr(CollectionPersistence, "_ensure_table", ensuring)


WAYS = ["alias", "files", "collections"]
"""How both kinds of vectors are kept; the last as on a server without an alias."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "collections":
        monkeypatch.setattr(
            store,
            "Siblings",
            lambda at, folder, vector: siblings.Siblings(at, None, vector),
        )
    return str(request.param)


class TestQdrant(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path, way: str) -> Iterator[KeptCollection]:
        is_alias = way == "alias"
        kept = KeptCollection(tmp_path / "qdrant", unit_rows(200), alias=is_alias)
        yield kept
        kept.close()


@pytest.fixture
def small(way: str, tmp_path: Path) -> Iterator[KeptCollection]:
    """40 points with two named vectors and the distance Cosine, stamped."""
    is_alias = way == "alias"
    kept = KeptCollection(
        tmp_path / "qdrant", unit_rows(40), "Cosine", alias=is_alias, named="image"
    )
    kept.open().claim(BASE)
    yield kept
    kept.close()


def writing_first(store: GuardedStore, what: Callable[[], Any]) -> None:
    """Let somebody do something after points were read and before they are written, once."""
    write, once = store.inner.write, itertools.count()

    def writing(*arguments: Any) -> None:
        if next(once) == 0:
            what()
        write(*arguments)

    store.inner.write = writing  # type: ignore[method-assign]


def test_one_named_vector_of_a_cosine_collection_is_edited_and_all_else_stays(
    small: KeptCollection, tmp_path: Path
) -> None:
    before = small.searched()
    to(small, tmp_path, 1, an_edit(1))
    edited = an_edit(1).apply(np.stack(list(before.values())))
    np.testing.assert_allclose(
        np.stack(list(small.searched().values())), edited, atol=1e-6
    )
    with small.client() as at:
        (point,) = at.retrieve("items", [7], with_vectors=True)
    assert point.payload["title"] == "n7"
    assert point.payload["govd_revision"] == 1
    assert point.vector["other"] == [1.0, 2.0, 3.0]
    with small.client() as at:
        at.set_payload("items", {"title": "new"}, [7])
    to(small, tmp_path, 0, None)
    np.testing.assert_allclose(
        np.stack(list(small.searched().values())),
        np.stack(list(before.values())),
        atol=2e-7,
    )
    assert small.payloads()["7"]["title"] == "new"


def test_what_is_written_anew_meanwhile_is_edited_and_not_the_old(
    small: KeptCollection, tmp_path: Path
) -> None:
    late = unit_rows(1, 9)
    at = guarded(small.open())
    writing_first(at, lambda: (small.put(3, late[0]), small.delete("5")))
    outcome = to(small, tmp_path, 1, an_edit(1), at)
    assert (outcome.late, outcome.stamp.rows) == (1, 39)
    np.testing.assert_allclose(
        small.searched()["3"], an_edit(1).apply(late)[0], atol=1e-6
    )
    to(small, tmp_path, 0, None)
    np.testing.assert_allclose(small.searched()["3"], late[0], atol=2e-7)


def test_what_is_written_anew_after_a_switch_is_not_edited_from_the_old(
    small: KeptCollection, tmp_path: Path
) -> None:
    to(small, tmp_path, 1, an_edit(1))
    late = unit_rows(1, 9)
    small.put(3, late[0])
    with small.client() as at:  # a vector alone: the payload still says revision 1
        row = qdrant.models.PointVectors(id=4, vector={"image": late[0].tolist()})
        at.update_vectors("items", [row])
    outcome = to(small, tmp_path, 2, an_edit(2))
    assert outcome.skipped == 2
    np.testing.assert_allclose(small.searched()["3"], late[0], atol=1e-6)
    np.testing.assert_allclose(small.searched()["4"], late[0], atol=1e-6)


def test_nothing_is_left_of_govd_but_stamp_and_marks(
    small: KeptCollection, tmp_path: Path
) -> None:
    for number in (1, 2):
        to(small, tmp_path, number, an_edit(number))
    assert small.open().purge().until is None
    with small.client() as at:
        names = [one.name for one in at.get_collections().collections]
    assert len(names) == 2
    assert "govd_stores" in names
    assert not (small.folder / "govd").exists()


@pytest.mark.parametrize("way", WAYS[1:], indirect=True)
def test_a_switch_in_place_that_was_cut_off_is_ended(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qdrant_client.local.persistence import CollectionPersistence

    kept = KeptCollection(tmp_path / "qdrant", unit_rows(40), alias=False)
    kept.open().claim(BASE)
    before = kept.searched()
    persist = CollectionPersistence.persist
    searched: list[Any] = []

    def counted(self: Any, point: Any) -> None:
        if self.location.parent.name == "items":
            searched.append(point.id)
            if len(searched) == 25:
                raise MemoryError
        persist(self, point)

    monkeypatch.setattr(CollectionPersistence, "persist", counted)
    with pytest.raises(MemoryError):
        to(kept, tmp_path, 1, an_edit(1))
    assert kept.open().stamp().revision == 0  # type: ignore[union-attr]
    outcome = to(kept, tmp_path, 1, an_edit(1))
    assert (outcome.late, outcome.stamp.rows) == (0, 40)
    if way == "files":
        assert len(searched) == 41, "each point is written once, the one cut off twice"
    edited = an_edit(1).apply(np.stack(list(before.values())))
    np.testing.assert_allclose(
        np.stack(list(kept.searched().values())), edited, atol=1e-6
    )
    to(kept, tmp_path, 0, None)
    assert all(np.array_equal(row, before[key]) for key, row in kept.searched().items())
    kept.close()


@pytest.mark.parametrize("way", WAYS[1:], indirect=True)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_original_is_lost_where_a_cut_off_switch_is_followed_by_anything(
    number: int, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same patch after rows came and went, by another one, by the way back."""
    from qdrant_client.local.persistence import CollectionPersistence

    kept = KeptCollection(tmp_path / "qdrant", unit_rows(40), alias=False)
    kept.open().claim(BASE)
    persist = CollectionPersistence.persist
    searched = itertools.count(1)

    def failing(self: Any, point: Any) -> None:
        if self.location.parent.name == "items" and next(searched) == 25:
            raise MemoryError
        persist(self, point)

    with monkeypatch.context() as cut:
        cut.setattr(CollectionPersistence, "persist", failing)
        with pytest.raises(MemoryError):
            to(kept, tmp_path, 1, an_edit(1))
    before = dict(zip(map(str, range(1, 41)), unit_rows(40), strict=True))
    kept.delete("3")
    kept.delete("38")
    late = unit_rows(1, 9)
    before |= dict(zip(kept.insert(late), late, strict=True))
    del before["3"], before["38"]
    edit = an_edit(number) if number else None
    to(kept, tmp_path, number, edit)
    after = kept.searched()
    assert after.keys() == before.keys()
    for key, row in before.items():
        expected = row if edit is None else edit.apply(row[None])[0]
        np.testing.assert_allclose(after[key], expected, atol=1e-6)
    to(kept, tmp_path, 0, None)
    after = kept.searched()
    assert all(np.array_equal(after[key], row) for key, row in before.items())
    kept.close()


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_sparse_vectors_of_a_hybrid_collection_stay(way: str, tmp_path: Path) -> None:
    kept = KeptCollection(tmp_path / "qdrant", unit_rows(2), alias=way == "alias")
    sparse = qdrant.models.SparseVector(indices=[1, 7], values=[0.5, 0.25])
    rows = unit_rows(4)
    with kept.client() as at:
        name = "hybrid_v1" if way == "alias" else "hybrid"
        own = qdrant.models.VectorParams(size=DIM, distance="Dot")
        words = {"words": qdrant.models.SparseVectorParams()}
        at.create_collection(name, vectors_config=own, sparse_vectors_config=words)
        points = [
            qdrant.models.PointStruct(id=place, vector={"": row, "words": sparse})
            for place, row in enumerate(rows.tolist())
        ]
        at.upsert(name, points, wait=True)
        if way == "alias":
            create = qdrant.models.CreateAlias(
                collection_name=name, alias_name="hybrid"
            )
            operation = qdrant.models.CreateAliasOperation(create_alias=create)
            at.update_collection_aliases([operation])
    kept.url = kept.url.replace("items", "hybrid")
    kept.open().claim(BASE)
    for number, edit in [(1, an_edit(1)), (0, None)]:
        to(kept, tmp_path, number, edit)
        with kept.client() as at:
            points, _ = at.scroll("hybrid", with_vectors=True)
        assert all(point.vector["words"] == sparse for point in points)
        vectors = np.array([point.vector[""] for point in points], np.float32)
        expected = rows if edit is None else edit.apply(rows)
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    kept.close()


def test_points_that_lack_the_vector_are_left_and_none_is_lost(
    small: KeptCollection, tmp_path: Path
) -> None:
    models = qdrant.models

    def lacking(key: int) -> None:
        with small.client() as at:
            vector = {"other": [1.0, 2.0, 3.0]}
            point = models.PointStruct(id=key, vector=vector, payload={"n": key})
            at.upsert("items", [point], wait=True)

    lacking(900)
    lacking(901)
    at = guarded(small.open())
    assert at.facts().rows == 40
    writing_first(at, lambda: (lacking(902), small.delete("901")))
    outcome = to(small, tmp_path, 1, an_edit(1), at)
    assert (outcome.rows, outcome.stamp.rows, outcome.skipped) == (40, 40, 0)
    to(small, tmp_path, 0, None)
    with small.client() as client:
        points, _ = client.scroll("items", limit=100, with_vectors=True)
    others = {point.id: point for point in points if "image" not in point.vector}
    assert list(others) == [900, 902]
    assert others[900].vector == {"other": [1.0, 2.0, 3.0]}
    assert others[902].payload["n"] == 902
    assert len(points) == 42


def test_one_vector_of_a_collection_is_a_store(small: KeptCollection) -> None:
    """Two would say different things in one payload."""
    small.url = small.url.replace("vector=image", "vector=other")
    with pytest.raises(Conflict, match="another vector of this collection is a store"):
        small.open().claim(BASE)


def test_a_collection_that_is_made_anew_has_no_stamp(tmp_path: Path) -> None:
    kept = KeptCollection(tmp_path / "qdrant", unit_rows(4), alias=False)
    kept.open().claim(BASE)
    own = qdrant.models.VectorParams(size=DIM, distance="Dot")
    with kept.client() as at:
        at.delete_collection("items")
        at.create_collection("items", vectors_config=own)
    kept.insert(unit_rows(3))
    assert kept.open().stamp() is None
    assert kept.open().claim(BASE).rows == 3
    kept.close()


def test_other_addresses_are_left_to_others() -> None:
    assert govd_open_store(url="file:///data/vectors.npy", secret="") is None


def test_what_is_no_store_is_refused(small: KeptCollection, tmp_path: Path) -> None:
    for url, fault, what in [
        (f"qdrant+file://{small.folder}", Usage, "names no collection"),
        (f"qdrant+file://{tmp_path}?collection=items", BadFile, "no Qdrant folder"),
        (
            f"qdrant+file://{small.folder}?collection=things",
            BadFile,
            "no such collection.*there: items",
        ),
        (
            f"qdrant+file://{small.folder}?collection=items",
            Usage,
            r"which of image, other is meant\? Add",
        ),
        (
            f"qdrant+file://{small.folder}?collection=items&vector=x",
            BadFile,
            "no vector x.*There are: image, other",
        ),
        ("qdrant://127.0.0.1:1/items", Unreachable, "does not answer"),
    ]:
        with pytest.raises(fault, match=what):
            govd_open_store(url=url, secret="")


def test_a_collection_of_sparse_vectors_alone_is_told_as_such(
    small: KeptCollection,
) -> None:
    with small.client() as at:
        sparse = {"words": qdrant.models.SparseVectorParams()}
        at.create_collection("texts", vectors_config={}, sparse_vectors_config=sparse)
    url = f"qdrant+file://{small.folder}?collection=texts"
    with pytest.raises(BadFile, match="no dense vectors"):
        govd_open_store(url=url, secret="")


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("govd_qdrant.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(Unsupported, match="pip install 'govd\\[qdrant\\]'"):
        govd_open_store(url="qdrant://host/items", secret="")
