"""A folder of safetensors files as a model without a space: registered by the digests of its files,
written with deltas added to some of its tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from govd.errors import BadCheckpoint, Unsupported
from govd.types import (
    Bytes,
    ExternalJob,
    Floats,
    ModelFacts,
    ModelReference,
    Progress,
    TensorDeltas,
    silent,
)
from govd_delta.files import KINDS, Slot, copied, sha256, slots, stored, values

SCHEME: Final = "delta:"
WEIGHTS: Final = ".safetensors"
BESIDE: Final = frozenset(
    {".json", ".jsonl", ".txt", ".model", ".md", ".jinja", ".yaml", ""}
)
"""Endings of files that belong to a model beside its weights. Weights of other formats do not:
published beside edited ones they would still know everything.
"""
RESTORE: Final = "Restore the files that were registered, or `govd model rebase`."


class DeltaModel:
    """Weights that an external job edits. `job`: as the owner of the home configured it; None where
    it is configured no more, and then nothing new is computed.
    """

    def __init__(
        self, facts: ModelFacts, folder: Path, job: ExternalJob | None
    ) -> None:
        self.facts = facts
        self.folder = folder
        self.job = job

    @cached_property
    def slots(self) -> dict[str, Slot]:
        """Every tensor of the model by name.

        Raises:
            BadCheckpoint: a file is malformed, or two have a tensor of the same name.
        """
        every: dict[str, Slot] = {}
        for name in sorted(self.facts.files):
            if not name.endswith(WEIGHTS):
                continue
            path = self.folder / name
            try:
                of_file = slots(path)
            except (ValueError, OSError) as fault:
                raise BadCheckpoint(
                    str(fault), where=str(path), advice=RESTORE
                ) from None
            twice = sorted(every.keys() & of_file.keys())
            if twice:
                advice = "Keep one copy of the weights in the folder."
                problem = (
                    f"{twice[0]} is in this file and in {every[twice[0]].path.name}"
                )
                raise BadCheckpoint(problem, where=str(path), advice=advice)
            every |= of_file
        return every

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Nothing: there is no space.

        Raises:
            Unsupported: always.
        """
        self._refuse("encodes no texts")

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """Nothing: there is no space.

        Raises:
            Unsupported: always.
        """
        self._refuse("encodes no pictures")

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> NoReturn:
        """Nothing.

        Raises:
            Unsupported: always.
        """
        self._refuse("draws no prototypes")

    def _refuse(self, what: str) -> NoReturn:
        raise Unsupported(
            f"a model that is edited by external jobs {what}",
            where=self.facts.reference,
            advice="`govd evaluate` runs its own evaluation; `govd export` writes its weights.",
        )

    def write_checkpoint(self, edit: TensorDeltas, folder: Path) -> Mapping[str, str]:
        """The model with deltas added to its tensors, each rounded once to its own type; every
        other byte of every file is as it was registered. File names with their SHA-256.

        Raises:
            Unsupported: a delta is of no tensor of this model, or a sum too large for its type.
            BadCheckpoint: a file is not the one that was registered.
        """
        self.check_fits(edit)
        written = {}
        for name, digest in self.facts.files.items():
            path = self.folder / name
            changes = {
                self.slots[tensor]: partial(
                    _added, slot=self.slots[tensor], delta=delta
                )
                for tensor, delta in edit.deltas.items()
                if self.slots[tensor].path == path
            }
            read, written[name] = copied(path, folder / name, changes)
            if read != digest:
                raise BadCheckpoint(
                    "the file is not the one that was registered",
                    where=str(path),
                    advice=RESTORE,
                )
        return written

    def check_fits(self, edit: TensorDeltas) -> None:
        """Refuse deltas that cannot be added to this model's tensors.

        Raises:
            Unsupported: one of another name or shape, or with a sum too large for its type.
        """
        for name, delta in edit.deltas.items():
            slot = self.slots.get(name)
            if slot is None or slot.kind not in KINDS or slot.shape != delta.shape:
                raise Unsupported(
                    f"the model has no {name[:80]!r} of shape {delta.shape} that can be edited",
                    where=self.facts.reference,
                )
            try:
                stored(slot.read() + delta, slot.kind)
            except OverflowError as fault:
                raise Unsupported(f"{name[:80]} cannot be edited so: {fault}") from None


def _added(data: bytes, slot: Slot, delta: Floats) -> bytes:
    if len(data) != slot.end - slot.begin:
        return data  # the file was cut off since: its digest says so
    with np.errstate(all="ignore"):
        try:
            return stored(values(data, slot.kind, slot.shape) + delta, slot.kind)
        except OverflowError:
            return data  # it was replaced since: its digest says so


def opened(reference: ModelReference) -> DeltaModel:
    """The model of a reference `delta:FOLDER#JOB`, or of one safetensors file.

    Raises:
        BadCheckpoint: there is none. Unsupported: no job is configured for it.
    """
    place, hash_sign, job_name = reference.reference.removeprefix(SCHEME).rpartition(
        "#"
    )
    path = Path(place if hash_sign else job_name).expanduser().absolute()
    job = reference.job
    if job is None and not reference.files:
        advice = (
            'Write [unlearning.NAME] with forget = ["COMMAND", …] into govd.toml of the home, and'
            f" register {SCHEME}FOLDER#NAME. Commands are never read from a model's folder."
        )
        problem = (
            f"no job {job_name!r} is configured"
            if hash_sign
            else "no single job is configured"
        )
        raise Unsupported(problem, where=reference.reference, advice=advice)
    folder = path.parent if path.is_file() else path
    files = {file.name: sha256(file) for file in _files(path, dict(reference.files))}
    facts = ModelFacts(
        reference=f"{SCHEME}{path}#{job.name if job else job_name}",
        digest=hashlib.sha256(
            "".join(f"{name}\0{files[name]}\n" for name in sorted(files)).encode()
        ).hexdigest(),
        backend="delta",
        device="external",
        dim=0,
        logit_scale=1.0,
        image_size=0,
        architecture=_architecture(folder),
        files=files,
    )
    model = DeltaModel(facts, folder, job)
    if not any(slot.kind in KINDS for slot in model.slots.values()):
        raise BadCheckpoint("it has no tensor of floats", where=str(path))
    return model


def _files(path: Path, registered: Mapping[str, str]) -> list[Path]:
    """The files of a model, by name; of a registered one those that it was registered with.

    Raises:
        BadCheckpoint: there are none, or one is gone.
    """
    if path.is_file():
        paths = [path]
    elif path.is_dir():
        paths = sorted(
            p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")
        )
        paths = [p for p in paths if p.suffix == WEIGHTS or p.suffix in BESIDE]
    else:
        raise BadCheckpoint(
            "there is no such folder or file", where=str(path), advice="Check the path."
        )
    if registered:
        paths = [p for p in paths if p.name in registered]
    if not any(p.suffix == WEIGHTS for p in paths):
        advice = "Save the weights as safetensors: other formats are not read."
        raise BadCheckpoint(
            "there is no .safetensors file", where=str(path), advice=advice
        )
    return paths


def _architecture(folder: Path) -> str:
    """What config.json calls the model; empty where it says nothing."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        names = config.get("architectures") or [config.get("model_type") or ""]
        return str(names[0])[:100]
    except (OSError, ValueError, AttributeError, IndexError, TypeError):
        return ""
