"""An index as FAISS reads it: its ids, its vectors, and another one of its kind."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import faiss as library
import numpy as np

from govd.errors import BadFile, Unsupported
from govd.types import Floats

faiss: Any = library
"""Its types leave out what SWIG makes."""
EXACT: Final = (
    "IndexFlat",
    "IndexFlatIP",
    "IndexFlatL2",
    "IndexHNSWFlat",
    "IndexIVFFlat",
)
CODES: Final = (
    "IndexPQ",
    "IndexIVFPQ",
    "IndexScalarQuantizer",
    "IndexIVFScalarQuantizer",
    "IndexHNSWPQ",
    "IndexHNSWSQ",
)
TRAINING: Final = 40
"""Vectors for each cell of an inverted file from which on its centres are learned anew."""
SAMPLE: Final = 256
"""Vectors for each cell that are learned from at most."""


class Index:
    """An index of a file. `ids`: of its rows `(n,)`, by which they are in order. `has_ids`: whether
    its users gave them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # what is downcast does not own it
            self._owner = faiss.read_index(str(path))
        except RuntimeError as fault:
            text = str(fault).splitlines()[-1][-200:]
            raise BadFile(
                f"it is no FAISS index ({text})",
                where=str(path),
                advice="Write it whole, with faiss.write_index; indexes of bits are not edited.",
            ) from None
        self.whole = faiss.downcast_index(self._owner)
        self.has_ids = type(self.whole).__name__ in ("IndexIDMap", "IndexIDMap2")
        self.inner = (
            faiss.downcast_index(self.whole.index) if self.has_ids else self.whole
        )
        self.kind = type(self.inner).__name__
        if self.kind not in EXACT + CODES:
            raise Unsupported(
                f"an index of the kind {self.kind}",
                where=str(path),
                advice=f"Kinds that can be rebuilt: {', '.join(EXACT + CODES)}, with ids or not.",
            )
        if self.whole.metric_type not in (faiss.METRIC_INNER_PRODUCT, faiss.METRIC_L2):
            raise Unsupported(
                "a metric other than inner product and L2", where=str(path)
            )
        self.is_exact = self.kind in EXACT
        self.is_ivf = isinstance(self.inner, faiss.IndexIVF)
        self.dim = int(self.whole.d)
        self.rows = int(self.whole.ntotal)
        self._lock = threading.Lock()
        self.ids = self._ids()

    def check_ids(self) -> None:
        """That each row has an id of its own.

        Raises:
            BadFile: several have one.
        """
        ids, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            place = int(np.argmax(counts))
            raise BadFile(
                f"{counts[place]} rows have the id {ids[place]}",
                where=str(self.path),
                advice="A search cannot tell them apart: remove the id, then add one of them.",
            )

    def _ids(self) -> Any:
        if self.has_ids:
            return faiss.vector_to_array(self.whole.id_map).astype(np.int64)
        if not self.is_ivf:
            return np.arange(self.rows, dtype=np.int64)
        lists = self.inner.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).copy()
            for number in range(self.inner.nlist)
            if lists.list_size(number)
        ]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *parts]))

    def vectors(self, start: int, stop: int) -> Floats:
        """Rows `(n, d)` float32, as exact as the index has them."""
        if start >= stop:
            return np.zeros((0, self.dim), np.float32)
        with self._lock:
            if not self.is_ivf:
                rows: Floats = self.inner.reconstruct_n(start, stop - start)
                return rows
            if self.inner.direct_map.type == faiss.DirectMap.NoMap:
                self.inner.set_direct_map_type(faiss.DirectMap.Hashtable)
            inner = np.arange(start, stop) if self.has_ids else self.ids[start:stop]
            some: Floats = self.inner.reconstruct_batch(inner.astype(np.int64))
            return some

    def search(self, queries: Floats, limit: int) -> tuple[Any, Any]:
        """For unit queries `(n, d)` float32: measures `(n, k)` and ids `(n, k)`, -1 for none."""
        scores, ids = self.whole.search(
            np.ascontiguousarray(queries, np.float32), limit
        )
        return scores, ids

    def rebuilt(
        self, path: Path, ids: Any, blocks: Iterable[Floats], sample: Floats
    ) -> None:
        """Write an index of the same kind.

        Args:
            path: where to.
            ids: of the rows, `(n,)`.
            blocks: the rows `(n, d)`, in pieces.
            sample: rows `(n, d)` from which cells and codes are learned.
        """
        owner = faiss.clone_index(self.whole)
        new = faiss.downcast_index(owner)
        new.reset()
        inner = faiss.downcast_index(new.index) if self.has_ids else new
        self._learned(inner, sample)
        start = 0
        for block in blocks:
            rows = np.ascontiguousarray(block, np.float32)
            if self.has_ids or self.is_ivf:
                new.add_with_ids(rows, ids[start : start + len(rows)])
            else:
                new.add(rows)
            start += len(rows)
        faiss.write_index(new, str(path))

    def _learned(self, inner: Any, sample: Floats) -> None:
        """Learn cells and codes anew, where there are vectors enough; else they stay."""
        cells = inner.nlist if self.is_ivf else 256 if "PQ" in self.kind else 1
        if (self.is_ivf or not self.is_exact) and len(sample) >= TRAINING * cells:
            if self.is_ivf:
                inner.set_direct_map_type(faiss.DirectMap.NoMap)
                inner.quantizer.reset()
            inner.is_trained = False
            inner.train(np.ascontiguousarray(sample, np.float32))

    def sample_size(self) -> int:
        """Rows to learn from."""
        return int(SAMPLE * (self.inner.nlist if self.is_ivf else 256))

    def cosines(self, measures: Any, rows: Floats) -> Any:
        """Cosines `(n,)` that follow from what the index measured `(n,)` for vectors `(n, d)`."""
        length = np.linalg.norm(np.asarray(rows, np.float64), axis=1)
        length = np.where(length > 0, length, 1)
        if self.whole.metric_type == faiss.METRIC_INNER_PRODUCT:
            return measures / length
        return (1 + length**2 - measures) / (2 * length)
