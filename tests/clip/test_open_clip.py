"""open_clip: a CLIPModel written for it and read back is the same model; what is of another
architecture is refused by name.

With GOVD_OPEN_CLIP_PYTHON (a Python of an environment with open_clip_torch, whose torchvision does
not stand beside the torch of the tests) open_clip itself loads what is written:
`python -m tests.clip.open_clip_itself` makes such an environment and runs it.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from govd.errors import BadCheckpoint, Unsupported
from govd_clip.checkpoint import fold
from govd_clip.headers import slots
from govd_clip.open_clip import counterpart
from govd_clip.plugin import govd_export
from govd_clip.preparation import prepared
from govd_clip.reading_config import read_config
from govd_clip.weights import check
from tests.clip.test_folding import PICTURES, TEXTS, Folded, applied, edit, opened

NONE = Folded(np.zeros((12, 0)), np.zeros((12, 0)), "image")
PYTHON = os.environ.get("GOVD_OPEN_CLIP_PYTHON")


@pytest.fixture(scope="module")
def pair(make: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A CLIPModel and the same for open_clip."""
    base, out = make(shards=2, act="gelu", eos=2), tmp_path_factory.mktemp("open_clip")
    govd_export(opened(base), NONE, "open_clip", out)  # type: ignore[arg-type]
    return base, out


def test_it_is_the_same_model(pair: tuple[Path, Path]) -> None:
    base, other = (opened(folder) for folder in pair)
    np.testing.assert_allclose(
        other.encode_images(PICTURES), base.encode_images(PICTURES), atol=2e-6
    )
    np.testing.assert_allclose(
        other.encode_texts(TEXTS), base.encode_texts(TEXTS), atol=2e-6
    )
    assert set(other.facts.files) == {p.name for p in pair[1].iterdir()}
    assert other.facts.card["library"] == "open_clip"
    assert other.facts.logit_scale == base.facts.logit_scale


@pytest.mark.parametrize("side", ["image", "text"])
def test_its_own_layer_carries_the_edit(
    pair: tuple[Path, Path], side: str, tmp_path: Path
) -> None:
    model, change = opened(pair[1]), edit(side)
    govd_export(model, change, "hf", tmp_path)  # type: ignore[arg-type]
    before, after = (
        load_file(folder / "open_clip_model.safetensors")
        for folder in (pair[1], tmp_path)
    )
    differ = {name for name in before if not np.array_equal(before[name], after[name])}
    assert differ == {"visual.proj" if side == "image" else "text_projection"}
    edited = opened(tmp_path)
    images, texts = model.encode_images(PICTURES), model.encode_texts(TEXTS)
    images, texts = (
        (applied(images, change), texts)
        if side == "image"
        else (images, applied(texts, change))
    )
    np.testing.assert_allclose(edited.encode_images(PICTURES), images, atol=1e-5)
    np.testing.assert_allclose(edited.encode_texts(TEXTS), texts, atol=1e-5)


def test_it_is_converted_with_its_edit_and_type(make: Any, tmp_path: Path) -> None:
    model = opened(make(dtype=ml_dtypes.bfloat16, act="gelu", eos=2))
    govd_export(model, edit("image", rank=1), "open_clip", tmp_path)  # type: ignore[arg-type]
    tensors = load_file(tmp_path / "open_clip_model.safetensors")
    kinds = {tensor.dtype for name, tensor in tensors.items() if name != "visual.proj"}
    assert kinds == {np.dtype(ml_dtypes.bfloat16)}
    before = load_file(model._encoder.folder / "model.safetensors")[
        "visual_projection.weight"
    ]
    wanted = fold(before, edit("image", rank=1)).T.astype(np.float32)
    np.testing.assert_array_equal(tensors["visual.proj"], wanted)


def test_a_text_tower_that_is_kept_apart_is_read_as_well(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pair[1], tmp_path / "custom"))
    tensors = load_file(folder / "open_clip_model.safetensors")
    renamed = {
        name if name.startswith(("visual.", "logit")) else f"text.{name}": tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, folder / "open_clip_model.safetensors")
    texts = opened(pair[1]).encode_texts(TEXTS)
    np.testing.assert_allclose(opened(folder).encode_texts(TEXTS), texts, atol=1e-6)
    (tmp_path / "out").mkdir()
    opened(folder).write_checkpoint(edit("text"), tmp_path / "out")
    wanted = applied(texts, edit("text"))
    np.testing.assert_allclose(
        opened(tmp_path / "out").encode_texts(TEXTS), wanted, atol=1e-5
    )


