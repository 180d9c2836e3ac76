"""Work beside other work: for a limited time, under a lock of its own.

Nothing that runs in this process can be ended from outside: what does not come back is left alone.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any


class Call:
    """One call, in a thread of its own that ends with the process."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = threading.Event()
        self.answer: Any = None
        self.error: BaseException | None = None

    def begin(self, name: str) -> None:
        """Begin, in a thread of that name."""
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self._run,), name=name, daemon=True
        ).start()

    def wait(self, seconds: float | None) -> bool:
        """Whether it comes back in time; None: wait as long as it takes."""
        return self._done.wait(seconds)

    def start(self, name: str, seconds: float) -> bool:
        """Begin; whether it came back in time."""
        self.begin(name)
        return self.wait(seconds)

    @property
    def hangs(self) -> bool:
        """Whether it has not come back."""
        return not self._done.is_set()

    def _run(self) -> None:
        try:
            self.answer = self._work()
        except BaseException as error:  # noqa: BLE001 - SystemExit and whatever else foreign code raises is its own fault, to be told
            self.error = error
        finally:
            self._done.set()


class Locks:
    """A lock for each name, made when it is first asked for: who holds one keeps nobody from what
    has another name.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._named = dict[str, Any]()

    def __call__(self, name: str) -> Any:
        """The lock of a name, to be taken with `with`; who holds it may take it again."""
        with self._lock:
            return self._named.setdefault(name, threading.RLock())


def words(error: BaseException, most: int = 500) -> str:
    """What foreign code raised; asking it for its words is calling it again."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - an exception whose `__str__` raises
        text = "(it does not say what)"
    return f"{type(error).__name__}: {text}"[:most].rstrip(": ")
