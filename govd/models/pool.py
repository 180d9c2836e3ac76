"""A pool: image embeddings without labels, from a file or a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from govd.embeddings import Encoder
from govd.errors import BadFile
from govd.pictures import SUFFIXES
from govd.types import Floats, Progress


def read_pool(path: Path, encoder: Encoder, progress: Progress) -> tuple[Floats, int]:
    """Unlabelled image embeddings `(n, d)`: a `.npy`, `.npz` or Parquet file, or a folder of pictures; and how many pictures of it could
    not be read.

    Raises:
        BadFile: not such a file, of another width, with values that are not finite, or without a picture.
    """
    dim = encoder.model.facts.dim
    if path.is_dir():
        paths = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not paths:
            raise BadFile("no pictures in this folder", where=str(path))
        found, kept = encoder.readable(paths, progress)
        if not kept:
            raise BadFile("not one picture of this folder can be read", where=str(path))
        return found, len(paths) - len(kept)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as found:
                rows = found[found.files[0]] if len(found.files) == 1 else found["vectors"]
        elif path.suffix == ".parquet":
            rows = _parquet(path)
        else:
            rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, KeyError, EOFError) as fault:
        advice = "Give a .npy, a .npz with one array (or one called vectors), a Parquet file, or a folder of pictures."
        raise BadFile(f"no pool of embeddings ({fault})", where=str(path), advice=advice) from None
    if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype.kind != "f":
        raise BadFile(f"the pool is {rows.dtype} of shape {rows.shape}", where=str(path), advice=f"This model's embeddings are (n, {dim}).")
    if not np.isfinite(rows).all():
        raise BadFile("the pool has values that are not finite", where=str(path), advice="Take those rows out.")
    return np.asarray(rows, np.float64), 0


def _parquet(path: Path) -> Floats:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise BadFile("Parquet needs pyarrow", where=str(path), advice="pip install pyarrow") from None
    table = pq.read_table(path)
    column = table.column(table.schema.names[-1] if "vector" not in table.schema.names else "vector")
    return np.stack([np.asarray(row, np.float64) for row in column.to_pylist()])
