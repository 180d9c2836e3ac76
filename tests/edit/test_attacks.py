"""Attacks on an edit against plain loops and known answers: words, intervals, learning back,
inverting, thinning.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit, EvaluationData, attacks, compose, exact
from govd.edit.attacks import Models, Space, Subject, words
from govd.edit.attacks.intervals import area_interval, share_interval
from govd.edit.attacks.readings import Attempt
from govd.edit.condition import Condition, OfDomain
from govd.grades import RUNGS
from govd.methods import builtin
from govd.types import Concept, Contribution, Scope
from tests.edit.conftest import World
from tests.edit.thirty import FORGETS, forgets, pictures

METHODS = builtin()
few = settings(max_examples=15, deadline=None)


def test_without_pictures_there_are_answers_to_none() -> None:
    labels = np.eye(20)
    answers = words.Answers.of(np.zeros((0, 20)), labels)
    assert answers.best.shape == answers.scores.shape == (0, words.BEST)
    one = words.Answers.of(labels[3:4], labels[:5])
    assert one.best.tolist() == [[3, 0, 1, 2, 4]]


# -- intervals


def at_least(count: int, total: int, p: float) -> float:
    return sum(
        math.comb(total, k) * p**k * (1 - p) ** (total - k)
        for k in range(count, total + 1)
    )


@given(total=st.integers(1, 60), share=st.floats(0, 1))
@few
def test_a_share_is_within_its_interval_nine_times_in_ten(
    total: int, share: float
) -> None:
    count = round(share * total)
    low, high = share_interval(count, total)
    assert 0 <= low <= count / total <= high <= 1
    if count:
        assert at_least(count, total, low) == pytest.approx(0.05)
    if count < total:
        assert 1 - at_least(count + 1, total, high) == pytest.approx(0.05)


def test_nothing_says_nothing() -> None:
    assert share_interval(0, 0) == (0, 1)
    assert area_interval(0.9, 0, 4) == (0, 1)


@given(positives=st.integers(1, 40), negatives=st.integers(1, 400))
@few
def test_an_area_is_told_from_chance_as_by_the_rank_test(
    positives: int, negatives: int
) -> None:
    """Mann and Whitney's variance where nothing differs: (m + n + 1)/(12 m n)."""
    spread = 1.6448536 * math.sqrt(
        (positives + negatives + 1) / (12 * positives * negatives)
    )
    if spread < 0.5:
        assert area_interval(0.5 + spread, positives, negatives)[0] == pytest.approx(
            0.5, abs=1e-6
        )
        assert area_interval(0.5 - spread, positives, negatives)[1] == pytest.approx(
            0.5, abs=1e-6
        )
    low, high = area_interval(1.0, positives, negatives)
    assert high == 1
    assert low < 1


# -- inverting and learning back


def some_edit(
    seed: int, conditional: bool = False, side: str = "image", d: int = 24
) -> Edit:
    draw = np.random.default_rng(seed)

    def factors(rank: int) -> tuple[np.ndarray, np.ndarray]:
        return draw.normal(size=(d, rank)) / d**0.5, draw.normal(
            size=(d, rank)
        ) / d**0.5

    if not conditional:
        return Edit(*factors(4), side)  # type: ignore[arg-type]
    conditions = tuple(
        Condition(*factors(2), (OfDomain(draw.normal(size=d) / d**0.5, 0.1),))
        for _ in range(3)
    )
    return Edit(*factors(3), "image", conditions=conditions, plain=factors(3))


@given(seed=st.integers(0, 2**16), side=st.sampled_from(["image", "text"]))
@few
def test_whoever_holds_the_factors_undoes_an_edit(seed: int, side: str) -> None:
    x = exact.unit(np.random.default_rng(seed + 1).normal(size=(40, 24)))
    edit = some_edit(seed, side=side)
    if attacks.is_invertible(edit):
        inverse = np.abs(attacks.undone(edit, edit.apply(x)) - x).max()
        whole = np.eye(24) - (
            edit.B @ edit.L.T if side == "image" else edit.L @ edit.B.T
        )
        assert inverse < 1e-6 * max(1, np.linalg.cond(whole) / 1e5)


@given(seed=st.integers(0, 2**16))
@few
def test_whoever_holds_the_factors_undoes_a_conditional_edit(seed: int) -> None:
    """Nothing stored says which conditions held; two combinations may give the same vector, but
    only seldom.
    """
    x = exact.unit(np.random.default_rng(seed + 1).normal(size=(60, 24)))
    edit = some_edit(seed, conditional=True)
    if attacks.is_invertible(edit):
        back = attacks.undone(edit, edit.apply(x))
        assert np.abs(edit.apply(back) - edit.apply(x)).max() < 1e-6
        assert np.mean(np.abs(back - x).max(1) < 1e-6) > 0.6


