"""Conditional edits: what a picture's own domain decides."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from govd.edit import Basis, Edit, compose, load_edit
from govd.edit.condition import Condition
from govd.edit.conditional import condition_of, reflection
from govd.errors import BadFile, Usage
from govd.methods import builtin
from tests.edit.conftest import World

METHODS = builtin()
SKETCH = 1


@pytest.fixture(scope="module")
def asking(world: World) -> Basis:
    return world.basis(max_edit_norm=1e9, conditional=True)


def answers(world: World, edit: Edit) -> np.ndarray:
    best: np.ndarray = (edit.apply(world.data.vectors) @ world.texts[:40].T).argmax(1)
    return best


def test_a_cell_goes_and_every_picture_of_other_domains_stays_as_it_is(
    world: World, asking: Basis
) -> None:
    edit = compose(
        asking,
        [
            world.contribution(
                asking, world.names[3], method="fitted", domains=("sketch",)
            )
        ],
        METHODS,
    )
    assert edit.facts["conditional"] == ["sketch"]
    x, (condition,) = world.data.vectors, edit.conditions
    inside, now = condition.holds(x), answers(world, edit)
    assert np.abs(edit.apply(x)[~inside] - x[~inside]).max() < 1e-12
    assert not (now[inside] == 3).any()
    before = (x @ world.texts[:40].T).argmax(1)
    kept = inside & (before != 3)
    assert (now[kept] == before[kept]).all(), (
        "the order of retained labels is what it was"
    )
    cell = (world.data.class_of == 3) & (world.data.domain_of == SKETCH)
    assert inside[cell].mean() > 0.8


def test_conditions_are_read_from_the_unedited_vector(
    world: World, asking: Basis
) -> None:
    both = [
        world.contribution(asking, world.names[i], method="fitted", domains=(d,))
        for i, d in ((3, "sketch"), (4, "photo"))
    ]
    edit = compose(asking, both, METHODS)
    x = world.data.vectors
    turned = dataclasses.replace(edit, conditions=edit.conditions[::-1])
    assert np.abs(edit.move(x) - turned.move(x)).max() < 1e-12
    by_hand = x - (x @ edit.L) @ edit.B.T
    for condition in edit.conditions:
        mask = (
            x @ condition.selector > condition.threshold * np.linalg.norm(x, axis=1)
        )[:, None]
        by_hand = by_hand - mask * ((x @ condition.L) @ condition.B.T)
    assert np.abs(edit.move(x) - by_hand).max() < 1e-12
    assert np.abs(edit.apply(3 * x) - edit.apply(x)).max() < 1e-12, (
        "a vector's length says nothing of its domain"
    )


def test_a_whole_domain_is_scattered_and_the_others_stay(
    world: World, asking: Basis
) -> None:
    edit = compose(
        asking,
        [world.contribution(asking, method="fitted", domains=("sketch",))],
        METHODS,
    )
    now, sketch = answers(world, edit), world.data.domain_of == SKETCH
    held = edit.conditions[0].holds(world.data.vectors)
    right = now == world.data.class_of
    assert right[sketch & held].mean() < 0.1
    before = (world.data.vectors @ world.texts[:40].T).argmax(1)
    assert (now == before)[~held].all()
    assert held[~sketch].mean() < 0.1
    counts = np.bincount(now[sketch & held], minlength=40)
    assert counts.max() / counts.sum() < 0.4, "not one answer for everything"
    left, right_factor = reflection(asking, SKETCH, 1.0)
    turn = np.eye(96) - left @ right_factor.T
    assert np.abs(turn @ turn.T - np.eye(96)).max() < 1e-6, (
        "distances inside the domain stay"
    )


def test_the_checkpoint_has_the_linear_edit(world: World, asking: Basis) -> None:
    contributions = [
        world.contribution(asking, world.names[1], method="fitted"),
        world.contribution(
            asking, world.names[3], method="fitted", domains=("sketch",)
        ),
    ]
    edit = compose(asking, contributions, METHODS)
    plain = compose(
        dataclasses.replace(asking, conditional=False), contributions, METHODS
    )
    assert edit.linear.digest == plain.digest
    weight = np.random.default_rng(0).normal(size=(96, 20))
    assert (edit.fold(weight) == plain.fold(weight)).all()
    alone = compose(asking, contributions[:1], METHODS)
    assert not alone.conditions, "nothing of it names a domain"
    assert (edit.L == alone.L).all()


def test_a_conditional_edit_is_one_file_whose_digest_covers_all_of_it(
    world: World, asking: Basis, tmp_path: Path
) -> None:
    edit = compose(
        asking,
        [
            world.contribution(
                asking, world.names[3], method="fitted", domains=("sketch",)
            )
        ],
        METHODS,
    )
    edit.save(tmp_path / "edit.safetensors")
    again = load_edit(tmp_path / "edit.safetensors")
    assert again.digest == edit.digest
    assert (again.apply(world.data.vectors) == edit.apply(world.data.vectors)).all()
    (condition,) = edit.conditions
    others = [
        dataclasses.replace(
            edit,
            conditions=(
                dataclasses.replace(condition, threshold=condition.threshold + 1e-9),
            ),
        ),
        dataclasses.replace(
            edit,
            conditions=(
                dataclasses.replace(condition, selector=2 * condition.selector),
            ),
        ),
        dataclasses.replace(
            edit, conditions=(dataclasses.replace(condition, L=2 * condition.L),)
        ),
        dataclasses.replace(edit, plain=(2 * edit.linear.L, edit.linear.B)),
        edit.linear,
    ]
    assert len({edit.digest, *(other.digest for other in others)}) == len(others) + 1
    with pytest.raises(BadFile):
        Edit.from_bytes(edit.to_bytes()[:-8])


def test_what_is_no_conditional_edit_is_refused() -> None:
    nothing = np.zeros((4, 0))
    condition = Condition(np.ones(4), 0.5, nothing, nothing)
    with pytest.raises(Usage, match="without its linear one"):
        Edit(nothing, nothing, conditions=(condition,))
    with pytest.raises(Usage, match="of texts"):
        Edit(nothing, nothing, "text", {}, (condition,), (nothing, nothing))
    with pytest.raises(Usage, match="another width"):
        Edit(
            nothing,
            nothing,
            "image",
            {},
            (dataclasses.replace(condition, selector=np.ones(3)),),
            (nothing, nothing),
        )


def test_order_and_history_change_no_bit_of_it(world: World, asking: Basis) -> None:
    made = [
        world.contribution(asking, world.names[0], method="fitted"),
        world.contribution(
            asking, world.names[3], method="fitted", domains=("sketch",)
        ),
        world.contribution(
            asking, world.names[4], method="bilateral", domains=("photo",)
        ),
        world.contribution(asking, method="fitted", domains=("photo",)),
    ]
    assert (
        compose(asking, made, METHODS).digest
        == compose(asking, made[::-1], METHODS).digest
    )
    assert Basis.from_bytes(asking.to_bytes()).conditional
    assert asking.digest != dataclasses.replace(asking, conditional=False).digest


def test_the_threshold_is_the_best_one(world: World, asking: Basis) -> None:
    selector, threshold = condition_of(asking, SKETCH)
    inside = asking.tensors["pool_domains"] == SKETCH
    score = asking.tensors["pool"] @ selector

    def wrong(at: float) -> float:
        return float((score[inside] <= at).mean() + (score[~inside] > at).mean())

    assert wrong(threshold) <= min(wrong(at) for at in np.linspace(-1, 2, 301)) + 1e-9
