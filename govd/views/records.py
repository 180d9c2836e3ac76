"""What is asked of the ledger, in tables of their own: derived from the entries, made anew from
them at any time, trusted by no proof.

How they are stored is in `sealed_tables`. Every question is answered along an index: by one of the
filters where few match it, else in the order of entries or records until enough are found.
"""

from __future__ import annotations

import json

from govd.types import Json
from govd.views.filters import WORDS, conditions, given_filters
from govd.views.log import NEVER, Log
from govd.views.sealed_tables import ROW, VERSION, mended
from govd.views.seals import Cell

__all__ = ["VERSION", "Records"]


class Records(Log):
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
        """Keys with this prefix, at most three."""
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
        """Keys and records that can still change, in the order of their first entry."""
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
        table = "records"
        clauses = ["records.noun = ?"]
        values = [noun]
        if few is not None:  # `CROSS`: in this order
            table = "json_each(?) AS few CROSS JOIN records"
            clauses.append("records.key = few.value")
            values.insert(0, json.dumps(few))
        for term, word in words.items():
            if term == "model" or (term == "state" and few is None):
                clauses.append(f"records.{term} = ?")
                values.append(word)
            elif few is None:
                (condition,) = conditions(noun, {term: word})
                clauses.append(condition.holds("records.key"))
                values += condition.values
        # one bound each: the first is the one that is used
        start, stop = self._entries_between(since, until)
        if after is not None and newest:
            stop = min(stop, int(after) - 1)
        elif after is not None:
            start = max(start, int(after) + 1)
        clauses += [f"records.seq >= {start}", f"records.seq <= {stop}"]
        names = [name.strip() for name in (*ROW.split(","), "seal")]
        columns = ", ".join(f"records.{name}" for name in names)
        query = (
            f"SELECT {columns} FROM {table} WHERE {' AND '.join(clauses)} ORDER BY records.seq"
            f" {'DESC' if newest else 'ASC'}"
        )
        return f"{query} LIMIT {-1 if limit is None else int(limit)}", [*values]

    def _entries_between(self, since: str | None, until: str | None) -> tuple[int, int]:
        """The first and the last entry that can be of `since` ≤ time < `until`."""
        start = 0
        stop = NEVER
        if since is not None:
            start = int(self.at(since, -1, before=True) or 0) + 1
        if until is not None:
            stop = int(self.at(until, -1, before=True) or 0)
        return start, stop

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
