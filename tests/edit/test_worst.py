"""What the worst label is expected to cost, against draws of it."""

import numpy as np
import pytest

from govd.edit import Edit
from govd.edit.costs import LEAST
from govd.edit.prediction import Watch
from govd.edit.worst import FINEST, JUDGED, expected_worst, largest
from tests.edit.conftest import World


@pytest.mark.parametrize("pictures", [[12, 12, 30], [1, 5, 200], [40]])
def test_the_largest_share_is_that_of_draws(pictures: list[int]) -> None:
    draw = np.random.default_rng(len(pictures))
    count = np.array(pictures)
    lose, stay = 0.3 + draw.uniform(size=(2, len(count))) * [[2.0], [9.0]]
    shares = draw.beta(lose, stay, (40_000, len(count)))
    worst = (draw.binomial(count, shares) / count).max(1)
    expected = largest(lose, stay, count)
    assert expected.mean == pytest.approx(worst.mean(), abs=0.01)
    assert expected.deviation == pytest.approx(worst.std(), abs=0.01)
    least, most = expected.ends
    assert np.mean(worst < least - 1e-9) <= 0.06
    assert np.mean(worst > most + 1e-9) <= 0.06
    assert np.mean((worst > least + 0.005) & (worst < most - 0.005)) <= 0.92


def test_it_is_what_the_worst_label_of_half_of_the_pictures_loses(
    world: World,
) -> None:
    basis = world.basis(labels=40)
    watch = Watch.of(basis)
    assert watch is not None
    draw = np.random.default_rng(1)
    moved = draw.normal(size=(basis.dim, 3)) / basis.dim**0.5
    edit = Edit(moved, 0.9 * moved, "image")
    changed = watch.answers(edit) != watch.top
    figures = expected_worst(basis, Edit.nothing(basis.dim), edit, None)
    figure = figures["worst_label"]
    assert figure.spread is not None
    count = np.bincount(watch.top, minlength=40)
    label = watch.names.index(figure.label)
    assert figure.pictures == count[label]
    assert JUDGED * count[label] >= LEAST
    assert changed.mean() < figure.share
    worst = []
    for _ in range(200):
        half = draw.permutation(len(changed))[: len(changed) // 2]
        n = np.bincount(watch.top[half], minlength=40)
        lost = np.bincount(watch.top[half], changed[half], 40)
        worst.append((lost / np.maximum(n, 1))[n >= LEAST].max())
    assert abs(figure.share - np.mean(worst)) < 2 * figure.spread
    assert figure.spread > FINEST
    cell = figures["worst_cell"]
    assert cell.label in watch.names
    assert cell.domain in basis.domains
    assert cell.pictures < figure.pictures
    assert cell.spread is not None
    assert abs(cell.share - np.mean(worst_of(watch, changed, draw))) < 2 * cell.spread


def worst_of(
    watch: Watch, changed: np.ndarray, draw: np.random.Generator
) -> list[float]:
    """What the label in one domain that loses most shows on halves of the pictures."""
    wide = int(watch.domain.max()) + 1
    group, known = watch.top * wide + watch.domain, watch.domain >= 0
    found = []
    for _ in range(200):
        half = draw.permutation(len(changed))[: len(changed) // 2]
        half = half[known[half]]
        n = np.bincount(group[half])
        lost = np.bincount(group[half], changed[half])
        enough = n >= LEAST if (n >= LEAST).any() else n > 0
        found.append((lost / np.maximum(n, 1))[enough].max())
    return found


def test_where_nothing_changes_nothing_is_expected(world: World) -> None:
    basis = world.basis(labels=40)
    nothing = Edit.nothing(basis.dim)
    figure = expected_worst(basis, nothing, nothing, None)["worst_label"]
    assert figure.share < FINEST
    assert figure.by_chance is not None
    least, most = figure.by_chance
    fewest = JUDGED * figure.pictures
    assert least == 0.0
    assert most < 2.0 / fewest, "a picture or so may change where none did"
    everything = np.ones(len(basis.thinned_pool()[0]), bool)
    assert expected_worst(basis, nothing, nothing, everything) == {}
