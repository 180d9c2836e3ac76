"""One folder on a disk: settings, artifacts, private texts, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govd.home.home import Home

__all__ = ["Home"]


def __getattr__(name: str) -> Any:
    """Load on first use, so that the modules beside it stay light."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("govd.home.home"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
