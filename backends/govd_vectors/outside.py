"""Asks somebody else for texts that a file of vectors lacks: a command, or an HTTP endpoint for
embeddings.

Which one is a setting of the home (`text_encoders` in `govd.toml`), never of the file: a file must
not be able to run a command.

- An address (`http://…`, `https://…`) is asked as embedding servers are: `POST` of `{"model": …,
  "input": [text, …]}`, answered with
  `{"data": [{"index": 0, "embedding": [number, …]}, …]}`. A fragment names the model
  (`http://host/v1/embeddings#clip-vit-b32`); the environment variable `GOVD_ENCODER_TOKEN` is sent
  as a bearer token.
- Anything else is a command line: it gets `{"texts": [text, …]}` on standard input and writes
  `{"embeddings": [[number, …], …]}`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from govd.errors import MachineFault, PluginFault
from govd.types import Floats

TIMEOUT_SECONDS: Final = 60
BATCH: Final = 64
TOKEN: Final = "GOVD_ENCODER_TOKEN"
"""The environment variable whose value is sent as a bearer token."""


class OutsideEncoder:
    """A command or an endpoint that embeds texts into a space of `dim` dimensions."""

    def __init__(self, how: str, dim: int) -> None:
        self.how = how
        self.dim = dim

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Unit embeddings `(n, d)` float32.

        Raises:
            MachineFault: it cannot be reached, or fails. PluginFault: it answers something else.
        """
        ask = (
            self._over_http
            if self.how.startswith(("http://", "https://"))
            else self._by_command
        )
        rows = [
            self._checked(
                ask(list(texts[at : at + BATCH])), len(texts[at : at + BATCH])
            )
            for at in range(0, len(texts), BATCH)
        ]
        if rows:
            return np.concatenate(rows)
        return np.zeros((0, self.dim), np.float32)

    def _checked(self, answer: Any, count: int) -> Floats:
        try:
            rows = np.asarray(answer, np.float64)
        except (TypeError, ValueError):
            rows = np.zeros(0)
        length = (
            np.linalg.norm(rows, axis=-1, keepdims=True)
            if rows.ndim == 2
            else np.zeros((1, 1))
        )
        if (
            rows.shape != (count, self.dim)
            or not np.isfinite(rows).all()
            or not (length > 0).all()
        ):
            raise PluginFault(
                f"the text encoder answered {count} texts with an array of shape {rows.shape}",
                where=self.how,
                advice=(
                    f"It must be {count} rows of {self.dim} finite numbers, none of them all zero."
                ),
            )
        return (rows / length).astype(np.float32)

    def _over_http(self, texts: list[str]) -> Any:
        import httpx

        address, _, model = self.how.partition("#")
        headers = (
            {"Authorization": f"Bearer {os.environ[TOKEN]}"}
            if os.environ.get(TOKEN)
            else {}
        )
        body = {"model": model or "default", "input": texts}
        try:
            response = httpx.post(
                address, json=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
            response.raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            advice = (
                "Start it, or correct text_encoders in govd.toml. Nothing was changed."
            )
            raise MachineFault(
                f"the text encoder cannot be asked ({fault})",
                where=address,
                advice=advice,
            ) from None
        try:
            ordered = sorted(answer["data"], key=lambda item: int(item.get("index", 0)))
            return [item["embedding"] for item in ordered]
        except (KeyError, TypeError, AttributeError, ValueError):
            advice = 'It must answer {"data": [{"index": 0, "embedding": [...]}, ...]}.'
            raise PluginFault(
                "the text encoder's answer has no embeddings",
                where=address,
                advice=advice,
            ) from None

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
