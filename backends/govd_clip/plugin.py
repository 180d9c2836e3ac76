"""The hooks of the CLIP backend."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from govd.errors import BadCheckpoint, Unsupported
from govd.hookspecs import hookimpl
from govd.types import (
    SINGLE,
    Bytes,
    Contribution,
    Floats,
    LinearEdit,
    Model,
    ModelFacts,
    ModelReference,
    Precision,
    Progress,
    Prototypes,
    silent,
)

if TYPE_CHECKING:
    from govd.edit import Basis, Edit, Method
    from govd_clip.encode import Encoder
    from govd_clip.headers import Slot
    from govd_clip.trial import Trial

MARK = "\ufeff"
"""The byte order mark, which belongs to a file and not to its text: the tokenizer that CLIP was
trained with (ftfy) takes it out, too.
"""
OPEN_CLIP = "open_clip"
FORMATS = ("huggingface", "hf", "safetensors")
DEFAULTS = (
    "labels",
    "templates",
    "domains",
    "paraphrases",
    "pool",
    "images",
    "embeddings",
    "prototypes",
)
LARGEST_LOGIT_SCALE = 88.7
"""Its exponential is about the largest number of single precision."""
SUFFIXES = ("", ".txt", ".json", ".npz", ".npy", ".safetensors")


class ClipModel:
    """A CLIPModel checkpoint: facts at once, weights when something is encoded."""

    def __init__(self, facts: ModelFacts, encoder: Encoder) -> None:
        self._facts = facts
        self._encoder = encoder

    @property
    def facts(self) -> ModelFacts:
        """What is known without its weights in memory."""
        return self._facts

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts."""
        return self._encoder.encode_texts(
            [text.replace(MARK, "") for text in texts], progress
        )

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """Unit embeddings `(n, d)` float32 of pictures."""
        return self._encoder.encode_images(images, progress)

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        """One visual prototype for each prompt."""
        from govd_clip.prototypes import synthesise

        return synthesise(
            self._encoder, prompts, seed=seed, steps=steps, progress=progress
        )

    def write_checkpoint(self, edit: LinearEdit, folder: Path) -> Mapping[str, str]:
        """The edited model as a Hugging Face checkpoint, copied from the files that were registered
        and no others.
        """
        from govd_clip.checkpoint import write

        encoder = self._encoder
        return write(encoder.folder, self._facts.files, edit, folder, encoder.config)

    def write_open_clip(self, edit: LinearEdit, folder: Path) -> Mapping[str, str]:
        """The edited model as open_clip reads it; files with their SHA-256.

        Raises:
            Unsupported: open_clip has no such architecture.
        """
        from govd_clip.to_open_clip import write_open_clip

        encoder = self._encoder
        files = self._facts.files
        match encoder.config.family:
            case "open_clip":
                return self.write_checkpoint(edit, folder)
            case "siglip":
                reason = "open_clip has SigLIP on timm's towers, which are laid out otherwise"
                raise Unsupported(
                    reason, advice="Export it for transformers: --format hf."
                )
        return write_open_clip(
            encoder.folder, files, edit, folder, encoder.config, encoder.preparation
        )


@hookimpl(trylast=True)
def govd_open_model(reference: ModelReference) -> Model | None:
    """A folder or a Hub id of a CLIPModel, a SiglipModel or an open_clip checkpoint. Asked last,
    since it names models of other kinds that nobody else has opened.

    Raises:
        BadCheckpoint: it is broken, or a model of another kind.
    """
    from govd_clip.hub import locate

    located = locate(reference)
    if located is None:
        return None
    return open_folder(*located, reference)


@hookimpl
def govd_export(
    model: Model, edit: Edit, format: str, folder: Path
) -> Mapping[str, str] | None:
    """The Hugging Face format and open_clip's, of models that this backend opened.

    Raises:
        Unsupported: open_clip has no such architecture.
    """
    if not isinstance(model, ClipModel):
        return None
    if format == OPEN_CLIP:
        return model.write_open_clip(edit, folder)
    if format in FORMATS:
        return model.write_checkpoint(edit, folder)
    return None


@hookimpl
def govd_compose_edit(
    basis: Basis,
    contributions: Sequence[Contribution],
    methods: Mapping[str, Method],
    where: str,
) -> Edit | None:
    """On JAX's device, in float64: for previews and sweeps; equal to the host's to 1e-6, not to the
    last bit.
    """
    if where != "device":
        return None
    import jax

    from govd.edit import OnArrays, compose

    with jax.enable_x64(True):
        return compose(
            basis,
            contributions,
            methods,
            OnArrays(jax.numpy, f"jax {jax.default_backend()}"),
        )


