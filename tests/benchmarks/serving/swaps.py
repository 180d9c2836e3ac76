"""Revisions that come and go while clients ask, and what they were answered."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from tests.benchmarks.serving.servers import Daemon

EVERY_SECONDS = 1.0
TOLERANCE = 1e-4
"""Between a vector and the same one from a batch of another size, in each coordinate."""


class Swaps:
    """A forget and its revert in turns, each published a second after the one before."""

    def __init__(self, daemon: Daemon, label: str) -> None:
        self.daemon, self.label, self.count = daemon, label, 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        client, request = self.daemon.client, ""
        while not self._ending.is_set():
            began = time.monotonic()
            if request:
                client.revert(request, "benchmark", wait=True)
                request = ""
            else:
                request = str(
                    client.forget(self.label, model=self.daemon.model, wait=True)["id"]
                )
            self.count += 1
            self._ending.wait(max(0.0, EVERY_SECONDS - (time.monotonic() - began)))
        if request:
            client.revert(request, "benchmark", wait=True)


def check_answers(daemon: Daemon, files: list[Path], results: dict[str, Any]) -> int:
    """How many pictures got from a revision what that revision, named, does not answer."""
    mixed, moved = 0, 0.0
    known: dict[str, Any] = {}
    for revision in results["revisions"]:
        rows = daemon.pinned(files, int(revision))
        moved = max(
            moved, *(float(np.abs(rows - other).max()) for other in known.values()), 0.0
        )
        known[revision] = rows
    for key, ends in results.pop("ranges").items():
        picture, revision = key.split(" ")
        off = max(
            float(np.abs(np.asarray(end) - known[revision][int(picture)]).max())
            for end in ends
        )
        mixed += off > TOLERANCE
    assert moved > 10 * TOLERANCE or len(known) < 2, (
        "the revisions answer the same: nothing is seen"
    )
    return mixed
