"""Vectors in a NumPy file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile
from govd_npy import NpyStore, govd_open_store
from tests.stores.contract import StoreContract, unit_rows


class KeptNpy:
    """A file as its users see it."""

    def __init__(self, path: Path, vectors: Any) -> None:
        self.path, self.vectors = path, vectors
        np.save(path, vectors)

    def open(self) -> NpyStore:
        return NpyStore(self.path)

    def searched(self) -> dict[str, Any]:
        return {str(i): row for i, row in enumerate(np.load(self.path))}

    def insert(self, vectors: Any) -> Sequence[str]:
        rows = np.load(self.path)
        part = self.path.with_suffix(".part.npy")
        np.save(part, np.concatenate([rows, vectors.astype(rows.dtype)]))
        part.replace(self.path)
        return [str(i) for i in range(len(rows), len(rows) + len(vectors))]

    def delete(self, key: str) -> bool:
        return False


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
class TestNpy(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path, dtype: Any) -> KeptNpy:
        return KeptNpy(tmp_path / "v.npy", unit_rows(400, dtype=dtype))


def test_other_addresses_are_left_to_others() -> None:
    assert govd_open_store(url="file:///data/vectors.parquet") is None
    assert govd_open_store(url="qdrant://host/things") is None


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros(4), "an array of shape"),
        (np.zeros((4, 3), int), "an array of shape"),
        (np.asfortranarray(np.ones((4, 3))), "Fortran"),
    ],
)
def test_what_is_no_vectors_is_refused(tmp_path: Path, array: Any, what: str) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(BadFile, match=what):
        govd_open_store(url=(tmp_path / "v.npy").as_uri())
