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


@pytest.mark.parametrize(
    "words",
    [
        ["forget", "--from", "PATH", "--model", "m"],
        ["feed", "add", "f", "webhook:", "--secret-file", "PATH"],
        ["audit", "verify", "--since", "PATH"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
@pytest.mark.parametrize("place", ["/no/such/file", "/dev/null"])
def test_what_cannot_be_read_is_told_in_words_and_once(
    words: list[str],
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = [place if word == "PATH" else word for word in words]
    monkeypatch.setattr(sys, "argv", ["govd", *typed])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code in (1, 2)
    assert "Errno" not in told
    assert told.count(place) <= 1
