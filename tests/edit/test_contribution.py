"""A contribution is named by what it is, however its numbers were kept."""

import numpy as np
import pytest

from govd.edit.contribution import sealed
from govd.types import Concept, ForgetSpec, Scope

SPEC = ForgetSpec(Scope((Concept("dog"),)), "oblique", "unnamed")


def test_its_tensors_are_double_or_whole_numbers() -> None:
    tensors = {"a": np.ones((2, 1), np.float32), "b": np.arange(3), "c": [0.5]}
    contribution = sealed("1" * 64, SPEC, tensors, {})
    kinds = {name: tensor.dtype for name, tensor in contribution.tensors.items()}
    assert kinds == {"a": np.float64, "b": np.int32, "c": np.float64}
    same = sealed("1" * 64, SPEC, {**tensors, "a": np.ones((2, 1))}, {})
    assert same.digest == contribution.digest


@pytest.mark.parametrize(
    ("basis", "tensors"), [("2" * 64, {"a": np.ones(2)}), ("1" * 64, {"a": np.ones(3)})]
)
def test_it_is_another_of_another_basis_or_with_other_numbers(
    basis: str, tensors: dict[str, np.ndarray]
) -> None:
    first = sealed("1" * 64, SPEC, {"a": np.ones(2)}, {})
    assert sealed(basis, SPEC, tensors, {}).digest != first.digest
    assert sealed("1" * 64, SPEC, {"a": np.ones(2)}, {"x": 1}).digest == first.digest
