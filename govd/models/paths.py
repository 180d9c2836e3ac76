"""Paths that somebody typed, from the root; whether paths are one place, or lie inside each other,
by whatever names, links and mounts.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from govd.errors import SHOWN, Usage, no_bug

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""How an address begins: two letters at least, since one is a drive."""
FILE: Final = "file://"
DEEPEST: Final = 256
"""Names of a path, at most: folders are made one within the other, by calls within each other."""
IMPOSSIBLE: Final = (errno.ENAMETOOLONG, errno.ELOOP)
"""What is wrong with a path itself, whatever lies there."""


def located(text: str) -> Path:
    """A path that somebody typed, from the root: `~` is a home folder, what is relative lies in the
    folder that this process works in.

    Raises:
        Usage: it begins with `~` and the name of no account, or no file system can lead there:
        names that are too long, links in a circle, folders too deep within each other,
        characters that no path has.
    """
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:
        raise Usage(
            "begins with ~ and the name of no account",
            where=text,
            advice="Write the path out.",
        ) from None
    if len(path.parts) > DEEPEST:
        raise Usage(
            f"a path of {len(path.parts) - 1:,} names: {str(path)[:SHOWN]}…",
            advice=f"At most {DEEPEST - 1} folders may lie within each other.",
        )
    try:
        path.stat()
    except OSError as fault:
        if fault.errno in IMPOSSIBLE:
            raise no_bug(fault) from None  # type: ignore[misc]
    except ValueError:
        raise Usage(
            "a path with a character that no path has",
            where=text.encode("unicode_escape").decode()[:SHOWN],
            advice="Write it without.",
        ) from None
    return path


def address_of(text: str) -> str:
    """A path that somebody typed, also one with `?column=…`, as the address of its file; what is
    an address already stays one.

    Raises:
        Usage: as `located`, also of `file://…`.
    """
    if text.startswith(FILE):
        located(unquote(urlsplit(text).path))
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
