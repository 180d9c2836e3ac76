"""Phrases that people give: labels, anchors, templates, domains, concepts; read, checked, put into
prompts.

Every text is compared in Unicode's form C, so that `é` typed on one machine is the `é` in a file
made on another.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from govd.errors import BadFile, Usage
from govd.home.regular import TEXT_BYTES, read_regular
from govd.models.name_lists import fault_of

TEMPLATES: Final = (
    "a photo of a {}.",
    "a picture of a {}.",
    "a drawing of a {}.",
    "an image of a {}.",
)
LONGEST: Final = 200
"""Characters of a label, phrase or domain at most."""
SHOWN: Final = 40
"""Characters of a longer text that an error shows."""
UNSEEN: Final = "\ufeff\u200b\u2060\u00ad"
"""Characters without width that editors, spreadsheets and web pages leave in a text: they name
nothing, wherever they stand.
"""
AT_ENDS: Final = "\u200c\u200d\u200e\u200f\u061c"
"""Joiners and marks of direction: within a phrase they belong to its writing, at its ends they do
nothing.
"""
SEEN: Final = frozenset("LNPS")
"""General categories of characters of which at least one must stand in a phrase: letters, numbers,
punctuation, symbols.
"""
_WITHOUT: Final = dict.fromkeys(map(ord, UNSEEN))
LAST_LINE: Final = 2**31
LINE_END: Final = re.compile(r"\r\n|\r|\n")
UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Listing:
    """A text file of names, one a line: the names, the line of each (from 1), and what was left
    out.
    """

    names: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    comments: tuple[tuple[int, str], ...] = ()
    blank: int = 0


@dataclass(frozen=True)
class Repeat:
    """A name that adds nothing to one before it: `kept` stands for both. `places` are their lines,
    or positions, from 1.
    """

    name: str
    kept: str
    places: tuple[int, int]
    why: str

    def as_json(self) -> dict[str, object]:
        """As a model's entry says it; `why` is `repeated` or `read alike`."""
        return {
            "name": self.name,
            "kept": self.kept,
            "lines": list(self.places),
            "why": self.why,
        }


def prompt(domain: str, word: str) -> str:
    """A prompt for a word in a domain; `domain` empty: in none that is named."""
    if domain:
        return f"a {domain} of a {word}"
    return f"a picture of a {word}"


