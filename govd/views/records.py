"""What is asked of the ledger, in tables of their own: derived from the entries, made anew from
them at any time, trusted by no proof.

How they are stored is in `sealed_tables`. Every question is answered along an index: by one of the
filters where few match it, else in the order of entries or records until enough are found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from govd.records.record import StoredRecord
from govd.types import Json, Record
from govd.views.by_kind import NEVER, ByKind
from govd.views.filters import OF_ENTRIES, OF_REQUESTS, WORDS, conditions, given_filters
from govd.views.sealed_tables import ROW, VERSION, mended
from govd.views.seals import Cell

__all__ = ["VERSION", "Records", "line", "row"]

FEW: Final = 1000
"""Records that are looked up one by one; where more match, entries or records are read in their
order until enough are found.
"""
MANY: Final = 10_000
"""Rows that are counted, or gone through, to find out whether few match."""


@dataclass
class EntryQuery:
    """A question for entries as it is put together: conditions with their values; the columns that
    must equal a value, of which one's index is used; the first and the last entry that can match.
    One bound each: the database would use the first that it sees.
    """

    where: list[str] = field(default_factory=list)
    values: list[Cell] = field(default_factory=list)
    equal: list[tuple[str, str]] = field(default_factory=list)
    start: int = 0
    stop: int = NEVER

    def add(self, condition: str, *values: str) -> None:
        """Another condition, with the values of its question marks."""
        self.where.append(condition)
        self.values += values


class Records(ByKind):
    """The derived tables of one ledger, and what is asked of them."""

    @mended
    def get(self, noun: str, key: str) -> dict[str, Json] | None:
        """One record.

        Raises:
            BadFile: it is not as it was written.
        """
        rows = self._ask(
            f"SELECT {ROW}, seal FROM records WHERE noun = ? AND key = ?", (noun, key)
        )
        return self._read(rows[0]) if rows else None

    @mended
    def starting(self, noun: str, prefix: str) -> list[str]:
        """Keys that begin so, three at most."""
        values = (noun, prefix, prefix + "\U0010ffff")
        return [
            key
            for (key,) in self._ask(
                "SELECT key FROM records WHERE noun = ? AND key >= ? AND key < ? LIMIT 3",
                values,
            )
        ]

    @mended
    def live(self, noun: str) -> list[tuple[str, dict[str, Json]]]:
        """Keys and records that something can still happen to, in the order of their first
        entry.
        """
        query = f"SELECT {ROW}, seal FROM records WHERE noun = ? AND live ORDER BY seq"
        return [(row[1], self._read(row)) for row in self._ask(query, (noun,))]

    @mended
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
        """Records in the order of their first entry (`newest`: the other way round), from the one
        after entry `after`.

        `state` and `model` equal; `since` ≤ time of the first entry < `until`; other terms are
        words that the record has.
        """
        query, values = self.finding(
            noun,
            after=after,
            limit=limit,
            newest=newest,
            since=since,
            until=until,
            **terms,
        )
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
    ) -> tuple[str, list[Cell]]:
        """What `find` asks of the database, and with which values.

        Raises:
            Usage: an unknown term.
        """
        words = given_filters(terms, ("state", "model", *WORDS))
        # an index has states and models in order
        few = self._few(noun, words) if any(term in WORDS for term in words) else None
        where, table = ["records.noun = ?"], "records"
        values: list[Cell] = [noun]
        if few is not None:  # `CROSS`: in this order
            table, values = (
                "json_each(?) AS few CROSS JOIN records",
                [json.dumps(few), *values],
            )
            where.append("records.key = few.value")
        for term, word in words.items():
            if term == "model" or (term == "state" and few is None):
                where.append(f"records.{term} = ?")
                values.append(word)
            elif few is None:
                (condition,) = conditions(noun, {term: word})
                where.append(condition.holds("records.key"))
                values += condition.values
        # one bound each: the first is the one that is used
        start = 0 if since is None else int(self.at(since, -1, before=True) or 0) + 1
        stop = NEVER if until is None else int(self.at(until, -1, before=True) or 0)
        if after is not None:
            start, stop = (
                (start, min(stop, int(after) - 1))
                if newest
                else (max(start, int(after) + 1), stop)
            )
        where += [f"records.seq >= {start}", f"records.seq <= {stop}"]
        columns = ", ".join(
            f"records.{name.strip()}" for name in (*ROW.split(","), "seal")
        )
        query = (
            f"SELECT {columns} FROM {table} WHERE {' AND '.join(where)} ORDER BY records.seq"
            f" {'DESC' if newest else 'ASC'}"
        )
        return f"{query} LIMIT {-1 if limit is None else int(limit)}", values

    def _few(self, noun: str, terms: Mapping[str, str]) -> list[str] | None:
        """Keys of the records that have all these words and this state, where they are few and are
        found among not too many; else None.
        """
        all_of = conditions(noun, terms)
        counted = [(self._count(c.keys(), c.values), n) for n, c in enumerate(all_of)]
        if not counted or min(counted)[0] > MANY:
            return None
        rarest = all_of.pop(min(counted)[1])
        query = " AND ".join(
            [rarest.keys(), *(c.holds(f"{rarest.table}.key") for c in all_of)]
        )
        values = [value for c in (rarest, *all_of) for value in c.values]
        keys = self._ask(f"{query} LIMIT {FEW + 1}", values)
        return [key for (key,) in keys] if len(keys) <= FEW else None

    def _count(self, query: str, values: Sequence[Cell]) -> int:
        """How many rows there are, up to one more than `MANY`."""
        ((count,),) = self._ask(
            f"SELECT count(*) FROM ({query} LIMIT {MANY + 1})", values
        )
        return int(count)

    @mended
    def at(
        self, time: str | None, default: int | None, before: bool = False
    ) -> int | None:
        """The last entry that was made up to a time (`before`: before it), `default` where there is
        none or no time.
        """
        if time is None:
            return default
        query = (
            f"SELECT seq FROM log WHERE time {'<' if before else '<='} ? ORDER BY time DESC, seq"
            " DESC LIMIT 1"
        )
        rows = self._ask(query, (time,))
        return int(rows[0][0]) if rows else -1

    def _first(self, time: str) -> int:
        """The first entry that was made from a time on; where there is none, one that will not
        be.
        """
        rows = self._ask(
            "SELECT seq FROM log WHERE time >= ? ORDER BY time, seq LIMIT 1", (time,)
        )
        return int(rows[0][0]) if rows else NEVER

    @mended
    def latest(self) -> str:
        """The greatest time of all entries that were read; empty where there are none."""
        ((time,),) = self._ask("SELECT max(time) FROM log")
        return "" if time is None else str(time)

    @mended
    def last(self, kind: str, subject: str, seq: int) -> int | None:
        """The last entry of a kind about a subject up to entry `seq`."""
        query = (
            "SELECT seq FROM log WHERE subject = ? AND kind = ? AND seq <= ? ORDER BY seq DESC"
            " LIMIT 1"
        )
        rows = self._ask(query, (subject, kind, seq))
        return int(rows[0][0]) if rows else None

    @mended
    def published(self, model: str, seq: int) -> tuple[int, int] | None:
        """Number of the revision that was published after entry `seq`, and the entry that published
        it.
        """
        query = (
            "SELECT number, start FROM spans WHERE model = ? AND start <= ? ORDER BY start DESC"
            " LIMIT 1"
        )
        rows = self._ask(query, (model, seq))
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    @mended
    def keys(self, term: str, word: str, noun: str) -> list[str]:
        """Keys of the records that have a word."""
        return [
            key
            for (key,) in self._ask(
                "SELECT key FROM terms WHERE term = ? AND word = ? AND noun = ?",
                (term, word, noun),
            )
        ]

    @mended
    def seqs(
        self, after: int | None = None, limit: int = 100, **filters: str | None
    ) -> list[int]:
        """Numbers of entries that match all filters, in order, from the one after entry `after`.

        `actor`, `subject`, `model` equal, `kind` equal or its noun, `since` ≤ time < `until`,
        `policy` of a vote; `state`, `concept`, `domain` and `filed_by` of the request that an entry
        is about.
        """
        query, values = self.asking(after, limit, **filters)
        return [seq for (seq,) in self._ask(query, values)]

    def asking(
        self, after: int | None = None, limit: int = 100, **filters: str | None
    ) -> tuple[str, list[Cell]]:
        """What `seqs` asks of the database, and with which values.

        Raises:
            Usage: an unknown filter.
        """
        given = given_filters(filters, (*OF_ENTRIES, *OF_REQUESTS))
        query = self._of_entries(given, after)
        about = {name: word for name, word in given.items() if name in OF_REQUESTS}
        few = self._few("request", about)
        if few is None:
            self._of_requests(query, about)
            table = f"log {self._along(query.equal)}"
        else:
            query.where.append("log.subject IN (SELECT value FROM json_each(?))")
            query.values.append(json.dumps(few))
            table = "log INDEXED BY log_by_subject"
        where = [*query.where, f"log.seq >= {query.start}", f"log.seq <= {query.stop}"]
        text = (
            f"SELECT log.seq FROM {table} WHERE {' AND '.join(where)} ORDER BY log.seq LIMIT"
            f" {int(limit)}"
        )
        return text, query.values

    def _of_entries(self, given: Mapping[str, str], after: int | None) -> EntryQuery:
        """Conditions on entries by what they say themselves."""
        query = EntryQuery(start=0 if after is None else max(0, int(after) + 1))
        for name, value in given.items():
            if name == "since":
                query.start = max(query.start, self._first(value))
                # `+`: in the order of entries, not by the index of times, which it would sort
                query.add("+log.time >= ?", value)
            elif name == "until":
                query.stop = int(self.at(value, -1, before=True) or 0)
                query.add("+log.time < ?", value)
            elif name in OF_ENTRIES:
                column = "noun" if name == "kind" and "." not in value else name
                query.equal.append((column, value))
                query.add(f"log.{column} = ?", value)
        return query

    def _of_requests(self, query: EntryQuery, about: Mapping[str, str]) -> None:
        """Add conditions on the requests that entries are about."""
        if about:
            query.equal.append(("noun", "request"))
            query.add("log.noun = 'request'")
        for condition in conditions("request", about):
            query.add(condition.holds("log.subject"), *condition.values)
        if "state" in about:
            first = self._ask(
                "SELECT seq FROM records WHERE noun = 'request' AND state = ? ORDER BY seq LIMIT 1",
                (about["state"],),
            )
            query.start = max(query.start, int(first[0][0]))

    def _along(self, equal: Sequence[tuple[str, str]]) -> str:
        """The index of the column whose value is the rarest."""
        if len(equal) < 2:
            return f"INDEXED BY log_by_{equal[0][0]}" if equal else ""
        counted = [
            (self._count(f"SELECT 1 FROM log WHERE {column} = ?", (value,)), column)
            for column, value in equal
        ]
        return f"INDEXED BY log_by_{min(counted)[1]}"


def line(entry: Record, latest: str = "") -> tuple[Cell, ...]:
    """An entry as `add_log` takes it. `latest`: the greatest time of those before it."""
    kind = str(entry["kind"])
    policy = entry["payload"].get("policy") if kind == "request.vote" else None
    return (
        entry["seq"],
        max(entry["time"], latest),
        entry["actor"],
        kind,
        kind.partition(".")[0],
        entry["subject"],
        entry.get("model", ""),
        None if policy is None else str(policy),
    )


def row(
    noun: str, key: str, record: StoredRecord, live: bool, seq: int
) -> tuple[Cell, ...]:
    """A record as `put` takes it."""
    text = json.dumps(record.as_json(), ensure_ascii=False, separators=(",", ":"))
    return (
        noun,
        key,
        str(record.get("model") or ""),
        str(record.get("state") or ""),
        int(live),
        seq,
        record.get("due_at"),
        text,
    )
