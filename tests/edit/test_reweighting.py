"""Pictures weighted one by one until each is a margin away from being named."""

from __future__ import annotations

import numpy as np
import pytest

from govd.edit import Basis
from govd.edit.constants import LEVELS, MOST_GROWTHS
from govd.edit.judging import Answers
from govd.edit.levelled import Levelled
from govd.edit.pool import PoolFit, repeated_moment, weighted_moment
from govd.edit.reweighting import Reweighted, reweighted
from tests.edit.conftest import World


@pytest.fixture(scope="module")
def basis(world: World) -> Basis:
    return world.basis(max_edit_norm=1e9)


def fitted(
    world: World, basis: Basis, place: int, rows: np.ndarray | None = None
) -> tuple[Reweighted, np.ndarray, np.ndarray]:
    """A label alone: its weights, its pictures that fits see, its removal `(d, 1)`."""
    pool = PoolFit.of(basis)
    labels = basis.tensors["labels"]
    text = labels[place]
    if rows is None:
        rows = np.flatnonzero((pool.images @ labels.T).argmax(1) == place)
    guess = np.sqrt(pool.closeness) * text
    levelled = Levelled(
        (), (rows,), (rows[:0],), (np.zeros((0, basis.dim)),), (guess,), (0,), (0,), 1.0
    )
    removal = basis.tensors["metric_inverse"] @ text
    removal = (removal / (text @ removal))[:, None]
    aim = (text - np.delete(labels, place, 0).mean(0))[:, None]
    answers = Answers.of(basis, np.ascontiguousarray(text[:, None]))
    result = reweighted(pool, levelled, aim, answers, removal)
    return result, pool.images[rows[pool.seen()[rows]]], removal


@pytest.mark.parametrize("place", [0, 5, 11, 23])
def test_each_picture_is_a_margin_away_or_counts_as_much_as_one_may(
    world: World, basis: Basis, place: int
) -> None:
    result, pictures, removal = fitted(world, basis, place)
    labels = basis.tensors["labels"]
    guess = labels[[place]]
    rows = np.concatenate([pictures, guess])
    for level, (margin, left) in enumerate(zip(LEVELS, result.columns, strict=True)):
        scores = rows @ labels.T - (rows @ left) @ (removal.T @ labels.T)
        ahead = scores[:, place] - np.delete(scores, place, 1).max(1)
        away = ahead <= -margin * PoolFit.of(basis).unit + 1e-4  # the grid's rounding
        assert (away | (result.powers[:, level] == MOST_GROWTHS)).all()


@pytest.mark.parametrize("place", [0, 5, 11])
def test_weights_grow_with_the_margin_and_only_where_they_must(
    world: World, basis: Basis, place: int
) -> None:
    result, _, _ = fitted(world, basis, place)
    assert (np.diff(result.powers, axis=1) >= 0).all()
    assert result.powers.max() <= MOST_GROWTHS
    assert np.ptp(result.powers[:, 0]) > 0, "some needed less than others"


def test_with_more_pictures_than_dimensions_it_is_the_same_fit(
    world: World, basis: Basis
) -> None:
    """A label that has half of the pool: by the system of dimensions; the half of those by that of
    pictures. Both are the minimum of one function, which is asked for here.
    """
    pool = PoolFit.of(basis)
    labels = basis.tensors["labels"]
    aim = labels[3] - np.delete(labels, 3, 0).mean(0)
    for count in (basis.dim // 2, 2 * basis.dim):
        rows = np.arange(count)
        result, pictures, _ = fitted(world, basis, 3, rows)
        assert (len(pictures) > basis.dim) == (count > basis.dim)
        guess = (3 * pool.closeness) ** 0.5 * labels[[3]]
        every = np.concatenate([pictures, guess])
        counts = 3.0 ** result.powers[:, -1] / (len(pictures) + 3)
        forgotten = (every * counts[:, None]).T @ every
        protected = 30 * pool.moment() + 0.03 * 31 / basis.dim * np.eye(basis.dim)
        wanted = np.linalg.solve(forgotten + protected, forgotten @ aim)
        assert (
            np.abs(result.columns[-1][:, 0] - wanted).max()
            < 1e-2 * np.abs(wanted).max()
        )


def test_moments_of_repeated_rows_are_sums_of_their_repetitions(basis: Basis) -> None:
    rows = PoolFit.of(basis).grid[:50]
    weights, powers = np.full(50, 7.0), np.arange(50) % 4
    repeated = np.repeat(rows, 3**powers, axis=0)
    plain = weighted_moment(repeated, np.full(len(repeated), 7.0))
    assert (repeated_moment(rows, weights, powers) == plain).all()
