"""Files for the owner alone, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_owned(path: Path, data: bytes) -> None:
    """Write a small file that its owner alone can read, in the place of the one before; what it
    says is durable when this returns, its name in the folder only once the folder is synced.

    Raises:
        OSError: it cannot be written; nothing was changed.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
