"""How much pictures show a label, against a loop, and what it is for."""

from dataclasses import replace

import numpy as np
import pytest

from govd.edit import Basis
from govd.edit.compose import compose
from govd.edit.costs import costs, weighted
from govd.edit.prediction import Watch
from govd.edit.shown import SHARPNESS, counting, shown
from govd.edit.unlabelled import data_free
from govd.methods import builtin
from tests.edit.conftest import World

METHODS = builtin()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def basis() -> Basis:
    """Six labels in the first half of the space, twenty words in the second; a word is a label."""
    draw = np.random.default_rng(5)
    labels, words = np.zeros((6, 32)), np.zeros((20, 32))
    labels[:, :16], words[:, 16:] = (
        draw.normal(size=(6, 16)),
        draw.normal(size=(20, 16)),
    )
    words[0] = labels[0]
    names = tuple("abcdef")
    return Basis(
        "model",
        "labels",
        "image",
        names,
        ("a", *(f"word {i}" for i in range(1, 20))),
        (),
        (),
        {
            "labels": unit(labels),
            "vocabulary": unit(words),
            "metric_inverse": np.eye(32),
        },
    )


def test_it_is_the_labels_part_of_a_softmax_over_labels_and_other_words(
    basis: Basis,
) -> None:
    images = unit(np.random.default_rng(1).normal(size=(30, 32)))
    other = basis.tensors["vocabulary"][1:]
    sharpness = SHARPNESS / np.std([image @ word for image in images for word in other])
    found = shown(basis, images)
    assert found is not None
    for image, share in zip(images, found, strict=True):
        of_labels = [
            np.exp(sharpness * (image @ text)) for text in basis.tensors["labels"]
        ]
        of_words = [np.exp(sharpness * (image @ text)) for text in other]
        assert share == pytest.approx(sum(of_labels) / (sum(of_labels) + sum(of_words)))


def test_what_shows_a_label_counts_and_what_shows_something_else_hardly(
    basis: Basis,
) -> None:
    draw = np.random.default_rng(2)
    own = np.repeat(basis.tensors["labels"], 5, 0)
    foreign = basis.tensors["vocabulary"][1:]
    images = unit(
        np.concatenate([own, foreign])
        + 0.1 * draw.normal(size=(len(own) + len(foreign), 32))
    )
    found = shown(basis, images)
    assert found is not None
    assert found[: len(own)].min() > 3 * found[len(own) :].max()


def test_it_is_not_known_without_other_words_or_where_there_are_no_labels(
    basis: Basis,
) -> None:
    images = unit(np.random.default_rng(3).normal(size=(4, 32)))
    only_labels = replace(
        basis,
        vocabulary=("a",),
        tensors={**basis.tensors, "vocabulary": basis.tensors["vocabulary"][:1]},
    )
    assert shown(only_labels, images) is None
    assert shown(replace(basis, use="search"), images) is None
    assert shown(basis, images[:0]) is None
    assert shown(basis, np.repeat(images[:1], 3, 0)) is not None


def test_weighted_pictures_are_worth_as_many_equal_ones() -> None:
    assert counting(np.ones(7)) == counting(np.full(7, 0.2)) == 7
    assert counting(np.array([1.0, 1.0, 0.0])) == 2
    assert counting(np.zeros(3)) == 0
    changed = np.array([True, False, False])
    assert weighted(changed, np.array([0.5, 0.25, 0.25])).share == 0.5
    assert weighted(changed, np.zeros(3)).share == 0.0


def test_costs_count_pictures_as_far_as_they_show_a_label() -> None:
    draw = np.random.default_rng(4)
    images, anchors = unit(draw.normal(size=(12, 8))), unit(draw.normal(size=(3, 8)))
    before, after = draw.integers(0, 3, 12), draw.integers(0, 3, 12)
    inside = np.arange(12) < 3
    shows = draw.random(12)
    watch = Watch(
        images,
        np.arange(12),
        tuple("abc"),
        anchors,
        before,
        np.full(12, -1),
        (),
        shows,
    )
    figure = costs(watch, before, after, inside)["shown"]
    rest = range(3, 12)
    expected = sum(shows[i] for i in rest if before[i] != after[i])
    assert figure.share == pytest.approx(expected / sum(shows[i] for i in rest))
    assert "shown" not in costs(replace(watch, shows=None), before, after, inside)


def test_a_prediction_has_it_of_the_pool_and_of_all_in_force(world: World) -> None:
    basis = world.basis()
    own = [world.contribution(basis, world.names[0])]
    watch = Watch.of(basis)
    assert watch is not None
    assert watch.shows is not None
    assert (watch.only(watch.top == 0).shows == watch.shows[watch.top == 0]).all()
    edit = compose(basis, own, METHODS)
    said = data_free(basis, edit, own)
    changed = watch.answers(edit) != watch.top
    stays = watch.top != basis.labels.index(world.names[0])
    total = watch.shows[stays].sum()
    assert said["shown_disagreement"] == pytest.approx(
        watch.shows[stays & changed].sum() / total
    )
    assert "shown_disagreement" not in data_free(replace(basis, use="open"), edit, own)
