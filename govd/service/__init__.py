"""One door for the faces: it composes the rooms, and has what concerns a home as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govd.service.service import Service, open_service

__all__ = ["Service", "open_service"]


def __getattr__(name: str) -> Any:
    """Load on first use, so that the modules beside it stay light."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("govd.service.service"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
