"""A home without models: entries are made by what needs none."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govd.service.service import Service, open_service

SETTINGS = "notice_seconds = 0.5\n"
Tell = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home's folder, in which an attempt takes half a second at most."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "govd.toml").write_text(SETTINGS)
    return home


@pytest.fixture
def office(folder: Path, example_plugins: None) -> Iterator[Service]:
    """The home, opened."""
    with open_service(folder) as opened:
        yield opened


@pytest.fixture
def tell(office: Service) -> Tell:
    """Send what is due now, and wait until that is done."""

    def telling(now: datetime | None = None, at_once: bool = False) -> None:
        sending = office.notices.sending
        if at_once:
            for name in list(office.core.desk.views.receivers):
                sending.attempts._until.pop(name, None)
        sending.look(now or datetime.now(UTC), fresh=True)
        assert sending.wait(10)

    return telling
