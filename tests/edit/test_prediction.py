"""Figures of a prediction, each against a loop on thirty pictures."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Basis, Edit
from govd.edit.costs import LEAST, costs
from govd.edit.extent import in_scope, pool_in_scope
from govd.edit.factors import Side
from govd.edit.prediction import (
    Prompted,
    Watch,
    effect,
    folds,
    involved,
    kept_answers,
    watch_for,
)
from tests.edit.conftest import World

SEEDS = st.integers(0, 2**32 - 1)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def drawn(seed: int, side: Side = "image") -> tuple[Watch, Edit]:
    """Thirty pictures, five anchors in two domains, and an edit of rank two that changes many
    answers.
    """
    draw = np.random.default_rng(seed)
    images, anchors = unit(draw.normal(size=(30, 8))), unit(draw.normal(size=(5, 8)))
    top = (images @ anchors.T).argmax(1)
    watch = Watch(
        images,
        np.arange(30),
        tuple("abcde"),
        anchors,
        top,
        draw.integers(0, 2, 30),
        ("photo", "sketch"),
    )
    return watch, Edit(draw.normal(size=(8, 2)), draw.normal(size=(8, 2)) / 3, side)


def answer(image: np.ndarray, anchors: np.ndarray, edit: Edit) -> int:
    if edit.side == "image":
        moved = image - edit.B @ (edit.L.T @ image)
        return int(np.argmax([moved @ text for text in anchors]))
    return int(
        np.argmax([image @ (text - edit.L @ (edit.B.T @ text)) for text in anchors])
    )


@given(seed=SEEDS, side=st.sampled_from(["image", "text"]))
@settings(max_examples=20, deadline=None)
def test_answers_are_those_of_the_edited_pictures(seed: int, side: Any) -> None:
    watch, edit = drawn(seed, side)
    assert [int(a) for a in watch.answers(edit)] == [
        answer(image, watch.anchors, edit) for image in watch.images
    ]
    assert (watch.answers(Edit.nothing(8, side)) == watch.top).all()


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_costs_are_what_a_loop_counts(seed: int) -> None:
    watch, edit = drawn(seed)
    before, after = watch.top, watch.answers(edit)
    inside = (watch.top == 0) & (watch.domain == 1)  # `a` is to go in sketches
    figures = costs(watch, before, after, inside, [([0], [1])])
    rest = [i for i in range(30) if not inside[i]]
    assert figures["all"].share == pytest.approx(
        sum(before[i] != after[i] for i in rest) / len(rest)
    )

    def worst(groups: dict[Any, list[int]]) -> float:
        enough = {k: v for k, v in groups.items() if len(v) >= LEAST} or groups
        return max(
            sum(before[i] != after[i] for i in v) / len(v) for v in enough.values()
        )

    labels: dict[Any, list[int]] = {}
    cells: dict[Any, list[int]] = {}
    for i in rest:
        labels.setdefault(watch.names[watch.top[i]], []).append(i)
        cells.setdefault(
            (watch.names[watch.top[i]], watch.domains[watch.domain[i]]), []
        ).append(i)
    for name, groups, key in (
        ("worst_label", labels, lambda f: f.label),
        ("worst_cell", cells, lambda f: (f.label, f.domain)),
    ):
        assert figures[name].share == pytest.approx(worst(groups))
        own = groups[key(figures[name])]
        assert figures[name].pictures == len(own)
        assert figures[name].share == pytest.approx(
            sum(before[i] != after[i] for i in own) / len(own)
        )
    same = [i for i in rest if watch.top[i] == 0 and watch.domain[i] != 1]
    if same:
        assert figures["elsewhere"].share == pytest.approx(
            sum(after[i] != 0 for i in same) / len(same)
        )
        assert figures["elsewhere"].label == "a"
    else:
        assert "elsewhere" not in figures


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_effect_is_that_of_the_worst_prompt(seed: int) -> None:
    watch, edit = drawn(seed)
    draw = np.random.default_rng(seed + 1)
    own = np.array([True, False, False, True, False])
    prompts = []
    for name in ("", "a {}", "a photo of a {}"):
        anchors = unit(watch.anchors + 0.3 * draw.normal(size=watch.anchors.shape))
        prompts.append(Prompted(name, anchors, anchors[own]))
    found = effect(watch.images, prompts, own, Edit.nothing(8), edit)
    counts = []
    for texts in prompts:
        was, now = (
            sum(bool(own[answer(x, texts.anchors, e)]) for x in watch.images)
            for e in (Edit.nothing(8), edit)
        )
        counts.append((was, now))
    assert [(row["before"], row["after"]) for row in found["by_prompt"]] == counts
    assert found["after"] == max(after for _, after in counts)
    assert found["pictures"] == 30


def test_a_phrase_that_is_no_label_is_named_where_it_beats_every_label() -> None:
    watch, edit = drawn(3)
    phrase = unit(np.random.default_rng(4).normal(size=(1, 8)))
    texts = Prompted("", watch.anchors, phrase)
    (row,) = effect(watch.images, [texts], np.zeros(5, bool), Edit.nothing(8), edit)[
        "by_prompt"
    ]
    every = np.concatenate([watch.anchors, phrase])
    assert row["before"] == sum(
        answer(i, every, Edit.nothing(8)) == 5 for i in watch.images
    )
    assert row["after"] == sum(answer(i, every, edit) == 5 for i in watch.images)


def test_of_a_domain_the_answers_count_that_are_kept() -> None:
    watch, edit = drawn(5)
    found = kept_answers(watch.top, watch.top, watch.answers(edit))
    assert found["before"] == found["pictures"] == 30
    assert found["after"] == sum(
        int(a == b) for a, b in zip(watch.top, watch.answers(edit), strict=True)
    )


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_word_is_involved_as_often_as_its_pictures_are_in_scope(seed: int) -> None:
    watch, _ = drawn(seed)
    inside = watch.top == 2
    words, without = (
        unit(np.random.default_rng(seed + 1).normal(size=(3, 8))),
        np.arange(5) == 2,
    )
    shares, counts = involved(watch, inside, words, without)
    for word, share, count in zip(words, shares, counts, strict=True):
        own = [
            i
            for i, x in enumerate(watch.images)
            if all(x @ word >= x @ t for j, t in enumerate(watch.anchors) if j != 2)
        ]
        assert count == len(own)
        assert share == (
            pytest.approx(sum(bool(inside[i]) for i in own) / len(own)) if own else None
        )


def test_pictures_are_taken_as_they_come_and_held_out_where_enough(
    world: World,
) -> None:
    basis = world.basis()
    watch = Watch.of(basis)
    assert watch is not None
    assert len(watch.at) == len(world.pool)
    held = Watch.of(basis, held_out=True)
    assert held is not None
    expected = np.flatnonzero(folds(len(world.pool)) == 4)
    assert (
        held.at == (expected if len(expected) >= 200 else np.arange(len(world.pool)))
    ).all()
    assert Watch.of(world.basis(pool=False)) is None
    assert watch_for(basis, []) is watch


def test_what_several_forgets_are_about_is_what_each_is(world: World) -> None:
    basis: Basis = world.basis()
    made = [
        world.contribution(basis, world.names[i], domains=domains)
        for i, domains in ((3, ()), (4, ("photo",)))
    ]
    union = in_scope(basis, made)
    parts = [pool_in_scope(basis, contribution) for contribution in made]
    assert union is not None
    assert (union == (parts[0] | parts[1])).all()
    assert in_scope(world.basis(pool=False), made) is None
