"""The first import of transformers, in one thread at a time: it puts another module in its own
place at the end, and a thread that imports it meanwhile gets the one that has no names yet.
"""

from __future__ import annotations

import importlib
import threading
from typing import Final

LOCK: Final = threading.Lock()


def import_transformers() -> None:
    """Import transformers, or wait until another thread has: call it before importing from it."""
    with LOCK:
        importlib.import_module("transformers")
