"""Kinds of models that external jobs edit, trained once, and homes in which they are registered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govd.service.service import Service, open_service
from tests.delta.models import MAKERS, Kind, Kinds, Opens


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Kinds:
    """Each kind of model by its name, trained once."""
    made: dict[str, Kind] = {}

    def kind(name: str) -> Kind:
        if name not in made:
            made[name] = MAKERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return kind


@pytest.fixture
def opens(tmp_path: Path, example_plugins: None) -> Iterator[Opens]:
    """Opens the home `tmp_path/home` with such settings, and closes it in the end."""
    opened: list[Any] = []

    def open_home(text: str) -> Service:
        while opened:
            opened.pop().__exit__(None, None, None)
        (tmp_path / "home").mkdir(exist_ok=True)
        (tmp_path / "home" / "govd.toml").write_text(text)
        manager = open_service(tmp_path / "home")
        opened.append(manager)
        return manager.__enter__()

    yield open_home
    while opened:
        opened.pop().__exit__(None, None, None)
