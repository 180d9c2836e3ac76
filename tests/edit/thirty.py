"""Thirty pictures, and what is forgotten of them."""

import dataclasses

import numpy as np

from govd.edit import Basis, EvaluationData, exact
from govd.types import Contribution
from tests.edit.conftest import World

CLASSES = (17, 3, 11, 5, 13, 7)
"""Labels that there are pictures of, not in the label set's order; five pictures of each."""
FORGETS: dict[str, list[tuple[tuple[int, ...], tuple[str, ...]]]] = {
    "a concept": [((5,), ())],
    "a concept and a cell": [((5,), ()), ((13,), ("sketch",))],
    "two concepts of one request, one without pictures": [((7, 20), ())],
    "a cell": [((3,), ("photo",))],
    "a whole domain": [((), ("sketch",))],
    "a domain and a concept": [((), ("sketch",)), ((11,), ())],
}


def pictures(world: World, seed: int) -> EvaluationData:
    """Thirty pictures, five of each class, in both domains and in none; some so like another class
    that the base is mistaken.
    """
    draw = np.random.default_rng(seed)
    class_of = draw.permutation(np.repeat(np.arange(len(CLASSES)), 5))
    domain_of = draw.integers(-1, 2, len(class_of))
    rows = []
    for place, domain in zip(class_of, domain_of, strict=True):
        like = (world.data.class_of == CLASSES[place]) & (
            world.data.domain_of == max(domain, 0)
        )
        row = draw.choice(world.data.vectors[like])
        if draw.random() < 0.3:
            row = 0.4 * row + 0.6 * draw.choice(
                world.data.vectors[np.isin(world.data.class_of, CLASSES)]
            )
        rows.append(row + 0.5 * draw.normal(size=96) / 96**0.5)
    near = {
        i: exact.unit(world.texts[[i]] + 0.4 * draw.normal(size=(1, 96)) / 96**0.5)
        for i in (5, 7, 13)
    }
    paraphrases = {world.names[i]: vectors for i, vectors in near.items()} | {
        world.names[11]: np.zeros((0, 96))
    }
    names = tuple(world.names[i] for i in CLASSES)
    return EvaluationData(
        exact.unit(np.stack(rows)),
        names,
        ("photo", "sketch"),
        class_of,
        domain_of,
        paraphrases,
    )


def forgets(
    world: World, basis: Basis, which: str, alpha: float, method: str
) -> list[Contribution]:
    return [
        world.contribution(
            basis,
            *(world.names[i] for i in concepts),
            domains=domains,
            strength=alpha,
            method=method,
        )
        for concepts, domains in FORGETS[which]
    ]


def thirty(world: World, side: str, seed: int) -> Basis:
    """A basis whose pool is thirty pictures: of one label more than are typical of it."""
    draw = np.random.default_rng(seed)
    of = [3] * 14 + [5, 7, 11, 13, 17, 20, 25, 30] * 2
    chosen = [draw.choice(np.flatnonzero(world.data.class_of == place)) for place in of]
    blurred = exact.unit(
        world.data.vectors[chosen] + 0.5 * draw.normal(size=(30, 96)) / 96**0.5
    )
    return dataclasses.replace(world, pool=blurred).basis(side=side, max_edit_norm=1e9)
