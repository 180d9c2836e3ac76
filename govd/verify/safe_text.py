"""Texts of others as they can be printed: on one line, without what moves a cursor or hides."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 2000
"""Characters of one thing that somebody else wrote."""


def safe(text: object, longest: int = LONGEST) -> str:
    """A text on one line, with everything that a terminal would obey or hide written out: controls,
    line ends, bidirectional overrides.
    """
    line = str(text)
    cut = line if len(line) <= longest else line[:longest] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else _written(ord(c)) for c in cut)


def _written(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
