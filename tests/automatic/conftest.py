"""A feed on a folder of the home `service`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from govd.automatic.feed_settings import FeedSettings
from govd.service.service import Service
from govd.types import Record

NOW = datetime.now(UTC)


class Nightly:
    """The feed `nightly` of a folder: files are written there, it is run, requests are found."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder

    def add(self, missing: str = "keep", model: str | None = "m") -> Record:
        settings = FeedSettings("nightly", self.folder.as_uri(), model, missing=missing)
        return self.service.feeds.add(settings, "ann", NOW)

    def write(self, content: str | bytes, name: str = "names.csv") -> Path:
        path = self.folder / name
        part = self.folder / f"{name}.part"
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
        return path

    def run(
        self, content: str | bytes | None = None, name: str = "names.csv"
    ) -> Record:
        """The one run that there is now."""
        if content is not None:
            self.write(content, name)
        (run,) = self.service.feeds.run("nightly", NOW)["runs"]
        return run

    def look(self) -> list[Record]:
        """The runs that are new."""
        runs: list[Record] = self.service.feeds.run("nightly", NOW)["runs"]
        return runs

    def settle(self) -> None:
        self.service.reconciler.run()

    def states(self) -> dict[str, str]:
        """Of every forget, by its first concept."""
        requests = self.service.core.desk.views.requests()
        return {r.concepts[0].name: str(r.state) for r in requests if r.is_forget}


@pytest.fixture
def nightly(service: Service, tmp_path: Path) -> Nightly:
    folder = tmp_path / "lists"
    folder.mkdir()
    return Nightly(service, folder)


def answers(run: Record) -> list[tuple[int, str]]:
    return [(row["row"], row["answer"]) for row in run["rows"]]
