"""What tests of `--publish-to` do: forget, look at a folder, put something into its way."""

import json
import os
from pathlib import Path
from typing import Any

from govd.requests import ForgetOptions
from govd.service.service import Service

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")


def forget(service: Service, *concepts: str, model: str = "a") -> str:
    request = service.requests.forget(model, ForgetOptions(concepts=concepts), "ann")
    service.reconciler.run()
    return str(request["id"])


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder, with its bytes or where it leads to."""
    return {
        str(path.relative_to(folder)): (
            os.readlink(path)
            if path.is_symlink()
            else path.read_text(errors="replace")
            if path.is_file()
            else "/"
        )
        for path in sorted(folder.rglob("*"))
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mark(folder: Path, **changes: Any) -> None:
    """A `revision.json` as somebody else would have it."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "origin": "govd/other",
        "model": "a",
        "number": 1,
        "files": {},
        "edit_digest": None,
        "model_digest": "x",
    }
    (folder / "revision.json").write_text(json.dumps({**said, **changes}))


def served(folder: Path, name: str, text: str = "weights") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "model.safetensors").write_text(text)


def linked(folder: Path, name: str, to: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(to)


def filed(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
