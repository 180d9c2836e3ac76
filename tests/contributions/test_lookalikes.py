"""Names that look like others in letters of another alphabet."""

import unicodedata

import pytest

from govd.contributions.lookalikes import (
    CYRILLIC,
    GREEK,
    LATIN,
    as_read,
    foreign_letters,
    looks_like,
)
from govd.requests import ForgetOptions
from govd.service.service import Service

KNOWN = ("dog", "cat", "Hot dog", "\u043a\u043e\u0442")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("d\u043eg", "dog"),
        ("\u0441\u0430t", "cat"),
        ("\u041dOT  D\u039fG", "Hot dog"),
        ("dog", ""),
        ("DOG", ""),
        ("\u043a\u043e\u0442", ""),
        ("dig", ""),
        ("\u0434\u043e\u043c", ""),
    ],
)
def test_a_name_is_compared_as_it_is_read(name: str, meant: str) -> None:
    assert looks_like(name, KNOWN) == meant


def test_each_letter_has_a_latin_one_and_a_name() -> None:
    for letters, latin in (CYRILLIC, GREEK, LATIN):
        assert len(letters) == len(latin)
        assert latin.isascii()
        assert all(not letter.isascii() for letter in letters)
        for letter, seen in zip(letters, latin, strict=True):
            assert as_read(letter) == seen.casefold()
            assert foreign_letters(letter) == unicodedata.name(letter)


def test_a_look_alike_waits_for_a_person_who_is_told_which_letters_it_has(
    service: Service,
) -> None:
    name = "r\u0435d"
    request = service.requests.forget("m", ForgetOptions(concepts=(name,)), "ann")
    service.reconciler.run()
    request = service.requests.show(request.id)
    assert request.state == "waiting"
    assert request.concepts[0].name == name, "never taken for the other"
    expected = "'r\u0435d' looks like 'red' and is another name (CYRILLIC SMALL LETTER IE): did you"
    assert expected in request.state_reason
    assert "did you mean red?" in request.state_reason
