"""Computing what a forget adds: its contribution, from embeddings, prototypes and examples by a
method.

Proven by `tests/service/test_given_pictures.py`, of private forgets by
`tests/reconcile/test_private_requests.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from govd.asking.foreign_models import contributed
from govd.contributions.texts import distinct_texts
from govd.edit import Material, Problem, exact
from govd.edit.contribution import sealed
from govd.edit.files import tensors_to_bytes
from govd.errors import Unsupported
from govd.models.core import Core, Opened
from govd.models.image_vectors import embedded
from govd.models.phrases import prompt
from govd.pictures import png
from govd.records.request import Request, spec_of
from govd.types import PRIVATE, Contribution, Floats, ForgetSpec, Json

BESIDE: Final = 24
"""Other concepts that are synthesised beside a forgotten one where prototypes stand in for a
pool.
"""
PROMPTED: Final = 100
"""Anchors that a whole domain is prompted with."""
UNTOLD: Final = frozenset({"targets", "terms", "prototypes", "log"})
"""Facts of a contribution that would say what a private request is about."""


@dataclass(frozen=True)
class Prototypes:
    """Synthesised pictures: their embeddings `(n, d)`, the concept of each by its position in the
    scope (−1: another), and where they are kept for people to look at.
    """

    embeddings: Floats
    concepts: list[int]
    shown: list[dict[str, Json]]


class Computing:
    """Computes contributions for a home's models. It reads the views, writes artifacts, and holds
    no lock.
    """

    def __init__(self, core: Core) -> None:
        self.core = core

    def compute(
        self,
        spec: ForgetSpec,
        opened: Opened,
        *,
        keep: bool = True,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Contribution:
        """The contribution of a spec: a plugin's, else the method's own.

        `opened`: the model that it is for. `keep`: put prototypes into the artifacts, for people to
        see. `pictures`: examples by digest that are no artifacts yet.

        Raises:
            Unsupported, OverCapacity: this cannot be computed. PluginFault: the method's or a
            plugin's own mistake.
        """
        core = self.core
        method = self.core.plugins.methods[spec.method]
        contribution: Contribution | None = core.plugins.first(
            "govd_compute_contribution",
            model=opened.model,
            basis=opened.basis,
            spec=spec,
            method=method,
            progress=core.progress,
        )
        if contribution is not None:
            return contribution
        if not opened.basis.has_space:
            raise Unsupported(
                "no installed plugin can compute a forget for this model",
                where=opened.model.facts.reference,
                advice="Install the plugin that it was registered with; `govd doctor` lists them.",
            )
        material, prototypes = self._material(opened, spec, keep, pictures or {})
        problem = Problem(opened.basis, spec, material, core.progress)
        owner = core.plugins.brought_by.get(spec.method, "")
        tensors, facts = core.plugins.guarded(
            owner,
            f"method {spec.method}",
            lambda: contributed(method.contribute(problem)),
        )
        facts = {**facts, "prototypes": prototypes} if prototypes else dict(facts)
        return sealed(opened.basis.digest, spec, tensors, facts)

    def of_request(self, request: Request, opened: Opened) -> Contribution:
        """The contribution of a request; of a private one without its names. `opened`: its model,
        or what it is to become.

        Raises:
            Unsupported: its text was destroyed. The rest as `compute`.
        """
        if request.shredded_at:
            raise Unsupported(
                "its text was destroyed, so it can no longer be computed",
                where=request.id,
                advice="Withdraw it.",
            )
        is_private = request.is_private
        spec = spec_of(self.core.private.revealed(request))
        contribution = self.compute(spec, opened, keep=not is_private)
        if is_private:
            return self._untold(request, contribution, opened)
        return contribution

    def _untold(
        self, request: Request, contribution: Contribution, opened: Opened
    ) -> Contribution:
        """A private request's contribution without what would name its concepts."""
        names = [concept.name for concept in request.concepts]
        terms = [
            {**term, "about": names[min(place, len(names) - 1)] if names else PRIVATE}
            for place, term in enumerate(contribution.facts.get("terms", []))
        ]
        facts = {
            name: fact
            for name, fact in contribution.facts.items()
            if name not in UNTOLD
        }
        tensors = dict(contribution.tensors)
        spec = spec_of(request)
        return sealed(opened.basis.digest, spec, tensors, {**facts, "terms": terms})

    def _material(
        self,
        opened: Opened,
        spec: ForgetSpec,
        keep: bool,
        pictures: Mapping[str, bytes],
    ) -> tuple[Material, list[dict[str, Json]]]:
        """The embeddings that a spec needs, and what people can look at of them."""
        basis = opened.basis
        encoder = opened.encoder
        concepts = spec.scope.concepts
        names, texts = distinct_texts(opened, concepts)
        if spec.scope.domains:
            phrases = [name for own_names in names for name in own_names]
            words = phrases or list(basis.labels or basis.vocabulary[:PROMPTED])
            prompted = [
                prompt(domain, word) for domain in spec.scope.domains for word in words
            ]
            prompts = encoder.texts(prompted, keep=not concepts)
        else:
            prompts = (
                np.concatenate(texts) if texts else np.zeros((0, basis.dim), np.float32)
            )
        rows = exact.unit(prompts) if len(prompts) else np.zeros((0, basis.dim))
        prototypes = self._prototypes(opened, spec, keep) if spec.prototypes else None
        material = Material(
            phrases=texts,
            names=names,
            prompts=rows,
            prototypes=None,
            prototype_of=[],
            examples=self.examples(opened, spec, pictures),
        )
        if prototypes is None:
            return material, []
        synthesised = exact.unit(prototypes.embeddings)
        material = replace(
            material, prototypes=synthesised, prototype_of=prototypes.concepts
        )
        return material, prototypes.shown

    def examples(
        self, opened: Opened, spec: ForgetSpec, pictures: Mapping[str, bytes]
    ) -> Floats | None:
        """The example pictures of a spec, unit embeddings `(n, d)`; None where it has none.

        Args:
            opened: the model.
            spec: names them by their digests.
            pictures: those by digest that are no artifacts yet.
        """
        images = [
            pictures.get(digest) or self.core.artifacts.get(digest)
            for digest in spec.examples
        ]
        if not images:
            return None
        named = zip(spec.examples, images, strict=True)
        return exact.unit(embedded(opened.encoder, named))

    def _prototypes(self, opened: Opened, spec: ForgetSpec, keep: bool) -> Prototypes:
        """Pictures of the scope; beside them pictures of other concepts where they must stand in
        for a pool. `keep`: put them into the artifacts.
        """
        numbered = self._prompts(opened, spec)
        prompts = [text for _, text in numbered]
        embeddings: list[Floats] = []
        records: list[dict[str, Json]] = []
        for draw in range(spec.prototypes):
            seed = spec.seed + draw
            synthesised = opened.model.synthesise(
                prompts, seed=seed, progress=self.core.progress
            )
            embeddings.append(synthesised.embeddings)
            if keep:
                facts = {"prompts": json.dumps(synthesised.prompts), "seed": str(seed)}
                tensors = {
                    "embeddings": synthesised.embeddings,
                    "pictures": synthesised.pictures,
                }
                whole = self.core.artifacts.put(tensors_to_bytes(tensors, facts))
                pairs = zip(synthesised.prompts, synthesised.pictures, strict=True)
                records += [
                    {
                        "prompt": text,
                        "png": self.core.artifacts.put(png(pixels)),
                        "tensors": whole,
                    }
                    for text, pixels in pairs
                ]
        concepts = [number for number, _ in numbered] * spec.prototypes
        return Prototypes(np.concatenate(embeddings), concepts, records)

    def _prompts(self, opened: Opened, spec: ForgetSpec) -> list[tuple[int, str]]:
        """What is synthesised, each with its concept's position in the scope (−1: another)."""
        names, _ = opened.basis.anchors
        concepts = spec.scope.concepts
        domains = spec.scope.domains or ("",)
        prompts = [
            (place, prompt(domain, concept.name))
            for place, concept in enumerate(concepts)
            for domain in domains
        ]
        if not concepts:
            prompts = [
                (0, prompt(domain, name))
                for domain in domains
                for name in names[:BESIDE]
            ]
        method = self.core.plugins.methods[spec.method]
        if getattr(method, "learns_from_pictures", False) and not opened.basis.has_pool:
            concept_names = {concept.name for concept in concepts}
            other_names = [name for name in names if name not in concept_names]
            spread = other_names[:: max(1, len(other_names) // BESIDE)][:BESIDE]
            prompts += [(-1, prompt("", name)) for name in spread]
        return prompts
