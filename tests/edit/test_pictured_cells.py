"""What pictures show in one domain, where their word does not find them."""

import numpy as np
import pytest

from govd.edit import Basis, Edit, Material, Problem, compose
from govd.edit.contribution import sealed
from govd.errors import Unsupported
from govd.methods import builtin
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.edit.conftest import World

METHODS = builtin()
LABELS, HIDDEN, SKETCH = 39, 39, 1
"""The model has all labels but the last, whose sketches go."""
WORD = 65


@pytest.fixture(scope="module")
def asking(world: World) -> Basis:
    return world.basis(labels=LABELS, conditional=True)


def cell(world: World, domain: int = SKETCH) -> np.ndarray:
    data = world.data
    return data.vectors[(data.class_of == HIDDEN) & (data.domain_of == domain)]


def forget(
    world: World, basis: Basis, pictures: np.ndarray, name: str = "a logo"
) -> Contribution:
    spec = ForgetSpec(Scope((Concept(name),), ("sketch",)), "fitted", "unnamed")
    text = world.texts[[WORD]]
    material = Material([text], text, examples=pictures)
    tensors, facts = METHODS["fitted"].contribute(Problem(basis, spec, material))
    return sealed(basis.digest, spec, dict(tensors), dict(facts))


def named(world: World, edit: Edit, x: np.ndarray) -> float:
    """The share of pictures that are answered with the label that nobody gave."""
    return float(np.mean((edit.apply(x) @ world.texts[:40].T).argmax(1) == HIDDEN))


def test_it_goes_in_its_domain_and_no_vector_of_others_moves(
    world: World, asking: Basis
) -> None:
    given, judged = cell(world)[:4], cell(world)[4:]
    made = forget(world, asking, given)
    edit = compose(asking, [made], METHODS)
    (condition,), x = edit.conditions, world.data.vectors
    outside = ~condition.holds(x)
    assert np.abs(edit.apply(x)[outside] - x[outside]).max() < 1e-12
    nothing = Edit.nothing(asking.dim)
    assert named(world, nothing, judged) > 0.9
    assert named(world, edit, judged) < 0.2
    assert named(world, edit, cell(world, 0)) > 0.9
    sketches = world.data.vectors[
        (world.data.domain_of == SKETCH) & (world.data.class_of != HIDDEN)
    ]
    before = (sketches @ world.texts[:LABELS].T).argmax(1)
    after = (edit.apply(sketches) @ world.texts[:LABELS].T).argmax(1)
    assert np.mean(before == after) > 0.9
    assert made.facts["terms"][-1]["about"] == "a logo in sketch"


def test_its_detectors_are_what_they_say(world: World, asking: Basis) -> None:
    """Both are 1 at the given ones' mean and 0 at the rest there; the linear edit's, at the rest
    elsewhere as well.
    """
    made = forget(world, asking, cell(world)[:4])
    pool, domain_of = asking.tensors["pool"], asking.tensors["pool_domains"]
    away = made.tensors["pictured_soft"][:, 0]
    for name, domains in (("pictured_inside", (1,)), ("pictured", (0, 1))):
        detector = made.tensors[name][:, 0]
        assert cell(world)[4:].mean(0) @ detector > 0.6
        for domain in domains:
            rest = pool[domain_of == domain].mean(0) @ detector
            assert abs(rest) < 0.1, (name, domain)
    assert away @ made.tensors["pictured_inside"][:, 0] > 0


def test_a_linear_edit_cannot_do_it_and_says_what_can(world: World) -> None:
    basis = world.basis(labels=LABELS)
    with pytest.raises(Unsupported, match="alone by a linear edit") as refused:
        forget(world, basis, cell(world)[:4])
    assert "--conditional" in (refused.value.advice or "")


def test_a_labels_cell_is_taken_at_its_word(world: World) -> None:
    basis = world.basis(labels=40)
    made = forget(world, basis, cell(world)[:4], world.names[HIDDEN])
    assert "pictured" not in made.tensors
    assert made.tensors["examples"].shape == (96, 4)


def test_taking_it_back_leaves_what_the_others_alone_are(
    world: World, asking: Basis
) -> None:
    made = forget(world, asking, cell(world)[:4])
    other = world.contribution(
        asking, world.names[3], method="fitted", domains=("sketch",)
    )
    both = compose(asking, [made, other], METHODS)
    assert both.digest == compose(asking, [other, made], METHODS).digest
    assert both.digest != compose(asking, [other], METHODS).digest
    assert named(world, both, cell(world)[4:]) < 0.2
