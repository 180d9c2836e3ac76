"""Intervals of predictions: that they cover, what they are made of, and that nothing is claimed
from too little.
"""

import itertools
import math

import numpy as np
import pytest

from govd.edit import Basis
from govd.edit.calibration import (
    APART,
    BESIDE,
    ENOUGH,
    FORMAT,
    NAMED,
    Calibration,
    spread,
)
from govd.edit.compose import compose
from govd.edit.prediction import Watch, watch_for
from govd.edit.random_requests import draws
from govd.edit.trials import PATIENCE, calibrated, figures, of_rows, parted
from govd.errors import BadFile
from govd.methods import builtin
from govd.types import Contribution, Figure, Scope
from tests.edit.conftest import World

METHODS = builtin()


def make_for(world: World, method: str = "oblique") -> object:
    def make(basis: Basis, scope: Scope) -> Contribution:
        return world.contribution(
            basis,
            *(c.name for c in scope.concepts),
            domains=scope.domains,
            method=method,
        )

    return make


@pytest.fixture(scope="module")
def calibration(world: World) -> Calibration:
    known = calibrated(world.basis(), make_for(world), METHODS)  # type: ignore[arg-type]
    assert known is not None
    return known


def test_at_least_forty_requests_of_every_size_are_drawn(world: World) -> None:
    requests = draws(world.basis(), np.random.default_rng(0))
    concepts = [r for r in requests if all(not scope.domains for scope in r.own)]
    assert len(concepts) == 40
    assert {len(r.own) for r in concepts} == {1, 3, 10}, (
        "thirty are more than half of the labels"
    )
    assert any(r.beside for r in concepts)
    assert any(not r.beside for r in concepts)
    assert sum(scope.paradigm == "cells" for r in requests for scope in r.own) >= 19
    assert {
        scope.domains for r in requests for scope in r.own if not scope.concepts
    } == {
        ("photo",),
        ("sketch",),
    }
    names = [
        c.name
        for r in requests
        for scope in (*r.own, *r.beside)
        for c in scope.concepts
    ]
    assert set(names) <= set(world.names[:40])


def test_intervals_cover_what_pictures_that_nobody_saw_show(
    world: World, calibration: Calibration
) -> None:
    """Other forgets than those of the calibration, on other pictures than the pool's."""
    basis, draw = world.basis(), np.random.default_rng(99)
    data = world.data
    other = Watch(
        data.vectors,
        np.arange(len(data.vectors)),
        basis.labels,
        basis.tensors["labels"],
        (data.vectors @ basis.tensors["labels"].T).argmax(1),
        np.asarray(data.domain_of),
        basis.domains,
    )
    covered = []
    for size in (1, 3, 10) * 10:
        chosen = draw.choice(40, size, replace=False)
        own = [world.contribution(basis, world.names[i]) for i in chosen]
        edit = compose(basis, own, METHODS)
        watch = watch_for(basis, own)
        assert watch is not None
        nothing = compose(basis, [], METHODS)
        figure = calibration.around(
            "all", figures(basis, watch, own, [], nothing, edit)["all"]
        )
        kept = ~np.isin(other.top, chosen)
        measured = float((other.answers(edit) != other.top)[kept].mean())
        assert figure.low is not None
        assert figure.high is not None
        covered.append(figure.low <= measured <= figure.high)
    assert np.mean(covered) >= 0.88


def test_the_ends_are_quantiles_of_the_errors() -> None:
    # 41 of them: (41 + 1) · 0.05 = 2.1, so the second from either end
    errors = [float(e) for e in range(-20, 21)]
    known = Calibration({"all": errors}, 0.5)
    unit = math.sqrt((0.4 + 1 / 50) * (0.6 + 1 / 50) / 50)
    assert spread(0.4, 50) == pytest.approx(unit)
    lopsided = Calibration({"worst_cell": [e / 10 for e in range(-5, 36)]}, 0.5)
    figure = lopsided.around("worst_cell", Figure(0.4, 100))
    assert figure.low == pytest.approx(0.4 - 0.4 * BESIDE * unit)
    assert figure.high == pytest.approx(0.4 + 3.4 * BESIDE * unit)
    figure = known.around("all", Figure(0.4, 100))
    assert (figure.low, figure.high) == (0.0, 1.0)
    far = known.around("all", Figure(0.0, 10_000))
    assert far.low == 0.0
    assert far.high is not None
    assert 0 < far.high < 0.1


