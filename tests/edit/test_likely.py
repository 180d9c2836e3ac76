"""How likely a pool's pictures show a concept, against its definition and true labels."""

from dataclasses import replace

import numpy as np
import pytest

from govd.edit import Basis, Ingredients, Material, Problem, build, exact
from govd.edit.basis import BEST
from govd.edit.constants import (
    FEWEST_PICTURES,
    LEAST_OTHERS,
    LIKELIHOOD_ROUNDS,
    SAME_WORD,
    TEMPERATURE,
)
from govd.edit.pool import PoolFit
from govd.errors import Unsupported
from govd.methods import builtin
from govd.methods.bilateral import _as_unseen
from govd.methods.likely import by_texts_alone, likelihood
from govd.types import Concept, ForgetSpec, Scope

LABELS, EACH, WIDTH, CONCEPT = 10, 24, 96, 3
DRAW = np.random.default_rng(4)
TEXTS = exact.unit(DRAW.normal(size=(2 * LABELS, WIDTH)) + DRAW.normal(size=WIDTH))
LABEL = np.repeat(np.arange(2 * LABELS), EACH)
"""True labels of the pool: half of it is of things that no label names."""


@pytest.fixture(scope="module")
def basis() -> Basis:
    draw = np.random.default_rng(5)
    noise, visual, wording = (
        draw.normal(size=(count, WIDTH)) / WIDTH**0.5
        for count in (len(LABEL), len(TEXTS), len(TEXTS))
    )
    content = TEXTS - TEXTS.mean(0) + visual
    pool = exact.unit(content[LABEL] + 1.2 * noise)
    words = exact.unit(TEXTS + 0.1 * wording)
    return build(
        Ingredients(
            "simulated",
            "labels",
            "image",
            tuple(f"label {i}" for i in range(LABELS)),
            TEXTS[:LABELS],
            [f"word {i}" for i in range(len(words))],
            words,
            pool=pool,
            pool_kind="pool",
        )
    )


def problem(basis: Basis, concept: int = CONCEPT, **material: np.ndarray) -> Problem:
    text = TEXTS[[concept]]
    spec = ForgetSpec(Scope((Concept(f"label {concept}"),)), "bilateral", "level", 1.0)
    return Problem(basis, spec, Material([text], text, **material))


def by_texts(basis: Basis, concept: int) -> np.ndarray:
    text = TEXTS[concept]
    words = basis.tensors["vocabulary"]
    usual = (words @ text).mean()
    others = words[words @ text <= usual + SAME_WORD * (1 - usual)]
    assert 1 <= len(words) - len(others) < 10
    rivals = np.concatenate([np.delete(TEXTS[:LABELS], concept, 0), others])
    pool = basis.tensors["pool"]
    ahead = pool @ rivals.T - (pool @ text)[:, None]
    return -np.log(np.exp(TEMPERATURE * ahead).sum(1))


def test_each_picture_is_judged_by_all_others(basis: Basis) -> None:
    pool, inverse = basis.tensors["pool"], basis.tensors["pool_inverse"]
    centred = pool - pool.mean(0)
    odds = by_texts(basis, CONCEPT)
    likely = 1 / (1 + np.exp(-odds))
    for _ in range(LIKELIHOOD_ROUNDS):
        added = np.zeros(len(pool))
        for i, x in enumerate(centred):
            weights = likely.copy()
            weights[i] = 0.0
            mean = weights @ centred / max(weights.sum(), LEAST_OTHERS)
            added[i] = x @ inverse @ mean - mean @ inverse @ mean / 2
        likely = 1 / (1 + np.exp(-(odds + added)))
    ours = likelihood(problem(basis), PoolFit.of(basis), 0)
    assert (ours > 0.02).any()
    # texts beyond the eight nearest are not counted, and steps are of 2^-20
    assert np.abs(ours - likely).max() < 1e-3


