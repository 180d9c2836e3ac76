"""The models that are served, and pictures for them."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import govd_clip
from govd.models.given import Given

MINI = Path(govd_clip.__file__).parent / "mini"
LABELS = (
    "dog",
    "cat",
    "house",
    "tree",
    "car",
    "boat",
    "bird",
    "flower",
    "chair",
    "clock",
)
PICTURES = 64
SIDE = 256
"""Pixels a side of the pictures that ViT-B/32 is sent."""


def vit_b_32(folder: Path) -> Path:
    """A checkpoint of ViT-B/32's image tower with random weights, since speed does not depend on
    them, beside `mini`'s small text tower and its tokenizer.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    config = json.loads((MINI / "config.json").read_text())
    vision = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 224,
        "patch_size": 32,
        "projection_dim": 512,
    }
    text = config["text_config"] | {
        "projection_dim": 512,
        "max_position_embeddings": 77,
    }
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=512)
    ).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MINI / name, folder / name)
    prepared = json.loads((MINI / "preprocessor_config.json").read_text())
    prepared["size"] = {"height": 224, "width": 224}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    return folder


def model(name: str, folder: Path) -> tuple[str, Given]:
    """A reference, and what it is registered with."""
    if name == "mini":
        return "mini", Given()
    return str(vit_b_32(folder / "checkpoint")), Given(
        labels=LABELS, templates=("a {}",)
    )


def forgotten(name: str) -> str:
    """A label that is forgotten and comes back."""
    return "microscope" if name == "mini" else LABELS[0]


def pictures(name: str, folder: Path) -> list[Path]:
    """PNG files: `mini`'s drawings, or smooth noise for the other."""
    folder.mkdir()
    if name == "mini":
        drawn = sorted((MINI / "images").rglob("*.png"))
        return [drawn[i * len(drawn) // PICTURES] for i in range(PICTURES)]
    draw = np.random.default_rng(0)
    for i in range(PICTURES):
        rough = Image.fromarray(draw.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        buffer = io.BytesIO()
        rough.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "PNG")
        (folder / f"{i:02}.png").write_bytes(buffer.getvalue())
    return sorted(folder.glob("*.png"))
