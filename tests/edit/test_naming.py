"""`tests.benchmarks.naming`: what is given is not judged, and the parts of a class are found."""

import numpy as np
import pytest

from govd.edit import Ingredients, build, exact
from tests.benchmarks.forgetting.sets import Split, Words
from tests.benchmarks.naming import examples
from tests.benchmarks.naming.forgets import Forget, Table, registered
from tests.benchmarks.naming.subgroups import compounds
from tests.geometry import simulated_texts

LABELS, EACH, WIDTH = 14, 10, 48


@pytest.fixture(scope="module")
def split() -> Split:
    draw = np.random.default_rng(4)
    texts, words = simulated_texts(LABELS, WIDTH), simulated_texts(12, WIDTH, seed=6)
    label = np.repeat(np.arange(LABELS), 2 * EACH)
    noise = draw.normal(size=(len(label), WIDTH)) / WIDTH**0.5
    x = exact.unit(texts[label] - texts.mean(0) + 0.3 * noise)
    pool, judging = x[0::2], x[1::2]
    names = tuple(f"label {i}" for i in range(LABELS))
    given = Ingredients(
        "simulated",
        "labels",
        "image",
        names,
        texts,
        [f"anchor {i}" for i in range(6)],
        words[:6],
        pool=pool,
        pool_kind="pool",
    )
    other = Words(tuple(f"other {i}" for i in range(6)), words[6:])
    labels = Words(names, texts)
    return Split(
        "simulated", 0, labels, other, lambda: build(given), judging, label[1::2]
    )


def test_pictures_that_are_given_judge_nothing(split: Split) -> None:
    drawn = examples.draws(split)
    assert examples.most(split) == 4  # of ten: with 16 none would be left
    assert len(drawn) == examples.SINGLES
    for draw in drawn:
        judged = {row.tobytes() for row in draw.case.split.x}
        assert len(draw.pictures) == 4
        assert not any(row.tobytes() in judged for row in draw.pictures)
        assert len(draw.case.split.x) == len(split.x) - 4
        assert draw.case.inside.sum() == EACH - 4


def test_a_model_without_a_label_keeps_the_others(split: Split) -> None:
    basis = registered(
        split, "labels", without=("label 3",), words=[("more", split.x[0])]
    )
    assert basis.labels == tuple(
        name for name in split.labels.names if name != "label 3"
    )
    assert basis.vocabulary == (*(f"anchor {i}" for i in range(6)), "more")
    edit = Forget(("other 0",), split.unlisted.vectors[:1], split.x[:4]).edit(basis)
    assert edit.move(split.x).shape == split.x.shape


def test_a_part_of_a_class_ends_with_its_name() -> None:
    names = [
        "bottle",
        "wine bottle",
        "red wine bottle",
        "hot-air balloon",
        "balloon",
        "bottle cap",
    ]
    assert compounds(names) == [(1, 0), (3, 4)]


def test_a_refused_draw_is_counted_apart() -> None:
    table = Table(("set",), ("named", "unchanged"))
    table.add(("first",), {"named": 0.25, "unchanged": 1.0})
    table.add(("first",), {"named": 0.75})
    table.add(("first",), {})
    assert str(table).splitlines()[2] == "| first | 2, 1 refused | 0.500 | 1.000 |"
