"""Vectors in PostgreSQL, on a real server with pgvector."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, Conflict, MachineFault, Unreachable, Unsupported, Usage
from govd.stores.opening import GuardedStore
from govd.types import Store
from tests.stores.contract import (
    BASE,
    DIM,
    StoreContract,
    an_edit,
    guarded,
    stamped,
    to,
    unit_rows,
)
from tests.stores.postgres import postgres

psycopg = pytest.importorskip("psycopg")
from govd_pgvector import govd_open_store  # noqa: E402
from govd_pgvector.connections import address_of  # noqa: E402

numbers = itertools.count()

pytestmark = pytest.mark.xdist_group("postgres")  # one server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        yield url


def literal(row: Any) -> str:
    return "[" + ",".join(repr(float(number)) for number in row) + "]"


class KeptTable:
    """A table as its users see it."""

    def __init__(
        self, url: str, vectors: Any, kind: str = "vector", index: str = ""
    ) -> None:
        self.name, self.vectors, self.kind = f"items_{next(numbers)}", vectors, kind
        self.opened: list[Store] = []
        self.url = f"{url}&table={self.name}&column=embedding&key=id"
        self.users = psycopg.connect(url, autocommit=True)
        self.users.execute(
            f"CREATE TABLE {self.name} (id bigserial PRIMARY KEY, title text DEFAULT 'x',"
            f" embedding {kind}({DIM}) NOT NULL)"
        )
        if index:
            self.users.execute(f"CREATE INDEX ON {self.name} USING {index}")
        self.insert(vectors)

    def open(self) -> Store:
        store = govd_open_store(url=self.url, secret="")
        assert store is not None
        self.opened.append(store)
        return store

    def close(self) -> None:
        for store in self.opened:
            store.close()
        self.users.close()

    def rows(self, column: str = "embedding") -> dict[str, Any]:
        rows = self.users.execute(
            f"SELECT id::text, {column}::text FROM {self.name} t ORDER BY t.id"
        ).fetchall()
        dtype = np.float16 if self.kind == "halfvec" else np.float32
        return {key: np.array(value[1:-1].split(","), dtype) for key, value in rows}

    def searched(self) -> dict[str, Any]:
        return self.rows()

    def insert(self, vectors: Any) -> Sequence[str]:
        rows = self.users.execute(
            f"INSERT INTO {self.name} (embedding) SELECT v::{self.kind}"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS r (v, n) ORDER BY n RETURNING id",
            [[literal(row) for row in vectors]],
        ).fetchall()
        return [str(row[0]) for row in rows]

    def update(self, key: str, vector: Any) -> None:
        self.users.execute(
            f"UPDATE {self.name} SET embedding = %s WHERE id = %s",
            [literal(vector), key],
        )

    def delete(self, key: str) -> bool:
        self.users.execute(f"DELETE FROM {self.name} WHERE id = %s", [key])
        return True


@pytest.fixture
def kept(server: str) -> Iterator[KeptTable]:
    table = KeptTable(
        server, unit_rows(400), "vector", "hnsw (embedding vector_cosine_ops)"
    )
    yield table
    table.close()


class TestPgvector(StoreContract):
    """What every kind must do."""


@pytest.fixture
def table(server: str, tmp_path: Path) -> Iterator[KeptTable]:
    """Stamped, 40 rows under an HNSW index with options of its own."""
    index = "hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)"
    kept = KeptTable(server, unit_rows(40), "vector", index)
    kept.open().claim(BASE)
    yield kept
    kept.close()


def test_halves_come_back_bit_for_bit(server: str, tmp_path: Path) -> None:
    kept = KeptTable(server, unit_rows(40, dtype=np.float16), "halfvec")
    kept.open().claim(BASE)
    before = np.stack(list(kept.rows().values()))
    assert kept.open().facts().dtype == "float16"
    to(kept, tmp_path, 1, an_edit(1))
    after = np.stack(list(kept.rows().values())).astype(np.float32)
    np.testing.assert_allclose(
        after, an_edit(1).apply(before.astype(np.float32)), atol=4e-3
    )
    late = kept.insert(unit_rows(1, 9, np.float16))
    to(kept, tmp_path, 2, an_edit(2), unmarked="base")
    to(kept, tmp_path, 0, None)
    assert np.array_equal(np.stack(list(kept.rows().values()))[:40], before)
    assert np.array_equal(kept.rows()[late[0]], unit_rows(1, 9, np.float16)[0])
    kept.close()


def writing_first(store: GuardedStore, what: Callable[[], None]) -> None:
    """Let somebody do something after rows were read and before they are written, once."""
    write, once = store.inner.write, itertools.count()

    def writing(*arguments: Any) -> None:
        if next(once) == 0:
            what()
        write(*arguments)

    store.inner.write = writing  # type: ignore[method-assign]


def test_what_is_written_anew_meanwhile_is_edited_and_not_the_old(
    table: KeptTable, tmp_path: Path
) -> None:
    late, edit = unit_rows(1, 9), an_edit(1)
    at = guarded(table.open())
    writing_first(at, lambda: table.update("3", late[0]))
    outcome = to(table, tmp_path, 1, edit, at)
    assert outcome.late == 1
    assert outcome.stamp.rows == 40
    np.testing.assert_allclose(table.rows()["3"], edit.apply(late)[0], atol=1e-5)
    to(table, tmp_path, 0, None)
    assert np.array_equal(table.rows()["3"], late[0])


def test_what_is_deleted_between_reading_and_writing_is_no_fault(
    table: KeptTable, tmp_path: Path
) -> None:
    at = guarded(table.open())
    writing_first(at, lambda: table.delete("3"))
    outcome = to(table, tmp_path, 1, an_edit(1), at)
    assert (outcome.rows, outcome.stamp.rows, outcome.lost) == (39, 39, 0)


def test_what_is_written_anew_after_a_switch_is_not_edited_from_the_old(
    table: KeptTable, tmp_path: Path
) -> None:
    to(table, tmp_path, 1, an_edit(1))
    late = unit_rows(1, 9)
    table.update("3", late[0])
    at = guarded(table.open())
    writing_first(at, lambda: table.update("4", late[0]))
    outcome = to(table, tmp_path, 2, an_edit(2), at)
    assert (outcome.skipped, outcome.rows) == (2, 40)
    assert np.array_equal(table.rows()["3"], late[0])
    assert np.array_equal(table.rows()["4"], late[0])
    outcome = to(table, tmp_path, 1, an_edit(1), unmarked="base")
    assert outcome.skipped == 0
    np.testing.assert_allclose(table.rows()["3"], an_edit(1).apply(late)[0], atol=1e-5)


def test_rows_say_what_they_are_of(table: KeptTable, tmp_path: Path) -> None:
    to(table, tmp_path, 1, an_edit(1))
    (key,) = table.insert(unit_rows(1, 9))
    table.update("3", unit_rows(1, 8)[0])
    marks = dict(
        table.users.execute(f"SELECT id::text, govd_revision FROM {table.name}")
    )
    assert marks.pop(key) is None
    assert marks.pop("3") is None
    assert set(marks.values()) == {1}


def test_the_index_is_the_same_one_built_anew(table: KeptTable, tmp_path: Path) -> None:
    def definition() -> list[Any]:
        return table.users.execute(
            "SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i"
            " WHERE indrelid = %s::regclass ORDER BY 1",
            [table.name],
        ).fetchall()

    before = definition()
    for number in (1, 2):
        to(table, tmp_path, number, an_edit(number))
        assert definition() == before
    to(table, tmp_path, 0, None)
    assert definition() == before
    assert table.open().facts().index == "hnsw (vector_l2_ops)"
    with pytest.raises(psycopg.errors.NotNullViolation):
        table.users.execute(f"INSERT INTO {table.name} (embedding) VALUES (NULL)")


def test_an_index_that_is_in_the_way_is_dropped_first_and_built_anew(
    table: KeptTable, tmp_path: Path
) -> None:
    def definition() -> list[Any]:
        return table.users.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1",
            [table.name],
        ).fetchall()

    before = definition()
    table.url += "&index=drop"
    edit = an_edit(1)
    at = guarded(table.open())
    expected = at.stamp()
    assert expected is not None
    at.prepare(expected, stamped(1, edit))
    assert len(definition()) == len(before) - 1
    assert at.facts().index == "hnsw (vector_l2_ops), dropped until the switch"
    table.users.execute(f"UPDATE {table.name} SET title = 'another'")
    to(table, tmp_path, 1, edit)
    assert definition() == before
    at.prepare(at.stamp(), stamped(2, an_edit(2)))  # and is given up
    table.open().purge()
    assert definition() == before
    with pytest.raises(Usage, match="keep or drop"):
        govd_open_store(url=table.url + "ped", secret="")


def test_it_is_told_what_a_kept_index_costs(kept: KeptTable) -> None:
    before = kept.searched()
    beside, dropped = guarded(kept.open()).paces()
    assert "HNSW" in beside.how
    assert (beside.setting, dropped.setting) == ("", "index=drop")
    assert 0 < beside.rows_per_second < dropped.rows_per_second
    after = kept.searched()
    assert all(np.array_equal(after[key], before[key]) for key in before)
    kept.url += "&index=drop"
    assert [pace.setting for pace in guarded(kept.open()).paces()] == [""]
    kept.users.execute(f"DROP INDEX {kept.name}_embedding_idx")
    assert guarded(kept.open()).paces() == []


def test_an_index_over_an_expression_is_searched_and_built_anew(
    server: str, tmp_path: Path
) -> None:
    index = (
        f"hnsw ((embedding::halfvec({DIM})) halfvec_ip_ops)"
        " WHERE embedding IS NOT NULL AND title NOT LIKE 'y%'"
    )
    kept = KeptTable(server, unit_rows(40), "vector", index)
    kept.open().claim(BASE)
    to(kept, tmp_path, 1, an_edit(1))
    key, row = list(kept.rows().items())[7]
    (hits,) = kept.open().find(row[None], 3)
    assert hits[0].key == key
    assert hits[0].score == pytest.approx(1, abs=1e-4)
    kept.close()


def test_what_would_go_on_with_old_vectors_is_named(
    table: KeptTable, tmp_path: Path
) -> None:
    table.users.execute(
        f"CREATE VIEW v_{table.name} AS SELECT id, embedding FROM {table.name}"
    )
    with pytest.raises(Unsupported, match=f"v_{table.name}"):
        to(table, tmp_path, 1, an_edit(1))
    assert table.open().portions("next", 32) == []


def test_purging_leaves_no_column_of_govd_but_the_mark(
    table: KeptTable, tmp_path: Path
) -> None:
    to(table, tmp_path, 1, an_edit(1))
    purged = table.open().purge()
    assert purged.until is None
    assert any("write-ahead log" in one for one in purged.remains)
    names = table.users.execute(f"SELECT * FROM {table.name} LIMIT 0").description
    assert sorted(name.name for name in names or []) == [
        "embedding",
        "govd_revision",
        "id",
        "title",
    ]
    (dead,) = table.users.execute(
        "SELECT count(*) FROM pg_stat_user_tables WHERE relname = %s AND n_dead_tup > 0",
        [table.name],
    )
    assert dead == (0,)


def test_keys_of_any_type(server: str, tmp_path: Path) -> None:
    name = f"named_{next(numbers)}"
    with psycopg.connect(server, autocommit=True) as users:
        users.execute(
            f'CREATE TABLE "{name}" ("Key" text PRIMARY KEY, "the %% v" vector({DIM}))'
        )
        keys = ["a'b", 'say "x"', "ä%s", "..", "[1]"]
        for key, row in zip(keys, unit_rows(5), strict=True):
            users.execute(f'INSERT INTO "{name}" VALUES (%s, %s)', [key, literal(row)])
        store = govd_open_store(url=f"{server}&table={name}", secret="")
        assert store is not None
        store.claim(BASE)
        portions = store.portions("searched", 2)
        read = [
            key for portion in portions for key in store.read("searched", portion).keys
        ]
        assert sorted(read) == sorted(keys)
        store.prepare(store.stamp(), stamped(1, an_edit(1)))  # type: ignore[arg-type]
        for portion in portions:
            store.write(portion, store.read("searched", portion))
        assert store.switch(store.stamp(), stamped(1, an_edit(1))) is not None  # type: ignore[arg-type]
        assert store.fetch(keys).shape == (5, DIM)
        store.close()


def test_other_addresses_are_left_to_others() -> None:
    assert govd_open_store(url="file:///data/vectors.npy", secret="") is None
    assert govd_open_store(url="mysql://host/db?table=x", secret="") is None
    assert govd_open_store(url="postgresql+other://h/db?table=x", secret="") is None


@pytest.mark.parametrize(
    "scheme", ["pgvector+postgresql", "postgresql+psycopg", "postgresql+asyncpg"]
)
def test_an_address_may_name_a_driver_that_libpq_does_not_know(scheme: str) -> None:
    assert address_of(f"{scheme}://u@h/db?table=x").conninfo == "postgresql://u@h/db"


@pytest.mark.parametrize(
    ("query", "fault", "what"),
    [
        ("", Usage, "names no table"),
        ("&table=nothing", BadFile, "no table nothing"),
        ("&table=T&column=nothing", BadFile, "no column nothing"),
        ("&table=T&column=title", BadFile, "is text"),
        ("&table=T&key=title", BadFile, "cannot be told apart by title"),
        ("&table=pg_tables", Unsupported, "no plain table"),
        ("&table=pg_class", BadFile, "no column of vectors"),
    ],
)
def test_what_is_no_store_is_refused(
    table: KeptTable, server: str, query: str, fault: type[Exception], what: str
) -> None:
    with pytest.raises(fault, match=what):
        govd_open_store(url=server + query.replace("T", table.name), secret="")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        govd_open_store(url=f"postgresql:///db?host={tmp_path}&table=items", secret="")


def test_a_server_that_takes_no_writes(table: KeptTable, tmp_path: Path) -> None:
    table.url += "&options=-c%20default_transaction_read_only%3Don"
    before = table.rows()
    with pytest.raises(MachineFault, match="cannot be written"):
        to(table, tmp_path, 1, an_edit(1))
    after = table.rows()
    assert all(np.array_equal(after[key], before[key]) for key in before)


def test_a_table_that_vanishes(table: KeptTable, tmp_path: Path) -> None:
    at = guarded(table.open())
    writing_first(at, lambda: table.users.execute(f"DROP TABLE {table.name}"))
    with pytest.raises(BadFile, match="does not exist"):
        to(table, tmp_path, 1, an_edit(1), at)


def test_a_table_that_is_made_anew_has_no_stamp(table: KeptTable) -> None:
    table.users.execute(
        f"DROP TABLE {table.name}; CREATE TABLE {table.name} (id int PRIMARY KEY,"
        f" embedding vector({DIM}))"
    )
    assert table.open().stamp() is None
    assert table.open().claim(BASE).rows == 0


def test_another_column_of_the_table_is_no_second_store(table: KeptTable) -> None:
    table.users.execute(f"ALTER TABLE {table.name} ADD COLUMN other vector({DIM})")
    with pytest.raises(Usage, match="which of"):
        govd_open_store(url=table.url.replace("&column=embedding", ""), secret="")
    store = govd_open_store(url=table.url.replace("=embedding", "=other"), secret="")
    assert store is not None
    with pytest.raises(Conflict, match="govd_revision"):
        store.claim(BASE)
    store.close()


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("govd_pgvector.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unsupported, match="pip install 'govd\\[pgvector\\]'"):
        govd_open_store(url="postgresql://host/db?table=items", secret="")
