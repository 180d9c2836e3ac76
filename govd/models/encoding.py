"""Encoding many picture files where batch work runs, rather than in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from govd.asking.batches import batch_runner
from govd.asking.in_use import Plugins
from govd.errors import Unsupported
from govd.home.settings import IN_PROCESS
from govd.models.embeddings import PART, Ahead, Encoder, file_digest
from govd.types import Floats, Model

log = logging.getLogger("govd")


def encoded(model: Model, paths: Sequence[Path]) -> tuple[list[str], Floats]:
    """The digests of those picture files that can be read, and their unit embeddings `(n, d)`."""
    vectors, places = Encoder(model).readable(paths)
    return [file_digest(paths[place]) for place in places], vectors


def ahead_of(plugins: Plugins, model: Model) -> Ahead | None:
    """What encodes files of a model where batch work runs; None where that is this process. What
    cannot be read there is looked at again here, and so is everything where the model cannot be
    opened there: its files may lie on this machine alone.

    Args:
        plugins: say where batch work runs.
        model: travels as the way to open it.

    Raises:
        Unreachable: by what is returned; the machines do not answer.
    """
    if plugins.settings.batch_runner == IN_PROCESS:
        return None

    def ahead(paths: Sequence[Path]) -> Iterator[tuple[Sequence[str], Floats]]:
        absolute = [path.absolute() for path in paths]
        batches = [
            absolute[start : start + PART] for start in range(0, len(paths), PART)
        ]
        with batch_runner(plugins) as runner:
            try:
                yield from runner.map_batches(
                    partial(encoded, model), batches, wants_gpu=True
                )
            except Unsupported as fault:
                log.warning("pictures are encoded in this process: %s", fault.message)

    return ahead
