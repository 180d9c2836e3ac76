"""A time for one attempt as a whole: whoever answers byte by byte is cut off, too."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Watch:
    """Shuts a connection down when its time is over, so that whoever reads from it or writes to it
    comes back; a context around the attempt. `seconds` from its beginning.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._held: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None

    def hold(self, connection: socket.socket) -> None:
        """The connection that is watched. A copy is kept: TLS takes the first one away."""
        with self._lock:
            self._held = connection.dup()
        if self.is_over:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            if self._held is not None:
                with contextlib.suppress(OSError):  # it has ended by itself
                    self._held.shutdown(socket.SHUT_RDWR)
