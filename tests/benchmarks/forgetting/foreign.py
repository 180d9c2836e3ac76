"""Other people's libraries as rows: each in an environment and in processes of its own, spoken to
by files; none is ever imported here.

A case goes out as `.npz` (`labels` (m, d), `pool` (n, d), `guessed` (n,), `forgotten` (k,), `x`
(n', d)) and comes back as `.npy`, `x` after forgetting. `torchunlearn` 0.1.0 is not among them: its
wheel, the only thing published, lacks the packages `unlearn.trainers` and `unlearn.nontrainers`
that every method of it imports.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map

LIBRARIES = {"vector-unforget": "vector-unforget==4.2.0", "erasus": "erasus==0.2.0"}
"""Rows and what is installed for them."""
SCRIPTS = Path(__file__).parent / "libraries"
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Foreign:
    """The folder of the environments."""

    folder: Path

    def move(self, row: str, case: Case) -> Map:
        """The judging pictures of a case as a library leaves them."""
        moved = self._run(row, case)
        return lambda x: moved

    def _run(self, row: str, case: Case) -> np.ndarray:
        script = SCRIPTS / f"run_{row.replace('-', '_')}.py"
        with tempfile.TemporaryDirectory() as folder:
            given, result = Path(folder) / "case.npz", Path(folder) / "moved.npy"
            texts = case.split.labels.vectors
            np.savez(
                given,
                labels=texts,
                pool=case.pool,
                guessed=case.guessed,
                forgotten=case.forgotten,
                x=case.split.x,
            )
            subprocess.run(
                [self._python(row), script, given, result],
                check=True,
                timeout=TIMEOUT_SECONDS,
                stdout=sys.stderr,
            )
            moved: np.ndarray = np.load(result).astype(np.float64)
        return moved

    def _python(self, row: str) -> Path:
        """The interpreter of a library's environment, which is made when it is first asked for."""
        home = self.folder / row
        python = home / "bin" / "python"
        if (home / "ready").is_file():
            return python
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        torch = importlib.util.find_spec("torch")
        # hundreds of megabytes that need not be fetched again
        if torch is not None and torch.origin is not None:
            [site] = home.glob("lib/python*/site-packages")
            (site / "shared.pth").write_text(
                str(Path(torch.origin).parents[1]), encoding="utf-8"
            )
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", LIBRARIES[row]], check=True
        )
        (home / "ready").touch()
        return python
