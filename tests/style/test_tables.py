"""The table of databases in `govd/README.md`, held to a home and to the code that writes."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from govd.serve import answers
from govd.service.service import open_service
from govd.web import kept_answers

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "govd" / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+\.db)` \| (.*?) \| (.*?) \| (.*?) \| .*? \|$", re.M)
WRITES = re.compile(
    r"\b(?:INSERT (?:OR \w+ )?INTO|DELETE FROM|UPDATE|REPLACE INTO) (\w+) ?"
    r"(?:\(|VALUES|SELECT|WHERE|SET)"
    r"|\b(\w+)\.(?:insert|delete|update)\(\)"
)
NAME = re.compile(r"`(\w+)`")


def rows() -> dict[str, tuple[str, str, str]]:
    """Tables, where they are defined and who writes them, by file."""
    return {name: (tables, at, by) for name, tables, at, by in ROW.findall(MAP)}


def defined(database: sqlite3.Connection) -> set[str]:
    """Tables and views of a database, without SQLite's own."""
    names = database.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    )
    return {name for (name,) in names if not name.startswith("sqlite_")}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a new home's databases define, by file."""
    home = tmp_path_factory.mktemp("tables") / "home"
    with open_service(home):
        kept = {
            "idempotency.db": kept_answers.SCHEMA,
            "answers.db": answers.SCHEMA,
        }
        for name, schema in kept.items():  # made once somebody asks
            with closing(sqlite3.connect(home / name)) as database:
                database.execute(schema)
        found = {}
        for path in sorted(home.rglob("*.db")):
            with closing(sqlite3.connect(path)) as database:
                found[path.name] = defined(database)
    return found


def test_it_names_every_table_and_no_other(databases: dict[str, set[str]]) -> None:
    said = {
        name: set(NAME.findall(tables.partition(":")[0]))
        for name, (tables, _, _) in rows().items()
    }
    assert said == databases


def test_whoever_writes_to_one_is_named(databases: dict[str, set[str]]) -> None:
    tables = set().union(*databases.values())
    writing: set[tuple[str, str]] = set()
    for path in (ROOT / "govd").rglob("*.py"):
        for sql, table in WRITES.findall(path.read_text(encoding="utf-8")):
            if (sql or table) in tables:
                place = path.relative_to(ROOT / "govd").as_posix()
                writing.add((sql or table, place))
    said: set[tuple[str, str]] = set()
    for named, _, by in rows().values():
        if by.startswith("`entries`"):
            for part in by.split(";"):
                table, _, place = part.strip().partition(":")
                said |= {
                    (table.strip("`"), p) for p in re.findall(r"`([\w/]+\.py)`", place)
                }
        else:
            (place,) = re.findall(r"`([\w/]+\.py)`", by)
            of_it = named.partition(";")[0].partition(":")[0]
            said |= {(table, place) for table in NAME.findall(of_it)}
    assert len(writing) > 8
    assert writing == said


def test_they_are_defined_where_it_says() -> None:
    for name, (tables, at, _) in rows().items():
        (place,) = re.findall(r"`([\w/]+\.py)`", at)
        code = (ROOT / "govd" / place).read_text(encoding="utf-8")
        named = NAME.findall(tables.partition(":")[0])
        missing = [
            table
            for table in named
            if not re.search(rf"CREATE (TABLE|VIEW)(?: IF NOT EXISTS)? {table}\b", code)
        ]
        assert missing == [], name
