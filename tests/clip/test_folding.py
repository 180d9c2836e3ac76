"""An edit folded into a checkpoint is the edit applied to embeddings; everything else stays byte
for byte.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open

from govd.errors import MachineFault, Unsupported
from govd.types import ModelReference
from govd_clip.checkpoint import fold, sha256
from govd_clip.plugin import ClipModel, govd_export, govd_open_model

PICTURES = list(np.random.default_rng(3).integers(0, 256, (5, 20, 16, 3), np.uint8))
TEXTS = ["a cat", "the red dog", "do"]


@dataclass(frozen=True)
class Folded:
    L: np.ndarray
    B: np.ndarray
    side: str


def edit(side: str, rank: int = 2, dim: int = 12) -> Any:
    draw = np.random.default_rng(rank)
    return Folded(
        draw.standard_normal((dim, rank)), 0.3 * draw.standard_normal((dim, rank)), side
    )


def opened(folder: Path) -> ClipModel:
    model = govd_open_model(ModelReference(str(folder)))
    assert isinstance(model, ClipModel)
    return model


def applied(rows: np.ndarray, edit: Any) -> np.ndarray:
    left, right = (edit.L, edit.B) if edit.side == "image" else (edit.B, edit.L)
    moved = rows.astype(np.float64) - (rows @ left) @ right.T
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


@pytest.mark.parametrize("side", ["image", "text"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"shards": 2},
        {"dtype": np.float16},
        {"dtype": ml_dtypes.bfloat16, "shards": 2},
    ],
    ids=str,
)
def test_folding_is_applying(
    how: dict[str, Any], side: str, make: Any, tmp_path: Path
) -> None:
    base, change = opened(make(**how)), edit(side)
    written = base.write_checkpoint(change, tmp_path)
    edited = opened(tmp_path)
    images, texts = base.encode_images(PICTURES), base.encode_texts(TEXTS)
    images, texts = (
        (applied(images, change), texts)
        if side == "image"
        else (images, applied(texts, change))
    )
    np.testing.assert_allclose(edited.encode_images(PICTURES), images, atol=1e-5)
    np.testing.assert_allclose(edited.encode_texts(TEXTS), texts, atol=1e-5)
    assert (
        written == edited.facts.files == {p.name: sha256(p) for p in tmp_path.iterdir()}
    )
    assert edited.facts.digest != base.facts.digest
    assert edited.facts.logit_scale == base.facts.logit_scale


def test_only_one_tensor_changes_and_others_can_read_it(
    make: Any, tmp_path: Path
) -> None:
    base, change = make(dtype=np.float16, shards=2), edit("image")
    opened(base).write_checkpoint(change, tmp_path)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    for name, file in index["weight_map"].items():
        with (
            safe_open(base / file, "np") as old,
            safe_open(tmp_path / file, "np") as new,
        ):
            before, after = old.get_tensor(name), new.get_tensor(name)
            assert new.metadata() == {"format": "pt"}
            # half precision would round the edit away
            if name == "visual_projection.weight":
                np.testing.assert_array_equal(
                    after, fold(before, change).astype(np.float32)
                )
            else:
                assert after.dtype == before.dtype
            assert (before.tobytes() == after.tobytes()) == (
                name != "visual_projection.weight"
            )
    untouched = [p for p in base.iterdir() if p.name.endswith(".json")]
    assert all(p.read_bytes() == (tmp_path / p.name).read_bytes() for p in untouched)


@pytest.mark.parity
def test_torch_reads_the_edited_checkpoint(tiny: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import CLIPModel

    opened(tiny).write_checkpoint(edit("image"), tmp_path)
    pixels = np.stack([opened(tmp_path)._encoder.pixels(p) for p in PICTURES])
    with torch.no_grad():
        features = CLIPModel.from_pretrained(tmp_path).get_image_features(
            pixel_values=torch.tensor(pixels)
        )
    rows = getattr(features, "pooler_output", features).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(
        rows, opened(tmp_path).encode_images(PICTURES), atol=1e-4
    )


def test_an_empty_edit_copies_byte_for_byte(make: Any, tmp_path: Path) -> None:
    base = make(shards=2)
    (base / "notes.bak").write_text("not of the checkpoint")
    opened(base).write_checkpoint(edit("image", rank=0), tmp_path)
    assert {p.name for p in base.iterdir()} - {p.name for p in tmp_path.iterdir()} == {
        "notes.bak"
    }
    assert all(
        p.read_bytes() == (base / p.name).read_bytes() for p in tmp_path.iterdir()
    )
    assert opened(tmp_path).facts.digest == opened(base).facts.digest


def test_what_cannot_be_folded_is_refused(tiny: Path, tmp_path: Path) -> None:
    model = opened(tiny)
    with pytest.raises(Unsupported, match="joint space of 12"):
        model.write_checkpoint(edit("image", dim=8), tmp_path)
    with pytest.raises(Unsupported, match="not finite"):
        model.write_checkpoint(
            Folded(np.full((12, 1), np.inf), np.ones((12, 1)), "image"), tmp_path
        )  # type: ignore[arg-type]
    with pytest.raises(MachineFault, match="cannot be written"):
        model.write_checkpoint(edit("image"), tmp_path / "none")


def test_export_answers_for_its_own_models_and_formats(
    tiny: Path, tmp_path: Path
) -> None:
    model: Any = opened(tiny)
    assert govd_export(model, edit("text"), "onnx", tmp_path) is None
    assert govd_export(object(), edit("text"), "huggingface", tmp_path) is None  # type: ignore[arg-type]
    assert set(govd_export(model, edit("text"), "huggingface", tmp_path) or {}) == set(
        model.facts.files
    )


def test_files_beside_the_weights_are_defaults_and_no_part_of_the_digest(
    tiny: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "mini"))
    (folder / "labels.txt").write_text("cat\n")
    (folder / "images").mkdir()
    facts = opened(folder).facts
    assert facts.defaults == {
        "labels": folder / "labels.txt",
        "images": folder / "images",
    }
    assert facts.digest == opened(tiny).facts.digest
    (folder / "tokenizer_config.json").write_text("{}")
    assert opened(folder).facts.digest != facts.digest
