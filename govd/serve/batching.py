"""Pictures of calls that come at once, encoded together: a model is asked for a batch, not for each
call's pictures by themselves.

A model that does nothing takes what there is at once: nobody waits for company. While it works on a
batch, what comes meanwhile gathers for the next one, `wait_seconds` at most or until `BATCH`
pictures are there. Where there are processors for it, two batches of a model are at work at a time,
so that one is decoded while the other is encoded. Calls are served in the order in which they came;
one of many pictures is cut into parts, and the calls behind it do not wait for all of them.

A picture that cannot be read is that picture's fault alone, and what makes a batch of several calls
fail is asked for again, call by call: no call fails for another's sake. The vectors are the
unedited model's; each call puts the edit of its own revision on them, so that a swap never mixes
two revisions in one answer.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from govd.errors import MachineFault, UnreadableImage
from govd.models.embeddings import Encoder
from govd.pictures import Source, decoded, pixels_of
from govd.types import Floats

BATCH: Final = 32
"""Pictures that a model is given at once, at most."""
AT_WORK: Final = 2 if (os.cpu_count() or 1) > 2 else 1
"""Batches of one model that are decoded or encoded at a time: two where a processor is left for the
second one, or they keep each other from becoming large.
"""
SMALL: Final = 2**16
"""Pixels of a picture that waits decoded: about as many bytes as its file, or a few times more."""
IDLE_SECONDS: Final = 30.0
"""For which the threads of a model that nobody asks stay."""
Judged = tuple[dict[int, Floats], dict[int, UnreadableImage]]
"""Unit vectors `(d,)` by place, and what is wrong with the pictures in other places."""


@dataclass
class _Call:
    """Pictures of one call, and their vectors as they come; `taken` of them are in a batch or
    done.
    """

    pictures: Sequence[Source]
    names: Sequence[str]
    since: float = field(default_factory=time.monotonic)
    taken: int = 0
    answer: Future[Judged] = field(default_factory=Future)
    rows: dict[int, Floats] = field(default_factory=dict)
    faults: dict[int, UnreadableImage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> int:
        """Pictures that are in no batch yet."""
        return len(self.pictures) - self.taken

    def put(self, rows: dict[int, Floats], faults: dict[int, UnreadableImage]) -> None:
        """Take what became of some pictures; the last ones are the answer."""
        with self._lock:
            self.rows |= rows
            self.faults |= faults
            is_whole = len(self.rows) + len(self.faults) == len(self.pictures)
            if is_whole and not self.answer.done():
                self.answer.set_result((self.rows, self.faults))

    def fail(self, error: BaseException) -> None:
        """End with an error, where it has not ended yet."""
        with self._lock:
            if not self.answer.done():
                self.answer.set_exception(error)


Part = tuple[_Call, range]
"""A call, and the places of its pictures that are in a batch."""


class Batches:
    """The queues of the models that are asked, each with threads of its own as long as somebody
    asks.
    """

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    def judged(
        self, encoder: Encoder, pictures: Sequence[Source], names: Sequence[str]
    ) -> Judged:
        """As `Encoder.judged`, in batches with what others ask of the same model meanwhile.

        Raises:
            MachineFault: the home is let go. GovdError: whatever the model raises.
        """
        if not pictures:
            return {}, {}
        call = _Call(
            [_small(*picture) for picture in zip(pictures, names, strict=True)], names
        )
        with self._lock:
            if self._closed:
                raise MachineFault(
                    "the home is let go", advice="Ask again when it is open."
                )
            digest = encoder.model.facts.digest
            if digest not in self._queues:
                self._queues[digest] = _Queue(self.wait_seconds, encoder, self._forget)
            self._queues[digest].put(call)
        return call.answer.result()

    def waiting(self) -> int:
        """Pictures of all models that are in no batch yet."""
        with self._lock:
            return sum(queue.waiting for queue in self._queues.values())

    def close(self) -> None:
        """Take no more calls, and answer those that are there."""
        with self._lock:
            self._closed = True
            queues = list(self._queues.values())
        for queue in queues:
            queue.end()

    def _forget(self, queue: _Queue) -> None:
        """Let go of the model of a queue that nobody has asked for a while."""
        with self._lock:
            digest = queue.encoder.model.facts.digest
            if queue.is_over and self._queues.get(digest) is queue:
                del self._queues[digest]


class _Queue:
    """Calls of one model in their order, and the threads that take batches of them."""

    def __init__(
        self, wait_seconds: float, encoder: Encoder, over: Callable[[_Queue], None]
    ) -> None:
        self.wait_seconds = wait_seconds
        self.encoder = encoder
        self._over = over
        self.waiting = 0
        self._calls: deque[_Call] = deque()
        self._news = threading.Condition()
        self._threads = 0
        self._working = 0
        self._ending = False

    @property
    def is_over(self) -> bool:
        """Whether nobody waits and its threads have ended."""
        return not self._calls and not self._threads

    def put(self, call: _Call) -> None:
        """Take a call; its answer comes to its `answer`."""
        with self._news:
            self._calls.append(call)
            self.waiting += call.left
            if self._threads < AT_WORK and self._threads <= self._working:
                self._threads += 1
                threading.Thread(target=self._run, name="batches", daemon=True).start()
            self._news.notify()

    def end(self) -> None:
        """Let the threads end when nobody waits any more."""
        with self._news:
            self._ending = True
            self._news.notify_all()

    def _run(self) -> None:
        """Batch after batch, until nobody has asked for a while."""
        while (batch := self._next()) is not None:
            try:
                _encode(self.encoder, batch)
            finally:
                with self._news:
                    self._working -= 1
                    self._news.notify()
        self._over(self)

    def _next(self) -> list[Part] | None:
        """The next batch, when it is time for it; None where this thread had better end."""
        with self._news:
            while not self._calls or (pause := self._pause()) > 0:
                if not self._calls and self._ending:
                    break
                news = self._news.wait(pause if self._calls else IDLE_SECONDS)
                if not self._calls and not news:
                    break
            if not self._calls:
                self._threads -= 1
                return None
            self._working += 1
            return self._taken()

    def _pause(self) -> float:
        """Seconds for which a batch still gathers: none where the model does nothing else."""
        if not self._working or self.waiting >= BATCH or self._ending:
            return 0.0
        return self.wait_seconds - (time.monotonic() - self._calls[0].since)

    def _taken(self) -> list[Part]:
        parts: list[Part] = []
        room = BATCH
        while room and self._calls:
            call = self._calls[0]
            count = min(room, call.left)
            parts.append((call, range(call.taken, call.taken + count)))
            call.taken += count
            room -= count
            self._calls.popleft()
            if call.left:  # behind those that came meanwhile
                self._calls.append(call)
                break
        self.waiting -= BATCH - room
        return parts


def _small(source: Source, name: str) -> Source:
    """A small picture decoded by the thread that asks, while the model works for others; any other
    picture as it is, to be decoded with its batch, and one that cannot be read, which is told
    there.
    """
    if isinstance(source, np.ndarray):
        return source
    try:
        return decoded(source, name) if pixels_of(source, name) <= SMALL else source
    except UnreadableImage:
        return source


def _encode(encoder: Encoder, batch: list[Part]) -> None:
    """Give each call of a batch what became of its pictures."""
    try:
        rows, faults = encoder.judged(
            [call.pictures[i] for call, places in batch for i in places],
            [call.names[i] for call, places in batch for i in places],
        )
    # whatever a model raises is told to whom it is about, in the thread that asked
    except BaseException as error:  # noqa: BLE001
        if len(batch) == 1:
            batch[0][0].fail(error)
            return
        rows = {}
        faults = {}
    if len(batch) > 1 and not rows:  # the model may have refused all of them for one
        for part in batch:
            _encode(encoder, [part])
        return
    begin = 0
    for call, places in batch:
        at = dict(enumerate(places, begin))
        call.put(
            {i: rows[n] for n, i in at.items() if n in rows},
            {i: faults[n] for n, i in at.items() if n in faults},
        )
        begin += len(places)
