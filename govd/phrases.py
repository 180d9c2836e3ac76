"""Phrases that people give: labels, anchors, templates, domains, concepts; read, checked, put into prompts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from govd.errors import BadFile, Usage

TEMPLATES: Final = ("a photo of a {}.", "a picture of a {}.", "a drawing of a {}.", "an image of a {}.")
LONGEST: Final = 200
"""Characters of a label, phrase or domain at most."""


def prompt(domain: str, word: str) -> str:
    """A prompt for a word in a domain; `domain` empty: in none that is named."""
    return f"a {domain} of a {word}" if domain else f"a picture of a {word}"


def default_vocabulary() -> list[str]:
    """The everyday nouns that come with govd."""
    text = files("govd").joinpath("data/nouns.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def lines(path: Path | None) -> list[str]:
    """The lines of a text file without blank ones and those that begin with #; none where there is no file.

    Raises:
        BadFile: it cannot be read as text.
    """
    if path is None:
        return []
    try:
        found = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise BadFile(f"cannot be read as text ({fault})", where=str(path)) from None
    return [line.strip() for line in found if line.strip() and not line.startswith("#")]


def checked(given: Sequence[str], what: str) -> list[str]:
    """Phrases, each once.

    Raises:
        Usage: one of them cannot be meant, or comes twice.
    """
    phrases = [p.strip() for p in given]
    for phrase in phrases:
        check_phrase(phrase, what)
    twice = sorted({p for p in phrases if phrases.count(p) > 1}) if len(set(phrases)) < len(phrases) else []
    if twice:
        raise Usage(f"{what} given twice: {', '.join(twice[:5])}", advice="Name each once.")
    return phrases


def check_phrase(phrase: str, what: str) -> None:
    """Refuse what cannot be a phrase.

    Raises:
        Usage: empty, too long, or with control characters.
    """
    if not phrase.strip():
        raise Usage(f"an empty {what}", advice=f"A {what} needs at least one letter.")
    if len(phrase) > LONGEST or any(ord(c) < 32 for c in phrase):
        raise Usage(f"{what} {phrase[:40]!r}… is too long or has control characters", advice=f"At most {LONGEST} characters.")


def templates(given: Sequence[str] | None, default: Path | None) -> list[str]:
    """Prompts with one place for the label each.

    Raises:
        Usage: none or several places.
    """
    found = list(given) if given is not None else lines(default) or list(TEMPLATES)
    for template in found:
        if template.count("{}") != 1:
            raise Usage(f"the template {template!r} has {template.count('{}')} places for the label", advice="Write {} exactly once.")
    return found
