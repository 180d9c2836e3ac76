"""Products and solves that are right, and the same however they are added up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import exact
from govd.errors import OverCapacity

shapes = st.tuples(
    st.integers(1, 40),
    st.integers(1, 200),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)


@given(shapes)
@settings(max_examples=40, deadline=None)
def test_products_are_those_of_numpy_and_do_not_depend_on_the_order_of_terms(
    shape: tuple[int, int, int, int],
) -> None:
    m, k, n, seed = shape
    draw = np.random.default_rng(seed)
    a = draw.normal(size=(m, k)) * 10.0 ** draw.integers(-6, 6, size=(m, 1))
    b = draw.normal(size=(k, n)) * 10.0 ** draw.integers(-6, 6, size=(1, n))
    found = exact.matmul(a, b)
    scale = np.abs(a).max(1)[:, None] * np.abs(b).max(0)[None] * k
    assert (np.abs(found - a @ b) <= 1e-14 * scale).all()
    turn = draw.permutation(k)
    assert exact.matmul(a[:, turn], b[turn]).tobytes() == found.tobytes()


def test_long_sums_are_cut_and_still_right() -> None:
    draw = np.random.default_rng(0)
    a, b = (
        draw.normal(size=(2, exact.DEPTH + 5)),
        draw.normal(size=(exact.DEPTH + 5, 3)),
    )
    assert np.allclose(exact.matmul(a, b), a @ b, rtol=0, atol=1e-9)
    assert np.allclose(exact.gram(b), b.T @ b, rtol=0, atol=1e-9)


def test_lists_are_multiplied_as_the_arrays_that_they_say() -> None:
    product = exact.matmul([[1, 2], [3, 4]], [[0.5], [0.25]])
    assert product.tolist() == [[1.0], [2.5]]
    assert exact.gram([[1, 2], [3, 4]]).tolist() == [[10.0, 14.0], [14.0, 20.0]]
    single = np.array([[1e-30, 1.0]], np.float32)
    assert exact.matmul(single, single.T).dtype == np.float64


def test_empty_and_misfitting_shapes() -> None:
    assert exact.matmul(np.zeros((3, 0)), np.zeros((0, 2))).shape == (3, 2)
    with pytest.raises(ValueError, match="do not fit"):
        exact.matmul(np.zeros((3, 2)), np.zeros((3, 2)))


@pytest.mark.parametrize("n", [1, 2, 95, 96, 97, 200])
def test_solves(n: int) -> None:
    draw = np.random.default_rng(n)
    rows = draw.normal(size=(2 * n, n))
    a = rows.T @ rows / n + 1e-3 * np.eye(n)
    b = draw.normal(size=(n, 5))
    factor = exact.Factor(a)
    assert np.allclose(a @ factor.solve(b), b, atol=1e-9)
    inverse = exact.inverse(a)
    assert (inverse == inverse.T).all()
    assert np.allclose(inverse @ a, np.eye(n), atol=1e-9)


def test_singular_systems_are_refused_with_the_column() -> None:
    a = np.eye(5)
    a[3] = a[:, 3] = 0
    with pytest.raises(OverCapacity) as error:
        exact.Factor(a)
    assert error.value.details["column"] == 3


def test_sums_means_units_and_norms() -> None:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(7, 13))
    assert np.allclose(exact.row_sum(rows), rows.sum(1))
    assert np.allclose(exact.mean(rows), rows.mean(0))
    assert np.allclose(np.linalg.norm(exact.unit(rows), axis=1), 1)
    left, right = draw.normal(size=(20, 3)), draw.normal(size=(20, 3))
    assert np.isclose(
        exact.spectral_norm(left, right), np.linalg.norm(right @ left.T, 2), rtol=0.02
    )
    assert exact.spectral_norm(np.zeros((4, 0)), np.zeros((4, 0))) == 0
