"""`govd revision interference`, as it is typed."""

from typing import Any

import pytest

from govd.cli.show_revision import show_interference
from tests.cli.conftest import Shell


def test_it_is_typed(
    govd: Shell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    govd("forget", "red", "--model", "m", "--reason", "r")
    for words in (("m",), ("m", "1")):
        found: Any = govd.json("revision", "interference", *words)
        assert [c["name"] for row in found["forgets"] for c in row["concepts"]] == [
            "red"
        ]
    row = {
        **found["forgets"][0],
        "cost": 0.0123,
        "others_named": 0.5,
        "others_named_without": 0.25,
    }
    show_interference({**found, "forgets": [row]})
    printed = capsys.readouterr().out
    assert "red everywhere" in printed
    assert "+1.23 pt" in printed
    assert "25.0 % → 50.0 %" in " ".join(printed.split())