def test_errors_that_go_in_one_direction_are_no_sign_of_where_others_go() -> None:
    """Of `all`: they are those of the pictures that were apart."""
    known = Calibration({"all": [1.0] * 20 + [3.0] * 20}, 1.0)
    figure = known.around("all", Figure(0.3, 100))
    unit = spread(0.3, 100)
    assert figure.low == pytest.approx(0.3 - 3.0 * BESIDE * unit)
    assert figure.high == pytest.approx(0.3 + 3.0 * BESIDE * unit)


def test_a_part_more_strays_further_from_three_than_those_from_each_other() -> None:
    """Luck of parts, drawn: the mean of three and one more, in deviations of one of them."""
    luck = np.random.default_rng(0).normal(size=(100_000, APART + 1))
    apart = luck[:, -1] - luck[:, :-1].mean(1)
    assert float(apart.std()) == pytest.approx(BESIDE, abs=0.01)


def test_whole_domains_have_the_longer_interval_of_both() -> None:
    known = {"all": [1.0] * 40, "all, domains": [-4.0, 0.5, 3.0]}
    unit = spread(0.3, 400)
    for errors, whole, size in (
        (known, False, 1.0),
        (known, True, 4.0),
        (known | {"all, domains": [0.5] * 3}, True, 1.0),
        # of 19 the second largest: (19 + 1) · 0.9 = 18
        (known | {"all, domains": [2.0] * 18 + [9.0]}, True, 2.0),
        ({"all": [1.0] * 40}, True, 1.0),
    ):
        figure = Calibration(errors, 1.0).around("all", Figure(0.3, 400), whole=whole)
        assert figure.low == pytest.approx(0.3 - size * BESIDE * unit)
        assert figure.high == pytest.approx(0.3 + size * BESIDE * unit)
    assert Calibration({}, 1.0).around("all", Figure(0.3, 400), whole=True).low is None


def test_of_whole_domains_the_outermost_errors_count_to_either_side() -> None:
    errors = {"worst_label": [0.5] * 20 + [1.0] * 20}
    own = {"worst_label, domains": [-2.0, 0.5, 3.0]}
    unit = BESIDE * spread(0.3, 400)
    for known, whole, ends in (
        (errors, True, (0.0, 1.0)),
        (errors | own, False, (0.0, 1.0)),
        (errors | own, True, (2.0, 3.0)),
    ):
        figure = Calibration(known, 1.0).around(
            "worst_label", Figure(0.3, 400), whole=whole
        )
        assert figure.low == pytest.approx(0.3 - ends[0] * unit)
        assert figure.high == pytest.approx(0.3 + ends[1] * unit)


def test_whole_domains_are_tried_on_every_part(
    world: World, calibration: Calibration
) -> None:
    for name in ("all, domains", "worst_cell, domains"):
        assert len(calibration.errors[name]) == APART * len(world.basis().domains)


def test_an_interval_holds_the_prediction_itself() -> None:
    known = Calibration({"elsewhere": [2.0] * 40}, 1.0)
    figure = known.around("elsewhere", Figure(0.1, 100))
    assert figure.low == 0.1
    assert figure.high is not None
    assert figure.high > 0.1


def test_what_is_left_of_concepts_says_nothing_of_domains(
    world: World, calibration: Calibration
) -> None:
    left = {name: len(calibration.errors[name]) for name in NAMED.values()}
    assert min(left["named"], left["named, cells"]) >= ENOUGH
    assert len(calibration.errors["elsewhere"]) >= ENOUGH
    assert left["named, domains"] <= APART * len(world.basis().domains) < ENOUGH
    assert calibration.around("named", Figure(0.1, 100)).high is not None
    assert calibration.around("named, domains", Figure(0.1, 100)).high is None


def test_chance_has_room_though_errors_were_none() -> None:
    known = Calibration({"worst_label": [0.0] * 40}, 1.0)
    worst = known.around("worst_label", Figure(0.1, 30, by_chance=(0.02, 0.3)))
    assert (worst.low, worst.high) == (0.02, 0.3)


def test_each_picture_of_the_pool_is_apart_in_one_fold(world: World) -> None:
    basis = world.basis()
    folds = list(parted(basis, np.random.default_rng(0)))
    assert len(folds) == APART
    apart = [{row.tobytes() for row in fold.unseen.tensors["pool"]} for fold in folds]
    seen = [{row.tobytes() for row in fold.fitted.tensors["pool"]} for fold in folds]
    everything = {row.tobytes() for row in basis.tensors["pool"]}
    assert set.union(*apart) == everything
    assert sum(map(len, apart)) == len(everything)
    for own, others in zip(apart, seen, strict=True):
        assert own.isdisjoint(others)
        assert own | others == everything


