"""A process of our own that can be ended: with a time limit for each thing that it says, and never
left behind.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

KEPT_BYTES: Final = 2**20
"""Of an answer at most."""
LAST_BYTES: Final = 2000
"""Of what it wrote as its error that are kept."""
ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
}
"""It asks no network, and each thread of a library would take address space."""

_running: set[Child] = set()
_lock = threading.Lock()


class Child:
    """A module of ours that runs with arguments, its parent's process id the last of them, and
    writes its answers as lines of JSON.

    It is in a process group of its own: what a terminal sends (Ctrl-C) comes to us, and we end the
    whole group.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        command = [sys.executable, "-P", "-m", module, *arguments, str(os.getpid())]
        with _lock:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **ENVIRONMENT},
                process_group=0,
                bufsize=0,
            )
            _running.add(self)
        self._answers = b""
        self._errors = b""
        self._is_late = False
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            self._selector.register(stream, selectors.EVENT_READ)

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Its next answer; None where it ended, or gave none in time, after which it is ended."""
        until = time.monotonic() + seconds
        while b"\n" not in self._answers:
            if not self._selector.get_map():
                return None
            events = self._selector.select(max(0.0, until - time.monotonic()))
            if not events or len(self._answers) > KEPT_BYTES:
                self._is_late = True
                self._kill()
                return None
            for key, _ in events:
                self._read(key.fileobj)
        line, _, self._answers = self._answers.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ending(self) -> str:
        """How it ended by itself, in words; empty where it was ended for being late."""
        if self._is_late:
            return ""
        code = self._process.wait()
        how = f"exit {code}" if code >= 0 else signal.Signals(-code).name
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        why = next(
            (line for line in lines if "memory" in line.lower()),
            lines[-1] if lines and code >= 0 else "",
        )
        return f"{how}: {why[:300]}" if why else how

    def end(self) -> None:
        """End it, with all that it began."""
        self._kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        with _lock:
            _running.discard(self)

    def _kill(self) -> None:
        if (
            self._process.poll() is None
        ):  # its number is another's only after we have asked for its end
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self, stream: Any) -> None:
        data = os.read(stream.fileno(), 2**16)
        if not data:
            self._selector.unregister(stream)
        elif stream is self._process.stdout:
            self._answers += data
        else:
            self._errors = (self._errors + data)[-LAST_BYTES:]


def _end_all() -> None:
    """When this process ends as it should; when it is killed, the system tells the other one."""
    with _lock:
        for process in list(_running):
            process._kill()


atexit.register(_end_all)
