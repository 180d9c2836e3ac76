"""What is opened, compiled and calibrated before somebody waits for it: when a daemon begins, and
before a revision takes the place of another.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import numpy as np

from govd.errors import GovdError, UnreadableImage, Unsupported
from govd.models.core import Opened
from govd.models.served import Served
from govd.records.revision import Revision
from govd.serve.queues import BATCH
from govd.serve.serving import Serving

log = logging.getLogger("govd")
TEXT: Final = "a photo"
TEXTS: Final = ((1, 1), (1, 12), (1, 30), (BATCH, 1))
"""Texts that are encoded at once, and how often each says `TEXT`: short, middling and long ones,
and many.
"""
GREY: Final = 128


class Warm:
    """Keeps models warm where `is_wanted`: a command that ends soon warms nothing. A model is warm
    once it has encoded as many pictures at once as a batch may have, 1, 2, 4, … `BATCH`, so that a
    backend that compiles a program for each number has compiled it.
    """

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.is_wanted = False
        self._warm = set[str]()

    def model(self, name: str, is_ending: Callable[[], bool]) -> None:
        """Warm what a model serves, or as much of it as there is time for.

        Raises:
            GovdError: it does not answer.
        """
        self._served(name, self.serving.now(name), is_ending)

    def registered(self, name: str) -> None:
        """Warm a model that is new; the log tells why one cannot be."""
        if self.is_wanted:
            try:
                self.model(name, lambda: self.serving.core.ending)
            except GovdError as error:
                log.warning("%s is registered cold: %s", name, error.message)

    def before_swap(self, revision: Revision) -> None:
        """Warm what a revision will answer with. That it cannot be is no reason to go on answering
        with what is to be forgotten: the log tells it.
        """
        if not self.is_wanted:
            return
        try:
            now = self.serving.now(revision.model, revision.number)
            self._served(revision.model, now, lambda: self.serving.core.ending)
        except GovdError as error:
            log.warning("%s is published cold: %s", revision.subject, error.message)

    def _served(self, name: str, now: Served, is_ending: Callable[[], bool]) -> None:
        digest = now.opened.model.facts.digest
        if digest not in self._warm:
            for step in _steps(now.opened):
                if is_ending():
                    return
                # a model of vectors alone has answered so, too: the picture is one
                with suppress(Unsupported, UnreadableImage):
                    step()
            self._warm.add(digest)
            _settle()
        with suppress(Unsupported):
            self.serving.calibrate(name, now)


def _settle() -> None:
    """Have the garbage collector look no more at what is there by now and stays: libraries, models
    and views are most of a process's objects, and a look at all of them holds every thread up for
    a third of a second, again and again while calls are answered. A model that is let go later is
    freed all the same: nothing in it refers to itself.
    """
    gc.collect()
    gc.freeze()


def _steps(opened: Opened) -> Iterator[Callable[[], Any]]:
    model = opened.model
    for rows, times in TEXTS:
        yield partial(model.encode_texts, [" ".join([TEXT] * times)] * rows)
    side = max(1, model.facts.image_size)
    picture = np.full((side, side, 3), GREY, np.uint8)
    rows = 1
    while rows <= BATCH:
        yield partial(model.encode_images, [picture] * rows)
        rows *= 2
