"""Vectors in Lance data sets and LanceDB tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, MachineFault, Usage
from govd.types import Store
from govd_lance import govd_open_store
from tests.stores.contract import (
    BASE,
    DIM,
    StoreContract,
    TableContract,
    an_edit,
    arrays,
    guarded,
    to,
    unit_rows,
)

lance = pytest.importorskip("lance")
pa = pytest.importorskip("pyarrow")


def table_of(vectors: Any, first: int = 0) -> Any:
    value = pa.from_numpy_dtype(vectors.dtype)
    ids = [f"item-{first + i}" for i in range(len(vectors))]
    array = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), value), DIM)
    return pa.table(
        {"id": ids, "vector": array, "price": pa.array(range(len(ids)), pa.int64())}
    )


class KeptLance:
    """A table as its users see it."""

    def __init__(self, path: Path, vectors: Any) -> None:
        self.path, self.vectors, self.count = path, vectors, 10_000
        lance.write_dataset(table_of(vectors), str(path), max_rows_per_file=150)

    def open(self) -> Store:
        store = govd_open_store(url=f"lance://{self.path}?column=vector&key=id")
        assert store is not None
        return store

    def searched(self) -> dict[str, Any]:
        table = lance.dataset(str(self.path)).to_table(columns=["id", "vector"])
        rows = [
            np.array(row, self.vectors.dtype) for row in table["vector"].to_pylist()
        ]
        return dict(zip(table["id"].to_pylist(), rows, strict=True))

    def insert(self, vectors: Any) -> Sequence[str]:
        more = table_of(vectors.astype(self.vectors.dtype), self.count)
        self.count += len(vectors)
        lance.write_dataset(more, str(self.path), mode="append")
        return list(more["id"].to_pylist())

    def delete(self, key: str) -> bool:
        lance.dataset(str(self.path)).delete(f"id = '{key}'")
        return True


class TestLance(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> KeptLance:
        return KeptLance(tmp_path / "items.lance", unit_rows(400))


class TestTables(TableContract):
    def opened(self, folder: Path, columns: dict[str, Any], query: str) -> Store:
        path = folder / "table.lance"
        if not path.exists():
            lance.write_dataset(pa.table(arrays(columns)), str(path))
        store = govd_open_store(url=f"lance://{path}{query}")
        assert store is not None
        return store


@pytest.fixture
def table(tmp_path: Path) -> KeptLance:
    kept = KeptLance(tmp_path / "items.lance", unit_rows(400))
    kept.open().claim(BASE)
    return kept


def data_of(kept: KeptLance) -> Any:
    return lance.dataset(str(kept.path))


def meanwhile(kept: KeptLance, folder: Path, number: int, act: Any) -> Any:
    """Patch, while somebody does something at the first write."""
    store, calls = guarded(kept.open()), []
    write = store.inner.write

    def writing(*arguments: Any) -> None:
        if not calls:
            calls.append(1)
            act()
        write(*arguments)

    store.inner.write = writing  # type: ignore[method-assign]
    return to(kept, folder, number, an_edit(number), store)


def test_an_index_is_built_beside_and_goes_with_its_vectors(
    table: KeptLance, tmp_path: Path
) -> None:
    how = {"num_partitions": 2, "num_sub_vectors": 4, "metric": "cosine"}
    data_of(table).create_index("vector", "IVF_PQ", **how)
    assert table.open().facts().index == "IVF_PQ"
    before = table.searched()
    to(table, tmp_path, 1, an_edit(1))
    indexed = [
        (i.field_names, i.num_rows_indexed) for i in data_of(table).describe_indices()
    ]
    assert indexed == [(["vector"], 400)]
    assert data_of(table).schema.names[:3] == ["id", "vector", "price"]
    searched = table.searched()
    query = searched["item-7"] / np.linalg.norm(searched["item-7"])
    hit = table.open().find(query[None], 1)[0][0]
    assert hit.key == "item-7"
    assert hit.score == pytest.approx(1, abs=1e-4)
    to(table, tmp_path, 0, None)
    assert [i.field_names for i in data_of(table).describe_indices()] == [["vector"]]
    after = table.searched()
    assert all(np.array_equal(after[key], before[key]) for key in before)
    assert data_of(table).schema.names == ["id", "vector", "price"]


def test_what_is_updated_and_compacted_meanwhile_is_not_overwritten(
    table: KeptLance, tmp_path: Path
) -> None:
    fresh = unit_rows(1, 77)[0]

    def act() -> None:
        data = data_of(table)
        data.update({"vector": str(fresh.tolist())}, where="id = 'item-5'")
        data.update({"price": "-1"}, where="id = 'item-6'")
        data.optimize.compact_files(target_rows_per_fragment=290)

    meanwhile(table, tmp_path, 1, act)
    after = table.searched()
    np.testing.assert_allclose(
        after["item-5"], an_edit(1).apply(fresh[None])[0], atol=1e-5
    )
    wanted = an_edit(1).apply(table.vectors[6:8])
    np.testing.assert_allclose([after["item-6"], after["item-7"]], wanted, atol=1e-5)
    data = data_of(table)
    data.update({"vector": str(fresh.tolist())}, where="id = 'item-9'")
    data.update({"price": "-1"}, where="id = 'item-10'")
    outcome = to(table, tmp_path, 2, an_edit(2))
    assert outcome.skipped == 1  # item-9: nothing says what encoded it
    after = table.searched()
    np.testing.assert_allclose(after["item-9"], fresh, atol=1e-6)
    wanted = an_edit(2).apply(table.vectors[10:11])[0]
    np.testing.assert_allclose(after["item-10"], wanted, atol=1e-5)


def test_a_row_that_comes_at_the_moment_of_the_switch_is_not_lost(
    table: KeptLance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, commit, calls = unit_rows(1, 5), lance.LanceDataset.commit, []

    def committing(*arguments: Any, **options: Any) -> Any:
        if not calls:
            calls.append(table.insert(late))
        return commit(*arguments, **options)

    monkeypatch.setattr(lance.LanceDataset, "commit", committing)
    to(table, tmp_path, 1, an_edit(1))
    np.testing.assert_array_equal(table.searched()["item-10000"], late[0])
    store = table.open()
    marks = [
        m
        for p in store.portions("searched", 500)
        for m in store.read("searched", p).marks
    ]
    assert sorted(marks, key=str) == [1] * 400 + [None]


def test_a_switch_that_was_cut_off_is_ended(
    table: KeptLance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("govd_lance.switching.Switch.end", refused)
        with pytest.raises(MachineFault, match="no space left"):
            to(table, tmp_path, 1, an_edit(1))
    stamp = table.open().stamp()
    assert stamp is not None
    assert stamp.revision == 1
    rows = np.stack(list(table.searched().values()))
    np.testing.assert_allclose(rows, an_edit(1).apply(table.vectors), atol=1e-5)
    to(table, tmp_path, 0, None)
    assert np.array_equal(np.stack(list(table.searched().values())), table.vectors)


def test_no_file_has_the_originals_after_a_purge(
    table: KeptLance, tmp_path: Path
) -> None:
    def has(rows: Any) -> bool:
        files = [f.read_bytes() for f in table.path.parent.rglob("*") if f.is_file()]
        return any(row.tobytes() in data for row in rows for data in files)

    data_of(table).create_scalar_index("id", "BTREE")
    to(table, tmp_path, 1, an_edit(1))
    after = np.stack(list(table.searched().values()))
    assert has(table.vectors)
    table.open().purge()
    assert not has(table.vectors)
    assert np.array_equal(np.stack(list(table.searched().values())), after)
    assert data_of(table).to_table(filter="id = 'item-9'").num_rows == 1
    assert [stamp.revision for stamp in table.open().held()] == [1]


def test_rows_that_say_what_they_are_of(table: KeptLance, tmp_path: Path) -> None:
    to(table, tmp_path, 1, an_edit(1))
    for mark, first in ((0, 1000), (2, 2000)):
        rows = table_of(unit_rows(1, 5), first)
        rows = rows.append_column("govd_revision", pa.array([mark], pa.int32()))
        lance.write_dataset(rows, str(table.path), mode="append")
    assert to(table, tmp_path, 2, an_edit(2)).skipped == 1
    after, row = table.searched(), unit_rows(1, 5)
    np.testing.assert_allclose(after["item-1000"], an_edit(2).apply(row)[0], atol=1e-5)
    # of revision 2: not edited twice
    np.testing.assert_array_equal(after["item-2000"], row[0])


def test_tables_of_lancedb(tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb")
    table = lancedb.connect(tmp_path / "db").create_table(
        "items", table_of(unit_rows(300))
    )

    def opened() -> Any:
        return govd_open_store(url=f"lancedb://{tmp_path}/db?table=items")

    class Kept:
        vectors = unit_rows(300)
        open = staticmethod(opened)

    opened().claim(BASE)
    to(Kept, tmp_path, 1, an_edit(1))  # type: ignore[arg-type]
    table.checkout_latest()
    query = an_edit(1).apply(Kept.vectors[4:5])[0]
    assert table.search(query.tolist()).limit(1).to_list()[0]["id"] == "item-4"
    table.add(table_of(unit_rows(2, 9), 900))
    assert table.count_rows() == 302
    assert to(Kept, tmp_path, 2, an_edit(2)).skipped == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "error", "what"),
    [
        ("?column=price", BadFile, "not vectors"),
        ("?column=nothing", BadFile, "is not there"),
        ("?key=nothing", BadFile, "no column is called"),
        ("?colum=vector", Usage, "unknown colum"),
    ],
)
def test_what_is_no_such_table_is_refused(
    table: KeptLance, query: str, error: Any, what: str
) -> None:
    with pytest.raises(error, match=what):
        govd_open_store(url=f"lance://{table.path}{query}")


def test_a_table_without_vectors_says_which_columns_are_there(tmp_path: Path) -> None:
    path = tmp_path / "titles.lance"
    lance.write_dataset(pa.table({"id": [1], "title": ["a"]}), path)
    with pytest.raises(BadFile, match=r"Columns there: id \(int64\), title \(string\)"):
        govd_open_store(url=f"lance://{path}")


def test_other_addresses_are_left_to_others(tmp_path: Path) -> None:
    assert govd_open_store(url="file:///data/items.lance") is None
    with pytest.raises(BadFile, match="no such table"):
        govd_open_store(url="lancedb:///nowhere?table=items")
    with pytest.raises(Usage, match="which table"):
        govd_open_store(url="lancedb:///nowhere")
    with pytest.raises(BadFile, match="no Lance table"):
        govd_open_store(url=f"lance://{tmp_path}")
