"""A model that is published to a folder, another model, and a plugin whose answers a test sets."""

from dataclasses import replace
from pathlib import Path

import pytest

from govd.models.given import Given
from govd.service.service import Service
from tests.reconcile.deciding import Plugin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "served"


@pytest.fixture
def published(service: Service, given: Given, folder: Path) -> Service:
    """The model `a` is published to a folder."""
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    return service


@pytest.fixture
def plugin(service: Service) -> Plugin:
    found = Plugin()
    service.core.plugins.manager.register(found, "test")
    return found


@pytest.fixture
def other(service: Service, given: Given) -> Service:
    """A second model, `a`, whose turn comes before that of `m`."""
    service.add_model("a", "colours", given, "ann")
    return service
