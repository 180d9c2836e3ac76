"""`mini` with the embeddings that came with it, for benchmarks that forget on it hundreds of times:
no encoder, no ledger.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

import govd_clip
from govd.edit import (
    Basis,
    Edit,
    EvaluationData,
    Ingredients,
    Material,
    Problem,
    build,
    compose,
    exact,
)
from govd.edit.contribution import sealed
from govd.edit.files import tensors_from_bytes
from govd.methods import builtin
from govd.models.embeddings import Encoder, Known
from govd.models.evaluation_set import read_images
from govd.models.phrases import default_vocabulary
from govd.types import Concept, Contribution, ForgetSpec, ModelReference, Scope
from govd_clip.plugin import govd_open_model

FOLDER = Path(govd_clip.__file__).parent / "mini"
METHODS = builtin()
FOLDS = 4


@dataclass(frozen=True)
class Part:
    """A basis, and labelled drawings of which its pool has none."""

    basis: Basis
    data: EvaluationData

    def contribution(
        self,
        concepts: tuple[str, ...],
        domains: tuple[str, ...] = (),
        method: str = "fitted",
        **more: str,
    ) -> Contribution:
        """One forget, alone."""
        scope = Scope(tuple(sorted(Concept(c) for c in concepts)), domains)
        spec = ForgetSpec(scope, method, "unnamed")
        phrases = [
            self.basis.tensors["labels"][[self.basis.labels.index(c.name)]]
            for c in scope.concepts
        ]
        prompts = np.concatenate(phrases) if phrases else np.zeros((0, self.basis.dim))
        tensors, facts = METHODS[method].contribute(
            Problem(self.basis, spec, Material(phrases, prompts))
        )
        return sealed("benchmark", spec, dict(tensors), dict(facts))

    def edit(self, *contributions: Contribution) -> Edit:
        """All of them together."""
        return compose(self.basis, contributions, METHODS)


class Mini:
    """The evaluation part, and the parts for calibration."""

    def __init__(self) -> None:
        model = govd_open_model(ModelReference("mini"))
        assert model is not None
        self.model = model
        self.encoder = Encoder(
            model, Known.read(FOLDER / "embeddings.safetensors", model.facts)
        )
        self.labels, self.domains, self.templates = (
            self._lines(n) for n in ("labels", "domains", "templates")
        )

    def _lines(self, name: str) -> list[str]:
        return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()

    def basis(
        self, pool: np.ndarray | None, anchors: Sequence[str] | None = None
    ) -> Basis:
        """As `govd model add mini mini` makes it, on another pool or none, or with other anchors
        than the default vocabulary.
        """
        words = [
            w for w in anchors or default_vocabulary() if w not in set(self.labels)
        ]
        labels = self.encoder.averaged(self.labels, self.templates)
        prompts = self.encoder.texts(
            [f"a {d} of a {w}" for d in self.domains for w in self.labels]
        )
        given = Ingredients(
            "mini",
            "labels",
            "image",
            self.labels,
            labels,
            words,
            self.encoder.averaged(words, self.templates),
        )
        rows = prompts.reshape(len(self.domains), -1, labels.shape[1])
        given = replace(
            given,
            domains=self.domains,
            domain_vectors=rows,
            plain_vector=exact.mean(labels),
            templates=self.templates,
        )
        single = np.stack(
            [
                self.encoder.averaged(self.labels, [template])
                for template in self.templates
            ]
        )
        kind = "" if pool is None else "pool"
        return build(replace(given, pool=pool, pool_kind=kind, label_prompts=single))

    @cached_property
    def pool(self) -> np.ndarray:
        return np.load(FOLDER / "pool.npy")

    @cached_property
    def drawings(self) -> EvaluationData:
        """The drawings that figures are told of: chosen on by nobody."""
        return read_images(
            FOLDER / "images", self.encoder, self.domains, lambda *_: None
        )[0]

    @cached_property
    def evaluation(self) -> Part:
        """These drawings with the basis that the shipped pool gives."""
        return Part(self.basis(self.pool), self.drawings)

    @cached_property
    def calibration(self) -> list[Part]:
        """Labelled drawings by other vendors than those of the evaluation, in `FOLDS` parts.

        Colour is drawn by one vendor beside those, which is in the pool: part k judges the colour
        drawings of every `FOLDS`-th class, with a pool that has them not. Part k is for forgets of
        those classes.
        """
        tensors, said = tensors_from_bytes(
            (FOLDER / "calibration.safetensors").read_bytes()
        )
        if said["model"] != self.model.facts.digest:
            raise SystemExit(
                "calibration.safetensors is of another model: python -m govd_clip.training measured"
            )
        colour = self.domains.index("colour")
        parts = []
        for k in range(FOLDS):
            moved = (
                (tensors["class_of"] % FOLDS == k)
                & (tensors["domain_of"] == colour)
                & (tensors["pool_row"] >= 0)
            )
            judged = moved | (tensors["pool_row"] < 0)
            left = np.delete(self.pool, tensors["pool_row"][moved], 0)
            vectors = exact.unit(tensors["vectors"][judged])
            names, domains = (
                tuple(json.loads(said["classes"])),
                tuple(json.loads(said["domains"])),
            )
            data = EvaluationData(
                vectors,
                names,
                domains,
                tensors["class_of"][judged],
                tensors["domain_of"][judged],
            )
            parts.append(Part(self.basis(left), data))
        return parts

    def part_of(self, concept: str) -> Part:
        """The calibration part that judges a class."""
        return self.calibration[self.labels.index(concept) % FOLDS]
