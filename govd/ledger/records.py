"""What is asked of the ledger, in tables of their own: derived from the entries, made anew from them at any time, trusted by no proof.

They lie in a second database beside the ledger, written without waiting for the disk: after a crash they continue from the entry that
they had read last. `log` has a line for each entry; `records` has models, requests, revisions, … as JSON; `terms` finds records by what
they name; `spans` says which revision was published from which entry on. The SQL views `requests`, `revisions`, `votes`, `models`,
`contributions` and `exports` are for people and their tools.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile, MachineFault, Usage
from govd.ledger import canonical
from govd.types import Json

#: Changed whenever these tables or what is folded into them change: older ones are then made anew.
VERSION: Final = "1"
STEPS: Final = 200
"""Entries that are looked at around a moment: a clock that was set back may have put them out of order."""
LOG: Final = ("seq", "time", "actor", "kind", "subject", "model")

SCHEMA: Final = """
CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 0), version TEXT, origin TEXT, size INTEGER, last TEXT) STRICT;
CREATE TABLE log (seq INTEGER PRIMARY KEY, time TEXT, actor TEXT, kind TEXT, subject TEXT, model TEXT) STRICT;
CREATE INDEX log_by_time ON log (time, seq);
CREATE INDEX log_by_actor ON log (actor, seq);
CREATE INDEX log_by_kind ON log (kind, seq);
CREATE INDEX log_by_subject ON log (subject, seq);
CREATE INDEX log_by_model ON log (model, seq);
CREATE TABLE records (
  noun TEXT, key TEXT, model TEXT, state TEXT, live INTEGER, seq INTEGER, due TEXT, record TEXT, PRIMARY KEY (noun, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_in_order ON records (noun, seq);
CREATE INDEX records_by_state ON records (noun, state, seq);
CREATE INDEX records_by_model ON records (noun, model, seq);
CREATE INDEX records_live ON records (noun, seq) WHERE live;
CREATE TABLE terms (term TEXT, word TEXT, noun TEXT, key TEXT, PRIMARY KEY (term, word, noun, key)) STRICT, WITHOUT ROWID;
CREATE TABLE spans (model TEXT, start INTEGER, number INTEGER, PRIMARY KEY (model, start)) STRICT, WITHOUT ROWID;
CREATE VIEW requests AS SELECT key AS id, record ->> 'kind' AS kind, model, state, record ->> 'state_reason' AS state_reason,
  (SELECT group_concat(value ->> 'name', ', ') FROM json_each(record, '$.concepts')) AS concepts,
  (SELECT group_concat(value, ', ') FROM json_each(record, '$.domains')) AS domains, record ->> 'method' AS method,
  record ->> 'target' AS target, record ->> 'strength' AS strength, record ->> 'reason' AS reason, record ->> 'basis' AS basis,
  record ->> 'ticket' AS ticket, record ->> 'filed_at' AS filed_at, record ->> 'filed_by' AS filed_by, record ->> 'served_at' AS served_at,
  record ->> 'due_at' AS due_at, record ->> 'expires_at' AS expires_at, record ->> 'revision' AS revision,
  record ->> 'reverts' AS reverts, record ->> 'contribution' AS contribution, seq AS entry FROM records WHERE noun = 'request';
CREATE VIEW revisions AS SELECT model, record ->> 'number' AS number, state, record ->> 'edit_digest' AS edit_digest,
  record ->> 'rank' AS rank, record ->> 'published_at' AS published_at, record ->> 'tree_size' AS tree_size,
  record ->> '$.metrics.forget_acc' AS forget_acc, record ->> '$.metrics.retain_acc' AS retain_acc,
  record ->> '$.metrics.retain_agreement' AS retain_agreement, seq AS entry FROM records WHERE noun = 'revision';
CREATE VIEW votes AS SELECT records.key AS request, records.model AS model, value ->> 'at' AS at, value ->> 'moment' AS moment,
  value ->> 'policy' AS policy, value ->> 'decision' AS decision, value ->> 'reason' AS reason
  FROM records, json_each(records.record, '$.votes') WHERE noun = 'request';
CREATE VIEW models AS SELECT key AS name, record ->> 'reference' AS reference, record ->> 'digest' AS digest,
  record ->> 'added_at' AS added_at, record ->> 'use' AS use, record ->> 'side' AS side FROM records WHERE noun = 'model';
CREATE VIEW contributions AS SELECT key AS digest, record ->> 'artifact' AS artifact, record ->> 'method' AS method
  FROM records WHERE noun = 'contribution';
CREATE VIEW exports AS SELECT model, record ->> 'revision' AS revision, record ->> 'format' AS format, record ->> 'recipient' AS recipient,
  record ->> 'at' AS at, record ->> 'by' AS by, seq AS entry FROM records WHERE noun = 'export';
"""


class Records:
    """The derived tables of one ledger. `path` None: in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        where = str(path or "the views")
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'position'").fetchone():
                self._db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        except sqlite3.OperationalError as fault:
            raise MachineFault(
                f"the views cannot be written ({fault})", where=where, advice="Check the home's disk (`govd doctor`)."
            ) from None
        except sqlite3.DatabaseError as fault:
            raise BadFile(f"the views are damaged ({fault})", where=where, advice="They are made anew: govd audit rebuild.") from None

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def position(self) -> dict[str, Json]:
        """Version, origin, size and the digest of the last entry of what was read; empty at first."""
        names = ("version", "origin", "size", "last")
        found = self._db.execute(f"SELECT {', '.join(names)} FROM position").fetchone()
        return dict(zip(names, found, strict=True)) if found else {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def mark(self, origin: str, size: int, last: str) -> None:
        """Say up to where entries were read."""
        self._db.execute("INSERT OR REPLACE INTO position VALUES (0, ?, ?, ?, ?)", (VERSION, origin, size, last))

    def add_log(self, rows: Iterable[Sequence[Any]]) -> None:
        """Lines of entries, as in `LOG`."""
        self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", rows)

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        """Records: noun, key, model, state, live, seq, due, JSON."""
        self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def add_terms(self, rows: Iterable[Sequence[str]]) -> None:
        """Term, word, noun, key."""
        self._db.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)", rows)

    def add_spans(self, rows: Iterable[Sequence[Any]]) -> None:
        """Model, entry that published, number of the revision."""
        self._db.executemany("INSERT OR REPLACE INTO spans VALUES (?, ?, ?)", rows)

    def get(self, noun: str, key: str) -> dict[str, Json] | None:
        """One record."""
        found = self._db.execute("SELECT record FROM records WHERE noun = ? AND key = ?", (noun, key)).fetchone()
        return json.loads(found[0]) if found else None

    def starting(self, noun: str, prefix: str) -> list[str]:
        """Keys that begin so, three at most."""
        found = self._db.execute(
            "SELECT key FROM records WHERE noun = ? AND key >= ? AND key < ? LIMIT 3", (noun, prefix, prefix + "\U0010ffff")
        )
        return [key for (key,) in found]

    def live(self, noun: str) -> list[tuple[str, dict[str, Json]]]:
        """Keys and records that something can still happen to, in the order of their first entry."""
        found = self._db.execute("SELECT key, record FROM records WHERE noun = ? AND live ORDER BY seq", (noun,))
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
        where, values = ["noun = ?"], [noun]
        order = "DESC" if newest else "ASC"
        for name in ("state", "model"):
            if terms.get(name) is not None:
                where.append(f"{name} = ?")
                values.append(str(terms[name]))
        for term, word in terms.items():
            if term not in ("state", "model") and word is not None:
                where.append("EXISTS (SELECT 1 FROM terms WHERE term = ? AND word = ? AND noun = records.noun AND key = records.key)")
                values += [term, word]
        start, stop = self.at(since, -1, before=True), self.at(until, None, before=True)
        if since is not None:
            where.append(f"seq > {start}")
        if until is not None:
            where.append(f"seq <= {stop}")
        if after is not None:
            where.append(f"seq {'<' if newest else '>'} {int(after)}")
        query = f"SELECT record FROM records WHERE {' AND '.join(where)} ORDER BY seq {order}"
        found = self._db.execute(f"{query} LIMIT {-1 if limit is None else int(limit)}", values)
        return [json.loads(record) for (record,) in found]

    def at(self, time: str | None, default: int | None, before: bool = False) -> int | None:
        """The last entry that was made up to a time (`before`: before it), `default` where there is none or no time."""
        if time is None:
            return default
        newest = f"SELECT seq FROM log WHERE time {'<' if before else '<='} ? ORDER BY time DESC LIMIT {STEPS}"
        found = self._db.execute(f"SELECT max(seq) FROM ({newest})", (time,)).fetchone()[0]
        return -1 if found is None else int(found)

    def _first(self, time: str) -> int:
        """The first entry that was made from a time on; where there is none, one that will not be."""
        found = self._db.execute(
            f"SELECT min(seq) FROM (SELECT seq FROM log WHERE time >= ? ORDER BY time LIMIT {STEPS})", (time,)
        ).fetchone()[0]
        return 2**62 if found is None else int(found)

    def published(self, model: str, seq: int) -> tuple[int, int] | None:
        """Number of the revision that was published after entry `seq`, and the entry that published it."""
        query = "SELECT number, start FROM spans WHERE model = ? AND start <= ? ORDER BY start DESC LIMIT 1"
        found = self._db.execute(query, (model, seq)).fetchone()
        return (int(found[0]), int(found[1])) if found else None

    def keys(self, term: str, word: str, noun: str) -> list[str]:
        """Keys of the records that have a word."""
        found = self._db.execute("SELECT key FROM terms WHERE term = ? AND word = ? AND noun = ?", (term, word, noun))
        return [key for (key,) in found]

    def seqs(self, after: int | None = None, limit: int = 100, **filters: str | None) -> list[int]:
        """Numbers of entries that match, in order: `actor`, `subject`, `model` equal, `kind` equal or its noun, `since` ≤ time < `until`;
        other filters are terms of the request that an entry is about."""
        where, values, table = ["1"], [], "log"
        for name, value in filters.items():
            if value is None:
                continue
            if name == "since":
                where.append(f"seq >= {self._first(value)} AND time >= ?")
            elif name == "until":
                where.append(f"seq <= {self.at(value, -1, before=True)} AND time < ?")
            elif name == "kind" and "." not in value:
                where.append("kind >= ? AND kind < ?")
                values.append(f"{value}.")
                value = f"{value}/"
            elif name in LOG:
                where.append(f"{name} = ?")
            elif name == "state":
                where.append("subject IN (SELECT key FROM records WHERE noun = 'request' AND state = ?)")
            elif name == "policy":
                where.append("kind = 'request.vote' AND subject IN (SELECT key FROM terms WHERE term = 'policy' AND word = ?)")
            else:
                where.append(f"subject IN (SELECT key FROM terms WHERE term = '{_name(name)}' AND word = ? AND noun = 'request')")
            values.append(value)
        if after is not None:
            where.append(f"seq > {int(after)}")
        found = self._db.execute(f"SELECT seq FROM {table} WHERE {' AND '.join(where)} ORDER BY seq LIMIT {int(limit)}", values)
        return [seq for (seq,) in found]

    def counts(self, noun: str) -> dict[tuple[str, str], int]:
        """How many records of each model and state."""
        found = self._db.execute("SELECT model, state, count(*) FROM records WHERE noun = ? GROUP BY model, state", (noun,))
        return {(model, state): count for model, state, count in found}

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Every row of every table but the position, in a fixed order: two that say the same are equal."""
        for table, order in (("log", "seq"), ("records", "noun, key"), ("terms", "term, word, noun, key"), ("spans", "model, start")):
            for row in self._db.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                cells = (*row[:-1], canonical.encode(json.loads(row[-1])).decode()) if table == "records" else row
                yield (table, *(str(cell) for cell in cells))


def _name(name: str) -> str:
    if not name.isidentifier():
        raise Usage(f"unknown filter {name!r}")
    return name


def row(noun: str, key: str, record: Mapping[str, Json], live: bool, seq: int) -> tuple[Any, ...]:
    """A record as `put` takes it."""
    said = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return (noun, key, str(record.get("model") or ""), str(record.get("state") or ""), int(live), seq, record.get("due_at"), said)


def query(path: Path, text: str, *, seconds: float = 10.0, limit: int = 10_000) -> tuple[list[str], list[tuple[Any, ...]], bool]:
    """A question in SQL to the views, read-only: names of the columns, rows, and whether there were more than `limit`.

    Raises:
        Usage: no such question, one that would change something, or one that takes longer than `seconds`.
    """
    import time

    ends = time.monotonic() + seconds
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        connection.set_authorizer(_allowed)
        connection.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 64 * 2**20)
        asked = connection.execute(text)
        rows = asked.fetchmany(limit + 1)
        names = [column[0] for column in asked.description or ()]
    except (sqlite3.Error, sqlite3.Warning) as error:
        what = f"it took longer than {seconds:g} s" if "interrupted" in str(error) else str(error)
        advice = "Tables: log, records, terms, spans; views: requests, revisions, votes, models, contributions, exports. Only SELECT."
        raise Usage(f"this SQL cannot be answered ({what})", advice=advice) from None
    finally:
        connection.close()
    return names, rows[:limit], len(rows) > limit


def _allowed(action: int, *_: object) -> int:
    fine = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in fine else sqlite3.SQLITE_DENY
