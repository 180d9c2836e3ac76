"""Where batch work runs: in this process, or where a plugin says (`[batch]` in `govd.toml`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from threadpoolctl import threadpool_limits

from govd.asking.in_use import Plugins
from govd.errors import Unsupported
from govd.home.settings import IN_PROCESS
from govd.types import BatchRunner

AHEAD: Final = 2
"""Items that wait for each thread."""
END: Final = object()


class InProcess:
    """As many threads as there are cores; few items wait in memory."""

    def map_batches(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        wants_gpu: bool = False,
    ) -> Iterator[Any]:
        """See `BatchRunner`."""
        threads = os.cpu_count() or 1
        # a product in each thread, rather than threads in each product
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, "batch") as pool:
            running: set[Future[Any]] = set()
            try:
                for item in items:
                    running.add(pool.submit(function, item))
                    if len(running) >= threads * AHEAD:
                        ended, running = wait(running, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in ended)
                while running:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ended)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def close(self) -> None:
        """See `BatchRunner`."""


class Guided:
    """A plugin's runner: each answer is waited for as long as for any of that plugin."""

    def __init__(
        self, inner: BatchRunner, ask: Callable[[str, Callable[[], Any]], Any]
    ) -> None:
        self.inner = inner
        self._ask = ask

    def map_batches(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        wants_gpu: bool = False,
    ) -> Iterator[Any]:
        """See `BatchRunner`."""
        begin = partial(self.inner.map_batches, function, items, wants_gpu=wants_gpu)
        answers = self._ask("map_batches", lambda: iter(begin()))
        while True:
            answer = self._ask("map_batches", partial(next, answers, END))
            if answer is END:
                return
            yield answer

    def close(self) -> None:
        """See `BatchRunner`."""
        self._ask("close", self.inner.close)


@contextmanager
def batch_runner(plugins: Plugins) -> Iterator[BatchRunner]:
    """Whoever runs batch work, by the settings of a home, reached while this lasts.

    Raises:
        Unsupported: no plugin has a runner of that name. Unreachable: its machines do not answer.
    """
    name = plugins.settings.batch_runner
    address = plugins.settings.batch_address
    if name == IN_PROCESS:
        yield InProcess()
        return
    plugin, runner = plugins.asker.first(
        "govd_batch_runner", name=name, address=address
    )
    if runner is None:
        raise Unsupported(
            f"no plugin runs batches by {name!r}",
            where="govd.toml, [batch] runner",
            advice=f"Check the name, and whether its extra is installed (govd[{name}]).",
        )
    guided = Guided(runner, partial(plugins.asker.call, plugin))
    try:
        yield guided
    finally:
        guided.close()
