"""open_clip loads what is written for it: `python -m tests.clip.open_clip_itself` makes an
environment with open_clip_torch (some gigabytes: its torch brings CUDA) in `--folder`, and runs the
tests that need it. `--embed FOLDER` is what they run there: it needs open_clip and nothing of govd.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path


def embed(folder: Path) -> None:
    """Embed `given.npz` of a folder by the checkpoint in it into `answers.npz`."""
    import numpy as np
    import open_clip
    import torch
    from PIL import Image

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    given = np.load(folder / "given.npz")
    with torch.no_grad():
        images = model.encode_image(torch.tensor(given["pixels"]), normalize=True)
        texts = model.encode_text(torch.tensor(given["ids"]), normalize=True)
    prepared = preprocess(Image.fromarray(given["picture"])).numpy()
    np.savez(folder / "answers.npz", images=images, texts=texts, prepared=prepared)


def main() -> int:
    """The exit code of the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embed", type=Path)
    parser.add_argument(
        "--folder", type=Path, default=Path.home() / ".cache/govd-open-clip"
    )
    options = parser.parse_args()
    if options.embed:
        embed(options.embed)
        return 0
    python = options.folder / "bin" / "python"
    if not python.exists():
        venv.create(options.folder, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "open_clip_torch>=3,<4"], check=True
        )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "tests/clip/test_open_clip.py",
    ]
    environment = {**os.environ, "GOVD_OPEN_CLIP_PYTHON": str(python)}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