def test_what_a_projection_takes_is_not_in_the_factors() -> None:
    x = exact.unit(np.random.default_rng(1).normal(size=(40, 24)))
    q = np.linalg.qr(np.random.default_rng(2).normal(size=(24, 3)))[0]
    edit = Edit(q, q)
    assert not attacks.is_invertible(edit)
    back = attacks.undone(edit, edit.apply(x))
    assert np.abs(back @ q).max() < 1e-9
    assert np.allclose(back, edit.apply(x))


def test_the_edit_of_nothing_is_undone_by_doing_nothing() -> None:
    x = exact.unit(np.random.default_rng(1).normal(size=(4, 24)))
    assert attacks.is_invertible(Edit.nothing(24))
    assert np.allclose(attacks.undone(Edit.nothing(24), x), x)


def test_a_linear_map_is_learned_back_exactly() -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(300, 24))
    y = x @ (np.eye(24) + 0.1 * draw.normal(size=(24, 24)))
    back = attacks.relearned(y[:200], x[:200], y[200:])
    assert np.abs(back - exact.unit(x[200:])).max() < 1e-4


def test_what_is_gone_and_shows_nowhere_else_is_not_learned_back() -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(600, 24))
    q = np.linalg.qr(draw.normal(size=(24, 1)))[0]
    y = x - x @ q @ q.T
    back = attacks.relearned(y[:400], x[:400], y[400:])
    assert abs(np.corrcoef((back @ q)[:, 0], (x[400:] @ q)[:, 0])[0, 1]) < 0.2


def test_what_goes_with_something_that_stays_is_learned_back() -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(600, 24))
    q = np.linalg.qr(draw.normal(size=(24, 2)))[0]
    x += 3 * (x @ q[:, 1:]) @ q[:, :1].T
    y = x - x @ q[:, :1] @ q[:, :1].T
    back = attacks.relearned(y[:400], x[:400], y[400:])
    assert np.corrcoef((back @ q)[:, 0], (x[400:] @ q)[:, 0])[0, 1] > 0.9


# -- words


def space(world: World, data: EvaluationData, seed: int) -> Space:
    """Forty labels in three prompts that nobody registered beside the registered text, and a word
    for some.
    """
    draw, labels = np.random.default_rng(seed), world.texts[:40]

    def prompt() -> np.ndarray:
        return exact.unit(labels + 0.4 * draw.normal(size=labels.shape) / 96**0.5)

    prompts = {
        "label": {"": labels},
        "prompts": {"a {}": prompt(), "the {}": prompt()},
        "unseen_prompts": {"one {}": prompt()},
        "ensemble": {"all": prompt()},
    }
    return Space(
        data.vectors,
        prompts,
        {"synonyms": {i: {"w": exact.unit(labels[[i]] + 0.1)[0]} for i in (5, 13)}},
    )


def attempts(
    world: World, basis: Basis, which: str, seed: int, method: str = "bilateral"
) -> tuple[Space, Edit, list[Subject], list[dict[str, Attempt]]]:
    data = pictures(world, seed)
    contributions: list[Contribution] = forgets(world, basis, which, 1.0, method)
    edit = compose(basis, contributions, METHODS)
    base = space(world, data, seed)
    scopes = [c.spec.scope for c in contributions]
    subjects = [Subject.of(scope, world.names[:40], data) for scope in scopes]
    models = Models(base, base.edited(edit), edit, attacks.lost(basis, edit))
    lists = attacks.tried(models, scopes, subjects, seed)
    return base, edit, subjects, [{one.attack: one for one in some} for some in lists]


def score(edit: Edit, image: np.ndarray, text: np.ndarray) -> float:
    """After an edit, of either side."""
    if edit.side == "image":
        moved = image - edit.B @ (edit.L.T @ image)
        return float(moved @ text / np.linalg.norm(moved))
    return float(image @ (text - edit.L @ (edit.B.T @ text)))


def answer(edit: Edit, image: np.ndarray, texts: np.ndarray) -> int:
    return int(np.argmax([score(edit, image, text) for text in texts]))


