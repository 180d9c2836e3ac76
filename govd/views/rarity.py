"""Which condition matches the fewest rows: a question goes along its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from govd.views.filters import conditions
from govd.views.sealed_tables import SealedTables
from govd.views.seals import Cell

FEW: Final = 1000
"""Records that are looked up one by one; where more match, entries or records are read in their
order until enough are found.
"""
MANY: Final = 10_000
"""At most so many rows are counted, or gone through, to find out whether few match."""


class Rarity(SealedTables):
    """What is rare in the derived tables of one ledger."""

    def _few(self, noun: str, terms: Mapping[str, str]) -> list[str] | None:
        """Keys of the records that have all these words and this state, where they are few and are
        found among not too many; else None.
        """
        all_of = conditions(noun, terms)
        counts = [self._count(c.keys(), c.values) for c in all_of]
        if not counts or min(counts) > MANY:
            return None
        rarest = all_of.pop(counts.index(min(counts)))
        query = " AND ".join(
            [rarest.keys(), *(c.holds(f"{rarest.table}.key") for c in all_of)]
        )
        values = [value for c in (rarest, *all_of) for value in c.values]
        keys = self._ask(f"{query} LIMIT {FEW + 1}", values)
        return [key for (key,) in keys] if len(keys) <= FEW else None

    def _along(self, equal: Sequence[tuple[str, str]]) -> str:
        """The index of the column whose value is the rarest."""
        if len(equal) < 2:
            return f"INDEXED BY log_by_{equal[0][0]}" if equal else ""
        counts = [
            (self._count(f"SELECT 1 FROM log WHERE {column} = ?", (value,)), column)
            for column, value in equal
        ]
        _, rarest = min(counts)
        return f"INDEXED BY log_by_{rarest}"

    def _count(self, query: str, values: Sequence[Cell]) -> int:
        """How many rows there are, up to one more than `MANY`."""
        ((count,),) = self._ask(
            f"SELECT count(*) FROM ({query} LIMIT {MANY + 1})", values
        )
        return int(count)
