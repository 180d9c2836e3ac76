"""Fixtures of the tests beside it."""

from collections.abc import Iterator

import pytest

from govd.service.service import Service
from tests.plugins.hostile import QUICK, Hostile


@pytest.fixture
def hostile(service: Service) -> Iterator[Hostile]:
    plugin = Hostile()
    service.core.plugins.asker.seconds = service.core.plugins.asker.work_seconds = (
        QUICK * 4
    )
    service.core.plugins.manager.register(plugin, "hostile")
    service.core.plugins.asker.seconds = QUICK
    yield plugin
    service.core.plugins.manager.unregister(plugin)
