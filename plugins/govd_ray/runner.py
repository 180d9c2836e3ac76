"""This process's end of a connection to a cluster: items go out, answers come back."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from multiprocessing import Pipe
from typing import Any, Final

from govd.errors import GovdError, MachineFault, Unreachable

CONNECT_SECONDS: Final = 60.0
"""For which a cluster is waited for. One in good order takes one to three seconds."""
PORT_SECONDS: Final = 5.0
"""For which the head's port is waited for."""
LAST_PORT: Final = 65_535
END_SECONDS: Final = 10.0
"""After which a driver that is told to end is killed."""
WORDS: Final = 500
"""Characters of Ray's own words that are told."""
ADVICE: Final = (
    "Nothing that is searched or served was changed. See to the cluster (`ray status`), or set"
    ' runner = "in-process" under [batch] in govd.toml; then repeat the command: what is made is'
    " kept."
)


class RayRunner:
    """A cluster that is reached. `address`: `HOST:PORT` of its head, or `auto`.

    Raises:
        Unreachable: none answers there.
    """

    def __init__(self, address: str) -> None:
        self._where = f"the Ray cluster at {address}"
        self._check_port(address)
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the runner
        self.driver, self._connection = self._begun(address)
        if not self._connection.poll(CONNECT_SECONDS):
            self._kill()
            raise self._gone(f"it did not answer within {CONNECT_SECONDS:.0f} s")
        try:
            self._received()
        except GovdError:
            self._kill()
            raise

    def map_batches(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        wants_gpu: bool = False,
    ) -> Iterator[Any]:
        """See `govd.types.BatchRunner`."""
        waiting = iter(items)
        self._send((pickle.dumps(function), wants_gpu))
        while True:
            kind, content = self._received()
            if kind == "next":
                self._send([pickle.dumps(item) for item in islice(waiting, 1)])
            elif kind == "answer":
                is_answer, answer = pickle.loads(content)
                if not is_answer:
                    raise answer
                yield answer
            else:
                return

    def close(self) -> None:
        """See `govd.types.BatchRunner`."""
        if self.driver.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self._connection.send(None)
                self.driver.wait(END_SECONDS)
        self._kill()

    def _check_port(self, address: str) -> None:
        """Look first whether somebody listens: Ray itself tries for minutes."""
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or int(port) > LAST_PORT:
            return
        try:
            socket.create_connection((host, int(port)), PORT_SECONDS).close()
        except OSError as fault:
            raise self._gone((fault.strerror or str(fault)).lower()) from None

    def _begun(self, address: str) -> tuple[subprocess.Popen[bytes], Any]:
        our_end, driver_end = Pipe()
        with driver_end:
            handle = driver_end.fileno()
            driver = subprocess.Popen(
                [sys.executable, "-m", "govd_ray.driver", str(handle), address],
                pass_fds=[handle],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return driver, our_end

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            raise self._lost() from None

    def _received(self) -> tuple[str, Any]:
        """What the driver says.

        Raises:
            Unreachable: the cluster is gone. MachineFault: its workers are.
        """
        try:
            kind, content = self._connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if kind == "unreachable":
            raise self._gone(content)
        if kind == "fault":
            raise MachineFault(content, where=self._where, advice=ADVICE)
        return kind, content

    def _lost(self) -> Unreachable:
        self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - WORDS))
        lines = self._words.read().decode(errors="replace").splitlines()
        # the log of Ray's own core tells what it tries, and not why it ended
        words = [line for line in lines if line.strip() and not line.startswith("[")]
        return self._gone(
            "the connection ended" + (f" ({words[-1].strip()})" if words else "")
        )

    def _gone(self, why: str) -> Unreachable:
        return Unreachable(why[:WORDS], where=self._where, advice=ADVICE)

    def _kill(self) -> None:
        self.driver.kill()
        self.driver.wait()
        self._connection.close()
        self._words.close()
