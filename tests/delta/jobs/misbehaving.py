"""A job that does what a file says, to see what becomes of it: fails, hangs, writes nonsense.

python misbehaving.py MODE_FILE REQUEST.json
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

WEIGHT = "first"


def delta(mode: str, asked: dict[str, Any], out: Path) -> None:
    """Write a delta of `WEIGHT` `(4, 3)`, or whatever the mode is."""
    good = np.full((4, 3), 0.25, np.float32)
    written: dict[str, dict[str, Any]] = {
        "nan": {WEIGHT: np.where(good > 0, np.nan, good)},
        "infinite": {WEIGHT: good * np.inf},
        "shape": {WEIGHT: good.T.copy()},
        "name": {"another": good},
        "whole numbers": {"count": np.ones(2, np.int64)},
        "zero": {WEIGHT: good * 0},
        "half": {f"{WEIGHT}.lora_A": good},
        "factors": {f"{WEIGHT}.lora_A": good, f"{WEIGHT}.lora_B": good},
        "much": {WEIGHT: np.ones((1000, 1000), np.float32)},
        "low rank": {f"{WEIGHT}.lora_A": good[:2], f"{WEIGHT}.lora_B": good[:, :2]},
    }
    if mode == "garbage":
        out.write_bytes(b"\x00" * 64)
    elif mode == "truncated":
        save_file({WEIGHT: good}, out)
        out.write_bytes(out.read_bytes()[:-8])
    elif mode == "link":
        out.symlink_to("/etc/hostname")
    elif mode != "nothing":
        save_file(written.get(mode, {WEIGHT: good}), out)


def act(mode: str, asked: dict[str, Any]) -> None:
    """What happens before anything is written."""
    if mode == "fail":
        print("no such data set: tickets.parquet", file=sys.stderr)
        sys.exit(3)
    if mode == "memory":
        np.ones(1 << 28).sum()
    if mode == "base":
        path = Path(asked["model"]) / "weights.safetensors"
        weights = load_file(path)
        os.utime(path, (0, 0))
        save_file(weights, path)
    if mode.startswith("hang"):
        subprocess.Popen(["sleep", mode.removeprefix("hang ")], start_new_session=True)
        time.sleep(60)
    if mode.startswith("reach"):
        with socket.create_connection(("127.0.0.1", int(mode.split()[1])), timeout=5):
            print("reached")


def main(mode: str, asked: dict[str, Any]) -> None:
    """Forget, or evaluate."""
    out = Path(asked["out"])
    if asked["task"] == "forget":
        act(mode, asked)
        delta(mode, asked, out)
    elif mode == "evaluate nan":
        out.write_text('{"cost": NaN}')
    elif mode == "evaluate list":
        out.write_text("[1, 2]")
    elif mode == "evaluate other":
        out.write_text('{"price": 1}')
    elif mode == "evaluate fail":
        sys.exit("the evaluation set is gone")
    else:
        out.write_text(json.dumps({"cost": 7.0 if mode == "evaluate dear" else 0.5}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(), json.loads(Path(sys.argv[2]).read_text()))
