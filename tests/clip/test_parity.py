"""The same embeddings as torch's CLIPModel, for what distinguishes the published families: live
where torch is installed, and by goldens everywhere. `GOVD_WRITE_GOLDENS=1 python -m pytest
tests/clip/test_parity.py` writes them anew from torch.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from govd.types import ModelReference
from govd_clip.plugin import ClipModel, govd_open_model
from tests.clip.conftest import PUBLISHED

GOLDENS = Path(__file__).parent / "goldens.npz"
TEXTS = [
    "a photo of a cat",
    "red",
    "",
    "a dog at the red door and much more than twenty tokens can hold of it",
    "Ünïcode 🐈",
]
FAMILIES: dict[str, dict[str, Any]] = {
    "B-32": {"patch": 16, "image": 32},
    "B-16, legacy end of text": {"patch": 8, "image": 32, "eos": 2},
    "L-14": {"patch": 14, "image": 28, "width": 30, "dim": 18},
    "L-14-336, sharded": {"patch": 14, "image": 56, "shards": 3},
    "H-14, gelu, fp16": {
        "patch": 14,
        "image": 28,
        "act": "gelu",
        "eos": 2,
        "dtype": np.float16,
    },
    "tanh gelu, bf16": {"act": "gelu_pytorch_tanh", "dtype": ml_dtypes.bfloat16},
}


def opened(folder: Path) -> ClipModel:
    model = govd_open_model(ModelReference(str(folder)))
    assert isinstance(model, ClipModel)
    return model


def pictures() -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    return [
        draw.integers(0, 256, (h, w, 3), np.uint8)
        for h, w in ((40, 61), (64, 64), (90, 33), (16, 16), (57, 80))
    ]


@pytest.mark.parity
@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_are_those_of_torch(family: str, make: Any) -> None:
    torch = pytest.importorskip("torch")
    from transformers import CLIPModel, CLIPTokenizer

    folder = make(**FAMILIES[family])
    theirs = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    ours = opened(folder)
    tokens = CLIPTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=20, return_tensors="pt"
    )
    pixels = torch.tensor(np.stack([ours._encoder.pixels(p) for p in pictures()]))
    with torch.no_grad():
        wanted = theirs(**tokens, pixel_values=pixels)
    if os.environ.get("GOVD_WRITE_GOLDENS"):
        kept = dict(np.load(GOLDENS)) if GOLDENS.exists() else {}
        kept |= {
            f"{family}: texts": wanted.text_embeds.numpy(),
            f"{family}: images": wanted.image_embeds.numpy(),
        }
        np.savez(GOLDENS, **kept)
    np.testing.assert_allclose(
        ours.encode_texts(TEXTS), wanted.text_embeds.numpy(), atol=1e-4
    )
    np.testing.assert_allclose(
        ours.encode_images(pictures()), wanted.image_embeds.numpy(), atol=1e-4
    )
    assert np.isclose(
        ours.facts.logit_scale, theirs.logit_scale.exp().item(), rtol=1e-5
    )


@pytest.mark.parity
@pytest.mark.parametrize("family", PUBLISHED)
def test_every_published_shape_gives_torchs_embeddings(family: str, make: Any) -> None:
    torch = pytest.importorskip("torch")
    from transformers import CLIPModel, CLIPTokenizer

    folder = make(family=family)
    theirs, ours = (
        CLIPModel.from_pretrained(folder, dtype=torch.float32).eval(),
        opened(folder),
    )
    tokens = CLIPTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    given = pictures()[:2]
    pixels = torch.tensor(np.stack([ours._encoder.pixels(p) for p in given]))
    with torch.no_grad():
        wanted = theirs(**tokens, pixel_values=pixels)
    np.testing.assert_allclose(
        ours.encode_texts(TEXTS), wanted.text_embeds.numpy(), atol=1e-4
    )
    np.testing.assert_allclose(
        ours.encode_images(given), wanted.image_embeds.numpy(), atol=1e-4
    )
    shutil.rmtree(folder)  # up to 200 MB


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_are_those_that_torch_once_gave(family: str, make: Any) -> None:
    ours = opened(make(**FAMILIES[family]))
    with np.load(GOLDENS) as goldens:
        np.testing.assert_allclose(
            ours.encode_texts(TEXTS), goldens[f"{family}: texts"], atol=1e-4
        )
        np.testing.assert_allclose(
            ours.encode_images(pictures()), goldens[f"{family}: images"], atol=1e-4
        )


def test_pictures_are_prepared_bit_for_bit(tiny: Path, tmp_path: Path) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    theirs, encoder = CLIPImageProcessorPil.from_pretrained(tiny), opened(tiny)._encoder
    for i, pixels in enumerate(pictures()):
        path = tmp_path / f"{i}.png"
        Image.fromarray(pixels).save(path)
        wanted = theirs(Image.open(path), return_tensors="np")["pixel_values"][0]
        assert (
            encoder.pixels(path).tobytes()
            == encoder.pixels(pixels).tobytes()
            == wanted.tobytes()
        )
    for mode in ("L", "P", "RGBA", "CMYK"):
        path = tmp_path / f"{mode}.tiff"
        Image.fromarray(pictures()[0]).convert(mode).save(path)
        assert (
            encoder.pixels(path).tobytes()
            == theirs(Image.open(path).convert("RGB"), return_tensors="np")[
                "pixel_values"
            ][0].tobytes()
        )
