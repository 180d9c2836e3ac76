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
_NUMBERED: Final = re.compile(r"(\d{1,7})\s*[,;:]\s*\S")
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
    if len(names) < 2:
        return None
    if all(_QUOTED.fullmatch(name) for name in names):
        return "has every name in quotation marks", "Write the names without."
    if all(name.endswith(",") for name in names[:-1]):
        return "has a comma behind every name", "Write the names without."
    if all(_SYNSET.match(name) for name in names):
        return (
            f"has an identifier before every name ({names[0][:30]!r})",
            "Write the names alone.",
        )
    for rows in (names, names[1:]):
        numbers = [_NUMBERED.match(name) for name in rows]
        if len(rows) > 1 and _count(numbers):
            return (
                f"is a table with a number before every name ({rows[0][:30]!r})",
                "Write the names alone, one a line.",
            )
    return None


def _count(numbers: Sequence[re.Match[str] | None]) -> bool:
    """Whether these are numbers that follow each other."""
    values = [int(number[1]) for number in numbers if number]
    return len(values) == len(numbers) and all(
        after == before + 1 for before, after in pairwise(values)
    )
