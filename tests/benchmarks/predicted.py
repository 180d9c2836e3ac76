"""`python -m tests.benchmarks.predicted [SET…]`: intervals of predictions beside what pictures then
show that nothing was fitted on.

Of each set of `tests.benchmarks.forgetting` a third of the pool is set apart. Errors of predictions
are measured on the rest, as `govd model add` does; then other random requests are predicted and
judged: by pseudo-label on what was set apart (which is what an interval promises), and, where they
are about concepts, by true label on the pictures that judge a set, which may be of another kind (as
`mini`'s are: its pool is mostly of other things). `shown` is `all` with each picture counted as far
as it shows a label. Coverage by true label is lenient by the
measurement's own error (one binomial standard deviation to either side). Requests about cells and
whole domains have a table of their own; a figure without an interval has no row.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from govd.edit import Basis, Material, Problem
from govd.edit.calibration import Calibration
from govd.edit.compose import compose
from govd.edit.contribution import sealed
from govd.edit.prediction import Watch, watch_for
from govd.edit.random_requests import draws
from govd.edit.trials import calibrated, figures, of_rows
from govd.errors import OverCapacity, Unsupported
from govd.methods import builtin
from govd.types import Contribution, Figure, ForgetSpec, Scope
from tests.benchmarks.forgetting.sets import Split, portfolio

METHOD = "fitted"
METHODS = builtin()
OTHER_DRAWS = 1_000_003
TRUE = {"all": "all, by true label", "shown": "shown, by true label"}
NAMES = {true: name for name, true in TRUE.items()}


def made(basis: Basis, scope: Scope) -> Contribution:
    """A contribution of labels, as filing computes it."""
    place = {name: i for i, name in enumerate(basis.anchors[0])}
    texts = [basis.anchors[1][place[concept.name]][None] for concept in scope.concepts]
    rows = np.concatenate(texts) if texts else np.zeros((0, basis.dim))
    spec = ForgetSpec(scope, METHOD, "unnamed", 1.0)
    tensors, facts = METHODS[METHOD].contribute(
        Problem(basis, spec, Material(texts, rows))
    )
    return sealed(basis.digest, spec, dict(tensors), dict(facts))


def true_cost(
    split: Split, own: list[Contribution], before: np.ndarray, after: np.ndarray
) -> Figure:
    """The share of changed answers among pictures whose true label stays."""
    place = {name: i for i, name in enumerate(split.basis.labels)}
    gone = [
        place[concept.name]
        for c in own
        if not c.spec.scope.domains
        for concept in c.spec.scope.concepts
    ]
    kept = ~np.isin(split.label, gone) & ~np.isin(split.base, gone)
    return Figure(float((before != after)[kept].mean()), int(kept.sum()))


def seen_as(basis: Basis, images: np.ndarray) -> Watch:
    """Pictures that are no part of the basis' pool, whose domains nobody asks for."""
    top = (images @ basis.anchors[1].T).argmax(1)
    return Watch(
        images,
        np.arange(len(images)),
        basis.anchors[0],
        basis.anchors[1],
        top,
        np.full(len(images), -1),
        basis.domains,
    )


@dataclass(frozen=True)
class Judged:
    """One figure of a request about `concepts`, `cells` or `domains`: predicted, with the ends of
    its interval, and measured on so many pictures.
    """

    about: str
    figure: str
    predicted: float
    low: float
    high: float
    measured: float
    pictures: int

    @property
    def covered(self) -> bool:
        """Whether the interval has what was measured; by true label leniently, by the measurement's
        own standard deviation.
        """
        slack = (
            (self.measured * (1 - self.measured) / max(1, self.pictures)) ** 0.5
            if self.figure in NAMES
            else 0.0
        )
        return self.low - slack <= self.measured <= self.high + slack


