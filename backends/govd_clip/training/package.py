"""Writes the folder that ships: a CLIPModel checkpoint in Hugging Face's format, and beside it what
`govd model add` finds on its own.
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from govd.edit.files import tensors_to_bytes
from govd.models.embeddings import Encoder, Known
from govd.models.phrases import default_vocabulary
from govd.types import ModelReference
from govd_clip.plugin import open_folder
from govd_clip.training import measured, tokens
from govd_clip.training.evaluate import Judge, load_checkpoint, report
from govd_clip.training.model import IMAGE_SIZE, MEAN, STD, config
from govd_clip.training.names import CLASSES, synonyms
from govd_clip.training.sets import DOMAINS, SETS
from govd_clip.training.train import HEAD

TEMPLATES = ("a {}", "a picture of a {}", "an icon of a {}", "a drawing of a {}")
SHOWN = (
    *((domain, "dog") for domain in ("", *DOMAINS)),
    ("line", "umbrella"),
    *(("colour", name) for name in ("umbrella", "house", "apple", "rocket", "train")),
)
"""Domain and concept of the prototypes that ship: what the demo forgets."""
STEPS = 600
"""Steps of their ascent: five times what a forget takes, for these are to be looked at."""


def write(cache: Path, folder: Path) -> None:
    """Write everything; `folder` must not exist yet."""
    folder.mkdir(parents=True)
    tokenizer = tokens.load(cache / "tokenizer")
    _checkpoint(cache, folder, tokenizer)
    for name, lines in (
        ("labels", CLASSES),
        ("templates", TEMPLATES),
        ("domains", DOMAINS),
    ):
        (folder / f"{name}.txt").write_text(
            "".join(f"{line}\n" for line in lines), encoding="utf-8"
        )
    words = {name: list(synonyms(name)) for name in CLASSES if synonyms(name)}
    (folder / "paraphrases.json").write_text(
        json.dumps(words, indent=1) + "\n", encoding="utf-8"
    )
    icons = np.load(cache / "icons.npz")
    paths = _evaluation(icons, folder)
    model = open_folder(folder, None, ModelReference("mini"))
    measured.write(cache / "node_modules", folder, model)
    encoder = Encoder(model)
    encoder.averaged(
        [*CLASSES, *(w for w in default_vocabulary() if w not in CLASSES)], TEMPLATES
    )
    encoder.averaged([w for phrases in words.values() for w in phrases], TEMPLATES)
    encoder.texts([f"a {d} of a {c}" for d in DOMAINS for c in CLASSES])
    encoder.files(paths)
    (folder / "embeddings.safetensors").write_bytes(
        Known(encoder.known.texts, encoder.known.images).to_bytes(model.facts)
    )
    prototypes(folder, model)
    (folder / "README.md").write_text(_card(cache, len(paths)), encoding="utf-8")
    measured.seal(cache / "node_modules", folder)


def prototypes(folder: Path, model) -> None:
    """What the model itself draws for what the demo forgets; with what it takes to draw it
    again.
    """
    prompts = [f"a {domain or 'picture'} of a {name}" for domain, name in SHOWN]
    drawn = model.synthesise(prompts, seed=0, steps=STEPS)
    header = {"prompts": json.dumps(prompts), "seed": "0", "steps": str(STEPS)}
    header |= {
        "domains": json.dumps([d for d, _ in SHOWN]),
        "concepts": json.dumps([name for _, name in SHOWN]),
    }
    (folder / "prototypes.safetensors").write_bytes(
        tensors_to_bytes(
            {"embeddings": drawn.embeddings, "pictures": drawn.pictures}, header
        )
    )


def _checkpoint(cache: Path, folder: Path, tokenizer) -> None:
    params = {
        name: np.asarray(value)
        for name, value in load_checkpoint(cache).items()
        if name != HEAD
    }
    save_file(params, folder / "model.safetensors", {"format": "pt"})
    text = config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    (folder / "config.json").write_text(
        json.dumps(text, indent=2) + "\n", encoding="utf-8"
    )
    tokens.save(tokenizer, folder)
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    numbers = {
        "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3,
        "rescale_factor": 1 / 255,
    }
    CLIPImageProcessorPil(
        size=size, resample=3, do_center_crop=False, do_convert_rgb=True, **numbers
    ).save_pretrained(folder)


def _evaluation(icons, folder: Path) -> list[Path]:
    paths = []
    for at in np.flatnonzero(icons["role"] == "evaluation"):
        name = str(icons["name"][at])
        domain = DOMAINS[int(icons["domain"][at])]
        path = (
            folder
            / "images"
            / domain
            / name
            / f"{icons['set'][at]}-{icons['icon'][at]}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.fromarray(icons["picture"][at]).save(buffer, "PNG", optimize=True)
        path.write_bytes(buffer.getvalue())
        paths.append(path)
    return paths


def _card(cache: Path, count: int) -> str:
    judge = Judge(cache, tokens.load(cache / "tokenizer"))
    families = sorted({s.family for s in SETS if s.role == "evaluation"})
    pooled = sorted({s.family for s in SETS if s.role == "pool"})
    calibrated = sorted({s.family for s in SETS if s.role == "calibration"})
    steps = json.loads((cache / "checkpoint.json").read_text())["count"]
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: zero-shot-image-classification
---
# mini
A small CLIP, so that `govd` runs without a download: drawings of {len(CLASSES)} everyday things in the domains
{", ".join(DOMAINS)}. 48 × 48 pixels, ViT with 6 layers of width 192, text transformer with 2 layers of width 128, joint space of 128.
It loads in `transformers.CLIPModel`.

## Figures
Zero-shot over all {len(CLASSES)} names, on {len(judge.pictures)} drawings of vendors that it never saw ({", ".join(families)}):

{report(cache)}

## Data
Icon sets from npm (`@iconify-json/*`), {len(SETS)} packages; licences and authors in `NOTICES`. Whole vendor families are held out, in
every domain: {", ".join(families)} for the {count} drawings in `images/`; {", ".join(pooled)} for
the unlabelled pool in `pool.npy`, whose pictures' digests are in `pool_digests.txt`; {", ".join(calibrated)}
for the labelled embeddings in `calibration.safetensors`, on which govd's own constants are chosen; none is
in the evaluation set. Captions: names with and without the domain, in templates,
and synonyms from emojibase-data.

## Training
From scratch, {steps} steps of AdamW on two CPU cores (`python -m govd_clip.training`): contrastive, each matching caption a positive,
with augmentation that crosses domains; a warm restart after the first schedule.

## Limits
It knows icons and emoji, no photographs; a word outside its captions means little to it. Its joint space is narrow, so that forgetting
costs more here than in a CLIP of 512 dimensions. It is for trying govd, not for use.
"""
