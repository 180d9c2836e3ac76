"""Models of other kinds are named, with what to do; what is no model at all is left to others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from govd.errors import BadCheckpoint
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model
from tests.clip.breaking import WEIGHTS, only, say


def kind(model_type: str) -> Callable[[Path], None]:
    return say(model_type=model_type)


def in_a_cache(folder: Path) -> None:
    inner = folder / "snapshots" / "0123abc"
    inner.mkdir(parents=True)
    for path in list(folder.iterdir()):
        if path.is_file():
            path.rename(inner / path.name)


def in_a_folder(folder: Path) -> None:
    (folder / "0_CLIPModel").mkdir()
    for path in list(folder.iterdir()):
        if path.is_file():
            path.rename(folder / "0_CLIPModel" / path.name)


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "SigLIP": (
        kind("siglip"),
        "its towers do not end in one space.*whole SiglipModels",
    ),
    "SigLIP 2": (kind("siglip2"), "a SigLIP 2 model"),
    "Chinese-CLIP": (kind("chinese_clip"), "a Chinese-CLIP model"),
    "MetaCLIP 2": (kind("metaclip_2"), "a MetaCLIP 2 model"),
    "AltCLIP": (kind("altclip"), "an AltCLIP model"),
    "CLIPSeg": (kind("clipseg"), "a CLIPSeg model"),
    "vision only": (
        kind("clip_vision_model"),
        "the vision half of a CLIP model.*whole CLIPModel",
    ),
    "text only": (
        kind("clip_text_model"),
        "the text half of a CLIP model.*whole CLIPModel",
    ),
    "something new": (
        kind("clip_of_tomorrow"),
        "not a CLIPModel .model_type 'clip_of_tomorrow'",
    ),
    "no model_type": (say(model_type=None), "config.json says no model_type"),
    "open_clip": (
        only("config.json", open_clip_config__json="{}"),
        "an open_clip checkpoint without open_clip_model.safetensors.*Download both",
    ),
    "sentence-transformers": (
        lambda f: (in_a_folder(f), (f / "modules.json").write_text("[]")),
        "sentence-transformers.*0_CLIPModel",
    ),
    "a folder around it": (
        in_a_folder,
        "holds a CLIPModel in a folder of it.*0_CLIPModel",
    ),
    "root of a cache": (
        in_a_cache,
        "root of a repository in the Hub's cache.*snapshots/0123abc",
    ),
    "diffusers": (
        only("config.json", WEIGHTS, model_index__json="{}"),
        "a diffusers pipeline",
    ),
    "an adapter alone": (
        only("config.json", WEIGHTS, adapter_config__json="{}"),
        "an adapter .PEFT. without its model.*merge_and_unload",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_models_of_other_kinds_are_named_with_the_way_on(
    other: str, folder: Path
) -> None:
    change, message = OTHERS[other]
    change(folder)
    with pytest.raises(BadCheckpoint, match=message) as raised:
        govd_open_model(ModelReference(str(folder)))
    assert raised.value.advice


def test_a_file_of_a_checkpoint_is_told_from_its_folder(folder: Path) -> None:
    (folder / "ViT-B-32.pt").write_bytes(b"PK")
    for name, message in (
        ("ViT-B-32.pt", "single file of weights"),
        (WEIGHTS, "one file of a checkpoint"),
        ("config.json", "one file"),
    ):
        with pytest.raises(BadCheckpoint, match=message):
            govd_open_model(ModelReference(str(folder / name)))


def test_what_is_no_clip_model_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "words.npz").write_bytes(b"")
    for name in (
        str(tmp_path / "words.npz"),
        str(tmp_path / "none"),
        "a name",
        str(tmp_path),
    ):
        assert govd_open_model(ModelReference(name)) is None
