"""A process that is connected to a cluster: `python -m govd_ray.driver HANDLE ADDRESS`.

Actors rather than Ray Data's `map_batches`: an answer is noted the moment it is there, items are
drawn one by one and may end at any time, and a lost worker is met here, with a bound. Ray Data
wants its input whole, hands answers out in blocks, and starts a loop of its own each time: six
trivial items took 11 s on two nodes, 3 s with actors.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import ray
from ray.exceptions import RayError, RayTaskError
from threadpoolctl import threadpool_limits

from govd.errors import GovdError

LOSSES: Final = 3
"""Workers that may be lost with one item, or one after another at their start."""
START_SECONDS: Final = 300.0
"""For which a first free worker is waited for."""
WORDS: Final = 500
"""Characters of Ray's own words that are told."""


class Worker:
    """A process of the cluster. `work` is a pickled function: it is unpickled, and what it needs
    opened, before the first item.
    """

    def __init__(self, work: bytes) -> None:
        self._work = work
        self._function: Any = None

    def ready(self) -> None:
        """Answers once it runs."""

    def do(self, item: bytes) -> bytes:
        """Whether there is an answer, and the answer, or the error in its place; pickled."""
        try:
            # as in one process: a product in each worker
            with threadpool_limits(1, "blas"):
                if self._function is None:
                    self._function = pickle.loads(self._work)
                return pickle.dumps((True, self._function(pickle.loads(item))))
        except GovdError as fault:
            return pickle.dumps((False, fault))


@dataclass
class Piece:
    """An item, and how many workers were lost with it."""

    item: bytes
    losses: int = 0


class Lost(Exception):
    """Workers are lost again and again, or none is to be had."""


class Pool:
    """As many workers as the cluster has processors, or GPUs, for one function. Each has one item
    at a time: whose worker is lost is known.
    """

    def __init__(self, connection: Connection, work: bytes, wants_gpu: bool) -> None:
        self.connection = connection
        on_gpu = wants_gpu and ray.cluster_resources().get("GPU", 0) >= 1
        self._resource = "GPU" if on_gpu else "CPU"
        needs: dict[str, Any] = {"num_gpus": 1} if on_gpu else {"num_cpus": 1}
        self._actor = ray.remote(**needs)(Worker)
        self._work = ray.put(work)
        self._pieces: deque[Piece] = deque()
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, tuple[Any, Piece]] = {}
        self._is_over = False
        self._lost_at_start = 0

    def run(self) -> None:
        """Ask for items and send answers, until there are no more items.

        Raises:
            Lost: workers are lost again and again, or none is to be had.
        """
        try:
            while self._given():
                references = [*self._starting, *self._busy]
                ended, _ = ray.wait(references, num_returns=1, timeout=START_SECONDS)
                if not ended and not self._busy:
                    raise Lost(
                        f"no {self._resource} of it was free for {START_SECONDS:.0f} s"
                    )
                for reference in ended:
                    self._ended(reference)
        finally:
            workers = [worker for worker, _ in self._busy.values()]
            for worker in [*workers, *self._idle, *self._starting.values()]:
                ray.kill(worker)

    def _given(self) -> bool:
        """Give items to whoever is free, and start who is missing; whether something is left."""
        most = max(1, int(ray.cluster_resources().get(self._resource, 0)))
        while not self._is_over and len(self._busy) + len(self._pieces) < most:
            self.connection.send(("next", None))
            items = self.connection.recv()
            self._pieces.extend(Piece(item) for item in items)
            self._is_over = not items
        while self._idle and self._pieces:
            worker = self._idle.pop()
            piece = self._pieces.popleft()
            self._busy[worker.do.remote(piece.item)] = worker, piece
        workers = len(self._busy) + len(self._idle) + len(self._starting)
        for _ in range(min(len(self._pieces) - len(self._starting), most - workers)):
            worker = self._actor.remote(self._work)
            self._starting[worker.ready.remote()] = worker
        return bool(self._busy or self._pieces)

    def _ended(self, reference: Any) -> None:
        """A worker is ready, has an answer, or is lost."""
        worker = self._starting.pop(reference, None)
        worker, piece = (
            (worker, None) if worker is not None else self._busy.pop(reference)
        )
        try:
            answer = ray.get(reference)
        except RayTaskError:
            raise
        except RayError as fault:
            with contextlib.suppress(RayError):
                ray.kill(worker)
            self._lost(piece, fault)
            return
        self._idle.append(worker)
        if piece is not None:
            self._lost_at_start = 0
            self.connection.send(("answer", answer))

    def _lost(self, piece: Piece | None, fault: RayError) -> None:
        """Its item is given to another."""
        if piece is None:
            self._lost_at_start += 1
        else:
            piece.losses += 1
            self._pieces.appendleft(piece)
        if max(self._lost_at_start, piece.losses if piece else 0) >= LOSSES:
            when = "at their start" if piece is None else "with the same piece of work"
            words = str(fault).partition("\n")[0]
            raise Lost(f"{LOSSES} workers were lost {when} ({words})"[:WORDS])


def serve(connection: Connection, address: str) -> None:
    """Connect, say so, and do what is asked until None comes, or nobody is there any more."""
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, OSError, RuntimeError, ValueError) as fault:
        connection.send(("unreachable", str(fault).partition("\n")[0][:WORDS]))
        return
    connection.send(("connected", None))
    while (order := connection.recv()) is not None:
        try:
            Pool(connection, *order).run()
            connection.send(("end", None))
        except RayTaskError as fault:
            words = f"{type(fault.cause).__name__}: {fault.cause}"
            connection.send(("fault", words[:WORDS]))
        except (Lost, RayError) as fault:
            connection.send(("fault", str(fault)[:WORDS]))


def main() -> None:
    """Serve whoever began this process."""
    with (
        Connection(int(sys.argv[1])) as connection,
        contextlib.suppress(EOFError, OSError),
    ):
        serve(connection, sys.argv[2])
    ray.shutdown()


if __name__ == "__main__":
    main()
