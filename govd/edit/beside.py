"""What is said in JSON beside files of vectors: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from govd.errors import BadFile
from govd.types import Json, StoreStamp


def write_json(path: Path, value: Json) -> None:
    """Write JSON, durable, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def json_in(path: Path) -> Json:
    """What a JSON file says; None where there is none.

    Raises:
        BadFile: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise BadFile(f"it cannot be read ({fault})", where=str(path)) from None


def stamp_in(path: Path) -> StoreStamp | None:
    """The stamp that a JSON file holds; None where there is no file.

    Raises:
        BadFile: it cannot be read, or is no stamp.
    """
    value = json_in(path)
    try:
        return None if value is None else StoreStamp.from_json(value)
    except ValueError as fault:
        raise BadFile(str(fault), where=str(path)) from None
