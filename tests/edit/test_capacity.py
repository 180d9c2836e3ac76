"""The capacity curve: what random forgets of a model cost together."""

import numpy as np
import pytest

from govd.edit.calibration import FORMAT, Calibration
from govd.edit.capacity import Load, changed_of, curve
from govd.edit.trials import calibrated
from tests.edit.conftest import World
from tests.edit.test_calibration import METHODS, make_for


def test_points_are_even_on_a_logarithmic_axis() -> None:
    loads = [
        Load(1, 0.01, 100),
        Load(1, 0.03, 100),
        Load(1, 0.02, 100),
        Load(3, 0.05, 100),
        Load(5, 0.07, 100),
        Load(30, 0.4, 90),
    ]
    points = curve(reversed(loads))
    assert [point["forgets"] for point in points] == [1, 4, 30]
    assert [point["changed"] for point in points] == pytest.approx([0.02, 0.06, 0.4])
    assert [(point["low"], point["high"]) for point in points] == [
        (0.01, 0.03),
        (0.05, 0.07),
        (0.4, 0.4),
    ]
    assert [point["draws"] for point in points] == [3, 2, 1]
    assert curve(()) == []


def test_it_is_measured_with_what_calibrates_predictions(world: World) -> None:
    known = calibrated(world.basis(), make_for(world), METHODS)  # type: ignore[arg-type]
    assert known is not None
    loads = known.loads
    assert {load.forgets for load in loads} >= {1, 3}
    assert all(0 <= load.changed <= 1 and load.pictures > 0 for load in loads)
    few = np.mean([load.changed for load in loads if load.forgets == 1])
    many = np.mean([load.changed for load in loads if load.forgets > 5])
    assert few <= many
    assert Calibration.from_bytes(known.to_bytes()).loads == loads


def test_answers_about_labels_are_counted_where_they_are_known(world: World) -> None:
    known = calibrated(world.basis(), make_for(world), METHODS)  # type: ignore[arg-type]
    assert known is not None
    assert known.facts["loads_of"] == ("shown" if "shown" in known.errors else "all")
    figures = {"predicted_disagreement": 0.4, "shown_disagreement": 0.1}
    assert changed_of(figures) == 0.1
    assert changed_of({"predicted_disagreement": 0.4}) == 0.4
    assert changed_of({}) is None


def test_what_an_older_version_measured_has_none() -> None:
    """What it counted was all answers."""
    assert Calibration({"all": [0.0] * 40}, 1.0, {"requests": 40}).loads == []
    loads = {"loads": [[1, 0.5, 100]]}
    data = Calibration({}, 1.0, loads).to_bytes()
    older = data.replace(FORMAT.encode(), b"govd-prediction-7")
    assert Calibration.from_bytes(data).loads
    assert not Calibration.from_bytes(older).loads
