"""A home with the model `m`, and vectors of its pictures in a file."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from govd.asking import plugins
from govd.service.service import Service
from tests import conftest

NPY: Final = EntryPoint("npy", "govd_npy", "govd")


@pytest.fixture
def example_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "found_entry_points", lambda: [*conftest.POINTS, NPY])


@pytest.fixture
def rows(service: Service, pool: Path) -> Any:
    """Unit vectors of pictures, as the unedited model makes them."""
    files = sorted(pool.glob("*/*/*.png"))
    vectors, _ = service.embeddings("m", images=files, base=True)
    return np.asarray(vectors, np.float32)


@pytest.fixture
def path(tmp_path: Path, rows: Any) -> Path:
    np.save(tmp_path / "v.npy", rows)
    return tmp_path / "v.npy"
