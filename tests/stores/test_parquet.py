"""Vectors in Parquet, Arrow and Feather files, and in folders of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, Conflict, MachineFault, Usage
from govd.types import Store
from govd_parquet import govd_open_store
from govd_parquet.tables import Table
from tests.stores.contract import (
    BASE,
    StoreContract,
    TableContract,
    an_edit,
    arrays,
    guarded,
    stamped,
    to,
    unit_rows,
)

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
feather = pytest.importorskip("pyarrow.feather")


def table_of(vectors: Any, first: int = 0, fixed: bool = True) -> Any:
    """A table as somebody keeps it, with other columns and metadata of his own."""
    value = pa.from_numpy_dtype(vectors.dtype)
    kind = pa.list_(value, vectors.shape[1]) if fixed else pa.list_(value)
    ids = [f"item-{first + i}" for i in range(len(vectors))]
    table = pa.table(
        {
            "id": ids,
            "embedding": pa.array(list(vectors), kind),
            "price": pa.array([None if i % 7 == 0 else i / 4 for i in range(len(ids))]),
        }
    )
    return table.replace_schema_metadata({"owner": "the shop"})


def written(table: Any, path: Path, rows: int = 90) -> None:
    """Write a table in groups of so many rows, compressed."""
    if path.suffix == ".parquet":
        pq.write_table(
            table, path, row_group_size=rows, compression="zstd", use_dictionary=["id"]
        )
    else:
        feather.write_feather(table, path, compression="lz4", chunksize=rows)


def content(path: Path) -> Any:
    return (
        pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)
    )


class KeptTable:
    """A file as its users see it."""

    def __init__(self, path: Path, vectors: Any, fixed: bool = True) -> None:
        self.path, self.vectors = path, vectors
        written(table_of(vectors, fixed=fixed), path)

    def open(self) -> Store:
        store = govd_open_store(url=self.path.as_uri() + "?column=embedding&key=id")
        assert store is not None
        return store

    def searched(self) -> dict[str, Any]:
        table = content(self.path)
        rows = table["embedding"].to_pylist()
        dtype = self.vectors.dtype
        return {
            key: np.array(row, dtype)
            for key, row in zip(table["id"].to_pylist(), rows, strict=True)
        }

    def insert(self, vectors: Any) -> Sequence[str]:
        before = content(self.path)
        more = table_of(vectors.astype(self.vectors.dtype), 10_000 + before.num_rows)
        whole = pa.concat_tables([before, more.cast(before.schema)])
        self.replaced(whole)
        return list(more["id"].to_pylist())

    def delete(self, key: str) -> bool:
        before = content(self.path)
        self.replaced(before.filter(pa.compute.not_equal(before["id"], key)))
        return True

    def replaced(self, table: Any, rows: int = 90) -> None:
        part = self.path.with_name(f"part-{self.path.name}")
        written(table, part, rows)
        part.replace(self.path)


@pytest.mark.parametrize(
    ("name", "dtype", "fixed"),
    [("v.parquet", np.float32, False), ("v.feather", np.float16, True)],
)
class TestParquet(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path, name: str, dtype: Any, fixed: bool) -> KeptTable:
        return KeptTable(tmp_path / name, unit_rows(400, dtype=dtype), fixed)


class TestTables(TableContract):
    def opened(self, folder: Path, columns: dict[str, Any], query: str) -> Store:
        path = folder / "table.parquet"
        if not path.exists():
            pq.write_table(pa.table(arrays(columns)), path)
        store = govd_open_store(url=f"{path.as_uri()}{query}")
        assert store is not None
        return store


class KeptDataset(KeptTable):
    """A folder of files, to which users add files."""

    def __init__(self, folder: Path, vectors: Any) -> None:
        self.path, self.vectors = folder, vectors
        (folder / "shop=a").mkdir(parents=True)
        for place in range(4):
            part = vectors[place * 100 : place * 100 + 100]
            written(table_of(part, place * 100), folder / "shop=a" / f"{place}.parquet")

    def searched(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for file in sorted(self.path.rglob("*.parquet")):
            table = pq.ParquetFile(file).read()
            values = table["embedding"].to_pylist()
            rows |= {
                key: np.array(row, self.vectors.dtype)
                for key, row in zip(table["id"].to_pylist(), values, strict=True)
            }
        return rows

    def insert(self, vectors: Any) -> Sequence[str]:
        count = len(list(self.path.rglob("*.parquet")))
        more = table_of(vectors, 10_000 + count * 100)
        written(more, self.path / "shop=a" / f"{count}.parquet")
        return list(more["id"].to_pylist())

    def delete(self, key: str) -> bool:
        for file in self.path.rglob("*.parquet"):
            before = pq.ParquetFile(file).read()
            after = before.filter(pa.compute.not_equal(before["id"], key))
            if after.num_rows < before.num_rows:
                written(after, file)
        return True


class TestDataset(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> KeptDataset:
        return KeptDataset(tmp_path / "items", unit_rows(400))


def opened(path: Path, query: str = "") -> Any:
    return govd_open_store(url=path.as_uri() + query)


@pytest.fixture
def table(tmp_path: Path) -> KeptTable:
    kept = KeptTable(tmp_path / "items.parquet", unit_rows(400))
    kept.open().claim(BASE)
    return kept


def test_everything_but_the_vectors_is_kept(table: KeptTable, tmp_path: Path) -> None:
    before, was = pq.ParquetFile(table.path).metadata, content(table.path)
    to(table, tmp_path, 1, an_edit(1))
    after, now = pq.ParquetFile(table.path).metadata, content(table.path)
    assert now.drop(["embedding"]).equals(was.drop(["embedding"]))
    assert now.schema.types == was.schema.types
    assert now.schema.metadata[b"owner"] == b"the shop"
    groups = [
        m.row_group(i).num_rows
        for m in (before, after)
        for i in range(m.num_row_groups)
    ]
    assert groups == [90, 90, 90, 90, 40] * 2
    for place in range(before.num_columns):
        some, other = (
            before.row_group(0).column(place),
            after.row_group(0).column(place),
        )
        assert (some.compression, some.encodings) == (
            other.compression,
            other.encodings,
        )
    stamp = table.open().stamp()
    table.open().files.beside.unlink()  # type: ignore[attr-defined]
    assert stamp is not None
    assert opened(table.path).stamp().is_of(stamp)


def test_what_is_updated_meanwhile_is_not_overwritten(
    table: KeptTable, tmp_path: Path
) -> None:
    edit, fresh = an_edit(1), unit_rows(1, 77)[0]
    store = guarded(table.open())
    write, calls = store.inner.write, []

    def writing(*arguments: Any) -> None:
        if not calls:
            calls.append(1)
            rows = content(table.path)
            vectors = rows["embedding"].to_pylist()
            vectors[5] = fresh
            array = pa.array(vectors, rows["embedding"].type)
            table.replaced(rows.set_column(1, rows.schema.field(1), array))
        write(*arguments)

    store.inner.write = writing  # type: ignore[method-assign]
    outcome = to(table, tmp_path, 1, edit, store)
    assert outcome.late == 1
    np.testing.assert_allclose(
        table.searched()["item-5"], edit.apply(fresh[None])[0], atol=1e-5
    )
    to(table, tmp_path, 0, None)
    np.testing.assert_array_equal(table.searched()["item-5"], fresh)


def test_a_switch_that_was_cut_off_is_ended(tmp_path: Path, monkeypatch: Any) -> None:
    kept = KeptDataset(tmp_path / "items", unit_rows(400))
    before = kept.searched()
    kept.open().claim(BASE)
    replaced: list[Any] = []

    def cut(source: Any, target: Any, real: Any = __import__("os").replace) -> None:
        replaced.append(target)
        if sum(str(path).endswith(".parquet") for path in replaced) == 3:
            raise OSError(5, "Input/output error", str(target))
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", cut)
        with pytest.raises(MachineFault):
            to(kept, tmp_path, 1, an_edit(1))
    stamp = kept.open().stamp()
    assert stamp is not None
    assert stamp.revision == 1
    wanted = an_edit(1).apply(np.stack(list(before.values())))
    np.testing.assert_allclose(
        np.stack(list(kept.searched().values())), wanted, atol=1e-5
    )


def test_files_of_different_revisions_are_refused(tmp_path: Path) -> None:
    kept = KeptDataset(tmp_path / "items", unit_rows(400))
    kept.open().claim(BASE)
    to(kept, tmp_path, 1, an_edit(1))
    other = KeptDataset(tmp_path / "others", unit_rows(400))
    file = next(iter(kept.path.rglob("*.parquet")))
    file.rename(other.path / "stray.parquet")
    with pytest.raises(Conflict, match="different revisions"):
        opened(other.path).stamp()
    (other.path / "stray.parquet").rename(tmp_path / "stray.parquet")
    other.open().claim(BASE)
    (tmp_path / "stray.parquet").rename(other.path / "stray.parquet")
    with pytest.raises(Conflict, match="of revision 1"):
        to(other, tmp_path, 2, an_edit(2))


@pytest.mark.parametrize("name", ["wide.parquet", "wide.feather"])
@pytest.mark.parametrize("group", [400, 250])
def test_a_group_of_rows_is_read_in_many_portions(
    tmp_path: Path, name: str, group: int
) -> None:
    vectors, kept = unit_rows(400), KeptTable(tmp_path / name, unit_rows(1))
    kept.replaced(table_of(vectors), rows=group)
    kept.open().claim(BASE)
    store: Any = kept.open()

    def check(portions: Sequence[Any]) -> None:
        for portion in portions:  # keys are read in between
            batch = store.read("searched", portion)
            places = [int(key.removeprefix("item-")) for key in batch.keys]
            assert places == list(range(places[0], places[0] + portion.rows))
            np.testing.assert_array_equal(batch.vectors, vectors[places])

    portions = store.portions("searched", 60)
    check(portions[::-1])
    check(portions)
    assert store.find(vectors[:1], 1)[0][0].key == "item-0"  # reads other portions
    check(portions[3:])
    check(store.portions("searched", 110))
    assert to(kept, tmp_path, 1, an_edit(1)).late == 0
    after = np.stack(list(kept.searched().values()))
    np.testing.assert_allclose(after, an_edit(1).apply(vectors), atol=1e-5)


def test_readers_of_a_file_do_not_change_each_other(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    written(table_of(unit_rows(400)), path, rows=400)
    table = Table(path)
    batches = table.batches(["embedding"], 64)
    sizes = [next(batches).num_rows]
    assert [batch.num_rows for batch in table.batches(["id"], 300)] == [300, 100]
    sizes += [batch.num_rows for batch in batches]
    assert sizes == [stop - start for start, stop in table.spans(64)]


def test_missing_vectors_stay_missing(tmp_path: Path) -> None:
    vectors: list[Any] = list(unit_rows(200))
    vectors[3] = None
    for kind in (pa.list_(pa.float32(), 16), pa.list_(pa.float32())):
        rows = pa.table({"id": range(200), "embedding": pa.array(vectors, kind)})
        kept = KeptTable(tmp_path / "gaps.parquet", unit_rows(1))
        pq.write_table(rows, kept.path)
        kept.open().claim(BASE)
        assert to(kept, tmp_path, 1, an_edit(1)).skipped == 1
        after = content(kept.path)["embedding"].to_pylist()
        assert [row is None for row in after] == [row is None for row in vectors]
        kept.open().files.beside.unlink()  # type: ignore[attr-defined]


def test_rows_of_one_that_says_nothing_stay_unmarked(
    table: KeptTable, tmp_path: Path
) -> None:
    to(table, tmp_path, 1, an_edit(1))
    table.insert(unit_rows(2, 9))
    for number in (2, 3):
        assert to(table, tmp_path, number, an_edit(number)).skipped == 2
    store = table.open()
    marks = [
        m
        for p in store.portions("searched", 64)
        for m in store.read("searched", p).marks
    ]
    assert marks == [3] * 400 + [None] * 2
    assert store.stamp().is_of(stamped(3, an_edit(3)))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("query", "error", "what"),
    [
        ("?column=price", BadFile, "not vectors"),
        ("?column=nothing", BadFile, "no column is called"),
        ("?key=nothing", BadFile, "no column is called"),
        ("?colum=embedding", Usage, "unknown colum"),
    ],
)
def test_what_is_no_such_table_is_refused(
    table: KeptTable, query: str, error: Any, what: str
) -> None:
    with pytest.raises(error, match=what):
        opened(table.path, query)


def test_a_table_without_vectors_says_which_columns_are_there(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    pq.write_table(pa.table({"id": [1], "title": ["a"]}), path)
    with pytest.raises(BadFile, match=r"Columns there: id \(int64\), title \(string\)"):
        opened(path)


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder, away = tmp_path / "items", tmp_path / "away.parquet"
    folder.mkdir()
    pq.write_table(pa.table({"v": pa.array([[1.0, 0.0]])}), away)
    (folder / "a.parquet").symlink_to(away)
    with pytest.raises(BadFile, match=r"a\.parquet: is a link to .*away\.parquet"):
        opened(folder)


def test_vectors_of_several_widths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ragged.parquet"
    pq.write_table(
        pa.table({"v": pa.array([[1.0, 0], [1.0]], pa.list_(pa.float32()))}), path
    )
    with pytest.raises(BadFile, match="2 wide"):
        opened(path).claim(BASE)
    path.write_bytes(b"PAR1")
    with pytest.raises(BadFile, match="cannot be read"):
        opened(path)


def test_other_addresses_are_left_to_others(tmp_path: Path) -> None:
    assert govd_open_store(url="file:///data/vectors.npy") is None
    assert govd_open_store(url=tmp_path.as_uri()) is None
    assert govd_open_store(url="qdrant://host/things") is None