def test_likeness_tells_more_than_texts(basis: Basis) -> None:
    off = np.zeros(2)
    for concept in range(LABELS):
        own = concept == LABEL
        texts = 1 / (1 + np.exp(-by_texts(basis, concept)))
        ours = likelihood(problem(basis, concept), PoolFit.of(basis), 0)
        off += [np.abs(likely - own).sum() for likely in (texts, ours)]
    assert off[1] < 0.7 * off[0]


def small_pool(rows: np.ndarray, alike: float = 0.0) -> Basis:
    """Noisy pictures of these labels `(n,)`, all of which have a text; no other words. `alike`: how
    much of something that no text knows is in each.
    """
    away = 2.0 * np.random.default_rng(8).normal(size=(len(rows), WIDTH)) / WIDTH**0.5
    names = [f"label {i}" for i in range(len(TEXTS))]
    unknown = np.linalg.svd(TEXTS)[2][-1]
    return build(
        Ingredients(
            "small",
            "labels",
            "image",
            names,
            TEXTS,
            (),
            np.zeros((0, WIDTH)),
            pool=exact.unit((TEXTS - TEXTS.mean(0))[rows] + away + alike * unknown),
            pool_kind="pool",
        )
    )


def test_a_small_pool_is_not_said_to_show_nothing() -> None:
    """With about as many pictures as dimensions likeness alone would doubt all that the texts are
    sure of.
    """
    basis = small_pool(np.repeat(np.arange(len(TEXTS)), 5))
    shares = np.exp(TEMPERATURE * basis.tensors["pool"] @ TEXTS.T)
    told = (shares / shares.sum(1, keepdims=True)).sum(0) >= FEWEST_PICTURES
    assert told.sum() > 15
    for concept in np.flatnonzero(told):
        likely = likelihood(problem(basis, concept), PoolFit.of(basis), 0)
        assert likely.sum() >= FEWEST_PICTURES


@pytest.mark.parametrize("alike", [0.0, 100.0])
def test_names_that_pictures_get_by_chance_are_doubted(alike: float) -> None:
    rows = np.repeat(np.arange(len(TEXTS)), 12)
    basis = small_pool(rows, alike)
    pool = PoolFit.of(basis)
    scores = pool.images @ TEXTS.T
    nearest = np.exp(TEMPERATURE * np.sort(scores, axis=1)[:, -BEST:])
    asked = problem(basis)
    spec = replace(asked.spec, method="fitted", target="unnamed")
    own = np.flatnonzero(scores.argmax(1) == CONCEPT)
    assert len(own) >= FEWEST_PICTURES
    told = by_texts_alone(pool, own, asked.spec.scope.concepts[0].phrases, TEXTS[[3]])
    shares = nearest[own, -1] / nearest[own].sum(1)
    assert told == pytest.approx(shares.sum(), abs=1e-4)
    _, facts = builtin()["fitted"].contribute(replace(asked, spec=spec))
    (term,) = facts["terms"]
    assert ("are likely to show it" in term.get("warning", "")) == (alike > 0)
    assert (term["tried"][0]["beta"] > 0.0) == (alike > 0)


def test_bilateral_sees_a_picture_as_if_its_covariance_had_not(basis: Basis) -> None:
    pool, inverse = basis.tensors["pool"], basis.tensors["pool_inverse"]
    centred = pool - pool.mean(0)
    toward = centred[LABEL == CONCEPT].mean(0)
    given = np.array([2.0])
    unseen = _as_unseen(basis, np.concatenate([centred @ inverse @ toward, given]))
    for i in (0, 100, 200):
        share = np.outer(centred[i], centred[i]) / len(pool)
        without = np.linalg.inv(np.linalg.inv(inverse) - share)
        assert unseen[i] == pytest.approx(centred[i] @ without @ toward)
    assert unseen[-1] == given[0]


def test_bilateral_levels_no_given_pictures(basis: Basis) -> None:
    given = basis.tensors["pool"][LABEL == CONCEPT][:4]
    with pytest.raises(Unsupported, match="target level with given pictures") as raised:
        builtin()["bilateral"].contribute(problem(basis, examples=given))
    assert "--method fitted" in str(raised.value.advice)
