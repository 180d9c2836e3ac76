"""Entries by several kinds at once, forwards or backwards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from govd.views.sealed_tables import SealedTables, mended

NEVER: Final = 2**62
"""The number of an entry that there will not be."""


class ByKind(SealedTables):
    """What is asked for by kinds."""

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
        where = [
            "+kind IN (SELECT value FROM json_each(?))",
            f"seq {'<' if newest else '>'} ?",
        ]
        where += [f"{column} = ?" for column in equal]
        start = NEVER if newest and after < 0 else after
        query = f"SELECT seq FROM log WHERE {' AND '.join(where)} ORDER BY seq"
        values = (json.dumps(sorted(kinds)), start, *equal.values(), limit)
        rows = self._ask(f"{query} {'DESC' if newest else 'ASC'} LIMIT ?", values)
        return [seq for (seq,) in rows]
