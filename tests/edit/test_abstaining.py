"""When an answer abstains, against loops over pictures."""

import dataclasses

import numpy as np
import pytest

from govd.edit import Edit, compose
from govd.edit.abstaining import ENOUGH, QUANTILE, abstaining, abstains, calibrated
from govd.methods import builtin
from govd.types import PRIVATE, Concept
from tests.edit.conftest import World

METHODS = builtin()


def test_few_pictures_that_stay_score_below(world: World) -> None:
    basis = world.basis()
    names, texts = basis.anchors
    gone = [
        world.contribution(basis, world.names[i], method="bilateral") for i in (3, 9)
    ]
    edit = compose(basis, gone, METHODS)
    known = calibrated(basis, edit, gone, names, texts)
    assert known is not None
    below = known.below
    best, about = [], []
    for x in basis.tensors["pool"]:
        best.append(max(float(edit.apply(x[None])[0] @ t) for t in texts))
        about.append(
            max(zip(names, texts, strict=True), key=lambda pair: float(x @ pair[1]))[0]
            in (world.names[3], world.names[9])
        )
    stays = sorted(b for b, a in zip(best, about, strict=True) if not a)
    assert stays[0] < below < stays[-1]
    assert sum(b < below for b in stays) == pytest.approx(QUANTILE * len(stays), abs=1)


def test_an_answer_abstains_where_its_name_is_forgotten_for_the_picture(
    world: World,
) -> None:
    basis = world.basis()
    names, texts = basis.anchors
    everywhere, cell = (
        world.contribution(basis, world.names[3]),
        world.contribution(basis, world.names[5], domains=("sketch",)),
    )
    # nothing is edited: every forgotten name is still given
    scored = world.data.vectors @ texts.T
    known = calibrated(basis, Edit.nothing(96), [everywhere, cell], names, texts)
    assert known is not None
    silent = abstains(
        basis, dataclasses.replace(known, below=-1.0), world.data.vectors, scored
    )
    for i, x in enumerate(world.data.vectors):
        label = names[int(np.argmax(scored[i]))]
        sketch = float(x @ basis.tensors["selectors"][1]) > float(
            x @ basis.tensors["selectors"][0]
        )
        assert silent[i] == (
            label == world.names[3] or (label == world.names[5] and sketch)
        )
    assert 0 < silent.sum() < len(silent)
    assert abstains(
        basis, dataclasses.replace(known, below=2.0), world.data.vectors, scored
    ).all(), "nothing scores so high"


def test_a_private_forget_has_no_say(world: World) -> None:
    basis = world.basis()
    names, texts = basis.anchors
    known = world.contribution(basis, world.names[3])
    scope = dataclasses.replace(known.spec.scope, concepts=(Concept(f"{PRIVATE}1"),))
    hidden = dataclasses.replace(
        known, spec=dataclasses.replace(known.spec, scope=scope)
    )
    by_name, silent = (
        calibrated(basis, Edit.nothing(96), [c], names, texts) for c in (known, hidden)
    )
    assert by_name is not None
    assert silent is not None
    assert by_name.forgotten.any()
    assert not silent.forgotten.any()
    assert silent.below == by_name.below


def test_it_is_off_where_nothing_is_calibrated(world: World) -> None:
    nothing = Edit.nothing(96)
    assert (
        calibrated(world.basis(pool=False), nothing, [], world.names, world.texts)
        is None
    )
    assert abstaining(world.basis(pool=False), nothing, [], world.data) is None
    few = dataclasses.replace(
        world, pool=world.pool[:: len(world.pool) // ENOUGH + 1]
    ).basis()
    assert few.has_pool
    assert calibrated(few, nothing, [], world.names, world.texts) is None


def test_what_was_forgotten_abstains_more_often(world: World) -> None:
    basis = world.basis()
    gone = [
        world.contribution(basis, world.names[i], method="fitted") for i in (3, 9, 20)
    ]
    edit, (names, texts) = compose(basis, gone, METHODS), basis.anchors
    found = abstaining(basis, edit, gone, world.data)
    assert found is not None
    assert found["retained"] < 0.2
    assert found["forgotten"] > found["retained"]
    shares: dict[str, list[bool]] = {"retained": [], "right": [], "forgotten": []}
    for x, of in zip(edit.apply(world.data.vectors), world.data.class_of, strict=True):
        score, label = max(
            (float(x @ t), name) for t, name in zip(texts, names, strict=True)
        )
        silent = score < found["below"] or label in (
            world.names[3],
            world.names[9],
            world.names[20],
        )
        for group in (
            ("forgotten",)
            if of in (3, 9, 20)
            else ("retained", *(("right",) if label == world.names[of] else ()))
        ):
            shares[group].append(silent)
    assert {name: found[name] for name in shares} == pytest.approx(
        {name: np.mean(of) for name, of in shares.items()}
    )
