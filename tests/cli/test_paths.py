"""Paths that no file system takes."""

import sys

import pytest

from govd.cli import main


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["audit", "verify", 300 * "x"], "Give a shorter path"),
        (["model", "add", "shop", "~no-such-account/clip"], "the name of no account"),
    ],
)
def test_a_path_that_cannot_be_is_wrong_usage(
    words: list[str],
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["govd", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert advice in capsys.readouterr().err