def judged(
    split: Split, basis: Basis, unseen: Basis, calibration: Calibration
) -> Iterator[Judged]:
    """Predict other requests than those of the calibration, and measure what becomes of them.

    Args:
        split: has the pictures that judge by true label.
        basis: of the part of the pool that requests are fitted on.
        unseen: the same with the part that was set apart.
    """
    shown = seen_as(basis, split.x)
    other = Watch.of(unseen)
    assert other is not None
    made_of = cache(partial(made, basis))
    for request in draws(basis, np.random.default_rng(OTHER_DRAWS + split.seed)):
        try:
            own, beside = (
                [made_of(scope) for scope in scopes]
                for scopes in (request.own, request.beside)
            )
            before, after = (
                compose(basis, beside, METHODS),
                compose(basis, [*beside, *own], METHODS),
            )
        except (Unsupported, OverCapacity):
            continue
        watch = watch_for(basis, [*own, *beside])
        assert watch is not None
        tried = calibration.tried
        predicted = figures(basis, watch, own, beside, before, after, tried=tried)
        measured = figures(unseen, other, own, beside, before, after, expected=False)
        about = request.own[0].paradigm
        if about == "concepts" and "all" in predicted:
            answers = shown.answers(before), shown.answers(after)
            true = true_cost(split, [*own, *beside], *answers)
            for name in predicted.keys() & TRUE.keys():
                predicted[TRUE[name]], measured[TRUE[name]] = predicted[name], true
        for name in predicted.keys() & measured.keys():
            figure = calibration.around(
                NAMES.get(name, name), predicted[name], whole=request.is_whole
            )
            if figure.low is None or figure.high is None:
                continue
            found = measured[name]
            ends = figure.low, figure.high
            yield Judged(about, name, figure.share, *ends, found.share, found.pictures)


def of_split(
    split: Split, seconds: float, *, conditional: bool = False
) -> list[Judged]:
    """Errors measured on two thirds of a split's pool in so many seconds, other requests judged on
    the last third; nothing where the pool is too small.
    """
    whole = split.conditional_basis if conditional else split.basis
    pool = whole.tensors["pool"]
    order = np.random.default_rng(split.seed).permutation(len(pool))
    apart, rest = order[: len(order) // 3], np.sort(order[len(order) // 3 :])
    basis = of_rows(whole, rest)
    calibration = calibrated(basis, made, METHODS, seconds)
    if calibration is None:
        return []
    seen = {
        name: whole.tensors[name][apart]
        for name in ("pool", "pool_domains")
        if name in whole.tensors
    }
    unseen = replace(basis, tensors={**basis.tensors, **seen})
    return list(judged(split, basis, unseen, calibration))


COLUMNS = "requests | predicted | measured | mean error | median width | covered"
HEAD = f"| set | figure | {COLUMNS} |\n|{'---|' * 8}"
HEAD_OF_DOMAINS = f"| set | about | figure | {COLUMNS} |\n|{'---|' * 9}"


def lines(name: str, listed: Sequence[Judged]) -> str:
    """A line for each figure."""
    rows = []
    for figure in sorted({one.figure for one in listed}):
        own = [one for one in listed if one.figure == figure]
        predicted, measured = (
            np.array([getattr(one, which) for one in own])
            for which in ("predicted", "measured")
        )
        width, covered = (
            np.median([one.high - one.low for one in own]),
            np.mean([one.covered for one in own]),
        )
        shares = (
            predicted.mean(),
            measured.mean(),
            np.abs(predicted - measured).mean(),
            width,
            covered,
        )
        rows.append(
            f"| {name} | {figure} | {len(own)} | {' | '.join(f'{100 * x:.1f} %' for x in shares)} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["mini"])
    parser.add_argument("--vectors", type=Path, help="a folder of sets of vectors")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument(
        "--conditional", action="store_true", help="edits that ask each picture first"
    )
    arguments = parser.parse_args()
    of_domains = []
    print(HEAD)
    for name, splits in portfolio(
        arguments.vectors, arguments.sets, range(arguments.seeds)
    ):
        found = [
            one
            for split in splits
            for one in of_split(
                split, arguments.seconds, conditional=arguments.conditional
            )
        ]
        by_about = {
            about: [one for one in found if one.about == about]
            for about in ("concepts", "cells", "domains")
        }
        print(lines(name, by_about["concepts"]), flush=True)
        for about in ("cells", "domains"):
            if by_about[about]:
                of_domains.append(lines(f"{name} | {about}", by_about[about]))
    if of_domains:
        print("\n".join(["", HEAD_OF_DOMAINS, *of_domains]))


if __name__ == "__main__":
    main()
