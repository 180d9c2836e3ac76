"""Work that waits for something in its middle, as for a batch that others fill: coroutines that
await futures. Whoever takes their steps needs no thread that sits there meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, wait
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Steps = Coroutine[Future[Any], None, T]
"""Work in steps: what it yields is what it waits for, and what it returns is what it was for."""


class Awaited(Generic[T]):
    """What a future brings, for `await`."""

    def __init__(self, future: Future[T]) -> None:
        self._future = future

    def __await__(self) -> Generator[Future[T], None, T]:
        if not self._future.done():
            yield self._future
        return self._future.result()


def finished(steps: Steps[T]) -> T:
    """What some work gives, all of it done by this thread.

    Raises:
        BaseException: whatever the work raises.
    """
    while True:
        try:
            future = steps.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        wait([future])


def waiting(work: Callable[P, Steps[T]]) -> Callable[P, T]:
    """The same work as a function that waits for all of it."""

    @wraps(work)
    def done(*given: P.args, **named: P.kwargs) -> T:
        return finished(work(*given, **named))

    return done
