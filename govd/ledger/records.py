"""What is asked of the ledger, in tables of their own: derived from the entries, made anew from them at any time, trusted by no proof.

They lie in a second database beside the ledger, written without waiting for the disk: after a crash they continue from the entry that
they had read last. Their tables are in `schema`. Every question is answered along an index: by one of the filters where few match it,
else in the order of entries or records until enough are found.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile
from govd.ledger import canonical
from govd.ledger.database import fault_of
from govd.ledger.filters import OF_ENTRIES, OF_REQUESTS, WORDS, conditions, known
from govd.ledger.schema import SCHEMA
from govd.types import Json, Record

#: Changed whenever these tables or what is folded into them change: older ones are then made anew.
VERSION: Final = "5"
STEPS: Final = 200
"""Entries that are looked at around a moment: a clock that was set back may have put them out of order."""
NEVER: Final = 2**62
"""The number of an entry that there will not be."""
FEW: Final = 1000
"""Records that are looked up one by one; where more match, entries or records are read in their order until enough are found."""
MANY: Final = 10_000
"""Rows that are counted, or gone through, to find out whether few match."""


class Records:
    """The derived tables of one ledger. `path` None: in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
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
        self._put("INSERT OR REPLACE INTO position VALUES (0, ?, ?, ?, ?)", [(VERSION, origin, size, last)])

    def add_log(self, rows: Iterable[Sequence[Any]]) -> None:
        """Entries as `line` has them."""
        self._put("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        """Records: noun, key, model, state, live, seq, due, JSON."""
        self._put("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def add_terms(self, rows: Iterable[Sequence[str]]) -> None:
        """Term, word, noun, key."""
        self._put("INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)", rows)

    def add_spans(self, rows: Iterable[Sequence[Any]]) -> None:
        """Model, entry that published, number of the revision."""
        self._put("INSERT OR REPLACE INTO spans VALUES (?, ?, ?)", rows)

    def get(self, noun: str, key: str) -> dict[str, Json] | None:
        """One record."""
        found = self._ask("SELECT record FROM records WHERE noun = ? AND key = ?", (noun, key))
        return json.loads(found[0][0]) if found else None

    def starting(self, noun: str, prefix: str) -> list[str]:
        """Keys that begin so, three at most."""
        values = (noun, prefix, prefix + "\U0010ffff")
        return [key for (key,) in self._ask("SELECT key FROM records WHERE noun = ? AND key >= ? AND key < ? LIMIT 3", values)]

    def live(self, noun: str) -> list[tuple[str, dict[str, Json]]]:
        """Keys and records that something can still happen to, in the order of their first entry."""
        found = self._ask("SELECT key, record FROM records WHERE noun = ? AND live ORDER BY seq", (noun,))
        return [(key, json.loads(record)) for key, record in found]

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
        return [json.loads(record) for (record,) in self._ask(query, values)]

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
        query = f"SELECT record FROM {table} WHERE {' AND '.join(where)} ORDER BY records.seq {'DESC' if newest else 'ASC'}"
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
        newest = f"SELECT seq FROM log WHERE time {'<' if before else '<='} ? ORDER BY time DESC LIMIT {STEPS}"
        ((found,),) = self._ask(f"SELECT max(seq) FROM ({newest})", (time,))
        return -1 if found is None else int(found)

    def _first(self, time: str) -> int:
        """The first entry that was made from a time on; where there is none, one that will not be."""
        oldest = f"SELECT seq FROM log WHERE time >= ? ORDER BY time LIMIT {STEPS}"
        ((found,),) = self._ask(f"SELECT min(seq) FROM ({oldest})", (time,))
        return NEVER if found is None else int(found)

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
        """Every row of every table but the position, in a fixed order: two that say the same are equal."""
        for table, order in (("log", "seq"), ("records", "noun, key"), ("terms", "term, word, noun, key"), ("spans", "model, start")):
            with self._told():
                for row in self._db.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                    cells = (*row[:-1], canonical.encode(json.loads(row[-1])).decode()) if table == "records" else row
                    yield (table, *(str(cell) for cell in cells))


def line(entry: Record) -> tuple[Any, ...]:
    """An entry as `add_log` takes it."""
    kind = str(entry["kind"])
    policy = entry["payload"].get("policy") if kind == "request.vote" else None
    said = (entry["seq"], entry["time"], entry["actor"], kind, kind.partition(".")[0], entry["subject"], entry.get("model", ""))
    return (*said, None if policy is None else str(policy))


def row(noun: str, key: str, record: Mapping[str, Json], live: bool, seq: int) -> tuple[Any, ...]:
    """A record as `put` takes it."""
    said = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return (noun, key, str(record.get("model") or ""), str(record.get("state") or ""), int(live), seq, record.get("due_at"), said)
