"""What is asked of the ledger, in tables of their own: derived from the entries, made anew from them at any time, trusted by no proof.

They lie in a second database beside the ledger, written without waiting for the disk: after a crash they continue from the entry that
they had read last. Their tables are in `schema`. Every question is answered along an index: by one of the filters where few match it,
else in the order of entries or records until enough are found.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile
from govd.ledger import canonical
from govd.ledger.database import fault_of
from govd.ledger.filters import OF_ENTRIES, OF_REQUESTS, WORDS, conditions, known
from govd.ledger.schema import SCHEMA
from govd.ledger.seals import Seals, added, removed
from govd.types import Json, Record

#: Changed whenever these tables or what is folded into them change: older ones are then made anew.
VERSION: Final = "8"
ROW: Final = "noun, key, model, state, live, seq, due, record"
"""A record's row without its seal."""
DEFINED: Final = "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
NEVER: Final = 2**62
"""The number of an entry that there will not be."""
FEW: Final = 1000
"""Records that are looked up one by one; where more match, entries or records are read in their order until enough are found."""
MANY: Final = 10_000
"""Rows that are counted, or gone through, to find out whether few match."""


class Records:
    """The derived tables of one ledger. `path` None: in memory. `key` seals the records: without one they are sealed for this process."""

    def __init__(self, path: Path | None, key: bytes | None = None) -> None:
        self.path = path
        self._seals = Seals(secrets.token_bytes(32) if key is None else key)
        self._live = 0  # the sum of the seals of the live records
        with self._told():
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10)
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.execute("PRAGMA cache_size=-16384")  # KiB
                if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'position'").fetchone():
                    self._db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The database's errors as govd's.

        Raises:
            BadFile: these are no views, or damaged ones. MachineFault: they cannot be written or read.
        """
        try:
            yield
        except sqlite3.Error as error:
            where, repair = str(self.path or "the views"), "They are made anew: govd audit rebuild."
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:  # these are not the tables that were made
                raise BadFile(f"the views are damaged ({error})", where=where, advice=repair) from error
            raise fault_of(error, where, "the views", repair) from error

    def _ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._told():
            return self._db.execute(query, values).fetchall()

    def _put(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._told():
            self._db.executemany(query, rows)

    def position(self) -> dict[str, Json]:
        """Version, origin, size and the digest of the last entry of what was read; empty at first."""
        names = ("version", "origin", "size", "last")
        found = self._ask(f"SELECT {', '.join(names)} FROM position")
        return dict(zip(names, found[0], strict=True)) if found else {}

    def check(self) -> None:
        """That the tables define what they should, and that the position and all live records are those that were written.

        Raises:
            BadFile: somebody else changed, added or dropped something, or put something older back.
        """
        if self._ask(DEFINED) != _defined():
            raise self._changed("they define something else than govd's tables")
        found = self._ask("SELECT version, origin, size, last, live, seal FROM position")
        said, seal = (found[0][:-1], found[0][-1]) if found else ((VERSION, "", 0, "", "0"), None)
        if found and seal != self._seals.of("position", *said):
            raise self._changed("their position is not the one that was written")
        rows = self._ask(f"SELECT {ROW}, seal FROM records WHERE live ORDER BY noun, seq")
        seals = [self._seals.record(row[:-1]) for row in rows]
        if any(seal != row[-1] for seal, row in zip(seals, rows, strict=True)) or added(0, seals) != int(said[4], 16):
            raise self._changed("their live records are not those that were written")
        self._live = int(said[4], 16)

    def _changed(self, what: str) -> BadFile:
        advice = "They are made anew from the entries: govd audit rebuild, or start anew."
        return BadFile(f"the views were changed by somebody else: {what}", where=str(self.path or "the views"), advice=advice)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction. What went wrong in it is what is told, whether or not it can be taken back."""
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    def mark(self, origin: str, size: int, last: str) -> None:
        """Say up to where entries were read."""
        said = (VERSION, origin, size, last, f"{self._live:x}")
        self._put("INSERT OR REPLACE INTO position VALUES (0, ?, ?, ?, ?, ?, ?)", [(*said, self._seals.of("position", *said))])

    def add_log(self, rows: Iterable[Sequence[Any]]) -> None:
        """Entries as `line` has them."""
        self._put("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        """Records: noun, key, model, state, live, seq, due, JSON."""
        total, sealed = self._live, []
        for row in rows:
            before = self._ask("SELECT seal FROM records WHERE noun = ? AND key = ? AND live", row[:2])
            seal = self._seals.record(row)
            total = removed(total, before[0][0] or b"") if before else total
            total = added(total, [seal]) if row[4] else total
            sealed.append((*row, seal))
        self._put("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", sealed)
        self._live = total

    def add_terms(self, rows: Iterable[Sequence[str]]) -> None:
        """Term, word, noun, key."""
        self._put("INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)", rows)

    def add_spans(self, rows: Iterable[Sequence[Any]]) -> None:
        """Model, entry that published, number of the revision."""
        self._put("INSERT OR REPLACE INTO spans VALUES (?, ?, ?)", rows)

    def get(self, noun: str, key: str) -> dict[str, Json] | None:
        """One record.

        Raises:
            BadFile: it is not as it was written.
        """
        found = self._ask(f"SELECT {ROW}, seal FROM records WHERE noun = ? AND key = ?", (noun, key))
        return self._read(found[0]) if found else None

    def _read(self, row: Sequence[Any]) -> dict[str, Json]:
        """The record of a row with its seal."""
        if self._seals.record(row[:-1]) != row[-1]:
            raise self._changed(f"the {row[0]} {str(row[1])[:40]} is not as it was written")
        record: dict[str, Json] = json.loads(row[-2])
        return record

    def starting(self, noun: str, prefix: str) -> list[str]:
        """Keys that begin so, three at most."""
        values = (noun, prefix, prefix + "\U0010ffff")
        return [key for (key,) in self._ask("SELECT key FROM records WHERE noun = ? AND key >= ? AND key < ? LIMIT 3", values)]

    def live(self, noun: str) -> list[tuple[str, dict[str, Json]]]:
        """Keys and records that something can still happen to, in the order of their first entry."""
        found = self._ask(f"SELECT {ROW}, seal FROM records WHERE noun = ? AND live ORDER BY seq", (noun,))
        return [(row[1], self._read(row)) for row in found]

    def find(
        self,
        noun: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        newest: bool = False,
        since: str | None = None,
        until: str | None = None,
        **terms: str | None,
    ) -> list[dict[str, Json]]:
        """Records in the order of their first entry (`newest`: the other way round), from the one after entry `after`.

        `state` and `model` equal; `since` ≤ time of the first entry < `until`; other terms are words that the record has.
        """
        query, values = self.finding(noun, after=after, limit=limit, newest=newest, since=since, until=until, **terms)
        return [self._read(row) for row in self._ask(query, values)]

    def finding(
        self,
        noun: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        newest: bool = False,
        since: str | None = None,
        until: str | None = None,
        **terms: str | None,
    ) -> tuple[str, list[Any]]:
        """What `find` asks of the database, and with which values.

        Raises:
            Usage: an unknown term.
        """
        asked = known(terms, ("state", "model", *WORDS))
        few = self._few(noun, asked) if any(term in WORDS for term in asked) else None  # an index has states and models in order
        where, values, table = ["records.noun = ?"], [noun], "records"
        if few is not None:  # `CROSS`: in this order
            table, values = "json_each(?) AS few CROSS JOIN records", [json.dumps(few), *values]
            where.append("records.key = few.value")
        for term, word in asked.items():
            if term == "model" or (term == "state" and few is None):
                where.append(f"records.{term} = ?")
                values.append(word)
            elif few is None:
                (condition,) = conditions(noun, {term: word})
                where.append(condition.holds("records.key"))
                values += condition.values
        start = 0 if since is None else int(self.at(since, -1, before=True) or 0) + 1  # one bound each: the first is the one that is used
        stop = NEVER if until is None else int(self.at(until, -1, before=True) or 0)
        if after is not None:
            start, stop = (start, min(stop, int(after) - 1)) if newest else (max(start, int(after) + 1), stop)
        where += [f"records.seq >= {start}", f"records.seq <= {stop}"]
        columns = ", ".join(f"records.{name.strip()}" for name in (*ROW.split(","), "seal"))
        query = f"SELECT {columns} FROM {table} WHERE {' AND '.join(where)} ORDER BY records.seq {'DESC' if newest else 'ASC'}"
        return f"{query} LIMIT {-1 if limit is None else int(limit)}", values

    def _few(self, noun: str, terms: Mapping[str, str]) -> list[str] | None:
        """Keys of the records that have all these words and this state, where they are few and are found among not too many; else None."""
        all_of = conditions(noun, terms)
        counted = [(self._count(c.keys(), c.values), n) for n, c in enumerate(all_of)]
        if not counted or min(counted)[0] > MANY:
            return None
        rarest = all_of.pop(min(counted)[1])
        query = " AND ".join([rarest.keys(), *(c.holds(f"{rarest.table}.key") for c in all_of)])
        values = [value for c in (rarest, *all_of) for value in c.values]
        keys = self._ask(f"{query} LIMIT {FEW + 1}", values)
        return [key for (key,) in keys] if len(keys) <= FEW else None

    def _count(self, query: str, values: Sequence[Any]) -> int:
        """How many rows there are, up to one more than `MANY`."""
        ((found,),) = self._ask(f"SELECT count(*) FROM ({query} LIMIT {MANY + 1})", values)
        return int(found)

    def at(self, time: str | None, default: int | None, before: bool = False) -> int | None:
        """The last entry that was made up to a time (`before`: before it), `default` where there is none or no time."""
        if time is None:
            return default
        found = self._ask(f"SELECT seq FROM log WHERE time {'<' if before else '<='} ? ORDER BY time DESC, seq DESC LIMIT 1", (time,))
        return int(found[0][0]) if found else -1

    def _first(self, time: str) -> int:
        """The first entry that was made from a time on; where there is none, one that will not be."""
        found = self._ask("SELECT seq FROM log WHERE time >= ? ORDER BY time, seq LIMIT 1", (time,))
        return int(found[0][0]) if found else NEVER

    def latest(self) -> str:
        """The greatest time of all entries that were read; empty where there are none."""
        ((found,),) = self._ask("SELECT max(time) FROM log")
        return "" if found is None else str(found)

    def last(self, kind: str, subject: str, seq: int) -> int | None:
        """The last entry of a kind about a subject up to entry `seq`."""
        query = "SELECT seq FROM log WHERE subject = ? AND kind = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
        found = self._ask(query, (subject, kind, seq))
        return int(found[0][0]) if found else None

    def published(self, model: str, seq: int) -> tuple[int, int] | None:
        """Number of the revision that was published after entry `seq`, and the entry that published it."""
        query = "SELECT number, start FROM spans WHERE model = ? AND start <= ? ORDER BY start DESC LIMIT 1"
        found = self._ask(query, (model, seq))
        return (int(found[0][0]), int(found[0][1])) if found else None

    def keys(self, term: str, word: str, noun: str) -> list[str]:
        """Keys of the records that have a word."""
        return [key for (key,) in self._ask("SELECT key FROM terms WHERE term = ? AND word = ? AND noun = ?", (term, word, noun))]

    def seqs(self, after: int | None = None, limit: int = 100, **filters: str | None) -> list[int]:
        """Numbers of entries that match all filters, in order, from the one after entry `after`.

        `actor`, `subject`, `model` equal, `kind` equal or its noun, `since` ≤ time < `until`, `policy` of a vote; `state`, `concept`,
        `domain` and `filed_by` of the request that an entry is about.
        """
        query, values = self.asking(after, limit, **filters)
        return [seq for (seq,) in self._ask(query, values)]

    def asking(self, after: int | None = None, limit: int = 100, **filters: str | None) -> tuple[str, list[Any]]:
        """What `seqs` asks of the database, and with which values.

        Raises:
            Usage: an unknown filter.
        """
        asked = known(filters, (*OF_ENTRIES, *OF_REQUESTS))
        where, values = [], []
        start, stop = 0 if after is None else max(0, int(after) + 1), NEVER  # one bound each: the database would use the first it sees
        equal: list[tuple[str, str]] = []
        for name, value in asked.items():
            if name == "since":  # `+`: in the order of entries, not by the index of times, which would have to be sorted
                start = max(start, self._first(value))
                where.append("+log.time >= ?")
            elif name == "until":
                stop = int(self.at(value, -1, before=True) or 0)
                where.append("+log.time < ?")
            elif name in OF_ENTRIES:
                column = "noun" if name == "kind" and "." not in value else name
                equal.append((column, value))
                where.append(f"log.{column} = ?")
            else:
                continue
            values.append(value)
        about = {name: value for name, value in asked.items() if name in OF_REQUESTS}
        few = self._few("request", about)
        if few is not None:
            table = "log INDEXED BY log_by_subject"
            where.append("log.subject IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(few))
        else:
            if about:
                equal.append(("noun", "request"))
                where.append("log.noun = 'request'")
            for condition in conditions("request", about):
                where.append(condition.holds("log.subject"))
                values += condition.values
            if "state" in about:
                first = self._ask("SELECT seq FROM records WHERE noun = 'request' AND state = ? ORDER BY seq LIMIT 1", (about["state"],))
                start = max(start, int(first[0][0]))
            table = f"log {self._along(equal)}"
        where += [f"log.seq >= {start}", f"log.seq <= {stop}"]
        return f"SELECT log.seq FROM {table} WHERE {' AND '.join(where)} ORDER BY log.seq LIMIT {int(limit)}", values

    def _along(self, equal: Sequence[tuple[str, str]]) -> str:
        """The index of the column whose value is the rarest."""
        if len(equal) < 2:
            return f"INDEXED BY log_by_{equal[0][0]}" if equal else ""
        counted = [(self._count(f"SELECT 1 FROM log WHERE {column} = ?", (value,)), column) for column, value in equal]
        return f"INDEXED BY log_by_{min(counted)[1]}"

    def plan(self, query: str, values: Sequence[Any]) -> list[str]:
        """How the database answers a question: its steps."""
        return [str(step[-1]) for step in self._ask(f"EXPLAIN QUERY PLAN {query}", values)]

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Every row of every table but the position, without the seals, in a fixed order: two that say the same are equal."""
        every = ("log", "*", "seq"), ("records", ROW, "noun, key"), ("terms", "*", "term, word, noun, key"), ("spans", "*", "model, start")
        for table, columns, order in every:
            with self._told():
                for row in self._db.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"):
                    cells = (*row[:-1], canonical.encode(json.loads(row[-1])).decode()) if table == "records" else row
                    yield (table, *(str(cell) for cell in cells))


@cache
def _defined() -> list[tuple[str, str, str]]:
    """What the tables define where nobody else did."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return connection.execute(DEFINED).fetchall()


def line(entry: Record, latest: str = "") -> tuple[Any, ...]:
    """An entry as `add_log` takes it. `latest`: the greatest time of those before it."""
    kind = str(entry["kind"])
    policy = entry["payload"].get("policy") if kind == "request.vote" else None
    said = (
        entry["seq"],
        max(entry["time"], latest),
        entry["actor"],
        kind,
        kind.partition(".")[0],
        entry["subject"],
        entry.get("model", ""),
    )
    return (*said, None if policy is None else str(policy))


def row(noun: str, key: str, record: Mapping[str, Json], live: bool, seq: int) -> tuple[Any, ...]:
    """A record as `put` takes it."""
    said = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return (noun, key, str(record.get("model") or ""), str(record.get("state") or ""), int(live), seq, record.get("due_at"), said)