def default_vocabulary() -> list[str]:
    """The everyday nouns that come with govd."""
    text = files("govd").joinpath("data/nouns.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def spelled(text: str) -> str:
    """A phrase as it is compared and kept: in form C, without what cannot be seen."""
    bare = text.translate(_WITHOUT)
    before = None
    while bare != before:
        bare, before = bare.strip().strip(AT_ENDS), bare
    return unicodedata.normalize("NFC", bare)


def folded(text: str) -> str:
    """What is left of a phrase where neither case, width, punctuation between words nor spacing
    counts.
    """
    even = unicodedata.normalize("NFKC", spelled(text)).casefold()
    return " ".join(re.split(r"[\s_\-‐-―]+", even)).strip()


def text_of(path: Path) -> str:
    """A text file: UTF-8, with a byte order mark or without, or UTF-16 with one.

    Raises:
        BadFile: it cannot be read, or not as text; the line where that shows is named.
    """
    try:
        data = read_regular(path, TEXT_BYTES)
    except OSError as fault:
        raise BadFile(
            f"cannot be read ({fault.strerror or fault})",
            where=str(path),
            advice="Give a text file.",
        ) from None
    try:
        return text_in(data)
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise BadFile(
            f"line {line} is not UTF-8",
            where=str(path),
            advice="Save the file as UTF-8 text.",
        ) from None


def text_in(data: bytes) -> str:
    """The text of a file's bytes: UTF-8, with a byte order mark or without, or UTF-16 with one, as
    spreadsheets save "Unicode text".

    Raises:
        UnicodeDecodeError: it is neither.
    """
    return data.decode("utf-16" if data.startswith(UTF16) else "utf-8-sig")


def listing(path: Path) -> Listing:
    """The names in a text file, one a line; blank lines and those that begin with # are left out.

    Raises:
        BadFile: it cannot be read as text, or holds names otherwise.
    """
    names = []
    lines = []
    comments = []
    blank = 0
    text = text_of(path)
    whole = LINE_END.split(text)
    for number, line in enumerate(whole[:-1] if not whole[-1] else whole, 1):
        name = spelled(line)
        if not name:
            blank += 1
        elif name.startswith("#"):
            comments.append((number, name))
        else:
            names.append(name)
            lines.append(number)
    fault = fault_of(text, names)
    if fault:
        raise BadFile(fault[0], where=str(path), advice=fault[1])
    return Listing(tuple(names), tuple(lines), tuple(comments), blank)


def lines(path: Path | None) -> list[str]:
    """The names in a text file (see `listing`); none where there is no file."""
    return list(listing(path).names) if path else []


def once(
    given: Sequence[str], what: str, lines: Sequence[int] | None = None
) -> tuple[list[str], list[int], list[Repeat]]:
    """Phrases without repetition, the place of each, and what was repeated. `lines`: where each
    stands in its file.

    Args:
        given: the phrases as they were typed.

    Raises:
        Usage: one of them cannot be meant, or `lines` is not of these phrases.
    """
    if lines is not None and len(lines) != len(given):
        raise Usage(
            f"{len(lines)} line numbers for {len(given)} {what}s",
            advice="Give one for each, or none.",
        )
    if lines is not None and not all(0 < line <= LAST_LINE for line in lines):
        raise Usage(
            f"line numbers of {what}s that no file has",
            advice=f"Lines are counted from 1 to {LAST_LINE}.",
        )
    places = list(lines) if lines is not None else list(range(1, len(given) + 1))
    first: dict[str, int] = {}
    repeats = []
    for text, place in zip(given, places, strict=True):
        phrase = spelled(text)
        check_phrase(phrase, what)
        if phrase in first:
            repeats.append(Repeat(phrase, phrase, (first[phrase], place), "repeated"))
        else:
            first[phrase] = place
    return list(first), list(first.values()), repeats


def checked(given: Sequence[str], what: str) -> list[str]:
    """Phrases, each once.

    Raises:
        Usage: one of them cannot be meant, or comes twice.
    """
    phrases, _, repeats = once(given, what)
    if repeats:
        twice = sorted({repeat.name for repeat in repeats})
        raise Usage(
            f"{what} given twice: {', '.join(twice[:5])}", advice="Name each once."
        )
    return phrases


def check_phrase(phrase: str, what: str) -> None:
    """Refuse what cannot be a phrase.

    Raises:
        Usage: empty, too long, or with control characters.
    """
    if not any(unicodedata.category(character)[0] in SEEN for character in phrase):
        raise Usage(f"an empty {what}", advice=f"A {what} needs at least one letter.")
    excerpt = repr(phrase) if len(phrase) <= SHOWN else f"{phrase[:SHOWN]!r}…"
    if len(phrase) > LONGEST:
        raise Usage(
            f"{what} {excerpt} has {len(phrase)} characters",
            advice=f"At most {LONGEST}.",
        )
    control = next((at for at, c in enumerate(phrase, 1) if ord(c) < 32), None)
    if control is not None:
        raise Usage(
            f"{what} {excerpt} has a control character at character {control}",
            advice="Write it without.",
        )


def templates(given: Sequence[str] | None, default: Path | None) -> list[str]:
    """Prompts with one place for the label each.

    Raises:
        Usage: none or several places, or no template where a list was given.
    """
    listed = (
        [spelled(template) for template in given]
        if given is not None
        else lines(default) or list(TEMPLATES)
    )
    if not listed:
        raise Usage(
            "the list of templates is empty",
            advice="Write one a line, with {} where the label goes, or leave --templates out.",
        )
    for template in listed:
        if template.count("{}") != 1:
            raise Usage(
                f"the template {template!r} has {template.count('{}')} places for the label",
                advice="Write {} exactly once.",
            )
    return listed
