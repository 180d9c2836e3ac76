"""Another checkpoint that answers as `mini` does: both its projections are turned by the same
orthogonal matrix, so that every weight file, vector and digest differs and no similarity does.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from govd.models.embeddings import Known
from govd.types import ModelFacts
from govd_clip.checkpoint import checkpoint_files, sha256

FILES = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
PROJECTIONS = ("text_projection.weight", "visual_projection.weight")
SEED = 1


def turned(mini: Path, folder: Path) -> NDArray[np.float32]:
    """Write the checkpoint, with the embeddings that `mini` brings.

    Args:
        mini: the folder of `mini`.
        folder: where it goes; made.

    Returns:
        The matrix (dim, dim): a vector `v` of `mini` is `turn @ v` there.
    """
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(mini / name, folder / name)
    weights = load_file(mini / "model.safetensors")
    dim = len(weights[PROJECTIONS[0]])
    gauss = np.random.default_rng(SEED).normal(size=(dim, dim))
    turn = np.linalg.qr(gauss)[0].astype(np.float32)
    for name in PROJECTIONS:
        weights[name] = (turn @ weights[name].astype(np.float32)).astype(
            weights[name].dtype
        )
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    facts = _facts(folder, dim)
    known = Known.read(mini / "embeddings.safetensors", _facts(mini, dim))
    texts = {text: turn @ vector for text, vector in known.texts.items()}
    images = {digest: turn @ vector for digest, vector in known.images.items()}
    path = folder / "embeddings.safetensors"
    path.write_bytes(Known(texts, images).to_bytes(facts))
    return turn


def _facts(folder: Path, dim: int) -> ModelFacts:
    """What embeddings are bound to: the digest of the checkpoint, without opening it (which takes
    longer than all the rest). Of another digest, they would be refused.
    """
    lines = (f"{path.name}\0{sha256(path)}\n" for path in checkpoint_files(folder))
    digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    return ModelFacts(str(folder), digest, "clip", "cpu", dim, 1.0, 0)
