"""How likely each picture of a pool shows a concept that nobody labelled: first by the texts, then
by how like it is to those that the texts are sure of.

By texts alone a picture shows the concept by its share of a softmax over the labels in use and,
since most of a pool may be of things that no label names, the words of the vocabulary. With
likelihoods `p_i`, `μ = Σ p_i x_i / Σ p_i` and the pool's mean `x̄` and covariance `Σ`, the log-odds
of a picture grow by

    (x − x̄)ᵀ Σ⁻¹ (μ − x̄) − (μ − x̄)ᵀ Σ⁻¹ (μ − x̄)/2

the discriminant of two Gaussians of one covariance, for each picture with a `μ` of all others:
otherwise a picture that the texts take for the concept would vouch for itself. The second term is
too large where `μ` is of few pictures: with about as many in the pool as dimensions it can outweigh
whatever the texts say, until no picture is left. Then the texts alone are believed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.compose import Problem
from govd.edit.constants import (
    FEWEST_PICTURES,
    LEAST_OTHERS,
    LIKELIHOOD_ROUNDS,
    SAME_WORD,
    TEMPERATURE,
)
from govd.edit.pool import PoolFit
from govd.types import Floats

CLIP = 80.0
"""The largest log-odds."""
STEPS = 20
"""Likelihoods and log-odds are rounded to 2^−20, so that no machine's exponential enters a
digest.
"""


def likelihood(problem: Problem, pool: PoolFit, concept: int) -> Floats:
    """How likely each (thinned) pool picture `(n,)` shows a concept, between 0 and 1: by the texts
    alone where likeness would leave fewer than `FEWEST_PICTURES` pictures.

    Args:
        problem: what is to be forgotten, with its material.
        pool: pictures that fits are made on.
        concept: its position in the scope.
    """
    odds = _by_texts(problem, pool, concept)
    by_texts = likely = _likely(odds)
    for _ in range(LIKELIHOOD_ROUNDS):
        likely = _likely(odds + _by_likeness(pool, likely))
    return likely if likely.sum() >= FEWEST_PICTURES else by_texts


def by_texts_alone(
    pool: PoolFit, rows: Any, phrases: Collection[str], own: Floats
) -> float:
    """How many of some pictures show a concept, as far as texts tell: the sum of its shares of a
    softmax over what else they are likeliest to be called.

    Args:
        pool: pictures that fits are made on.
        rows: positions `(n,)` in it.
        phrases: the concept's, which are no rivals; without labels words for the same are none,
            either.
        own: their vectors `(p, d)`.
    """
    basis = pool.basis
    if not len(rows):
        return 0.0
    if basis.labels:
        rivals = basis.pool_rivals("labels", phrases)
    else:
        rivals = basis.pool_rivals("vocabulary", {*phrases, *_same_words(basis, own)})
    scores = exact.matmul(np.ascontiguousarray(pool.images[rows]), own.T).max(1)
    return float(_likely(_odds(rivals[rows], scores)).sum())


def _by_texts(problem: Problem, pool: PoolFit, concept: int) -> Floats:
    """Log-odds `(n,)` of a concept against the labels, the request's other concepts and the words
    that are none of its names.
    """
    basis = problem.basis
    material = problem.material
    phrases = {
        phrase for each in problem.spec.scope.concepts for phrase in each.phrases
    }
    scores = [exact.matmul(pool.images, texts.T).max(1) for texts in material.phrases]
    rivals = [column[:, None] for i, column in enumerate(scores) if i != concept]
    if basis.labels:
        rivals.append(basis.pool_rivals("labels", phrases))
    if basis.vocabulary:
        same = _same_words(basis, material.phrases[concept])
        rivals.append(basis.pool_rivals("vocabulary", phrases | same))
    return _odds(np.concatenate(rivals, axis=1), scores[concept])


def _same_words(basis: Basis, own: Floats) -> set[str]:
    """Words of the vocabulary that may be a concept of texts `(p, d)` by another name."""
    cosines = exact.matmul(basis.tensors["vocabulary"], own.T).max(1)
    usual = float(exact.mean(cosines[:, None])[0])
    least = usual + SAME_WORD * (1.0 - usual)
    names = zip(basis.vocabulary, cosines, strict=True)
    return {name for name, cosine in names if cosine > least}


def _odds(rivals: Floats, scores: Floats) -> Floats:
    """Log-odds `(n,)` of what scores `(n,)` against rivals `(n, m)`."""
    ahead = rivals - scores[:, None]
    against = np.exp(np.clip(TEMPERATURE * ahead, -CLIP, CLIP)).sum(1)
    return _rounded(-np.log(np.maximum(against, np.exp(-CLIP))))


def _by_likeness(pool: PoolFit, likely: Floats) -> Floats:
    """What the pictures' likeness adds to their log-odds `(n,)`."""
    mean = pool.basis.tensors["pool_mean"]
    total = float(likely.sum())
    weight = np.maximum(total - likely, LEAST_OTHERS)
    # total · (μ − x̄), from which a picture's own part is taken below
    summed = exact.matmul(pool.images.T, likely[:, None])[:, 0] - total * mean
    along = exact.matmul(pool.basis.tensors["pool_inverse"], summed[:, None])
    scores = exact.matmul(pool.images, along)[:, 0]
    scores = scores - float(exact.matmul(mean[None], along)[0, 0])
    size = float(exact.row_sum((summed * along[:, 0])[None])[0])
    near = (scores - likely * pool.leverage) / weight
    offset = size - 2.0 * likely * scores + likely**2 * pool.leverage
    return _rounded(near - offset / (2.0 * weight**2))


def _likely(odds: Floats) -> Floats:
    return _rounded(1.0 / (1.0 + np.exp(-np.clip(odds, -CLIP, CLIP))))


def _rounded(values: Floats) -> Floats:
    steps: Floats = np.ldexp(np.rint(np.ldexp(values, STEPS)), -STEPS)
    return steps
