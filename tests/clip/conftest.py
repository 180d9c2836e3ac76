"""Tiny CLIPModel checkpoints with random weights, each in its own folder."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("flax")
pytest.importorskip("transformers")

from safetensors.numpy import save_file  # noqa: E402

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
Make = Callable[..., Path]


# : Widths, heads, inner widths of the towers, picture and patch sizes, and the joint space of the
# checkpoints that were published
# : (config.json of openai/clip-vit-base-patch32, -patch16, -large-patch14, -large-patch14-336,
# laion/CLIP-ViT-H-14-laion2B-s32B-b79K).
PUBLISHED: dict[str, dict[str, Any]] = {
    "ViT-B/32": {
        "text": (512, 8, 2048),
        "vision": (768, 12, 3072),
        "image": 224,
        "patch": 32,
        "dim": 512,
    },
    "ViT-B/16": {
        "text": (512, 8, 2048),
        "vision": (768, 12, 3072),
        "image": 224,
        "patch": 16,
        "dim": 512,
        "eos": 2,
    },
    "ViT-L/14": {
        "text": (768, 12, 3072),
        "vision": (1024, 16, 4096),
        "image": 224,
        "patch": 14,
        "dim": 768,
    },
    "ViT-L/14-336": {
        "text": (768, 12, 3072),
        "vision": (1024, 16, 4096),
        "image": 336,
        "patch": 14,
        "dim": 768,
    },
    "ViT-H/14": {
        "text": (1024, 16, 4096),
        "vision": (1280, 16, 5120),
        "image": 224,
        "patch": 14,
        "dim": 1024,
        "act": "gelu",
        "eos": 2,
    },
}


def published(name: str) -> dict[str, Any]:
    """The config.json of a published family, cut to two layers a tower and to the tests' small
    vocabulary.
    """
    shape = PUBLISHED[name]
    said = config(
        act=shape.get("act", "quick_gelu"),
        eos=shape.get("eos", 511),
        image=shape["image"],
        patch=shape["patch"],
        dim=shape["dim"],
    )
    for side in ("text", "vision"):
        width, heads, inner = shape[side]
        said[f"{side}_config"] |= {
            "hidden_size": width,
            "num_attention_heads": heads,
            "intermediate_size": inner,
        }
    said["text_config"]["max_position_embeddings"] = 77
    return said


def config(
    *,
    act: str = "quick_gelu",
    eos: int = 511,
    image: int = 16,
    patch: int = 8,
    width: int = 24,
    dim: int = 12,
) -> dict[str, Any]:
    """A config.json of two layers a tower, as transformers writes it."""
    shared = {
        "num_hidden_layers": 2,
        "hidden_act": act,
        "layer_norm_eps": 1e-5,
        "projection_dim": dim,
    }
    text = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "vocab_size": 512,
        "max_position_embeddings": 20,
    }
    vision = {
        "hidden_size": width,
        "intermediate_size": 48,
        "num_attention_heads": 3,
        "image_size": image,
        "patch_size": patch,
    }
    text |= {"bos_token_id": 510, "eos_token_id": eos, "pad_token_id": 1}
    sides = {"text_config": text | shared, "vision_config": vision | shared}
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": dim,
        **sides,
    }


def weights(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under the names that CLIPModel gives them: small ones where towers are wide,
    as after training.
    """
    scale = 0.3 if config["vision_config"]["hidden_size"] < 100 else 0.03
    draw = np.random.default_rng(seed)
    text, vision, shapes = (
        config["text_config"],
        config["vision_config"],
        dict[str, tuple[int, ...]](),
    )
    for side, tower in (("text_model", text), ("vision_model", vision)):
        w, inner = tower["hidden_size"], tower["intermediate_size"]
        for i in range(tower["num_hidden_layers"]):
            layer = f"{side}.encoder.layers.{i}"
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= {
                    f"{layer}.self_attn.{name}.weight": (w, w),
                    f"{layer}.self_attn.{name}.bias": (w,),
                }
            for name in ("layer_norm1", "layer_norm2"):
                shapes |= {f"{layer}.{name}.weight": (w,), f"{layer}.{name}.bias": (w,)}
            shapes |= {
                f"{layer}.mlp.fc1.weight": (inner, w),
                f"{layer}.mlp.fc1.bias": (inner,),
            }
            shapes |= {
                f"{layer}.mlp.fc2.weight": (w, inner),
                f"{layer}.mlp.fc2.bias": (w,),
            }
    t, v, patch = text["hidden_size"], vision["hidden_size"], vision["patch_size"]
    for name, w in (
        ("text_model.final_layer_norm", t),
        ("vision_model.pre_layrnorm", v),
        ("vision_model.post_layernorm", v),
    ):
        shapes |= {f"{name}.weight": (w,), f"{name}.bias": (w,)}
    shapes["text_model.embeddings.token_embedding.weight"] = (text["vocab_size"], t)
    shapes["text_model.embeddings.position_embedding.weight"] = (
        text["max_position_embeddings"],
        t,
    )
    shapes["vision_model.embeddings.class_embedding"] = (v,)
    shapes["vision_model.embeddings.patch_embedding.weight"] = (v, 3, patch, patch)
    shapes["vision_model.embeddings.position_embedding.weight"] = (
        (vision["image_size"] // patch) ** 2 + 1,
        v,
    )
    shapes |= {
        "text_projection.weight": (config["projection_dim"], t),
        "visual_projection.weight": (config["projection_dim"], v),
    }
    out = {
        name: (
            (
                scale * draw.standard_normal(shape)
                + (scale < 0.1 and "norm" in name and name.endswith("weight"))
            ).astype(np.float32)
        )
        for name, shape in shapes.items()
    }
    return out | {"logit_scale": np.asarray(np.log(50.0), np.float32)}


def tokenizer(folder: Path) -> None:
    """A byte-level BPE with a few merges, in the form of the original release."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    tokens = letters + [x + "</w>" for x in letters][: 512 - len(letters) - 5]
    merges = ["a t</w>", "d o", "r e"]
    tokens = [*tokens, *(m.replace(" ", "") for m in merges), BOS, EOS]
    (folder / "vocab.json").write_text(
        json.dumps({token: i for i, token in enumerate(tokens)})
    )
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    special = {
        "bos_token": BOS,
        "eos_token": EOS,
        "unk_token": EOS,
        "pad_token": EOS,
        "model_max_length": 20,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", **special})
    )


def save(folder: Path, tensors: dict[str, Any], shards: int) -> None:
    """The weights as one file or as shards with an index."""
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, where = sorted(tensors), {}
    for at in range(shards):
        file = f"model-{at + 1:05}-of-{shards:05}.safetensors"
        part = names[at::shards]
        save_file(
            {n: tensors[n] for n in part}, folder / file, metadata={"format": "pt"}
        )
        where |= dict.fromkeys(part, file)
    index = {
        "metadata": {"total_size": sum(x.nbytes for x in tensors.values())},
        "weight_map": where,
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session", autouse=True)
def compiled_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The compilation cache of the tests, not the user's."""
    jax.config.update(
        "jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled"))
    )


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A checkpoint's folder: `config` options or a published `family`, `dtype`, `shards`,
    `seed`.
    """

    def make(
        *,
        dtype: Any = np.float32,
        shards: int = 1,
        seed: int = 0,
        family: str = "",
        **options: Any,
    ) -> Path:
        folder, said = (
            tmp_path_factory.mktemp("clip"),
            published(family) if family else config(**options),
        )
        (folder / "config.json").write_text(json.dumps(said))
        save(
            folder, {n: x.astype(dtype) for n, x in weights(said, seed).items()}, shards
        )
        size = said["vision_config"]["image_size"]
        pictures = {
            "size": {"shortest_edge": size},
            "crop_size": {"height": size, "width": size},
            "resample": 3,
        }
        (folder / "preprocessor_config.json").write_text(
            json.dumps({"image_processor_type": "CLIPImageProcessor", **pictures})
        )
        tokenizer(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny(make: Make) -> Path:
    """One checkpoint for tests that only read it."""
    return make()


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may break."""
    return Path(shutil.copytree(tiny, tmp_path / "broken"))


class TriedHere:
    """In place of `govd_clip.child.Child`: the trial's answers, given by this process, as JSON."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        from govd_clip.trial_process import fault_in

        assert module == "govd_clip.trial_process"
        self.answers: list[str] = []

        def tell(**answer: Any) -> None:
            self.answers.append(json.dumps(answer))

        tell(fault=fault_in(Path(arguments[0]), tell))

    def answer(self, seconds: float) -> Any:
        return json.loads(self.answers.pop(0))

    def end(self) -> None:
        assert not self.answers, "the trial was left before its end"


OF_ITS_OWN = ("test_trial.py", "test_first_import.py")
"""Tests of the process in which a checkpoint is tried."""


@pytest.fixture(autouse=True)
def tried_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are tried by the same code in this process, for a process of its own takes
    seconds each time; elsewhere than in tests of that process.
    """
    if request.path.name not in OF_ITS_OWN:
        monkeypatch.setattr("govd_clip.trial.Child", TriedHere)
