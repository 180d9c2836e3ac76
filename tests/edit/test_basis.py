"""What a basis does with pools that are large, or show next to nothing of a domain."""

import dataclasses

import numpy as np
import pytest

from govd.edit import exact
from govd.edit.basis import POOL_SAMPLE
from govd.edit.selectors import select_domains
from tests.edit.conftest import World


@pytest.mark.parametrize("version", sorted(POOL_SAMPLE))
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_large_pool_is_thinned_evenly(world: World, version: str, times: int) -> None:
    count = POOL_SAMPLE[version] * (times - 1) + 100
    basis = world.basis("open")
    pool = exact.unit(np.random.default_rng(times).normal(size=(count, 96)))
    large = dataclasses.replace(
        basis, version=version, tensors={**basis.tensors, "pool": pool}
    )
    rows, at = large.thinned_pool()
    assert len(at) <= POOL_SAMPLE[version]
    assert at.tolist() == list(range(0, count, times)), (
        "every so many-th, from the first"
    )
    assert (rows == pool[at]).all()


@pytest.mark.parametrize("sketches", [2, 3])
def test_a_domain_of_less_than_three_pictures_is_told_by_its_prompts(
    world: World, sketches: int
) -> None:
    """The mean of two pictures is these pictures; from three on pictures decide."""
    draw = np.random.default_rng(0)
    texts = exact.unit(np.stack([rows.mean(0) for rows in world.prompts]))
    domain_of = np.array([0] * 18 + [1] * sketches)
    pool = exact.unit(
        texts[domain_of]
        + 0.3 * (texts[1] - texts[0]) * (2 * domain_of[:, None] - 1)
        + 0.02 * draw.normal(size=(len(domain_of), 96))
    )
    found = select_domains(
        texts,
        exact.unit(world.texts.mean(0)[None]),
        pool,
        world.basis("open").tensors["metric_inverse"],
    )
    assert found["pool_domains"].tolist() == domain_of.tolist()
    means = np.stack([pool[domain_of == s].mean(0) for s in (0, 1)])
    known = texts if sketches == 2 else means
    assert np.abs(known @ found["selectors"].T - np.eye(2)).max() < 1e-7


@pytest.mark.parametrize("which", ["labels", "vocabulary"])
def test_the_best_that_is_left_is_that_of_all_that_are_left(
    world: World, which: str
) -> None:
    basis = world.basis(labels=20)
    pool, _ = basis.thinned_pool()
    names, rows = getattr(basis, which), basis.tensors[which]
    scored = pool @ rows.T
    for picture in (0, 7):
        order = np.argsort(-scored[picture])
        for count in (*range(20), len(names)):
            without = {names[i] for i in order[:count]}
            left = np.delete(scored, order[:count], axis=1).max(1, initial=-np.inf)
            best = basis.pool_best(which, without)  # type: ignore[arg-type]
            assert np.allclose(best, left), count
