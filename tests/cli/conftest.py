"""A home of this process, and `govd` as it is typed there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from govd.cli import app
from govd.errors import GovdError
from govd.models.given import Given
from govd.service.service import open_service


class Shell:
    """Runs `govd` here, on one home, on a terminal of 80 columns."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str, input: str | None = None) -> Result:
        return CliRunner().invoke(
            app,
            list(words),
            input=input,
            env={"GOVD_HOME": str(self.home), "COLUMNS": "80", "GOVD_URL": ""},
        )

    def json(self, *words: str) -> object:
        done = self(*words, "--json")
        assert done.exception is None, done.exception
        return json.loads(done.stdout)

    def refused(self, *words: str) -> GovdError:
        fault = self(*words).exception
        assert isinstance(fault, GovdError), fault
        return fault


@pytest.fixture
def govd(tmp_path: Path, example_plugins: None, given: Given) -> Shell:
    shell = Shell(tmp_path / "home")
    with open_service(shell.home) as service:
        service.add_model("m", "colours", given, "ann")
    return shell
