"""The daemon: the application under uvicorn, and a thread that reconciles."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from govd.errors import GovdError, MachineFault, Usage
from govd.service import Service, open_service
from govd.web.app import create_app

log = logging.getLogger("govd")
EVERY = 1.0
"""Seconds between two looks at the ledger when nobody says that there is news."""
LEVELS = ("debug", "info", "warning", "error")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)), "level": record.levelname.lower()}
        said |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class Worker(threading.Thread):
    """Reconciles when woken and every second; a fault is logged and tried again, more slowly."""

    def __init__(self, service: Service) -> None:
        super().__init__(name="reconciler", daemon=True)
        self.service, self.news, self.ending = service, threading.Event(), threading.Event()

    def run(self) -> None:
        """Until told to end; the step at hand is finished."""
        pause = EVERY
        while not self.ending.is_set():
            self.news.wait(pause)
            self.news.clear()
            try:
                self.service.reconcile()
                if not self.news.is_set():
                    self.service.measure()
                self.service.vouch()
                pause = EVERY
            except GovdError as error:
                log.error("reconcile: %s", error.message)
                pause = min(60.0, 2 * pause)
            except Exception:
                log.exception("reconcile: a bug in govd")
                pause = min(60.0, 2 * pause)

    def end(self) -> None:
        """Finish the step at hand."""
        self.ending.set()
        self.news.set()
        self.join(60)


class _Server(uvicorn.Server):
    """uvicorn, but a signal ends `run` instead of the process, so that what is around it can finish."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(folder: Path, host: str, port: int, log_level: str = "info") -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        HomeLocked: another process works on this home. MachineFault: the port is in use.
    """
    if log_level not in LEVELS:
        raise Usage(f"unknown log level {log_level!r}", advice=f"One of {', '.join(LEVELS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=log_level.upper(), handlers=[handler], force=True)
    listening = _listen(host, port)
    with listening, open_service(folder) as service:
        service.core.home.token()
        worker = Worker(service)
        app = create_app(service, worker.news.set, () if host in ("127.0.0.1", "localhost", "::1") else (host,))
        real = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(app, log_config=None, log_level=log_level, access_log=False, timeout_graceful_shutdown=5)
        with service.core.home.announced(f"http://{shown}:{real}"):
            log.info("govd listens on http://%s:%d, home %s", shown, real, service.core.home.folder)
            worker.start()
            worker.news.set()
            try:
                _Server(config).run(sockets=[listening])
            finally:
                worker.end()
        log.info("govd has stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as fault:
        listening.close()
        advice = "Stop what listens there, or choose another --port (0 takes a free one)."
        raise MachineFault(f"the port cannot be used ({fault.strerror})", where=f"{host}:{port}", advice=advice) from None
    return listening
