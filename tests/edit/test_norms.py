"""The norm of an edit, by its decomposition or, of high ranks, by Lanczos: the same number."""

import numpy as np
import pytest

from govd.edit.condition import Condition, OfDomain
from govd.edit.factors import Edit
from govd.edit.norms import DIRECT, norm

DIM = 120
RANKS = (1, DIRECT - 1, DIRECT, DIRECT + 1, DIM)


def factors(rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.random.default_rng(seed).normal(size=(2, DIM, rank))
    return left, right


@pytest.mark.parametrize("rank", RANKS)
def test_it_is_the_largest_singular_value_of_the_map(rank: int) -> None:
    left, right = factors(rank, seed=rank)
    assert norm(Edit(left, right)) == pytest.approx(
        np.linalg.norm(right @ left.T, 2), rel=1e-9
    )


def test_a_map_that_takes_one_direction_alone_has_the_norm_of_that() -> None:
    left = np.zeros((DIM, DIRECT + 1))
    left[0, 0] = 3.0
    assert norm(Edit(left, left / 3)) == pytest.approx(3.0, rel=1e-12)
    assert norm(Edit(0 * left, 0 * left)) == 0.0
    assert norm(Edit.nothing(DIM)) == 0.0


@pytest.mark.parametrize("rank", [2, DIRECT + 1])
def test_of_a_conditional_edit_it_is_the_largest_that_a_vector_meets(rank: int) -> None:
    left, right = factors(3, seed=0)
    selector = np.eye(DIM)[0]
    conditions = tuple(
        Condition(*factors(size, seed=size), (OfDomain(selector, 0.5),))
        for size in (1, rank)
    )
    edit = Edit(left, right, conditions=conditions, plain=(left, right))
    met = [right @ left.T + c.B @ c.L.T for c in conditions]
    assert norm(edit) == pytest.approx(
        max(np.linalg.norm(one, 2) for one in met), rel=1e-9
    )
