"""Simulated texts, and simulated images around them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from govd.edit import (
    Basis,
    EvaluationData,
    Ingredients,
    Material,
    Problem,
    build,
    exact,
)
from govd.edit.contribution import sealed
from govd.methods import builtin
from govd.models.phrases import default_vocabulary
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.geometry import simulated_texts

DOMAINS = ("photo", "sketch")


@dataclass
class World:
    """Names, texts and images of a model that never was: everyday nouns, images in two domains."""

    names: list[str]
    texts: np.ndarray
    prompts: np.ndarray
    pool: np.ndarray
    data: EvaluationData

    def basis(
        self, use: str = "labels", pool: bool = True, labels: int = 40, **more: Any
    ) -> Basis:
        listed = labels if use == "labels" else 0
        given = Ingredients(
            "simulated",
            use,  # type: ignore[arg-type]
            more.pop("side", "image"),
            self.names[:listed],
            self.texts[:listed],
            self.names[listed:],
            self.texts[listed:],
            DOMAINS,
            self.prompts,
            self.texts.mean(0),
            ("a {}",),
            self.pool if pool else None,
            "pool",
            **more,
        )
        return build(given)

    def contribution(
        self,
        basis: Basis,
        *concepts: str,
        method: str = "oblique",
        domains: tuple[str, ...] = (),
        **more: Any,
    ) -> Contribution:
        spec = ForgetSpec(
            Scope(tuple(sorted(Concept(c) for c in concepts)), domains),
            method,
            more.pop("target", "unnamed"),
            more.pop("strength", 1.0),
        )
        known = dict(
            zip(
                [*basis.labels, *basis.vocabulary],
                [*basis.tensors["labels"], *basis.tensors["vocabulary"]],
                strict=True,
            )
        )
        # the very rows, so that a label is known as one
        phrases = [known[c.name][None] for c in spec.scope.concepts]
        prompts = np.concatenate(phrases) if phrases else np.zeros((0, basis.dim))
        tensors, facts = builtin()[method].contribute(
            Problem(basis, spec, Material(phrases, prompts, **more))
        )
        return sealed("basis", spec, tensors, dict(facts))


@pytest.fixture(scope="session")
def world() -> World:
    """40 labels of 80 names in 96 dimensions, 30 images of each in two domains."""
    names, texts, draw = (
        list(default_vocabulary())[:80],
        simulated_texts(80, 96, 2),
        np.random.default_rng(3),
    )
    visual = draw.normal(size=(80, 96)) / 96**0.5
    gated = draw.normal(size=(2, 80, 96)) / 96**0.5
    # no `@` here: its last bits depend on the machine's BLAS
    modality, styles = (
        draw.normal(size=96) / 96**0.5,
        draw.normal(size=(2, 96)) / 96**0.5,
    )

    def images(count: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        label, domain = (
            np.repeat(np.arange(classes), 2 * count),
            np.tile(np.repeat([0, 1], count), classes),
        )
        centred = texts - texts.mean(0)
        x = (
            modality
            + 0.8 * styles[domain]
            + 2.0 * centred[label]
            + 0.5 * visual[label]
            + 0.7 * gated[domain, label]
        )
        return exact.unit(x + 0.5 * draw.normal(size=x.shape) / 96**0.5), label, domain

    pool, _, _ = images(15, 40)
    vectors_, label, domain = images(10, 40)
    prompts = np.stack([exact.unit(texts[:40] + 0.5 * styles[s]) for s in (0, 1)])
    return World(
        names,
        texts,
        prompts,
        pool,
        EvaluationData(vectors_, tuple(names[:40]), DOMAINS, label, domain),
    )


@pytest.fixture(scope="session")
def bases(world: World) -> dict[str, Basis]:
    """A basis for each side on which an edit can be published."""
    return {
        side: world.basis(side=side, max_edit_norm=1e9) for side in ("image", "text")
    }
