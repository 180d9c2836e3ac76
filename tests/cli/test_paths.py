"""Paths that no file system takes."""

import sys

import pytest

from govd.cli import main
from tests.cli.conftest import Shell


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


@pytest.mark.parametrize(
    "words",
    [
        ["model", "update", "m", "--publish-to", ""],
        ["model", "update", "m", "--publish-to="],
        ["--home", "", "status"],
        ["evaluate", "m", "--images", "", "--json"],
        ["audit", "verify", "--since", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_folder_one_is_in(
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["govd", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "an empty path. Is a variable of the shell" in capsys.readouterr().err


def test_an_empty_address_or_no_domain_is_wrong_usage(govd: Shell) -> None:
    assert (
        "an empty address" in govd.refused("feed", "add", "f", "", "--model", "m").what
    )
    for domains in ("", " , "):
        fault = govd.refused("model", "update", "m", "--domains", domains)
        assert fault.what == "no domain is named"


def test_an_option_of_another_command_may_be_empty(
    govd: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--since` is a time there."""
    monkeypatch.setattr(
        sys, "argv", ["govd", "audit", "log", "--since", "", "--home", str(govd.home)]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
