"""Lanes: a thread for each model that takes the steps of its short calls, one after the other.

A thread for each call would have all of them wake at once when their batch is encoded, each in the
way of the others and of the next batch. A lane goes through them in one go and tells the loop once.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from govd.serve.queues import IDLE_SECONDS
from govd.serve.waiting import Steps

T = TypeVar("T")
TOLD_AT_ONCE: Final = 8
"""Answers that are finished before the loop is told of them, at most."""


class _Call:
    """Work that is on its way, and where its answer goes."""

    def __init__(self, steps: Steps[Any], answer: asyncio.Future[Any]) -> None:
        self.steps = steps
        self.answer = answer
        self.context = contextvars.copy_context()
        self.value: Any = None
        self.error: BaseException | None = None

    def step(self) -> Future[Any] | None:
        """Go on to where it waits again, and for what; None where it has ended."""
        try:
            return self.context.run(self.steps.send, None)
        except StopIteration as end:
            self.value = end.value
        # whatever the work raises is for whoever asked for it
        except BaseException as error:  # noqa: BLE001
            self.error = error
        return None

    def tell(self) -> None:
        """Give the answer; only to be called on the loop's thread."""
        if self.answer.done():  # whoever asked has gone
            return
        if self.error is None:
            self.answer.set_result(self.value)
        else:
            self.answer.set_exception(self.error)


class Lane:
    """The calls of one model, and the thread that takes their steps as long as there are any."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._ready: deque[_Call] = deque()
        self._is_running = False

    async def take(self, steps: Steps[T]) -> T:
        """What some work gives: it is short, but for what it waits for.

        Raises:
            BaseException: whatever the work raises.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._put(_Call(steps, answer))
        return await answer

    def _put(self, call: _Call) -> None:
        with self._news:
            self._ready.append(call)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="lane", daemon=True).start()
            self._news.notify()

    def _run(self) -> None:
        """Step after step, until nobody has asked for a while."""
        while calls := self._taken():
            ended = [call for call in calls if self._has_ended(call)]
            for loop in {call.answer.get_loop() for call in ended}:
                told = [call for call in ended if call.answer.get_loop() is loop]
                with suppress(RuntimeError):  # the loop has ended, and nobody waits
                    loop.call_soon_threadsafe(_tell, told)

    def _taken(self) -> list[_Call]:
        """Calls whose next step can be taken; none where this thread had better end."""
        with self._news:
            if not self._news.wait_for(lambda: self._ready, IDLE_SECONDS):
                self._is_running = False
                return []
            count = min(TOLD_AT_ONCE, len(self._ready))
            return [self._ready.popleft() for _ in range(count)]

    def _has_ended(self, call: _Call) -> bool:
        future = call.step()
        if future is not None:
            future.add_done_callback(lambda _: self._put(call))
        return future is None


def _tell(calls: list[_Call]) -> None:
    for call in calls:
        call.tell()
