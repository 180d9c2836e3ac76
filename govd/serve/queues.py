"""What waits for a model, and the threads that take batches of it: of pictures, or of texts.

The answers of a batch go out while the model works on the next one. Handed out before, they wake
who waits for them, and all of those keep the next batch from the model: with small models for as
long as the model itself takes.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from govd.errors import UnreadableImage
from govd.types import Floats, Progress

BATCH: Final = 32
"""Pictures or texts that a model is given at once, at most."""
AT_WORK: Final = 2 if (os.cpu_count() or 1) > 2 else 1
"""Batches of one queue that are decoded or encoded at a time: two where a processor is left for the
second one, or they keep each other from becoming large.
"""
IDLE_SECONDS: Final = 30.0
"""For which threads that nobody asks for anything stay: those of a queue, and of a lane."""
Judged = tuple[dict[int, Floats], dict[int, UnreadableImage]]
"""Unit vectors `(d,)` by place, and what is wrong with what is in other places."""
Encode = Callable[[Sequence[Any], Sequence[str], Progress], Judged]
"""Encodes what is given, under its names."""


@dataclass
class Call:
    """What one call gave, and its vectors as they come; `taken` of them are in a batch or done."""

    given: Sequence[Any]
    names: Sequence[str]
    since: float = field(default_factory=time.monotonic)
    taken: int = 0
    answer: Future[Judged] = field(default_factory=Future)
    rows: dict[int, Floats] = field(default_factory=dict)
    faults: dict[int, UnreadableImage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> int:
        """How many are in no batch yet."""
        return len(self.given) - self.taken

    def put(self, rows: dict[int, Floats], faults: dict[int, UnreadableImage]) -> None:
        """Take what became of some; the last ones are the answer."""
        with self._lock:
            self.rows |= rows
            self.faults |= faults
            is_whole = len(self.rows) + len(self.faults) == len(self.given)
            if is_whole and not self.answer.done():
                self.answer.set_result((self.rows, self.faults))

    def fail(self, error: BaseException) -> None:
        """End with an error, where it has not ended yet."""
        with self._lock:
            if not self.answer.done():
                self.answer.set_exception(error)


Part = tuple[Call, range]
"""A call, and the places of what it gave that are in a batch."""


class Due:
    """Answers that are known and not handed out yet."""

    def __init__(self) -> None:
        self._answers = list[Callable[[], None]]()
        self.size = 0

    def add(self, answer: Callable[[], None], size: int) -> None:
        """Have an answer of so many vectors wait."""
        self._answers.append(answer)
        self.size += size

    def hand_out(self) -> None:
        """Give them to who asked, each once."""
        answers, self._answers = self._answers, []
        self.size = 0
        for answer in answers:
            answer()


class Queue:
    """Calls in their order, and the threads that take batches of them."""

    def __init__(
        self, encode: Encode, wait_seconds: float, over: Callable[[Queue], None]
    ) -> None:
        self.wait_seconds = wait_seconds
        self._encode = encode
        self._over = over
        self.waiting = 0
        self._calls: deque[Call] = deque()
        self._news = threading.Condition()
        self._threads = 0
        self._working = 0
        self._ending = False

    @property
    def is_over(self) -> bool:
        """Whether nobody waits and its threads have ended."""
        return not self._calls and not self._threads

    def put(self, call: Call) -> None:
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
        due = Due()
        while True:
            batch = self._at_once(due) if due.size else self._next()
            if batch is None:
                break
            following = Due()
            try:
                if not _is_small(batch):
                    due.hand_out()
                _encode(self._encode, batch, due, following)
            finally:
                due.hand_out()
                with self._news:
                    self._working -= 1
                    self._news.notify()
            due = following
        self._over(self)

    def _at_once(self, due: Due) -> list[Part] | None:
        """The next batch, where it is time for it already; else as `_next`, with nothing due any
        more.
        """
        with self._news:
            if self._calls and self._pause() <= 0:
                self._working += 1
                # who gets an answer now asks again soon: to take all that waits would leave a small
                # batch to follow a large one, again and again
                return self._taken(min(BATCH, (self.waiting + due.size + 1) // 2))
        due.hand_out()
        return self._next()

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
            return self._taken(BATCH)

    def _pause(self) -> float:
        """Seconds for which a batch still gathers: none where the model does nothing else."""
        if not self._working or self.waiting >= BATCH or self._ending:
            return 0.0
        return self.wait_seconds - (time.monotonic() - self._calls[0].since)

    def _taken(self, most: int) -> list[Part]:
        parts: list[Part] = []
        room = most
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
        self.waiting -= most - room
        return parts


def _is_small(batch: list[Part]) -> bool:
    """Whether nothing of a batch is still to be decoded: the model will be at work in a moment."""
    return not any(
        isinstance(call.given[i], Path | bytes)
        for call, places in batch
        for i in places
    )


def _encode(encode: Encode, batch: list[Part], due: Due, following: Due) -> None:
    """Have what became of a batch in `following`, for each of its calls. What is `due` is handed
    out when the model is at work on it, as far as it tells.
    """
    try:
        rows, faults = encode(
            [call.given[i] for call, places in batch for i in places],
            [call.names[i] for call, places in batch for i in places],
            lambda _what, _done, _total: due.hand_out(),
        )
    # whatever a model raises is told to whom it is about, in the thread that asked
    except BaseException as error:  # noqa: BLE001
        if len(batch) == 1:
            following.add(partial(batch[0][0].fail, error), len(batch[0][1]))
            return
        rows = {}
        faults = {}
    if len(batch) > 1 and not rows:  # the model may have refused all of them for one
        for part in batch:
            _encode(encode, [part], due, following)
        return
    begin = 0
    for call, places in batch:
        at = dict(enumerate(places, begin))
        vectors = {i: rows[n] for n, i in at.items() if n in rows}
        unread = {i: faults[n] for n, i in at.items() if n in faults}
        following.add(partial(call.put, vectors, unread), len(places))
        begin += len(places)
