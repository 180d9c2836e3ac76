"""Seals on what is derived: a changed, added, dropped or older row of `views.db` is found without
reading the ledger again.

Each record bears a MAC of its row (BLAKE2b, RFC 7693, keyed), the position one of what it says and
of the sum of the seals of all live records: a set hash that is kept up to date row by row
(MSet-Add-Hash; Clarke et al., Asiacrypt 2003). The key lies with the home's other keys: who can
write `views.db` alone cannot seal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from govd.records.record import compact

BITS: Final = 256
Cell = None | int | float | str | bytes
"""What SQLite keeps in a column of a row."""


class Seals:
    """Seals by one key, of at most 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, what: str, *cells: Cell) -> bytes:
        """The seal of a row: what it is and its cells."""
        text = compact([what, *cells])
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=BITS // 8, key=self._key
        ).digest()

    def record(self, row: Sequence[Cell]) -> bytes:
        """The seal of a record's row without its seal."""
        return self.of("record", *row)


def added(total: int, seals: Iterable[bytes]) -> int:
    """The sum of a set of seals with more of them."""
    for seal in seals:
        total += int.from_bytes(seal, "big")
    return total % (1 << BITS)


def removed(total: int, seal: bytes) -> int:
    """The sum without one of them."""
    return (total - int.from_bytes(seal, "big")) % (1 << BITS)
