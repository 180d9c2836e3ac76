"""The daemon: the application under uvicorn, beside a thread that reconciles."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from govd.errors import MachineFault, Usage, instead
from govd.service.service import Service, open_service
from govd.web.app import create_app, put_together
from govd.web.context import Context
from govd.web.guards import EVERYWHERE, check_name
from govd.web.log import EntryLog, JsonLines
from govd.web.patching import Patching
from govd.web.telling import Telling
from govd.web.warming import Warming
from govd.web.worker import Worker

log = logging.getLogger("govd")
LEVELS = ("debug", "info", "warning", "error")
GRACE = 5
"""Seconds that calls at hand have when the daemon is told to end."""
LONGEST_SECONDS = 25
"""From the signal to the end of the process, whatever is at hand: nothing is lost that way, and
what was begun is begun again.
"""
LOOK_SECONDS = 0.5


class _Deadline(threading.Thread):
    """Ends the process when what is at hand takes too long. It looks at a name: a signal's handler
    may take no lock.
    """

    def __init__(self, announcement: Path) -> None:
        super().__init__(name="deadline", daemon=True)
        self.announcement = announcement
        self.since = float("inf")

    def begin(self) -> None:
        """The daemon was told to end: the time counts from the first call."""
        self.since = min(self.since, time.monotonic())
        signal.alarm(LONGEST_SECONDS + 4)  # where no thread gets its turn any more

    def run(self) -> None:
        """Look until it is time; the thread ends with the process."""
        while time.monotonic() - self.since < LONGEST_SECONDS:
            time.sleep(LOOK_SECONDS)
        log.warning(
            "govd stops with a step at hand that takes longer than %d s: it is begun again at the"
            " next start",
            LONGEST_SECONDS,
        )
        self.announcement.unlink(missing_ok=True)
        os._exit(0)


class _Threads:
    """What works beside the server: it begins and ends with it."""

    def __init__(self, service: Service) -> None:
        self.worker = Worker(service)
        self.warming = Warming(service)
        self.others = (self.warming, Telling(service), Patching(service))
        self.deadline = _Deadline(service.core.home.folder / "daemon.json")
        self.context = Context(
            service,
            self.worker.news.set,
            self.worker.trouble,
            lambda: dict(self.worker.faults),
            self.warming.trouble,
        )

    def start(self) -> None:
        """Begin, with a look at what is to be done."""
        for thread in (self.deadline, self.worker, *self.others):
            thread.start()
        self.worker.news.set()

    def end(self) -> None:
        """Tell all but the deadline to end, and wait until they have."""
        for thread in self.others:
            thread.ending.set()
        self.worker.end()
        for thread in self.others:
            thread.join()


class _Server(uvicorn.Server):
    """uvicorn, but a signal ends `run` instead of the process, so that what is around it can
    finish.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Streams and waiting calls end first: the server waits for them."""
        self._ending()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        heard = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup govd serve`
            heard.append(signal.SIGHUP)
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    folder: Path,
    host: str,
    port: int,
    log_level: str = "info",
    allowed: tuple[str, ...] = (),
) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP.

    Raises:
        Usage: a port, a log level or an allowed host that cannot be meant. HomeLocked: another
        process works on this home. MachineFault: the port is in use.
    """
    _check_level(log_level)
    names = [check_name(name) for name in allowed]
    _log_to_stderr(log_level)
    listening = _listen(host, port)
    with listening, open_service(folder) as service:
        home = service.core.home
        home.token()
        names += _names(host, home.settings.allowed_hosts)
        service.core.plugins.manager.register(EntryLog(), "entry log")
        threads = _Threads(service)
        context = threads.context

        def ending() -> None:
            service.core.ending = True
            threads.deadline.begin()
            context.news.close()

        app = create_app(context, names, addresses=host in EVERYWHERE)
        put_together(app)
        config = _configured(app, log_level)
        port = listening.getsockname()[1]
        url = f"http://{_reached(host)}:{port}"
        with home.announced(url):
            log.info(
                "govd listens on %s:%d, ask for %s, home %s",
                host,
                port,
                url,
                home.folder,
            )
            threads.start()
            try:
                _Server(config, ending).run(sockets=[listening])
            finally:
                ending()
                threads.end()
        log.info("govd has stopped")


def _names(host: str, allowed: Iterable[str]) -> list[str]:
    """What the daemon may be asked for by: the names in `govd.toml`, and that which it listens
    on.
    """
    listened = () if host in EVERYWHERE else (host,)
    return [check_name(name) for name in (*allowed, *listened)]


def _check_level(log_level: str) -> None:
    if log_level not in LEVELS:
        raise Usage(
            f"unknown log level {log_level!r}",
            advice=instead(log_level, LEVELS, "Levels"),
        )


def _log_to_stderr(log_level: str) -> None:
    """Log JSON lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=log_level.upper(), handlers=[handler], force=True)
    # not every call to a witness, every device that is not there
    if log_level == "info":
        for talkative in ("httpx", "jax"):
            logging.getLogger(talkative).setLevel(logging.WARNING)


def _configured(app: FastAPI, log_level: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=GRACE,
    )


def _reached(host: str) -> str:
    """How the address that is listened on is written by who asks: "everywhere" is reached by
    loopback.
    """
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OverflowError:
        listening.close()
        raise Usage(
            f"{port} is no port", where="--port", advice="From 0 (a free one) to 65535."
        ) from None
    except OSError as fault:
        listening.close()
        advice = (
            "Stop what listens there, or choose another --port (0 takes a free one)."
        )
        raise MachineFault(
            f"the port cannot be used ({fault.strerror})",
            where=f"{host}:{port}",
            advice=advice,
        ) from None
    return listening
