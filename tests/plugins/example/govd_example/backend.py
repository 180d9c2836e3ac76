"""A model that knows twelve colours, bright or dark: `colours`, and `colours-2`, the same in a
turned space. NumPy alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from govd.errors import Unsupported
from govd.hookspecs import hookimpl
from govd.pictures import picture
from govd.types import (
    Bytes,
    Floats,
    Model,
    ModelFacts,
    ModelReference,
    Progress,
    Prototypes,
    silent,
)

PALETTE = {
    "red": (220, 30, 30),
    "green": (30, 180, 40),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "purple": (140, 40, 180),
    "orange": (245, 140, 30),
    "cyan": (40, 210, 220),
    "pink": (245, 150, 190),
    "brown": (130, 80, 40),
    "olive": (130, 130, 30),
    "navy": (20, 20, 110),
    "grey": (128, 128, 128),
}
NAMES = tuple(PALETTE)
DARK = len(NAMES) + 4
"""Dark colours have an axis each besides: without it no linear map could tell a dark red from a red
in the dark.
"""
WIDTH = DARK + len(NAMES) + 8
REFERENCES = ("colours", "colours-2")


def _unit(rows: Floats) -> Floats:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Colours:
    """Text and pictures meet in one axis for each colour, two for brightness, and some that mean
    nothing.
    """

    def __init__(self, reference: str) -> None:
        source = Path(__file__).read_bytes()
        self._turn = (
            np.eye(WIDTH)
            if reference == REFERENCES[0]
            else np.linalg.qr(np.random.default_rng(7).normal(size=(WIDTH, WIDTH)))[0]
        )
        self.facts = ModelFacts(
            reference=reference,
            digest=hashlib.sha256(source + reference.encode()).hexdigest(),
            backend="example",
            device="cpu",
            dim=WIDTH,
            logit_scale=50.0,
            image_size=8,
            files={"backend.py": hashlib.sha256(source).hexdigest()},
        )

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        rows = np.zeros((len(texts), WIDTH))
        for row, text in zip(rows, texts, strict=True):
            words = text.lower().replace(".", " ").split()
            seed = int.from_bytes(
                hashlib.sha256(
                    " ".join(w for w in words if len(w) > 2).encode()
                ).digest()[:4],
                "little",
            )
            row[:] = 0.15 * np.random.default_rng(seed).normal(size=WIDTH)
            for i, name in enumerate(NAMES):
                row[i] += 1.0 * (name in words)
            row[len(NAMES)] += 0.4 * ("bright" in words)
            row[len(NAMES) + 1] += 0.4 * ("dark" in words)
            row[len(NAMES) + 2] += 1.0
        return _unit(rows @ self._turn) if len(texts) else rows.astype(np.float32)

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        rows = np.zeros((len(images), WIDTH))
        palette = np.array(list(PALETTE.values()), float)
        for row, image in zip(rows, images, strict=True):
            pixels = np.asarray(picture(image))
            mean = pixels.reshape(-1, 3).mean(0)
            dark = pixels[0, 0].mean() < 64  # the frame tells the domain
            inner = pixels[2:-2, 2:-2].reshape(-1, 3).mean(0)
            distance = np.linalg.norm(palette - inner, axis=1)
            row[: len(NAMES)] = np.exp(-((distance / 60) ** 2))
            row[DARK : DARK + len(NAMES)] = 0.6 * dark * row[: len(NAMES)]
            row[len(NAMES) + dark] = 0.5
            row[len(NAMES) + 3] = 1.0
            row += 0.08 * np.random.default_rng(int(mean.sum() * 1000)).normal(
                size=WIDTH
            )
        return _unit(rows @ self._turn)

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        raise Unsupported("this model cannot draw", advice="Do without --prototypes.")

    def write_checkpoint(self, edit: object, folder: Path) -> Mapping[str, str]:
        data = edit.to_bytes()  # type: ignore[attr-defined]
        (folder / "edit.safetensors").write_bytes(data)
        return {"edit.safetensors": hashlib.sha256(data).hexdigest()}


@hookimpl
def govd_open_model(reference: ModelReference) -> Model | None:
    """The colours, and nothing else."""
    return Colours(reference.reference) if reference.reference in REFERENCES else None
