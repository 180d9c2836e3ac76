"""What is searched, read in portions: several threads get what one of them decodes."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from govd.errors import BadFile
from govd.types import Batch, Floats
from govd_parquet.files import Files
from govd_parquet.tables import Table
from govd_parquet.vectors import rows_of

ROWS: Final = 8192
"""Rows that are decoded at once."""
AHEAD: Final = 16
"""Portions that are decoded and wait for the thread that wants them."""


class Reader:
    """Reads rows of files in about the order in which they lie."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._source: tuple[str, str, int] = ("", "", 0)
        self._rows: Iterator[tuple[int, Floats]] = iter(())
        self._next = 0
        self._ready: dict[int, Floats] = {}

    def read(self, table: Table, rel: str, start: int, stop: int) -> tuple[Any, Floats]:
        """Keys and rows `(n, d)`, a copy, of a span of a file.

        Raises:
            BadFile: they are not there.
        """
        with self._lock:
            is_there = len(self._ready.get(start, ())) == stop - start
            if not is_there or self._source[:2] != (rel, table.ident):
                self._wind(table, rel, start, stop)
            rows = self._ready.pop(start)
        if len(rows) != stop - start:
            raise BadFile("it was written anew meanwhile", where=str(table.path))
        return self._files.keys(rel, table, range(start, stop)), rows

    def _wind(self, table: Table, rel: str, start: int, stop: int) -> None:
        """Decode until a start is there."""
        held = self._source[2] if self._source[:2] == (rel, table.ident) else 0
        size = _size(table, start, stop, held)
        source = (rel, table.ident, size)
        if (
            source != self._source
            or not self._next <= start < self._next + AHEAD * size
        ):
            self._source, self._ready = source, {}
            first = max((at for at in table.firsts if at <= start), default=0)
            self._rows, self._next = self._decoded(table, size, first), first
        for at, block in self._rows:
            self._ready[at] = block
            self._next = at + len(block)
            if at >= start:
                break
        for old in sorted(self._ready)[: -2 * AHEAD]:
            del self._ready[old]
        if start not in self._ready:
            self._source = ("", "", 0)
            raise BadFile("rows are not where they were", where=str(table.path))

    def _decoded(
        self, table: Table, size: int, first: int
    ) -> Iterator[tuple[int, Floats]]:
        starts = (start for start, _ in table.spans(size) if start >= first)
        column = self._files.shape.column
        for start, batch in zip(
            starts, table.batches([column], size, first), strict=False
        ):
            yield (
                start,
                rows_of(batch.column(0), self._files.shape, str(table.path)).copy(),
            )

    def pick(self, table: Table, places: Any) -> Floats:
        """Rows `(n, d)` at ascending places of a file, decoded from the first one's group on."""
        shape = self._files.shape
        rows = np.zeros((len(places), shape.dim), shape.dtype)
        if not len(places):
            return rows
        start = max((at for at in table.firsts if at <= places[0]), default=0)
        for batch in table.batches([shape.column], ROWS, start):
            inside = (places >= start) & (places < start + batch.num_rows)
            if inside.any():
                block = rows_of(batch.column(0), shape, str(table.path))
                rows[inside] = block[places[inside] - start]
            start += batch.num_rows
            if start > places[-1]:
                break
        return rows

    def batches(self) -> Iterator[Batch]:
        """All rows of all files."""
        for rel, table in self._files.tables().items():
            for start, stop in table.spans(ROWS):
                yield Batch(*self.read(table, rel, start, stop))

    def close(self) -> None:
        """Let go of what is decoded."""
        self._rows, self._ready, self._source = iter(()), {}, ("", "", 0)


def _size(table: Table, start: int, stop: int, held: int) -> int:
    """Rows of portions of which a span can be one: what is `held`, if it can be one of those. The
    last of a group may be a shorter one.
    """
    group = bisect_right(table.firsts, start) - 1
    before = start - table.firsts[group]
    end = table.firsts[group] + table.groups[group] if table.groups else 0
    if held and before % held == 0 and stop == min(start + held, end):
        return held
    if stop < end or not before:
        return stop - start
    return next((n for n in range(stop - start, before) if before % n == 0), before)
