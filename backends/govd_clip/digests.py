"""Files that come beside the weights, checked against the list of SHA-256 that came with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from govd.errors import BadCheckpoint
from govd_clip.checkpoint import sha256
from govd_clip.layouts import LARGEST_CONFIG
from govd_clip.regular import check_regular

DIGESTS = "digests.json"
AGAIN = (
    f"Fetch the checkpoint again; if the change is wanted, remove {DIGESTS}: these files are taken"
    " as they are then."
)
SHA256 = re.compile(r"[0-9a-f]{64}")


def check(folder: Path, used: Iterable[Path]) -> None:
    """Each file that is `used`, and each file in a folder that is, has the SHA-256 that the
    checkpoint's `digests.json` says.

    A checkpoint without that list is taken as it is.

    Raises:
        BadCheckpoint: a file was changed, is missing or is not in the list, or the list cannot be
        read.
    """
    if not (folder / DIGESTS).exists():
        return
    listed = _listed(folder / DIGESTS)
    for path in used:
        name = path.relative_to(folder).as_posix()
        if not path.is_dir():
            _same(path, name, listed)
            continue
        existing = {
            p.relative_to(folder).as_posix()
            for p in path.rglob("*")
            if p.is_file() and not p.name.startswith(".")
        }
        for file_name in sorted(
            existing | {n for n in listed if n.startswith(f"{name}/")}
        ):
            _same(folder / file_name, file_name, listed)


def _same(path: Path, name: str, listed: dict[str, str]) -> None:
    if name not in listed:
        raise BadCheckpoint(
            f"{DIGESTS} does not list this file", where=str(path), advice=AGAIN
        )
    if not path.is_file():
        raise BadCheckpoint(
            f"{DIGESTS} lists this file, but it is missing",
            where=str(path),
            advice=AGAIN,
        )
    if sha256(path) != listed[name]:
        raise BadCheckpoint(
            f"this file was changed: its SHA-256 is not the one in {DIGESTS}",
            where=str(path),
            advice=AGAIN,
        )


def _listed(path: Path) -> dict[str, str]:
    check_regular(path, LARGEST_CONFIG)
    try:
        index = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as fault:
        raise BadCheckpoint(
            f"this list cannot be read ({fault})", where=str(path), advice=AGAIN
        ) from None
    if not isinstance(index, dict) or not all(
        isinstance(d, str) and SHA256.fullmatch(d) for d in index.values()
    ):
        raise BadCheckpoint(
            "this is no list of a SHA-256 for each file", where=str(path), advice=AGAIN
        )
    return index
