"""Files that hold names otherwise than one a line: read as if they did, each would be a list of
names that nobody meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_CODE: Final = re.compile(r"\s*[\[{]\s*(\d+\s*:\s*)?[\"']")
"""How a list or a mapping of texts begins, in JSON and in Python: `["dog`, `{0: 'dog`."""
_QUOTED: Final = re.compile(r"""(["']).*\1,?""", re.DOTALL)
_BEFORE: Final = re.compile(r"(?P<number>\d{1,7})\s*(?:[,;:\t]|[.)]\s)\s*\S")
"""A number before a name: `0,dog`, `0: dog`, `0. dog`."""
_SPACED: Final = re.compile(r"(?P<number>\d{1,7})\s+(?P<name>\w.*)", re.DOTALL)
"""The same with nothing between them: `0 dog`; `0 - zero` is a name."""
_BEHIND: Final = re.compile(r"\S.*?\s*[,;\t]\s*(?P<number>\d{1,7})", re.DOTALL)
"""A number behind a name: `dog,0`."""
_SYNSET: Final = re.compile(r"n\d{8}[\s,;:]+\S")
"""An identifier of WordNet before its words, as ImageNet's lists have it."""


def fault_of(text: str, names: Sequence[str]) -> tuple[str, str] | None:
    """What a file is that is no list of names, one a line, and what to do; None where it is one.

    Args:
        text: of the file.
        names: its lines, without blank ones.
    """
    if _CODE.match(text):
        return (
            "is a list of JSON or Python, not one name a line",
            "Write one name a line.",
        )
    if names and all(_QUOTED.fullmatch(name) for name in names):
        return "has every name in quotation marks", "Write the names without."
    if len(names) < 2:
        return None
    if all(name.endswith(",") for name in names[:-1]):
        return "has a comma behind every name", "Write the names without."
    if all(_SYNSET.match(name) for name in names):
        return (
            f"has an identifier before every name ({names[0][:30]!r})",
            "Write the names alone.",
        )
    for rows in (names, names[1:]):
        side = _numbered(rows)
        if side:
            return (
                f"is a table with a number {side} every name ({rows[0][:30]!r})",
                "Write the names alone, one a line.",
            )
    return None


def _numbered(rows: Sequence[str]) -> str | None:
    """`before` or `behind`, where numbers that follow each other stand on that side of every name;
    else None.
    """
    if len(rows) < 2:
        return None
    if _count([_BEFORE.match(row) for row in rows]):
        return "before"
    if _count([_BEHIND.fullmatch(row) for row in rows]):
        return "behind"
    spaced = [_SPACED.fullmatch(row) for row in rows]
    names = {row["name"] for row in spaced if row}
    # `1 dog`, `2 dogs`, `3 dogs` are names
    if len(rows) > 2 and len(names) == len(rows) and _count(spaced):
        return "before"
    return None


def _count(numbers: Sequence[re.Match[str] | None]) -> bool:
    """Whether these are numbers that follow each other."""
    values = [int(number["number"]) for number in numbers if number]
    return len(values) == len(numbers) and all(
        after == before + 1 for before, after in pairwise(values)
    )
