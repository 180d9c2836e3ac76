"""Pictures and texts of calls that come at once, encoded together: a model is asked for a batch,
not for what each call brings by itself.

A model that does nothing takes what there is at once: nobody waits for company. While it works on a
batch, what comes meanwhile gathers for the next one, `wait_seconds` at most or until `BATCH` are
there. Where there are processors for it, two batches of a model are at work at a time, so that one
is decoded while the other is encoded. Calls are served in the order in which they came; one of many
pictures is cut into parts, and the calls behind it do not wait for all of them.

A picture that cannot be read is that picture's fault alone, and what makes a batch of several calls
fail is asked for again, call by call: no call fails for another's sake. The vectors are the
unedited model's; each call puts the edit of its own revision on them, so that a swap never mixes
two revisions in one answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np

from govd.errors import MachineFault, UnreadableImage
from govd.models.embeddings import Encoder
from govd.pictures import Source, decoded_small
from govd.serve.queues import Call, Encode, Judged, Queue
from govd.serve.waiting import Awaited
from govd.types import Floats, Progress

SMALL: Final = 2**16
"""Pixels of a picture that waits decoded: about as many bytes as its file, or a few times more."""
Kind = Literal["pictures", "texts"]


class Batches:
    """The queues of the models that are asked, each with threads of its own as long as somebody
    asks.
    """

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._queues: dict[tuple[Kind, str], Queue] = {}
        self._closed = False

    async def judged(
        self, encoder: Encoder, pictures: Sequence[Source], names: Sequence[str]
    ) -> Judged:
        """As `Encoder.judged`, in batches with what others ask of the same model meanwhile; these
        are waited for.

        Raises:
            MachineFault: the home is let go. GovdError: whatever the model raises.
        """
        if not pictures:
            return {}, {}
        given = [_small(*picture) for picture in zip(pictures, names, strict=True)]
        call = Call(given, names)
        self._put("pictures", encoder, encoder.judged, call)
        return await Awaited(call.answer)

    async def texts(self, encoder: Encoder, texts: Sequence[str]) -> Floats:
        """As `Encoder.texts`, in batches as pictures; nothing is remembered: unit vectors `(n, d)`.

        Raises:
            MachineFault: the home is let go. GovdError: whatever the model raises.
        """
        call = Call(texts, texts)
        if texts:
            self._put("texts", encoder, partial(_texts, encoder), call)
            await Awaited(call.answer)
        rows = [call.rows[i] for i in range(len(texts))]
        return np.stack(rows) if rows else encoder.texts([])

    def waiting(self) -> int:
        """Pictures and texts of all models that are in no batch yet."""
        with self._lock:
            return sum(queue.waiting for queue in self._queues.values())

    def close(self) -> None:
        """Take no more calls, and answer those that are there."""
        with self._lock:
            self._closed = True
            queues = list(self._queues.values())
        for queue in queues:
            queue.end()

    def _put(self, kind: Kind, encoder: Encoder, encode: Encode, call: Call) -> None:
        with self._lock:
            if self._closed:
                raise MachineFault(
                    "the home is let go", advice="Ask again when it is open."
                )
            key = kind, encoder.model.facts.digest
            if key not in self._queues:
                self._queues[key] = Queue(encode, self.wait_seconds, self._over(key))
            self._queues[key].put(call)

    def _over(self, key: tuple[Kind, str]) -> Callable[[Queue], None]:
        """What lets go of the model of a queue that nobody has asked for a while."""

        def over(queue: Queue) -> None:
            with self._lock:
                if queue.is_over and self._queues.get(key) is queue:
                    del self._queues[key]

        return over


def _small(source: Source, name: str) -> Source:
    """A small picture decoded by the thread that asks, while the model works for others; any other
    picture as it is, to be decoded with its batch, and one that cannot be read, which is told
    there.
    """
    if isinstance(source, np.ndarray):
        return source
    try:
        rows = decoded_small(source, SMALL, name)
    except UnreadableImage:
        return source
    return source if rows is None else rows


def _texts(
    encoder: Encoder, texts: Sequence[str], _names: Sequence[str], progress: Progress
) -> Judged:
    return dict(enumerate(encoder.texts(texts, progress, keep=False))), {}
