"""What a label is expected to lose in other domains, against draws of it."""

from dataclasses import replace

import numpy as np
import pytest

from govd.edit.calibration import ENOUGH, Calibration
from govd.edit.elsewhere import Tries, errors_of, expected, tried_of
from govd.edit.tried import Tried
from govd.types import Figure

TRIED = Tried(0.3, 5.0)


def drawn(
    draw: np.random.Generator, pictures: int, judged: int, beyond: float = 0.0
) -> Tries:
    """A cell whose share is one of `TRIED`: what it lost here, and on other pictures; here its log
    odds are lower by `beyond`.
    """
    share = draw.beta(TRIED.share * TRIED.weight, (1 - TRIED.share) * TRIED.weight)
    seen = share / (share + (1 - share) * np.exp(beyond))
    here, there = draw.binomial(pictures, seen), draw.binomial(judged, share)
    return Tries(
        (Figure(here / pictures, pictures, "cat"),),
        Figure(there / judged, judged, "cat"),
    )


def test_what_is_known_of_cells_is_that_of_draws() -> None:
    draw = np.random.default_rng(0)
    cells = [drawn(draw, 20, int(n)) for n in draw.integers(1, 30, 2000)]
    tried = tried_of(cells)
    assert tried is not None
    assert tried.share == pytest.approx(TRIED.share, abs=0.02)
    assert tried.weight == pytest.approx(TRIED.weight, rel=0.2)
    assert tried_of(cells[: ENOUGH - 1]) is None
    assert Tried.of(tried.as_row()).as_row() == tried.as_row()


def test_cells_that_differ_by_chance_alone_count_no_more_than_their_pictures() -> None:
    tried = tried_of([Tries((Figure(0.0, 5),), Figure(0.0, 5))] * 30)
    assert tried is not None
    assert tried.weight == 150
    assert 0 < tried.share < 0.01


def test_few_pictures_say_little_and_many_say_all() -> None:
    few, many = (expected([Figure(1.0, n, "cat")], TRIED) for n in (2, 2000))
    assert few.share == pytest.approx((0.3 * 5 + 2) / 7, abs=0.01)
    assert many.share > 0.99
    assert few.label == "cat"
    assert few.pictures == 2


def test_of_several_labels_it_is_the_largest() -> None:
    counted = [Figure(0.2, 40, "cat"), Figure(0.6, 40, "dog"), Figure(1.0, 3, "elk")]
    figure = expected(counted, TRIED)
    assert (figure.label, figure.pictures) == ("dog", 40), "an elk is shown too rarely"
    assert figure.share > expected(counted[1:2], TRIED).share - 0.01
    alone = expected(counted[2:], TRIED)
    assert alone.label == "elk"


def test_what_a_fit_has_seen_is_not_taken_for_what_it_has_not() -> None:
    """Where labels lose more on unseen pictures, predictions say so, and stray by chance alone."""
    draw = np.random.default_rng(3)
    cells = [drawn(draw, int(n), int(n), 1.5) for n in draw.integers(20, 40, 400)]
    tried = tried_of(cells)
    assert tried is not None
    assert tried.beyond == pytest.approx(1.5, abs=0.4)
    flattered = replace(tried, beyond=0.0)
    off, believed = (
        np.mean([c.measured.share - expected(c.counted, t).share for c in cells])
        for t in (tried, flattered)
    )
    assert abs(off) < 0.03
    assert believed > 0.08
    nothing = expected([Figure(0.0, 40, "cat")], tried)
    everything = expected([Figure(1.0, 40, "cat")], tried)
    assert 0.0 < nothing.share < everything.share <= 1.0


def test_intervals_cover_and_are_shorter_than_those_of_counts() -> None:
    """Of cells with as few pictures as a pool has."""
    draw = np.random.default_rng(1)
    tries = [drawn(draw, int(n), int(n) // 2 + 1) for n in draw.integers(3, 40, 40)]
    tried = tried_of(tries)
    assert tried is not None
    errors = errors_of(tries)
    assert len(errors) == len(tries)
    known = Calibration({"elsewhere": errors}, 1.0, {"elsewhere": tried.as_row()})
    assert known.tried["elsewhere"] == Tried.of(tried.as_row())
    covered, widths = [], []
    for n in draw.integers(3, 40, 400):
        cell = drawn(draw, int(n), int(n) // 2 + 1)
        figure = known.around("elsewhere", expected(cell.counted, tried))
        assert figure.low is not None
        assert figure.high is not None
        covered.append(figure.low <= cell.measured.share <= figure.high)
        widths.append(figure.high - figure.low)
    assert np.mean(covered) >= 0.88
    assert np.median(widths) < 0.6


def test_errors_of_too_few_cells_are_none() -> None:
    draw = np.random.default_rng(2)
    tries = [drawn(draw, 10, 5) for _ in range(ENOUGH - 1)]
    assert errors_of(tries) == []
