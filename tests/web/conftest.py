"""An application over a service in this process."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context


@pytest.fixture
def served(service: Service) -> FastAPI:
    """What is filed is reconciled at once."""
    return create_app(Context(service, service.reconcile))


@pytest.fixture
def client(served: FastAPI, service: Service) -> Iterator[TestClient]:
    """An owner's client."""
    with TestClient(
        served,
        "http://localhost",
        headers={"Authorization": f"Bearer {service.core.home.token()}"},
    ) as made:
        yield made
