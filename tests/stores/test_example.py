"""The example of a store in the plugin manual does all that a store must, one thread at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from govd_example.store import Folder

from tests.stores.contract import StoreContract, unit_rows


class KeptFolder:
    """A folder as its users see it."""

    def __init__(self, folder: Path, vectors: Any) -> None:
        self.folder, self.vectors = folder, vectors
        np.save(folder / "vectors.npy", vectors)

    def open(self) -> Folder:
        return Folder(self.folder)

    def searched(self) -> dict[str, Any]:
        return {
            str(i): row for i, row in enumerate(np.load(self.folder / "vectors.npy"))
        }

    def insert(self, vectors: Any) -> Sequence[str]:
        rows = np.load(self.folder / "vectors.npy")
        np.save(self.folder / "vectors.npy", np.concatenate([rows, vectors]))
        return [str(i) for i in range(len(rows), len(rows) + len(vectors))]

    def delete(self, key: str) -> bool:
        return False


class TestExample(StoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptFolder:
        monkeypatch.setattr("os.cpu_count", lambda: 1)
        return KeptFolder(tmp_path, unit_rows(400))