def said(folder: Path, part: str, **settings: Any) -> None:
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    (config["model_cfg"][part] if part != "preprocess_cfg" else config[part]).update(
        settings
    )
    path.write_text(json.dumps(config))


def read(folder: Path) -> None:
    """What opening does in a process of its own first."""
    config = read_config(folder)
    prepared(folder, config)
    check(config, slots(folder), folder)


OTHERS = {
    "a timm tower": (
        "vision_cfg",
        {"timm_model_name": "vit_base"},
        "timm_model_name is",
    ),
    "a ResNet": ("vision_cfg", {"layers": [3, 4, 6, 3]}, "layers is"),
    "CoCa's pooling": ("vision_cfg", {"attentional_pool": True}, "attentional_pool is"),
    "the mean of patches": ("vision_cfg", {"pool_type": "avg"}, "pool_type is 'avg'"),
    "another text tower": (
        "text_cfg",
        {"hf_model_name": "roberta"},
        "hf_model_name is",
    ),
    "no causal mask": ("text_cfg", {"no_causal_mask": True}, "no_causal_mask is"),
    "a thousand layers": (
        "vision_cfg",
        {"layers": 999},
        "layers is 999 in open_clip_config",
    ),
    "another width": ("text_cfg", {"width": 18}, "asks for|does not divide|has shape"),
    "no number": ("vision_cfg", {"image_size": "large"}, "a value does not fit"),
    "another size": ("preprocess_cfg", {"size": [32, 32]}, "the model takes 16"),
    "another filter": ("preprocess_cfg", {"interpolation": "random"}, "not known here"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_read_otherwise_is_refused_by_name(
    pair: tuple[Path, Path], other: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pair[1], tmp_path / "other"))
    part, settings, fault = OTHERS[other]
    said(folder, part, **settings)
    with pytest.raises(BadCheckpoint, match=fault):
        read(folder)


def test_what_open_clip_has_no_counterpart_of_is_not_written(
    make: Any, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match="gelu_new"):
        counterpart(read_config(make(act="gelu_new")), {})
    with pytest.raises(Unsupported, match="reads a text at its highest token"):
        govd_export(opened(make(eos=510)), NONE, "open_clip", tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_pictures_that_are_squashed_are_squashed_there(
    make: Any, tmp_path: Path
) -> None:
    base = make(act="gelu", eos=2)
    squashed = {
        "size": {"height": 16, "width": 16},
        "do_center_crop": False,
        "resample": 2,
    }
    (base / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", **squashed})
    )
    govd_export(opened(base), NONE, "open_clip", tmp_path)  # type: ignore[arg-type]
    own, other = (prepared(folder, read_config(folder)) for folder in (base, tmp_path))
    wide = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (30, 61, 3), np.uint8)
    )
    np.testing.assert_allclose(other(wide), own(wide), atol=1e-5)


@pytest.mark.skipif(
    not PYTHON, reason="GOVD_OPEN_CLIP_PYTHON names no Python with open_clip"
)
@pytest.mark.parametrize("act", ["quick_gelu", "gelu"])
def test_open_clip_itself_loads_it(make: Any, act: str, tmp_path: Path) -> None:
    model, change = opened(make(act=act)), edit("image")
    govd_export(model, change, "open_clip", tmp_path)  # type: ignore[arg-type]
    pixels = np.stack([model._encoder.pixels(picture) for picture in PICTURES])
    ids = np.zeros((len(TEXTS), 20), np.int64)
    for row, tokens in zip(ids, model._encoder.tokens(TEXTS), strict=True):
        row[: len(tokens)] = tokens
    np.savez(tmp_path / "given.npz", pixels=pixels, ids=ids, picture=PICTURES[0])
    script = Path(__file__).with_name("open_clip_itself.py")
    subprocess.run([str(PYTHON), str(script), "--embed", str(tmp_path)], check=True)
    answers = np.load(tmp_path / "answers.npz")
    wanted = applied(model.encode_images(PICTURES), change)
    np.testing.assert_allclose(answers["images"], wanted, atol=1e-5)
    np.testing.assert_allclose(answers["texts"], model.encode_texts(TEXTS), atol=1e-5)
    own = opened(tmp_path)._encoder.pixels(PICTURES[0])
    np.testing.assert_allclose(answers["prepared"], own, atol=1e-6)


def test_a_folder_without_a_tokenizer_is_called_open_clips(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pair[1], tmp_path / "bare"))
    for path in (*folder.glob("tokenizer.json"), *folder.glob("vocab.json")):
        path.unlink()
    with pytest.raises(
        BadCheckpoint, match="checkpoint of open_clip, and the tokenizer"
    ):
        opened(folder)
