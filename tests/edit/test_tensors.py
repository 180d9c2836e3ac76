"""Edits of tensors: exact sums, whatever the order and whatever was taken back meanwhile."""

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit, TensorEdit
from govd.edit.contribution import sealed
from govd.edit.tensors import (
    GRID,
    composed,
    edit_from_bytes,
    factors_of,
    summed,
    unedited,
)
from govd.errors import BadFile, OverCapacity, Unsupported
from govd.types import Concept, Contribution, ForgetSpec, Scope

BASIS = Basis.spaceless("0" * 64, ())


def contribution(name: str, **tensors: Any) -> Contribution:
    """What forgetting a name adds; `full_w` is the tensor `full:w`."""
    spec = ForgetSpec(Scope((Concept(name),)), "external", None)
    named = {key.replace("_", ":", 1): value for key, value in tensors.items()}
    return sealed(BASIS.digest, spec, named, {})


def some(seed: int, count: int = 4) -> list[Contribution]:
    draw = np.random.default_rng(seed)
    scales = 10.0 ** draw.uniform(-9, 2, count)
    return [
        contribution(
            f"c{i}", full_w=draw.normal(size=(3, 5)) * scale, full_v=draw.normal(size=4)
        )
        for i, scale in enumerate(scales)
    ]


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_neither_order_nor_what_was_taken_back_changes_a_bit(seed: int) -> None:
    forgets = some(seed)
    digests = {summed(list(order)).digest for order in permutations(forgets)}
    assert len(digests) == 1
    assert summed(forgets[1:]).digest == summed(forgets[:0:-1]).digest != digests.pop()
    assert summed([]).digest == unedited(0, "image").digest


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_a_sum_is_what_fractions_add_up_to(seed: int) -> None:
    forgets = some(seed)
    total = summed(forgets).deltas["w"]
    for at in np.ndindex(total.shape):
        parts = (
            round(Fraction(float(c.tensors["full:w"][at])) * int(GRID)) for c in forgets
        )
        assert Fraction(float(total[at])) * int(GRID) == sum(parts)


def test_factors_add_their_product_and_what_cancels_leaves_the_weight_alone() -> None:
    draw = np.random.default_rng(0)
    up, down = draw.normal(size=(6, 2)), draw.normal(size=(2, 3))
    low = contribution("low", up_w=up, down_w=down)
    assert np.abs(summed([low]).deltas["w"] - up @ down).max() < 1e-11
    back = contribution("back", full_w=-summed([low]).deltas["w"], full_v=np.ones(2))
    assert list(summed([low, back]).deltas) == ["v"]


def test_who_changes_the_same_entries_is_told_and_of_private_forgets_their_number_alone() -> (
    None
):
    left, right = np.array([3.0, 4.0, 0.0, 0.0]), np.array([0.0, 4.0, 0.0, 3.0])
    forgets = [contribution("a", full_w=left), contribution("b", full_w=right)]
    facts = summed([*forgets, contribution("c", full_v=left)]).facts
    assert facts["overlapping"] == 1
    (overlap,) = facts["overlaps"]
    assert sorted(side["forgets"] for side in overlap["between"]) == [["a"], ["b"]]
    assert (overlap["weights"], overlap["cosine"], overlap["shared"]) == (
        ["w"],
        0.64,
        0.64,
    )
    hidden = contribution("private:1", full_w=right)
    assert summed([forgets[0], hidden]).facts == {
        "composed_by": "host",
        "overlapping": 1,
        "overlaps": [],
    }


@pytest.mark.parametrize(
    ("tensors", "error"),
    [
        ({"full_w": np.full(2, 4096.0)}, OverCapacity),
        ({"up_w": np.ones((2, 1)), "down_w": np.ones((2, 2))}, Unsupported),
        ({"up_w": np.ones((2, 1))}, Unsupported),
        ({"targets": np.ones(2)}, Unsupported),
        (
            {"up_w": np.ones((1 << 16, 1)), "down_w": np.ones((1, 1 << 16))},
            OverCapacity,
        ),
    ],
)
def test_what_cannot_be_added_exactly_is_refused(
    tensors: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        composed(BASIS, [contribution("a", **tensors)], {})


def test_two_shapes_of_one_weight_are_refused() -> None:
    forgets = [
        contribution("a", full_w=np.ones(2)),
        contribution("b", full_w=np.ones(3)),
    ]
    with pytest.raises(Unsupported, match="shapes"):
        summed(forgets)


def test_an_edit_is_read_as_it_was_written() -> None:
    edit = summed(some(1))
    data = edit.to_bytes()
    read = edit_from_bytes(data)
    assert isinstance(read, TensorEdit)
    assert (read.digest, read.facts, read.to_bytes()) == (edit.digest, edit.facts, data)
    with pytest.raises(BadFile):
        edit_from_bytes(data[:-1])
    with pytest.raises(Unsupported, match="no space of vectors"):
        factors_of(edit)
    with pytest.raises(BadFile, match="an edit of weights"):
        Edit.from_bytes(data)
