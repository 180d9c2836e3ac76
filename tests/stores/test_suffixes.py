"""Suffixes decide whatever their case."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

import govd_npy
import govd_parquet
from govd.asking.in_use import FILES
from govd_vectors.arrays import read_arrays
from govd_vectors.file import is_vector_file

ROWS = np.eye(4, dtype=np.float32)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "X.Parquet"
    pq.write_table(pa.table({"vector": list(ROWS), "name": list("abcd")}), path)
    return path


def test_a_store_is_opened_whatever_the_case_of_its_suffix(
    tmp_path: Path, table: Path
) -> None:
    with (tmp_path / "UP.NPY").open("wb") as file:
        np.save(file, ROWS)
    rows = govd_npy.govd_open_store((tmp_path / "UP.NPY").as_uri())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "PART.PARQUET").write_bytes(table.read_bytes())
    stores = [rows]
    for path in (table, tmp_path / "folder"):
        stores.append(govd_parquet.govd_open_store(path.as_uri()))
    assert [store is not None and store.facts().rows for store in stores] == [4, 4, 4]


def test_a_model_of_vectors_is_read_whatever_the_case_of_its_suffix(
    table: Path,
) -> None:
    assert is_vector_file(table)
    assert not is_vector_file(table.with_suffix(".NPZ")), "not there"
    assert set(read_arrays(table)) >= {"text_vectors"}
    assert table.suffix.lower() in FILES