@pytest.mark.parametrize("side", ["image", "text"])
@pytest.mark.parametrize("which", sorted(FORGETS))
def test_names_by_words_and_prompts(
    world: World, bases: dict[str, Basis], which: str, side: str
) -> None:
    base, edit, subjects, lists = attempts(world, bases[side], which, 4)
    nothing = Edit.nothing(96, side)  # type: ignore[arg-type]
    for subject, by_name in zip(subjects, lists, strict=True):
        own, others = np.flatnonzero(subject.own), np.flatnonzero(subject.others)
        for attack in ("label", "unseen_prompts", "ensemble"):
            one, (texts,) = by_name[attack], base.prompts[attack].values()
            for edit_then, reading in ((nothing, one.before), (edit, one.now)):
                given_ = {
                    i: answer(edit_then, base.images[i], texts) for i in range(30)
                }
                right = [
                    given_[i] in (subject.places or [subject.label_of[i]]) for i in own
                ]
                assert reading is not None
                assert reading.value == pytest.approx(np.mean(right) if right else 0.0)
                assert reading.judged == len(own)
                if subject.places:
                    mistakes = [
                        answer(nothing, base.images[i], texts) in subject.places
                        for i in others
                    ]
                    assert reading.chance == pytest.approx(np.mean(mistakes))
                elif len(own):
                    luck = np.mean(
                        [given_[i] == subject.label_of[j] for i in own for j in own]
                    )
                    assert reading.chance == pytest.approx(luck)


def test_another_word_stands_in_the_place_of_the_label(
    world: World, bases: dict[str, Basis]
) -> None:
    base, edit, (subject,), (by_name,) = attempts(world, bases["image"], "a concept", 4)
    one, word = by_name["synonyms"], base.words["synonyms"][5]["w"]
    texts = base.labels.copy()
    texts[5] = word
    named = [
        answer(edit, base.images[i], texts) == 5 for i in np.flatnonzero(subject.own)
    ]
    assert one.now is not None
    assert one.now.value == pytest.approx(np.mean(named))
    assert one.worst == "w"
    assert by_name["translations"].state == "unmeasured"


def test_a_word_is_judged_on_the_pictures_of_its_label_that_are_to_go(
    world: World, bases: dict[str, Basis]
) -> None:
    _, _, subjects, lists = attempts(world, bases["image"], "a concept and a cell", 4)
    judged = {}
    for subject, by_name in zip(subjects, lists, strict=True):
        reading = by_name["synonyms"].now
        (place,) = subject.places
        if reading is not None:
            own = subject.own & (subject.label_of == place)
            assert reading.judged == int(own.sum())
            judged[place] = int(own.sum()) < int((subject.label_of == place).sum())
    assert any(judged.values()), "one of them is forgotten in a domain alone"


@pytest.mark.parametrize("side", ["image", "text"])
def test_a_fitted_edit_is_undone_and_its_word_is_read_in_the_weights(
    world: World, bases: dict[str, Basis], side: str
) -> None:
    _, edit, _, (by_name,) = attempts(world, bases[side], "a concept", 4, "fitted")
    undoing, label, told = by_name["undoing"], by_name["label"], by_name["base_diff"]
    assert undoing.now is not None
    assert label.before is not None
    assert attacks.is_invertible(edit)
    assert undoing.now.value == label.before.value > 0
    assert label.now is not None
    assert label.now.value == 0
    assert told.state == "found"
    assert told.place == 1


def test_who_forgot_by_training_has_no_factors(
    world: World, bases: dict[str, Basis]
) -> None:
    data = pictures(world, 4)
    base, scope = space(world, data, 4), Scope((Concept(world.names[5]),))
    subject = Subject.of(scope, world.names[:40], data)
    (some,) = attacks.tried(Models(base, base), [scope], [subject], 4)
    states = {one.attack: one.state for one in some}
    every = {
        name for rung in RUNGS.values() for name in (*rung.required, *rung.optional)
    }
    assert set(states) == every | {"base_diff"}, (
        "each attack is tried, or says why it is not"
    )
    assert states["undoing"] == states["base_diff"] == "unmeasured"
    assert states["label"] == "found", "nothing is forgotten"


def test_a_large_set_is_thinned_and_what_is_forgotten_last() -> None:
    n = 1000
    class_of = np.arange(n) % 10
    data = EvaluationData(
        np.eye(4)[np.arange(n) % 4], tuple("abcdefghij"), (), class_of, np.full(n, -1)
    )
    few_ = attacks.thinned(data, [Scope((Concept("a"),))], 300)
    assert len(few_.vectors) == len(few_.class_of) == len(few_.domain_of) == 300
    assert (few_.class_of == 0).sum() == 100, "all there are"
    assert (
        attacks.thinned(
            data, [Scope(tuple(Concept(c) for c in "abcdefgh"))], 300
        ).class_of
        < 8
    ).sum() == 150
    assert attacks.thinned(data, [Scope((Concept("a"),))], n) is data


def test_an_interval_ends_where_nothing_can_lie_beyond() -> None:
    for total in (1, 5, 40):
        assert share_interval(0, total)[0] == 0.0
        assert share_interval(total, total)[1] == 1.0
        assert area_interval(0.0, total, total)[0] == 0.0
        assert area_interval(1.0, total, total)[1] == 1.0
    low, high = area_interval(0.001, 5, 5)
    assert 0 < low < 0.001 < high
