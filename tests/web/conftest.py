"""An application over a service in this process."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from tests.web.running import Running


@pytest.fixture
def served(service: Service) -> FastAPI:
    """What is filed is reconciled at once."""
    return create_app(Context(service, service.reconciler.run))


@pytest.fixture
def client(served: FastAPI, service: Service) -> Iterator[TestClient]:
    """An owner's client."""
    with TestClient(
        served,
        "http://localhost",
        headers={"Authorization": f"Bearer {service.core.home.token()}"},
    ) as made:
        yield made


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A daemon on a new home and a free port."""
    daemon = Running(tmp_path)
    yield daemon
    if daemon.process.poll() is None:
        daemon.process.send_signal(signal.SIGTERM)
    try:
        daemon.process.wait(30)
    finally:
        daemon.process.kill()
        daemon.errors.close()