@pytest.mark.parametrize(("step", "parts"), [(0.01, APART), (1.0, 1)])
def test_parts_take_turns_where_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch, step: float, parts: int
) -> None:
    """A part has its contributions computed anew: whoever is behind his time stays with one."""
    ticks = itertools.count(0.0, step)
    monkeypatch.setattr("govd.edit.trials.time.monotonic", lambda: next(ticks))
    monkeypatch.setattr("govd.edit.random_requests.REQUESTS", 20)
    monkeypatch.setattr("govd.edit.random_requests.CELLS", 4)
    make, seen = make_for(world), set[int]()

    def noted(basis: Basis, scope: Scope) -> Contribution:
        seen.add(id(basis))
        return make(basis, scope)  # type: ignore[operator,no-any-return]

    known = calibrated(world.basis(), noted, METHODS, seconds=25.0)
    assert known is not None
    assert len(seen) == parts
    assert len(known.errors["all"]) >= 20


def test_a_busy_machine_measures_until_an_interval_can_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0.0, 1.0)
    monkeypatch.setattr("govd.edit.trials.time.monotonic", lambda: next(ticks))
    known = calibrated(world.basis(), make_for(world), METHODS, seconds=10.0)  # type: ignore[arg-type]
    assert known is not None
    assert ENOUGH <= known.facts["requests"] < 25
    assert known.is_enough
    hurried = calibrated(world.basis(), make_for(world), METHODS, seconds=2.0)  # type: ignore[arg-type]
    assert hurried is not None
    assert hurried.facts["requests"] <= 2.0 * PATIENCE
    assert not hurried.is_enough


def test_few_errors_say_nothing() -> None:
    assert (
        Calibration({"all": [0.0] * 18}, 1.0).around("all", Figure(0.1, 100)).high
        is None
    )
    assert (
        Calibration({"all": [0.0] * 19}, 1.0).around("all", Figure(0.1, 100)).high
        is not None
    )
    assert Calibration({}, 1.0).around("named", Figure(0.1, 100)).low is None


def test_a_pool_that_cannot_be_parted_is_not_measured(world: World) -> None:
    assert calibrated(world.basis(pool=False), make_for(world), METHODS) is None  # type: ignore[arg-type]
    small = of_rows(world.basis(), np.arange(40))
    assert calibrated(small, make_for(world), METHODS) is None  # type: ignore[arg-type]


def test_a_part_of_a_pool_is_a_basis_of_its_own(world: World) -> None:
    import dataclasses

    basis, rows = world.basis(), np.arange(0, 1200, 2)
    part = of_rows(basis, rows)
    fresh = dataclasses.replace(world, pool=world.pool[rows]).basis()
    for name in ("pool", "pool_mean", "pool_inverse"):
        assert np.abs(part.tensors[name] - fresh.tensors[name]).max() < 1e-9
    assert (part.tensors["pool_domains"] == basis.tensors["pool_domains"][rows]).all()


def test_it_is_read_as_it_was_written(calibration: Calibration) -> None:
    again = Calibration.from_bytes(calibration.to_bytes())
    assert again.errors == calibration.errors
    assert again.pictures == calibration.pictures
    assert again.tried == calibration.tried
    assert {"named", "elsewhere"} <= set(again.tried)
    with pytest.raises(BadFile):
        Calibration.from_bytes(b"{}")


@pytest.mark.parametrize(
    ("older", "kept"),
    [
        (FORMAT.encode(), {"all", "worst_label", "worst_cell", "named", "elsewhere"}),
        (b"govd-prediction-5", {"all", "worst_label", "worst_cell", "named"}),
        (b"govd-prediction-4", {"all", "worst_label", "worst_cell", "named"}),
        (b"govd-prediction-3", {"all", "worst_label", "worst_cell"}),
        (b"govd-prediction-2", {"all", "worst_label"}),
        (b"govd-prediction-1", {"all"}),
    ],
)
def test_what_older_versions_predicted_otherwise_has_no_interval(
    older: bytes, kept: set[str]
) -> None:
    names = ("all", "worst_label", "worst_cell", "named", "elsewhere")
    data = Calibration(dict.fromkeys(names, [0.0] * 60), 1.0).to_bytes()
    read = Calibration.from_bytes(data.replace(FORMAT.encode(), older))
    assert set(read.errors) == kept
    assert read.tried == {}
