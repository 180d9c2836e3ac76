"""Vectors in a NumPy file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile, MachineFault, Usage
from govd_npy import NpyStore, govd_open_store
from govd_npy.rows import mapped
from tests.stores.contract import BASE, StoreContract, an_edit, to, unit_rows


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


def test_doubles_come_back_bit_for_bit(tmp_path: Path) -> None:
    kept = KeptNpy(tmp_path / "v.npy", unit_rows(40, dtype=np.float64) / 1.000001)
    kept.open().claim(BASE)
    before = np.load(kept.path)
    to(kept, tmp_path, 1, an_edit(1))
    after = np.load(kept.path)
    assert after.dtype == np.float64
    np.testing.assert_allclose(after, an_edit(1).apply(before), atol=1e-6)
    to(kept, tmp_path, 0, None)
    assert np.array_equal(np.load(kept.path), before)


def test_a_link_leads_to_the_file_that_is_edited(tmp_path: Path) -> None:
    """A rename upon the link would leave the file itself with what is forgotten."""
    (tmp_path / "disk").mkdir()
    kept = KeptNpy(tmp_path / "disk" / "v.npy", unit_rows(8))
    link = tmp_path / "items.npy"
    link.symlink_to(kept.path)
    store = govd_open_store(url=link.as_uri())
    assert isinstance(store, NpyStore)
    store.claim(BASE)
    to(kept, tmp_path, 1, an_edit(1))
    edited = an_edit(1).apply(kept.vectors)
    assert link.is_symlink()
    np.testing.assert_allclose(np.load(kept.path), edited, atol=1e-6)
    link.unlink()
    link.symlink_to(kept.path.rename(tmp_path / "disk" / "blob"))
    with pytest.raises(Usage, match=r"is a link to .*blob.*ends in \.npy"):
        govd_open_store(url=link.as_uri())


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    kept = KeptNpy(tmp_path / "v.npy", unit_rows(40))
    kept.path.write_bytes(kept.path.read_bytes()[:-1])
    with pytest.raises(BadFile, match="39 of 40 are there"):
        kept.open()


def test_rows_whose_disk_is_away_are_a_fault_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, unit_rows(4))
    rows = mapped(path)
    path.rename(tmp_path / "away")
    with pytest.raises(MachineFault, match=r"v\.npy: it cannot be read"):
        rows.read(0, 4)


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "this is a folder"),
        (os.mkfifo, "this is no regular file"),
        (lambda path: None, "there is no such file"),
    ],
    ids=["folder", "pipe", "nothing"],
)
def test_what_is_no_file_is_told_for_what_it_is(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "v.npy"
    make(path)
    with pytest.raises(BadFile, match=message) as refused:
        govd_open_store(url=path.as_uri())
    assert refused.value.advice
