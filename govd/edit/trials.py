"""Random forgets tried on a part of a pool: what they were predicted to do, and what they did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.calibration import (
    APART,
    COVERED,
    ELSEWHERE,
    ENOUGH,
    NAMED,
    WHOLE,
    Calibration,
    unit_of,
)
from govd.edit.capacity import Load
from govd.edit.compose import Method, compose
from govd.edit.constants import POOL_LEAST, POOL_RIDGE
from govd.edit.costs import Costs, costs
from govd.edit.elsewhere import (
    Tries,
    counted_elsewhere,
    errors_of,
    expected_elsewhere,
    tried_of,
)
from govd.edit.extent import in_scope
from govd.edit.factors import Edit
from govd.edit.left import left_by, with_chance
from govd.edit.own_labels import cells_in, own_anchors
from govd.edit.prediction import Watch, watch_for
from govd.edit.random_requests import Drawn, draws, shared_out
from govd.edit.selectors import ridge, select_domains
from govd.edit.tried import Tried
from govd.edit.worst import expected_worst
from govd.errors import OverCapacity, Unsupported
from govd.types import (
    Contribution,
    Figure,
    Floats,
    Json,
    Progress,
    Scope,
    silent,
)

SEED: Final = 7
POOL: Final = 4096
"""Pool pictures that are taken, at most: fits on fewer are worse, so that intervals are rather too
wide.
"""
SECONDS: Final = 45.0
"""Time after which no further request is measured, where there are enough for an interval."""
PATIENCE: Final = 3.0
"""So many times as long is measured until there are: on a machine that has much else to do."""

Make = Callable[[Basis, Scope], Contribution]
"""Computes the contribution of a scope on a basis; raises Unsupported or OverCapacity where there
is none.
"""


@dataclass(frozen=True)
class Fold:
    """A part of a pool, `unseen`, the rest to fit requests on, and what was contributed there."""

    fitted: Basis
    unseen: Basis
    contributions: dict[Scope, Contribution] = field(default_factory=dict)


def parted(basis: Basis, draw: np.random.Generator) -> list[Fold]:
    """Each part of the pool apart once; nothing where it is too small to be parted."""
    pictures = len(basis.tensors["pool"]) if basis.has_pool else 0
    order = draw.permutation(pictures)[:POOL]
    if len(order) // APART < POOL_LEAST:
        return []
    parts = [np.sort(order[turn::APART]) for turn in range(APART)]
    return [
        Fold(
            of_rows(basis, np.setdiff1d(order, apart)),
            _pictures(basis, apart),
        )
        for apart in parts
    ]


def calibrated(
    basis: Basis,
    make: Make,
    methods: Mapping[str, Method],
    seconds: float = SECONDS,
    progress: Progress = silent,
) -> Calibration | None:
    """Errors of predictions on a basis, with as many random requests as can be measured in so many
    seconds, or `PATIENCE` times as many where they are too few for an interval. None where the pool
    is too small to be parted.

    Args:
        make: computes a contribution from a request, as filing does.
        methods: by name; those of the contributions.
        progress: is told of each request that was measured.
    """
    draw = np.random.default_rng(SEED)
    folds = parted(basis, draw)
    if not folds:
        return None
    share = _share_watched(folds[0].fitted, basis)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    requests = shared_out(draws(basis, draw), APART, draw)
    last, is_new = 0, True
    for place, (part, request) in enumerate(requests):
        progress("predictions", place, len(requests))
        elapsed = time.monotonic() - began
        told = sum("all" in outcome.errors for outcome in outcomes)
        if elapsed > (seconds if told >= ENOUGH else PATIENCE * seconds):
            break
        # a new fold has no contributions yet: few errors would be worse than those of one
        if part != last:
            last, is_new = part, elapsed <= seconds * place / len(requests)
            if is_new:
                folds.pop(0)
        if request.is_whole and not is_new:  # it was tried on this fold
            continue
        try:
            outcomes.append(_outcome(folds[0], request, make, methods))
        except (Unsupported, OverCapacity):  # no such edit: nobody will file it either
            continue
    duration = time.monotonic() - began
    return Calibration(_errors(outcomes), share, _facts(outcomes, duration))


def _facts(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Json]:
    """What else an artifact says: how many were measured, in what time, and what they cost."""
    loads = [outcome.load for outcome in outcomes if outcome.load is not None]
    elsewhere = tried_of(_cells(outcomes))
    by_name = left_by(
        [outcome.left for outcome in outcomes if outcome.left is not None]
    )
    return {
        "requests": len(outcomes),
        "seconds": round(seconds, 1),
        "covered": COVERED,
        "loads": [load.as_row() for load in sorted(loads)],
        "loads_of": "shown" if any("shown" in o.errors for o in outcomes) else "all",
        ELSEWHERE: elsewhere.as_row() if elsewhere else [],
        "left": {name: row.as_row() for name, row in by_name.items()},
    }


def _errors(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    """The errors of each figure, smallest first, as an artifact has them."""
    errors: dict[str, list[float]] = {}
    for outcome in outcomes:
        for name, error in outcome.errors.items():
            errors.setdefault(name, []).append(error)
    of_cells = errors_of(_cells(outcomes))
    if of_cells:
        errors[ELSEWHERE] = of_cells
    return {
        name: [round(error, 6) for error in sorted(listed)]
        for name, listed in errors.items()
    }


def _cells(outcomes: Sequence[Outcome]) -> list[Tries]:
    return [outcome.elsewhere for outcome in outcomes if outcome.elsewhere is not None]


def _share_watched(fitted: Basis, basis: Basis) -> float:
    """The pictures that predictions on `fitted` are counted on, as a share of those on `basis`."""
    part = watch_for(fitted, ())
    whole = watch_for(basis, ())
    assert part is not None
    assert whole is not None
    return len(part.at) / len(whole.at)


def _pictures(basis: Basis, rows: Any) -> Basis:
    """The basis with a part of its pool, to count on: nothing is fitted on it."""
    parts = {
        name: basis.tensors[name][rows]
        for name in ("pool", "pool_domains")
        if name in basis.tensors
    }
    return replace(basis, tensors={**basis.tensors, **parts})


def of_rows(basis: Basis, rows: Any) -> Basis:
    """The basis with a part of its pool: what depends on the pool is computed anew."""
    part = _pictures(basis, rows)
    pool = np.ascontiguousarray(part.tensors["pool"])
    mean = exact.mean(pool)
    covariance = exact.gram(pool - mean) / len(pool)
    tensors: dict[str, Floats] = {**part.tensors, "pool": pool, "pool_mean": mean}
    tensors["pool_inverse"] = exact.inverse(covariance + ridge(covariance, POOL_RIDGE))
    if "pool_domains" in basis.tensors:
        texts = np.stack(
            [exact.mean(prompts) for prompts in basis.tensors["domain_prompts"]]
        )
        plain = exact.mean(basis.anchors[1])
        tensors |= select_domains(
            exact.unit(texts),
            exact.unit(plain[None]),
            pool,
            basis.tensors["metric_inverse"],
        )
        tensors["pool_domains"] = part.tensors["pool_domains"]
    return replace(basis, tensors=tensors)


@dataclass(frozen=True)
class Outcome:
    """What a random request did: errors of its predictions by figure; where it and what stands
    beside it are about concepts, what both together did to the other answers; what a cell's labels
    lost elsewhere, whose errors are known when all were tried; what was left of it, with its name
    in `NAMED`.
    """

    errors: Mapping[str, float]
    left: tuple[str, Figure] | None
    load: Load | None = None
    elsewhere: Tries | None = None


def _outcome(
    fold: Fold, request: Drawn, make: Make, methods: Mapping[str, Method]
) -> Outcome:
    """What a request was predicted to do on the pictures that were fitted on, beside what it does
    to unseen ones.
    """
    fitted, unseen = fold.fitted, fold.unseen
    for scope in (*request.own, *request.beside):
        if scope not in fold.contributions:
            fold.contributions[scope] = make(fitted, scope)
    contributions, beside = (
        [fold.contributions[scope] for scope in scopes]
        for scopes in (request.own, request.beside)
    )
    before = compose(fitted, beside, methods)
    after = compose(fitted, [*beside, *contributions], methods)
    watch = watch_for(fitted, [*contributions, *beside])
    other = Watch.of(unseen)
    assert watch is not None
    assert other is not None
    predicted = figures(fitted, watch, contributions, beside, before, after)
    measured = figures(
        unseen, other, contributions, beside, before, after, expected=False
    )
    own_names = WHOLE if request.is_whole else {}
    errors = {
        own_names.get(name, name): (
            (measured[name].share - predicted[name].share) / unit_of(predicted[name])
        )
        for name in (predicted.keys() & measured.keys()) - {ELSEWHERE}
    }
    name = NAMED[request.own[0].paradigm]
    remains = (name, measured[name]) if name in measured else None
    if any(scope.paradigm != "concepts" for scope in (*request.own, *request.beside)):
        cells = cells_in(fitted, contributions)
        to_go = in_scope(fitted, [*contributions, *beside])
        counted = counted_elsewhere(fitted, before, after, to_go, cells)
        tries = None
        if counted and ELSEWHERE in measured:
            tries = Tries(tuple(counted), measured[ELSEWHERE])
        return Outcome(errors, remains, elsewhere=tries)
    everything = in_scope(unseen, [*contributions, *beside])
    mask = np.zeros(len(other.at), bool) if everything is None else everything[other.at]
    totals = costs(other, other.top, other.answers(after), mask)
    total = totals.get("shown", totals.get("all"))
    if total is None:
        return Outcome(errors, remains)
    forgets = len(contributions) + len(beside)
    return Outcome(errors, remains, Load(forgets, total.share, total.pictures))


def figures(
    basis: Basis,
    watch: Watch,
    own: Sequence[Contribution],
    beside: Sequence[Contribution],
    before: Edit,
    after: Edit,
    *,
    expected: bool = True,
    tried: Mapping[str, Tried] | None = None,
) -> Costs:
    """The costs of some forgets of one paradigm beside others on these pictures; its name in
    `NAMED` is the share of their own pictures that is still named so, or in a domain the share that
    keeps its answer.

    Args:
        basis: has the labels.
        watch: the pictures that are counted.
        before: the edit of `beside` alone.
        after: the edit with `own`.
        expected: the costs of the worst label and cell are what is expected on other pictures
            (`worst`), not counted on these; and what is left says what chance may do.
        tried: what random forgets left and random cells lost elsewhere: what these leave and lose
            is then expected alike.
    """
    everything = in_scope(basis, [*own, *beside])
    own_pictures = in_scope(basis, own)
    if everything is None or own_pictures is None:
        return {}
    cells = cells_in(basis, own)
    then = watch.answers(before)
    now = watch.answers(after)
    by_name = costs(watch, then, now, everything[watch.at], cells)
    if expected:
        by_name |= expected_worst(basis, before, after, everything)
    tried = tried or {}
    of_cells = tried.get(ELSEWHERE)
    by_name |= expected_elsewhere(basis, before, after, everything, cells, of_cells)
    mask = own_pictures[watch.at]
    if mask.any():
        name = NAMED[own[0].spec.scope.paradigm]
        share = _named(basis, own, watch.top[mask], now[mask])
        by_name[name] = with_chance(name, share, tried) if expected else share
    return by_name


def _named(basis: Basis, own: Sequence[Contribution], top: Any, answers: Any) -> Figure:
    """How many of some forgets' own pictures are still named with one of them; of a whole domain's,
    how many keep their answer.

    Args:
        basis: has the labels.
        top: `(n,)`, answers of the unedited model.
        answers: `(n,)`, with the forgets.
    """
    if all(not contribution.spec.scope.concepts for contribution in own):
        named = answers == top
    else:
        masks = [own_anchors(basis, contribution) for contribution in own]
        named = np.isin(answers, np.flatnonzero(np.logical_or.reduce(masks)))
    return Figure(float(named.mean()), len(named))
