"""The log of entries, asked by kind, by time, and by the request that an entry is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from govd.views.filters import OF_ENTRIES, OF_REQUESTS, conditions, given_filters
from govd.views.rarity import Rarity
from govd.views.sealed_tables import mended
from govd.views.seals import Cell

NEVER: Final = 2**62
"""An entry number that no ledger reaches."""


@dataclass
class EntryQuery:
    """A question for entries as it is put together: conditions with their values; the columns that
    must equal a value, of which one's index is used; the first and the last entry that can match.
    One bound each: the database would use the first that it sees.
    """

    clauses: list[str] = field(default_factory=list)
    values: list[Cell] = field(default_factory=list)
    equal: list[tuple[str, str]] = field(default_factory=list)
    start: int = 0
    stop: int = NEVER

    def add(self, condition: str, *values: str) -> None:
        """Another condition, with the values of its question marks."""
        self.clauses.append(condition)
        self.values += values


class Log(Rarity):
    """What is asked of the entries."""

    @mended
    def of_kinds(
        self,
        kinds: Iterable[str],
        after: int = -1,
        limit: int = 100,
        newest: bool = False,
        **equal: str,
    ) -> list[int]:
        """Numbers of the entries of these kinds after entry `after`, in order (`newest`: before
        it, where it is not -1, the other way round); `equal`: what columns must equal.
        """
        # `+`: along the entries or the columns that must be equal; an index of kinds would have to
        # sort all that match, of which a few are wanted
        clauses = [
            "+kind IN (SELECT value FROM json_each(?))",
            f"seq {'<' if newest else '>'} ?",
        ]
        clauses += [f"{column} = ?" for column in equal]
        start = NEVER if newest and after < 0 else after
        query = f"SELECT seq FROM log WHERE {' AND '.join(clauses)} ORDER BY seq"
        values = (json.dumps(sorted(kinds)), start, *equal.values(), limit)
        rows = self._ask(f"{query} {'DESC' if newest else 'ASC'} LIMIT ?", values)
        return [seq for (seq,) in rows]

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
        words = given_filters(filters, (*OF_ENTRIES, *OF_REQUESTS))
        query = self._of_entries(words, after)
        of_requests = {
            name: word for name, word in words.items() if name in OF_REQUESTS
        }
        few = self._few("request", of_requests)
        if few is None:
            self._of_requests(query, of_requests)
            table = f"log {self._along(query.equal)}"
        else:
            query.clauses.append("log.subject IN (SELECT value FROM json_each(?))")
            query.values.append(json.dumps(few))
            table = "log INDEXED BY log_by_subject"
        clauses = [
            *query.clauses,
            f"log.seq >= {query.start}",
            f"log.seq <= {query.stop}",
        ]
        text = (
            f"SELECT log.seq FROM {table} WHERE {' AND '.join(clauses)} ORDER BY log.seq LIMIT"
            f" {int(limit)}"
        )
        return text, query.values

    def _of_entries(self, words: Mapping[str, str], after: int | None) -> EntryQuery:
        """Conditions on entries by what they say themselves."""
        query = EntryQuery(start=0 if after is None else max(0, int(after) + 1))
        for name, value in words.items():
            if name == "since":
                query.start = max(query.start, self._first(value))
                # `+`: in the order of entries, not by the index of times, which it would sort
                query.add("+log.time >= ?", value)
            elif name == "until":
                query.stop = int(self.at(value, -1, before=True) or 0)
                query.add("+log.time < ?", value)
            elif name in OF_ENTRIES:
                column = name
                if name == "kind" and "." not in value:
                    column = "noun"
                query.equal.append((column, value))
                query.add(f"log.{column} = ?", value)
        return query

    def _of_requests(self, query: EntryQuery, words: Mapping[str, str]) -> None:
        """Add conditions on the requests that entries are about."""
        if words:
            query.equal.append(("noun", "request"))
            query.add("log.noun = 'request'")
        for condition in conditions("request", words):
            query.add(condition.holds("log.subject"), *condition.values)
        if "state" in words:
            first = self._ask(
                "SELECT seq FROM records WHERE noun = 'request' AND state = ? ORDER BY seq LIMIT 1",
                (words["state"],),
            )
            query.start = max(query.start, int(first[0][0]))

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
