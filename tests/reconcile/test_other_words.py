"""Words near a label that attackers may try in its place: against a plain loop."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from govd.edit import Basis
from govd.reconcile.attacking import NEAR, near_words
from tests.geometry import simulated_texts

LABELS, WORDS, DIM = 6, 40, 12


@pytest.fixture(scope="module")
def opened() -> Any:
    texts = simulated_texts(LABELS + WORDS, DIM, 5)
    basis = SimpleNamespace(
        labels=tuple(f"label {i}" for i in range(LABELS)),
        vocabulary=tuple(f"word {i}" for i in range(WORDS)),
        tensors={"labels": texts[:LABELS], "vocabulary": texts[LABELS:]},
    )
    return SimpleNamespace(basis=basis)


def nearest_of_all(basis: Basis, place: int) -> set[str]:
    """Words whose nearest of all other names is a label."""
    names = [*basis.labels, *basis.vocabulary]
    rows = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    words = set()
    for at in range(LABELS, len(names)):
        others = [i for i in range(len(names)) if i != at]
        if max(others, key=lambda i: float(rows[i] @ rows[at])) == place:
            words.add(names[at])
    return words


def test_they_are_the_words_whose_nearest_name_is_the_label(opened: Any) -> None:
    every = [nearest_of_all(opened.basis, place) for place in range(LABELS)]
    assert any(every)
    for place, words in enumerate(every):
        near = near_words(opened, opened.basis.labels, place)
        assert set(near) <= words
        assert len(near) == min(NEAR, len(words))
        label = opened.basis.tensors["labels"][place]
        cosines = [float(vector @ label) for vector in near.values()]
        assert cosines == sorted(cosines, reverse=True)
        left_out = near_words(opened, [*opened.basis.labels, *list(near)[:1]], place)
        assert not set(left_out) & set(list(near)[:1])


def test_without_a_vocabulary_there_are_none(opened: Any) -> None:
    nothing = SimpleNamespace(
        labels=("dog",), vocabulary=(), tensors=opened.basis.tensors
    )
    assert near_words(SimpleNamespace(basis=nothing), ("dog",), 0) == {}  # type: ignore[arg-type]
