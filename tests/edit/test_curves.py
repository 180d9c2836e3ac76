"""Points of a report's curves, against loops over pictures."""

import numpy as np
import pytest

from govd.edit import Edit, compose
from govd.edit.curves import about, differs, point, steps
from govd.methods import builtin
from tests.edit.conftest import World

METHODS = builtin()


def test_a_point_counts_other_answers_and_forgotten_names(world: World) -> None:
    basis, data = world.basis(), world.data
    gone = [
        world.contribution(basis, world.names[i], method="bilateral", strength=0.5)
        for i in (3, 9)
    ]
    more = world.contribution(basis, world.names[20])
    edit, (names, texts) = compose(basis, gone, METHODS), basis.anchors
    stays = ~about(basis, [*gone, more], data)
    taken = [names[int(np.argmax([x @ t for t in texts]))] for x in data.vectors]
    asked_names = [world.names[i] for i in (3, 9, 20)]
    assert stays.tolist() == [
        i not in (3, 9, 20) and t not in asked_names
        for i, t in zip(data.class_of, taken, strict=True)
    ]
    found = point(basis, edit, gone, data, stays)
    before = [int(np.argmax([x @ t for t in texts])) for x in data.vectors]
    after = [int(np.argmax([x @ t for t in texts])) for x in edit.apply(data.vectors)]
    assert found["forgets"] == 2
    assert found["changed"] == pytest.approx(
        np.mean([after[i] != before[i] for i in np.flatnonzero(stays)])
    )
    asked = {names.index(world.names[i]) for i in (3, 9)}
    assert found["named"] == pytest.approx(
        np.mean([after[i] in asked for i, c in enumerate(data.class_of) if c in (3, 9)])
    )


def test_two_edits_differ_where_an_answer_does(world: World) -> None:
    basis, data, texts = world.basis(), world.data, world.basis().anchors[1]
    one, two = (
        compose(
            basis,
            [world.contribution(basis, world.names[i], method="bilateral")],
            METHODS,
        )
        for i in (3, 9)
    )
    stays = data.class_of != 9
    answers = [
        [int(np.argmax(x @ texts.T)) for x in e.apply(data.vectors[stays])]
        for e in (one, two)
    ]
    count, total = differs(basis, one, two, data, stays)
    assert (count, total) == (
        sum(a != b for a, b in zip(*answers, strict=True)),
        int(stays.sum()),
    )
    assert count
    assert differs(basis, one, one, data, stays)[0] == 0


def test_nothing_is_a_point_too(world: World) -> None:
    basis, data = world.basis(), world.data
    found = point(
        basis, Edit.nothing(basis.dim), [], data, np.ones(len(data.vectors), bool)
    )
    assert found == {"forgets": 0, "changed": 0.0, "named": None}


def test_steps_are_even_and_have_both_ends() -> None:
    assert steps(0) == [0]
    assert steps(3) == [0, 1, 2, 3]
    assert steps(100, 4) == [0, 25, 50, 75, 100]
    assert len(steps(300)) == 13
