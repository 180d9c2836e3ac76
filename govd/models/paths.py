"""Whether paths are one place, or lie inside each other, by whatever names, links and mounts."""

from __future__ import annotations

import os
from pathlib import Path


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
