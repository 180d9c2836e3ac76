"""The manual's folder watcher: a server that knows nothing of govd serves what is published."""

import hashlib
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.models.given import Given
from govd.service.service import Service
from tests.reconcile.published_folders import forget

SECONDS = 20


@pytest.fixture
def manual() -> dict[str, Any]:
    page = (Path(__file__).parents[2] / "govd" / "OPERATIONS.md").read_text(
        encoding="utf-8"
    )
    (code,) = re.findall(r"```python\n(# follow_current\.py\n.*?)```", page, re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


class Server:
    """Loads what it follows, and keeps what it served."""

    def __init__(
        self, manual: dict[str, Any], folder: Path, seconds: float = SECONDS
    ) -> None:
        self.news, self.numbers = threading.Event(), list[int]()
        self.unreadable = 0
        arguments = (folder, self.news, self.load, self.swap, seconds)
        threading.Thread(
            target=manual["serve_from"], args=arguments, daemon=True
        ).start()

    def load(self, checkpoint: Path) -> dict[str, str]:
        if self.unreadable:
            self.unreadable -= 1
            raise OSError(2, "pruned while it was read")
        assert not checkpoint.is_symlink()
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in checkpoint.iterdir()
        }

    def swap(self, model: dict[str, str], number: int) -> None:
        self.model = model
        self.numbers.append(number)

    def hears(self, number: int, hint: bool = True) -> None:
        """A webhook's hint, until this revision is served."""
        end = time.monotonic() + SECONDS
        while not self.numbers or self.numbers[-1] != number:
            assert time.monotonic() < end, self.numbers
            if hint:
                self.news.set()
            time.sleep(0.01)


@pytest.fixture
def folder(service: Service, given: Given, tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    return folder


def test_a_server_follows_forgets_and_reverts(
    service: Service, folder: Path, manual: dict[str, Any]
) -> None:
    server = Server(manual, folder)  # before anything is published
    request = forget(service, "red")
    server.hears(1)
    edited = server.model
    forget(service, "blue")
    server.hears(2)
    assert server.model != edited
    service.requests.revert(request, "enough", "ann")
    service.reconciler.run()
    server.hears(3)
    server.news.set()
    time.sleep(0.05)
    assert server.numbers == [1, 2, 3]  # once each, however often it looks


def test_what_cannot_be_read_is_tried_again_without_a_hint(
    service: Service, folder: Path, manual: dict[str, Any]
) -> None:
    server = Server(manual, folder, seconds=0.01)
    server.unreadable = 2
    forget(service, "red")
    server.hears(1, hint=False)
    forget(service, "blue")
    server.hears(2, hint=False)
