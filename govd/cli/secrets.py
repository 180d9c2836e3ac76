"""Secrets that commands take from files, so that no list of processes shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from govd.errors import Usage, reason_of

SECRET_BYTES: Final = 4096


def secret_in(path: Path) -> str:
    """The secret that a file holds, alone on a line.

    Raises:
        Usage: it cannot be read, or is none.
    """
    from govd.home.regular import read_regular

    try:
        secret = read_regular(path, SECRET_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise Usage(
            f"the secret cannot be read ({reason_of(fault)})", where=str(path)
        ) from None
    if not secret or not secret.isprintable():
        raise Usage(
            "this is no secret", where=str(path), advice="Write it alone, on one line."
        )
    return secret
