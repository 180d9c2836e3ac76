"""Attacks on the edit itself: learning the projection back, inverting it, and reading in the
weights what was taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, Final

import numpy as np

from govd.edit.attacks.readings import DOMAIN, Attempt, place_reading
from govd.edit.basis import Basis
from govd.edit.condition import Condition
from govd.edit.factors import Edit
from govd.edit.metrics import GUESSES
from govd.types import Floats, Json, Scope

RIDGES: Final = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)
"""Ridges that somebody who learns the projection back tries, as multiples of the mean variance; he
keeps the one with the least error on pictures that he left out.
"""
SINGULAR: Final = 1e-5
"""Singular values of `I − LᵀB`, as a share of the largest, that cannot be inverted from vectors in
single precision (2⁻²³ apart).
"""
CONDITIONS: Final = 6
"""Conditions of which every combination is tried; of more, at most two at once."""
AGREES: Final = 1e-4
"""Cosine distance within which a restored vector gives the stored one when it is edited again."""


def relearned(edited: Floats, base: Floats, target: Floats) -> Floats:
    """Vectors `target` (k, d) of the edited model as somebody maps them back who has base and
    edited vectors (n, d) of the same pictures.

    Ridge regression on the pairs, from zero or from the identity. Its ridge is chosen by the error
    on a half of the pairs that the fit did not see. Nobody tells which pictures show what.
    """
    x = np.asarray(edited, np.float64)
    y = np.asarray(base, np.float64)
    is_fitted = np.arange(len(x)) % 2 == 0
    x_fit = x[is_fitted]
    y_fit = y[is_fitted]
    x_held = x[~is_fitted]
    y_held = y[~is_fitted]
    starts = (False, True) if x.shape[1] == y.shape[1] else (False,)
    choices = [(ridge, start) for ridge in RIDGES for start in starts]
    moment = np.linalg.eigh(x_fit.T @ x_fit)
    maps = (_map(moment, x_fit, y_fit, *choice) for choice in choices)
    errors = [float(np.square(x_held @ of_choice - y_held).sum()) for of_choice in maps]
    best = choices[int(np.argmin(errors))]
    restoring = _map(np.linalg.eigh(x.T @ x), x, y, *best)
    return _unit(np.asarray(target, np.float64) @ restoring)


def _map(moment: Any, x: Floats, y: Floats, ridge: float, identity: bool) -> Floats:
    """`(d, d')` that takes rows of `x` to rows of `y`; `moment` is `XᵀX` by its eigenvalues and
    eigenvectors.
    """
    values, vectors = moment
    aim = y - x if identity else y
    toward = vectors.T @ (x.T @ aim)
    damped = values + ridge * values.mean()
    mapping: Floats = vectors @ (toward / damped[:, None])
    return mapping + np.eye(len(values)) if identity else mapping


def is_invertible(edit: Edit) -> bool:
    """Whether whoever holds the factors can compute every unedited vector, up to its length."""
    return all(
        _keeps_all(*_factors(edit, subset)) for subset in _combinations(edit.conditions)
    )


def undone(edit: Edit, vectors: Floats) -> Floats:
    """Edited vectors `(n, d)` of the edit's side as they were, unit again, from the factors alone.

    `x' = (I − B Lᵀ) x` has the inverse `I + B (I − LᵀB)⁻¹ Lᵀ` (Woodbury); where `I − LᵀB` is
    singular, its pseudo-inverse leaves out what is lost. Which conditions held for a vector is not
    stored with it: of all combinations the one is taken whose vector gives the stored one when it
    is edited again.
    """
    y = _unit(np.asarray(vectors, np.float64))
    if not edit.conditions:
        return _unit(_inverted(*_factors(edit, ()), y))
    best = y
    distance = np.full(len(y), np.inf)
    for subset in _combinations(edit.conditions):
        candidate = _unit(_inverted(*_factors(edit, subset), y))
        is_consistent = np.ones(len(y), bool)
        for condition in edit.conditions:
            assumed = any(condition is member for member in subset)
            is_consistent &= condition.holds(candidate) == assumed
        again = _unit(edit.move(candidate))
        apart = 1 - (again * y).sum(1) + np.where(is_consistent, 0.0, 1.0)
        better = apart < distance - AGREES
        best = np.where(better[:, None], candidate, best)
        distance = np.where(better, apart, distance)
    return best


def _combinations(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, ...]]:
    largest = len(conditions) if len(conditions) <= CONDITIONS else 2
    return chain.from_iterable(
        combinations(conditions, size) for size in range(largest + 1)
    )


def _factors(edit: Edit, conditions: Sequence[Condition]) -> tuple[Floats, Floats]:
    """What is read and what is written `(d, r)` where these conditions hold."""
    left = np.concatenate([edit.L, *(c.L for c in conditions)], axis=1)
    right = np.concatenate([edit.B, *(c.B for c in conditions)], axis=1)
    return (left, right) if edit.side == "image" else (right, left)


def _core(left: Floats, right: Floats) -> Floats:
    inner: Floats = np.eye(left.shape[1]) - left.T @ right
    return inner


def _keeps_all(left: Floats, right: Floats) -> bool:
    if not left.shape[1]:
        return True
    sizes = np.linalg.svd(_core(left, right), compute_uv=False)
    return bool(sizes[-1] > SINGULAR * max(1.0, sizes[0]))


def _inverted(left: Floats, right: Floats, y: Floats) -> Floats:
    if not left.shape[1]:
        return y
    if _keeps_all(left, right):
        inverse = np.linalg.inv(_core(left, right))
        return y + (y @ left) @ inverse.T @ right.T
    whole = np.eye(len(left)) - right @ left.T
    return y @ np.linalg.pinv(whole, rcond=SINGULAR).T


def _unit(x: Floats) -> Floats:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length == 0, 1, length)


def base_diff(basis: Basis, edit: Edit) -> list[dict[str, Json]]:
    """Words whose texts lie nearest to the span of the removals: what the difference to a public
    base model names.
    """
    weights = lost(basis, edit)
    return [{"word": word, "weight": weights[word]} for word in list(weights)[:GUESSES]]


def lost(basis: Basis, edit: Edit) -> dict[str, float]:
    """How much the edit takes of each word at most, the first of equal names; most first. Empty
    where nothing is edited.
    """
    if not edit.rank:
        return {}
    pairs = [
        (basis.labels, basis.tensors["labels"]),
        (basis.vocabulary, basis.tensors["vocabulary"]),
    ]
    names = [n for names, _ in pairs for n in names]
    texts = np.concatenate([v for _, v in pairs])
    loss = np.abs(texts @ edit.B).max(1)
    weights: dict[str, float] = {}
    for at in np.argsort(-loss, kind="stable"):
        weights.setdefault(names[at], float(loss[at]))
    return weights


def difference(
    weights: Mapping[str, float], scope: Scope, forgotten: Collection[str]
) -> Attempt:
    """At which place the difference to the base weights names a forget, by the best of its phrases,
    among all words but those that are `forgotten` beside it.

    Args:
        scope: of the forget that is looked for.
        weights: how large the difference is along each word.
    """
    phrases = {p for c in scope.concepts for p in c.phrases}
    if not phrases:
        return Attempt("base_diff", why=DOMAIN)
    best = max((weights[p] for p in phrases if p in weights), default=None)
    if best is None:
        return Attempt(
            "base_diff", why="its name is none of the words that are compared"
        )
    rivals = [
        weight
        for word, weight in weights.items()
        if word not in phrases and word not in forgotten
    ]
    place = 1 + sum(weight > best for weight in rivals)
    total = 1 + len(rivals)
    return Attempt(
        "base_diff",
        now=place_reading(place, total),
        needs={"words": total},
        place=place,
    )
