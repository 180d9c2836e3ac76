"""A daemon with which CLIP-like models forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govd.client import Daemon, connect
    from govd.edit.factors import Edit, load_edit

__all__ = ["Daemon", "Edit", "connect", "load_edit"]


def __getattr__(name: str) -> Any:
    """Load on first use, so that `import govd` costs nothing."""
    if name in ("Edit", "load_edit"):
        from govd.edit import factors

        return getattr(factors, name)
    if name in ("Daemon", "connect"):
        from govd import client

        return getattr(client, name)
    raise AttributeError(f"module 'govd' has no attribute {name!r}")