def open_folder(
    folder: Path, commit: str | None, reference: ModelReference
) -> ClipModel:
    """The checkpoint in `folder`: its config, the names and shapes of its weights, its files'
    hashes; tried in another process before, unless its files are those that are registered.
    """
    from govd_clip.checkpoint import check_beside
    from govd_clip.trial import Trial

    check_beside(folder)
    _check_there(folder)
    with Trial(folder, reference.files) as trial:
        # it would say at each command that there is no torch
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
        from govd_clip import encode  # noqa: F401 - it takes as long as the trial

        trial.wait()
    return _opened(folder, commit, reference, trial)


def _check_there(folder: Path) -> None:
    """That the files lie there without which no tokenizer and no image processor can be made.

    Raises:
        BadCheckpoint: one is missing.
    """
    from govd_clip import checkpoint, layouts

    if (
        not (folder / "tokenizer.json").exists()
        and not ((folder / "vocab.json").exists() and (folder / "merges.txt").exists())
        and not (folder / layouts.SPIECE).exists()
    ):
        advice = "Copy tokenizer.json, or vocab.json and merges.txt, from the original checkpoint."
        fault = "the tokenizer is missing"
        if layouts.is_open_clip(folder):
            fault = "this is a checkpoint of open_clip, and the tokenizer is missing"
        raise BadCheckpoint(fault, where=str(folder), advice=advice)
    if layouts.is_open_clip(folder):
        return
    if not any((folder / name).exists() for name in checkpoint.PICTURES):
        advice = "Copy preprocessor_config.json from the original checkpoint."
        raise BadCheckpoint(
            "preprocessor_config.json is missing", where=str(folder), advice=advice
        )


def _scale(slot: Slot) -> float:
    """By what a checkpoint multiplies cosines: it stores the logarithm.

    Raises:
        BadCheckpoint: that is no number, or one whose exponential single precision cannot hold.
    """
    import numpy as np

    stored = float(slot.read("logit_scale").reshape(-1)[0])
    if not math.isfinite(stored):
        raise BadCheckpoint(
            "logit_scale is not finite",
            where=str(slot.path),
            advice="Download the checkpoint again.",
        )
    if stored > LARGEST_LOGIT_SCALE:
        raise BadCheckpoint(
            f"logit_scale is {stored:g}, whose exponential single precision cannot hold",
            where=str(slot.path),
            advice="It is the scale's logarithm: where the scale itself was stored, store that.",
        )
    return float(np.exp(stored))


def _opened(
    folder: Path, commit: str | None, reference: ModelReference, trial: Trial
) -> ClipModel:
    import jax

    from govd_clip import card, checkpoint, headers, weights
    from govd_clip.encode import Encoder
    from govd_clip.reading_config import read_config

    config = read_config(folder)
    slots = headers.slots(folder)
    weights.check(config, slots, folder)
    scale = _scale(slots["logit_scale"])
    files = {
        path.name: checkpoint.sha256(path)
        for path in checkpoint.checkpoint_files(folder)
    }
    trial.check(files)
    keep_compiled()
    device = jax.devices()[0]
    precision = reference.precision
    facts = ModelFacts(
        reference=reference.reference,
        digest=digest_of(files, precision),
        backend="clip",
        device=(
            device.platform
            if device.platform == "cpu"
            else f"{device.platform} ({device.device_kind})"
        ),
        dim=config.dim,
        logit_scale=scale,
        image_size=config.image,
        hf_revision=commit,
        architecture=config.architecture,
        files=files,
        defaults=defaults(folder, precision),
        card=card.notes(config.family, slots),
        precision=precision,
    )
    return ClipModel(facts, Encoder(folder, config, files, precision))


def digest_of(files: Mapping[str, str], precision: Precision) -> str:
    """SHA-256 of a checkpoint's `files` (their SHA-256 by name), and of what it encodes in where
    that is not float32.
    """
    lines = [f"{name}\0{files[name]}\n" for name in sorted(files)]
    if precision != SINGLE:
        lines.append(f"\0precision\0{precision}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def defaults(folder: Path, precision: Precision = SINGLE) -> dict[str, Path]:
    """Files beside the weights that are named after an option of `model add`: `labels.txt`,
    `images/`, and so on; without embeddings that are of another precision.

    Raises:
        BadCheckpoint: the checkpoint lists their SHA-256 (`digests.json`), and one of them is
        another.
    """
    from govd_clip.digests import check

    paths = {
        option: [folder / f"{option}{suffix}" for suffix in SUFFIXES]
        for option in DEFAULTS
    }
    existing = {
        option: [path for path in candidates if path.exists()]
        for option, candidates in paths.items()
    }
    default_paths = {
        option: candidates[0] for option, candidates in existing.items() if candidates
    }
    check(folder, default_paths.values())
    if precision != SINGLE:
        default_paths.pop("embeddings", None)
    return default_paths


def keep_compiled() -> None:
    """Keep compiled programs between runs, where nobody has said otherwise."""
    import jax
    import platformdirs

    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        try:
            folder = platformdirs.user_cache_path("govd") / "jax"
        except RuntimeError:  # an account without a home folder keeps nothing
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # a daemon warms a dozen programs: those of a second each are worth keeping, too
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
