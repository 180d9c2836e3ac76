"""Letters of other alphabets that look like Latin ones: a name with some of them is another one to
a model, and the same to a reader.

The pairs of Cyrillic and Greek letters, and of Latin letters of phonetics, are those of
`confusables.txt` of Unicode Technical Standard 39 (versions 14.0 and 17.0 agree) whose prototype is
one letter of the Latin alphabet, but those that are rare or look like it in some typefaces alone;
and the capital of ԛ, which it lacks.

Proven by `tests/contributions/test_lookalikes.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from govd.models.phrases import folded

CYRILLIC: Final = (
    "АВЕЅІЈКМНОРСТУХаеһіјорѕсухԁԛԝүҮԌԚԜ",
    "ABESIJKMHOPCTYXaehijopscyxdqwyYGQW",
)
GREEK: Final = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρυγϳ", "ABEZHIKMNOPTYXaiovpuyj")
LATIN: Final = ("ɑɡıɩʏ", "agiiy")
LETTERS: Final = str.maketrans(
    "".join(pair[0] for pair in (CYRILLIC, GREEK, LATIN)),
    "".join(pair[1] for pair in (CYRILLIC, GREEK, LATIN)),
)
NAMED: Final = 3
"""Letters that are told by their names."""


def as_read(name: str) -> str:
    """What a name looks like, in Latin letters as far as it looks like them; neither case, width
    nor spacing counts.
    """
    return folded(unicodedata.normalize("NFKC", name).translate(LETTERS))


def looks_like(name: str, known: Iterable[str]) -> str:
    """The first of some names that one looks like and is not; `""` where there is none.

    Args:
        name: as it was typed.
        known: the names that there are.
    """
    if name.isascii():  # one of the two has other letters
        known = (other for other in known if not other.isascii())
    look = as_read(name)
    letters = folded(name)
    return next(
        (
            other
            for other in known
            if as_read(other) == look and folded(other) != letters
        ),
        "",
    )


def foreign_letters(name: str) -> str:
    """The letters of a name that look like Latin ones, by their names in Unicode."""
    letters = dict.fromkeys(
        letter for letter in name if letter.translate(LETTERS) != letter
    )
    return ", ".join(unicodedata.name(letter) for letter in list(letters)[:NAMED])
