"""Conditional edits: what a picture's own answer and domain decide."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from govd.edit import Basis, Edit, compose, load_edit
from govd.edit.algebra import Host
from govd.edit.condition import Condition, OfAnswer, OfDomain, Question
from govd.edit.conditional import condition_of, reflection
from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.edit.quick import applied, holds
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
    inside, now = condition.questions[0].beyond(x) > 0, answers(world, edit)
    assert np.abs(edit.apply(x)[~inside] - x[~inside]).max() < 1e-12
    assert not (now[inside] == 3).any()
    before = (x @ world.texts[:40].T).argmax(1)
    kept = inside & (before != 3)
    assert (now[kept] == before[kept]).all(), (
        "the order of retained labels is what it was"
    )
    cell = (world.data.class_of == 3) & (world.data.domain_of == SKETCH)
    assert inside[cell].mean() > 0.8


def test_how_strong_a_cell_is_does_not_decide_whether_labels_are_hard(
    world: World, asking: Basis
) -> None:
    """Inside its condition a weaker edit is the same one, shorter."""

    def inside(basis: Basis, strength: float) -> tuple[np.ndarray, np.ndarray]:
        contribution = world.contribution(
            basis,
            world.names[2],
            method="fitted",
            domains=("sketch",),
            strength=strength,
        )
        (condition,) = compose(basis, [contribution], METHODS).conditions
        return condition.L, condition.B

    norm = Host().norm(*inside(asking, 1.0))
    basis = world.basis(max_edit_norm=0.9 * norm, conditional=True)
    full, half = inside(basis, 1.0), inside(basis, 0.5)
    assert not np.array_equal(full[1], inside(asking, 1.0)[1]), "labels are soft"
    assert np.array_equal(half[1], full[1])
    np.testing.assert_allclose(half[0], 0.5 * full[0], atol=1e-12)


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
        of_domain, of_answer = condition.questions
        assert isinstance(of_domain, OfDomain)
        assert isinstance(of_answer, OfAnswer)
        scores = x @ of_answer.texts[0].T
        ahead = scores[:, of_answer.forgotten].max(1)
        ahead -= scores[:, ~of_answer.forgotten].max(1)
        mask = x @ of_domain.selector > of_domain.threshold * np.linalg.norm(x, axis=1)
        mask = (mask & (ahead > -of_answer.margin))[:, None]
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
    of_domain, of_answer = condition.questions
    assert isinstance(of_domain, OfDomain)

    def asking_for(question: Question) -> Edit:
        asked = dataclasses.replace(condition, questions=(question, of_answer))
        return dataclasses.replace(edit, conditions=(asked,))

    others = [
        asking_for(OfDomain(of_domain.selector, of_domain.threshold + 1e-9)),
        asking_for(OfDomain(2 * of_domain.selector, of_domain.threshold)),
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
    condition = Condition(nothing, nothing, (OfDomain(np.ones(4), 0.5),))
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
            (Condition(nothing, nothing, (OfDomain(np.ones(3), 0.5),)),),
            (nothing, nothing),
        )


def test_a_concept_goes_from_pictures_that_it_names_and_from_no_other(
    world: World, asking: Basis
) -> None:
    forgets = [
        world.contribution(asking, world.names[i], method="fitted") for i in (3, 7)
    ]
    edit = compose(asking, forgets, METHODS)
    linear = compose(dataclasses.replace(asking, conditional=False), forgets, METHODS)
    assert edit.linear.digest == linear.digest
    assert (edit.L.shape[1], edit.facts["asks_answers"]) == (0, True)
    (condition,), x = edit.conditions, world.data.vectors
    (question,) = condition.questions
    assert isinstance(question, OfAnswer)
    scores = x @ world.texts[:40].T
    named = np.isin(scores.argmax(1), (3, 7))
    gone, rest = scores[:, [3, 7]].max(1), np.delete(scores, [3, 7], axis=1).max(1)
    asked = condition.holds(x)
    assert named.any()
    assert asked[named].all()
    assert (asked == (gone > rest - question.margin)).all(), "unit vectors, one prompt"
    assert question.margin > 0
    assert (edit.move(x)[~asked] == x[~asked]).all()
    assert np.abs(edit.apply(x)[asked] - linear.apply(x)[asked]).max() < 1e-12
    for kind in (np.float16, np.float32, np.float64):
        rows = x.astype(kind)
        for applied_to in (edit.apply(rows), applied(edit, rows)):
            assert (applied_to[~asked] == rows[~asked]).all(), "to the last bit"
            assert (applied_to[asked] != rows[asked]).any(1).all()
    assert np.abs(edit.apply(3 * x) - edit.apply(x)).max() < 1e-12
    now = answers(world, edit)
    still, of_linear = (np.isin(a, (3, 7)) for a in (now, answers(world, linear)))
    assert (still == of_linear)[asked].all()
    assert not still[~asked].any()


def test_what_cannot_be_known_by_its_answer_is_taken_from_every_picture(
    world: World, asking: Basis
) -> None:
    named, level = (
        world.contribution(asking, world.names[i], method="fitted", target=target)
        for i, target in ((3, "unnamed"), (4, "level"))
    )
    alone = compose(asking, [level], METHODS)
    assert not alone.conditions, "its pictures are to be found by its word no longer"
    assert alone.rank
    both, x = compose(asking, [named, level], METHODS), world.data.vectors
    (condition,) = both.conditions
    asked = condition.holds(x)
    assert asked.any()
    assert (both.move(x)[~asked] == alone.move(x)[~asked]).all()
    assert np.abs(both.move(x)[asked] - both.linear.move(x)[asked]).max() < 1e-12
    order = compose(asking, [level, named], METHODS)
    assert both.digest == order.digest


def test_who_loses_a_name_in_a_domain_is_not_given_one_that_is_gone_everywhere(
    world: World, asking: Basis
) -> None:
    forgets = [
        world.contribution(
            asking, world.names[3], method="fitted", domains=("sketch",)
        ),
        world.contribution(asking, world.names[7], method="fitted"),
    ]
    edit, x = compose(asking, forgets, METHODS), world.data.vectors
    by_answer, by_domain = edit.conditions
    assert [type(q) for q in by_answer.questions] == [OfAnswer]
    assert [type(q) for q in by_domain.questions] == [OfDomain, OfAnswer]
    scores = x @ world.texts[:40].T
    assert by_answer.holds(x)[scores.argmax(1) == 3].all()
    inside = by_domain.holds(x)
    assert not np.isin(answers(world, edit)[inside], (3, 7)).any()
    read_again = Edit.from_bytes(edit.to_bytes())
    assert read_again.digest == edit.digest
    assert (read_again.move(x) == edit.move(x)).all()


def test_an_edit_that_asks_for_answers_is_a_format_of_its_own(
    world: World, asking: Basis
) -> None:
    edit = compose(asking, [world.contribution(asking, world.names[3])], METHODS)
    (condition,) = edit.conditions
    (question,) = condition.questions
    assert isinstance(question, OfAnswer)
    assert edit.format == "govd-edit-3"
    assert b"govd-edit-3" in edit.to_bytes()
    other_mask = question.forgotten.copy()
    other_mask[5] = True

    def asking_for(*questions: Question) -> Edit:
        asked = dataclasses.replace(condition, questions=questions)
        return dataclasses.replace(edit, conditions=(asked,))

    others = [
        asking_for(dataclasses.replace(question, margin=question.margin + 1e-9)),
        asking_for(dataclasses.replace(question, texts=question.texts[:, ::-1])),
        asking_for(dataclasses.replace(question, forgotten=other_mask)),
        asking_for(OfDomain(np.ones(96), 0.5), question),
        asking_for(OfDomain(np.ones(96), 0.5)),
    ]
    digests = {edit.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1
    assert others[-1].format == "govd-edit-2"
    for broken in (
        dataclasses.replace(question, forgotten=np.ones_like(question.forgotten)),
        dataclasses.replace(question, forgotten=np.zeros_like(question.forgotten)),
        dataclasses.replace(question, texts=question.texts[:, 1:]),
        dataclasses.replace(question, texts=question.texts[0]),
        dataclasses.replace(question, margin=float("nan")),
    ):
        with pytest.raises(Usage, match="condition"):
            asking_for(broken)
    with pytest.raises(Usage, match="condition"):
        asking_for()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("condition.0.forgotten", np.full(40, 0.5)),
        ("condition.0.margin", np.zeros(2)),
        ("condition.0.texts", np.zeros((1, 40, 3))),
        ("condition.1.margin", np.zeros(1)),
        ("condition.0.selector", np.zeros(96)),
    ],
)
def test_a_file_with_a_condition_that_is_none_is_refused(
    world: World, asking: Basis, name: str, value: np.ndarray
) -> None:
    edit = compose(asking, [world.contribution(asking, world.names[3])], METHODS)
    tensors, metadata = tensors_from_bytes(edit.to_bytes(), "")
    with pytest.raises(BadFile):
        Edit.from_bytes(tensors_to_bytes({**tensors, name: value}, metadata))


def test_float32_asks_as_float64_does(world: World, asking: Basis) -> None:
    edit = compose(asking, [world.contribution(asking, world.names[3])], METHODS)
    (condition,) = edit.conditions
    x = world.data.vectors.astype(np.float32)
    assert (holds(condition, x) == condition.holds(x.astype(np.float64))).all()
    assert np.abs(applied(edit, x) - edit.apply(x)).max() < 1e-5


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
