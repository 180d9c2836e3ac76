"""A checkpoint's folder, changed by one file or one value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"


def say(**changes: Any) -> Callable[[Path], None]:
    """Change config.json: `text__hidden_act="relu"` changes `text_config.hidden_act`."""

    def change(folder: Path) -> None:
        said = json.loads((folder / "config.json").read_text())
        for name, value in changes.items():
            side, _, key = name.rpartition("__")
            (said[f"{side}_config"] if side else said)[key] = value
        (folder / "config.json").write_text(json.dumps(said))

    return change


def only(*names: str, **files: str) -> Callable[[Path], None]:
    """Take files away, write others."""

    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    return change


def only_bin(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
