"""What may be left of a forget on other pictures than the few that it was counted on."""

from __future__ import annotations

import numpy as np

from govd.edit.calibration import ENOUGH, Calibration
from govd.edit.left import left_by, with_chance
from govd.edit.tried import Tried
from govd.types import Figure


def test_of_nothing_that_is_left_chance_has_the_room_that_random_forgets_had() -> None:
    """One forget in four leaves a picture in ten: of ten others that may be, of a model whose
    random forgets leave none it may not.
    """
    uneven = [("named", Figure(0.1 if i % 4 == 0 else 0.0, 20)) for i in range(40)]
    none = Figure(0.0, 20)
    ends = with_chance("named", none, left_by(uneven)).by_chance
    assert ends is not None
    assert ends[0] == 0.0
    assert 0.1 <= ends[1] <= 0.3
    clean = [("named", Figure(0.0, 200)) for _ in range(40)]
    assert with_chance("named", none, left_by(clean)).by_chance == (0.0, 0.0)
    assert with_chance("named", none, {}).by_chance == (0.0, 0.0)


def test_what_is_foretold_holds_what_other_pictures_then_show() -> None:
    draw = np.random.default_rng(3)
    shares = draw.beta(0.2, 9.8, size=2000)
    tried = left_by([("named", Figure(draw.binomial(40, p) / 40, 40)) for p in shares])
    held, wide = 0, []
    for p in draw.beta(0.2, 9.8, size=1000):
        counted = Figure(draw.binomial(40, p) / 40, 40)
        ends = with_chance("named", counted, tried).by_chance
        assert ends is not None
        held += ends[0] <= draw.binomial(20, p) / 20 <= ends[1]
        wide.append(ends[1] - ends[0])
    assert held >= 900
    assert np.median(wide) < 0.15


def test_pictures_that_are_left_have_their_own_room_as_well() -> None:
    figure = with_chance("named", Figure(0.5, 10), {"named": Tried(0.001, 1000.0)})
    assert figure.by_chance is not None
    low, high = figure.by_chance
    assert low < 0.25
    assert high > 0.75


def test_too_few_random_forgets_tell_nothing_and_each_paradigm_has_its_own() -> None:
    few = [("named", Figure(0.1, 20))] * (ENOUGH - 1)
    cells = [("named, cells", Figure(0.2, 20))] * ENOUGH
    assert set(left_by([*few, *cells])) == {"named, cells"}


def test_what_was_left_is_kept_with_the_errors_of_predictions() -> None:
    tried = Tried(0.01, 120.0)
    kept = Calibration({}, 1.0, {"left": {"named": tried.as_row()}})
    assert Calibration.from_bytes(kept.to_bytes()).tried == {"named": tried}
