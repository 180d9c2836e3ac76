"""Paths that somebody typed, from the root; whether paths are one place, or lie inside each other,
by whatever names, links and mounts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from govd.errors import Usage

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""How an address begins: two letters at least, since one is a drive."""


def located(text: str) -> Path:
    """A path that somebody typed, from the root: `~` is a home folder, what is relative lies in the
    folder that this process works in.

    Raises:
        Usage: it begins with `~` and the name of no account.
    """
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise Usage(
            "begins with ~ and the name of no account",
            where=text,
            advice="Write the path out.",
        ) from None


def address_of(text: str) -> str:
    """A path that somebody typed, also one with `?column=…`, as the address of its file; what is
    an address already stays one.

    Raises:
        Usage: as `located`.
    """
    if not text or "://" in text:
        return text
    if located(text).exists():
        return located(text).as_uri()
    if SCHEME.match(text):
        return text
    path, mark, query = text.partition("?")
    return located(path).as_uri() + mark + query


def real(path: Path) -> Path:
    """Where a path leads; links that lead in a circle end where they meet (`Path.resolve` would
    raise).
    """
    return Path(os.path.realpath(path))


def same(first: Path, second: Path) -> bool:
    """Whether two paths are one place, by whatever names, links and mounts."""
    if real(first) == real(second):
        return True
    try:
        return first.samefile(second)
    except OSError:
        return False


def within(inner: Path, outer: Path) -> bool:
    """Whether a place is another one or lies inside it."""
    inner = real(inner)
    return any(same(path, outer) for path in (inner, *inner.parents))
