"""Asks somebody else for texts that a file of vectors lacks: a command, or an HTTP endpoint for
embeddings.

Which one is a setting of the home (`text_encoders` in `govd.toml`), never of the file: a file must
not be able to run a command.

- An address (`http://…`, `https://…`) is asked as embedding servers are: `POST` of `{"model": …,
  "input": [text, …]}`, answered with
  `{"data": [{"index": 0, "embedding": [number, …]}, …]}` (`over_http.py`). A fragment names the
  model (`http://host/v1/embeddings#clip-vit-b32`); the environment variable `GOVD_ENCODER_TOKEN` is
  sent as a bearer token.
- Anything else is a command line: it gets `{"texts": [text, …]}` on standard input and writes
  `{"embeddings": [[number, …], …]}`.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from govd.errors import MachineFault, PluginFault
from govd.types import Floats
from govd_vectors.over_http import Endpoint

TIMEOUT_SECONDS: Final = 60
BATCH: Final = 64


class OutsideEncoder:
    """A command or an endpoint that embeds texts into a space of `dim` dimensions."""

    def __init__(self, how: str, dim: int) -> None:
        self.how = how
        self.dim = dim
        over_http = how.startswith(("http://", "https://"))
        self.endpoint = Endpoint(how) if over_http else None

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Unit embeddings `(n, d)` float32.

        Raises:
            MachineFault: it cannot be reached, or fails. PluginFault: it answers something else.
        """
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        if self.endpoint is not None:
            return self._checked(self.endpoint(texts), len(texts))
        portions = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        return np.concatenate(
            [self._checked(self._by_command(list(p)), len(p)) for p in portions]
        )

    def _checked(self, answer: Any, count: int) -> Floats:
        try:
            rows = np.asarray(answer, np.float64)
        except (TypeError, ValueError):
            rows = np.zeros(0)
            fault = f"answered {count} texts with what is no table of numbers"
        else:
            fault = f"answered {count} texts with an array of shape {rows.shape}"
        if rows.shape == (count, self.dim):
            length = np.linalg.norm(rows, axis=-1, keepdims=True)
            whole = (np.isfinite(length) & (length > 0)).all(axis=1)
            if whole.all():
                return (rows / length).astype(np.float32)
            first = int(np.argmin(whole))
            fault = f"answered text {first + 1} of {count} with a row that is not finite, or zero"
        raise PluginFault(
            f"the text encoder {fault}",
            where=self.how,
            advice=(
                f"It must be {count} rows of {self.dim} finite numbers, none of them all zero."
            ),
        )

    def _by_command(self, texts: list[str]) -> Any:
        try:
            process = subprocess.run(
                shlex.split(self.how),
                input=json.dumps({"texts": texts}),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
            advice = "Correct text_encoders in govd.toml. Nothing was changed."
            raise MachineFault(
                f"the text encoder cannot be run ({fault})",
                where=self.how,
                advice=advice,
            ) from None
        if process.returncode:
            last = (
                process.stderr.strip().splitlines()
                or ["it wrote nothing to standard error"]
            )[-1][:300]
            raise MachineFault(
                f"the text encoder ended with {process.returncode}: {last}",
                where=self.how,
                advice="Run it by hand.",
            )
        try:
            return json.loads(process.stdout)["embeddings"]
        except (ValueError, KeyError, TypeError):
            advice = (
                'It must write {"embeddings": [[...], ...]} '
                "to standard output, and nothing else."
            )
            raise PluginFault(
                "the text encoder's answer has no embeddings",
                where=self.how,
                advice=advice,
            ) from None
