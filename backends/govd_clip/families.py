"""What a folder is that is no CLIPModel's: named by what it is, with the way on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from govd.errors import BadCheckpoint
from govd_clip.layouts import MODEL_TYPES, OPEN_CONFIG, OPEN_WEIGHTS, model_type

VECTORS: Final = (
    "Give a CLIPModel checkpoint; or compute the vectors with that model's own library and register"
    " them: a .npz of vectors."
)
WHOLE: Final = (
    "Give the whole CLIPModel that it was taken "
    "from, with both towers and their projections."
)

FAMILIES: Final[dict[str, tuple[str, str]]] = {
    "siglip2": ("a SigLIP 2 model of any picture size (NaFlex)", VECTORS),
    "siglip_vision_model": ("the vision half of a SigLIP model", VECTORS),
    "siglip_text_model": ("the text half of a SigLIP model", VECTORS),
    "chinese_clip": ("a Chinese-CLIP model, with a BERT as its text tower", VECTORS),
    "metaclip_2": ("a MetaCLIP 2 model", VECTORS),
    "altclip": ("an AltCLIP model, with XLM-RoBERTa as its text tower", VECTORS),
    "clipseg": ("a CLIPSeg model", VECTORS),
    "clip_vision_model": ("the vision half of a CLIP model", WHOLE),
    "clip_text_model": ("the text half of a CLIP model", WHOLE),
    "vision-text-dual-encoder": (
        "two encoders joined (VisionTextDualEncoderModel)",
        VECTORS,
    ),
    "jina_clip": ("a Jina CLIP model, whose code comes with it", VECTORS),
    "x_clip": ("an X-CLIP model for videos", VECTORS),
    "clap": ("a CLAP model, for sounds", VECTORS),
    "align": ("an ALIGN model", VECTORS),
    "blip": ("a BLIP model", VECTORS),
    "blip-2": ("a BLIP-2 model", VECTORS),
    "groupvit": ("a GroupViT model", VECTORS),
    "owlvit": ("an OWL-ViT model", VECTORS),
    "flava": ("a FLAVA model", VECTORS),
    "timm_wrapper": ("a timm model", VECTORS),
    "llava": ("a LLaVA model, which holds a CLIP's vision tower", WHOLE),
}
_CONVERT = (
    "Download the transformers version of it (a folder with config.json of model_type clip), or"
    " convert it to CLIPModel."
)
_OPEN = (
    "Download both; or save the weights as safetensors, load_state_dict's result by"
    f" safetensors.torch.save_file, under the name {OPEN_WEIGHTS}."
)


def of_type(model_type: object, where: str) -> BadCheckpoint:
    """What a config's `model_type` says that it is."""
    if model_type is None:
        return BadCheckpoint(
            "config.json says no model_type",
            where=where,
            advice='A CLIPModel\'s says "model_type": "clip".',
        )
    kind = str(model_type)[:60]
    family, advice = FAMILIES.get(kind, ("not a CLIPModel", VECTORS))
    return BadCheckpoint(
        f"is {family} (model_type {kind!r} in config.json)", where=where, advice=advice
    )


def fault_of(path: Path) -> BadCheckpoint | None:
    """What a folder or file holds where it is no CLIPModel's; None where it is nothing that is
    known.
    """
    place = str(path)
    if path.is_file():
        return _of_file(path, place)
    if not path.is_dir():
        return None
    cache = _of_cache(path, place)
    if cache is not None:
        return cache
    if (path / OPEN_CONFIG).exists() or any(path.glob("open_clip_*")):
        reason = f"is an open_clip checkpoint without {OPEN_WEIGHTS} or {OPEN_CONFIG}"
        return BadCheckpoint(reason, where=place, advice=_OPEN)
    if (path / "modules.json").exists():
        inner = next(
            (
                entry.parent.name
                for entry in sorted(path.glob("*/config.json"))
                if model_type(entry) in MODEL_TYPES
            ),
            None,
        )
        advice = f"Give the folder {inner} in it." if inner else VECTORS
        return BadCheckpoint(
            "is a sentence-transformers model", where=place, advice=advice
        )
    if (path / "model_index.json").exists():
        return BadCheckpoint("is a diffusers pipeline", where=place, advice=WHOLE)
    if (path / "config.json").is_file():
        return of_type(model_type(path / "config.json"), place)
    if (path / "adapter_config.json").exists():
        return BadCheckpoint(
            "is an adapter (PEFT) without its model", where=place, advice=MERGE
        )
    return _of_pieces(path, place)


MERGE: Final = (
    "Merge it into the model (`merge_and_unload` of peft), save that with save_pretrained, and give"
    " that folder."
)


def _of_file(path: Path, where: str) -> BadCheckpoint | None:
    if path.suffix.lower() in (
        ".pt",
        ".pth",
        ".bin",
        ".ckpt",
        ".onnx",
        ".h5",
        ".msgpack",
        ".gguf",
    ):
        return BadCheckpoint(
            "is a single file of weights; govd opens a CLIPModel's folder",
            where=where,
            advice=_CONVERT,
        )
    if path.name in (
        "config.json",
        "model.safetensors",
        "model.safetensors.index.json",
    ):
        return BadCheckpoint(
            "is one file of a checkpoint",
            where=where,
            advice=f"Give its folder: {path.parent}",
        )
    return None


def _of_cache(path: Path, where: str) -> BadCheckpoint | None:
    """A repository in the Hub's cache (`models--owner--name`), or the cache itself."""
    snapshots = path / "snapshots"
    if snapshots.is_dir() and not (path / "config.json").exists():
        commits = sorted(str(entry) for entry in snapshots.iterdir() if entry.is_dir())[
            :3
        ]
        advice = (
            f"Give a snapshot in it: {', '.join(commits)}"
            if commits
            else "Download it again: it holds no snapshot."
        )
        return BadCheckpoint(
            "is the root of a repository in the Hub's cache, which holds its files in snapshots/",
            where=where,
            advice=advice,
        )
    if any(path.glob("models--*")):
        return BadCheckpoint(
            "is the Hub's cache",
            where=where,
            advice="Give models--OWNER--NAME/snapshots/COMMIT in it, or the Hub's OWNER/NAME.",
        )
    return None


def _of_pieces(path: Path, where: str) -> BadCheckpoint | None:
    """Folders that hold parts of a checkpoint, or hold one in a folder of their own."""
    inner = next(
        (
            entry.parent
            for entry in sorted(path.glob("*/config.json"))[:50]
            if model_type(entry) in MODEL_TYPES
        ),
        None,
    )
    if inner is not None:
        return BadCheckpoint(
            "holds a CLIPModel in a folder of it", where=where, advice=f"Give {inner}."
        )
    if any(
        (path / name).exists()
        for name in (
            "preprocessor_config.json",
            "tokenizer_config.json",
            "tokenizer.json",
        )
    ):
        return BadCheckpoint(
            "config.json is missing",
            where=where,
            advice="Copy it from the original checkpoint.",
        )
    if any(path.glob("*.onnx")) or any(path.glob("*.pt")) or any(path.glob("*.gguf")):
        return BadCheckpoint(
            "holds weights, but none of a CLIPModel", where=where, advice=_CONVERT
        )
    return None
