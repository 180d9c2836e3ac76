"""Batches drawn ahead of the training, by processes of their own, in an order that does not depend
on their speed.
"""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Self

import numpy as np

from govd_clip.training import tokens
from govd_clip.training.batches import Batch, Drawings

CAPTION_TOKENS = (
    12  # no caption of the recipe is longer; what follows the end token changes nothing
)
AHEAD_BATCHES = 4

Ready = tuple[Batch, np.ndarray]


class Feed:
    """A batch and its captions' tokens `(C, CAPTION_TOKENS)`, one after the other; each worker's
    turn comes in a fixed order.
    """

    def __init__(
        self,
        cache: Path,
        alternatives: dict[str, list[str]],
        without: Sequence[str],
        seed: int,
        workers: int,
    ) -> None:
        # JAX has threads, which a fork would lose
        context = multiprocessing.get_context("spawn")
        self.queues: list[Queue[Ready]] = [
            context.Queue(AHEAD_BATCHES) for _ in range(workers)
        ]
        self.processes = [
            context.Process(
                target=_draw,
                args=(cache, alternatives, without, (seed, number), into),
                daemon=True,
            )
            for number, into in enumerate(self.queues)
        ]
        self.turn = 0

    def __enter__(self) -> Self:
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    def next(self) -> Ready:
        """Wait for the batch whose turn it is."""
        ready = self.queues[self.turn].get()
        self.turn = (self.turn + 1) % len(self.queues)
        return ready


def _draw(
    cache: Path,
    alternatives: dict[str, list[str]],
    without: Sequence[str],
    seed: tuple[int, int],
    into: "Queue[Ready]",
) -> None:
    drawings = Drawings(cache, alternatives, without)
    tokenizer = tokens.load(cache / "tokenizer")
    random = np.random.default_rng(seed)
    while True:
        batch = drawings.batch(random)
        into.put((batch, tokens.ids(tokenizer, batch.captions, CAPTION_TOKENS)))
