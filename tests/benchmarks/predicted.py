"""`python -m tests.benchmarks.predicted [SET…]`: intervals of predictions beside what pictures then show that nothing was fitted on.

Each set of `tests.benchmarks.forgetting` is split by a seed into a pool and pictures that judge. Errors of predictions are measured on the
pool alone, as `govd model add` does; then other random requests are predicted and judged, by pseudo-label (which is what an interval
promises) and, where pictures have labels, by those. Coverage by true label is lenient by the measurement's own error (one binomial standard
deviation to either side).
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from govd.contribution import sealed
from govd.edit import Basis, Material, Problem
from govd.edit.calibration import Calibration, calibrated, draws, figures
from govd.edit.compose import compose
from govd.edit.prediction import Figure, Watch, costs, watch_for
from govd.errors import OverCapacity, Unsupported
from govd.methods import builtin
from govd.types import Contribution, ForgetSpec, Scope
from tests.benchmarks.forgetting.sets import Split, portfolio

METHOD = "fitted"
METHODS = builtin()
OTHER_DRAWS = 1_000_003


def made(basis: Basis, scope: Scope) -> Contribution:
    """A contribution of labels, as filing computes it."""
    place = {name: i for i, name in enumerate(basis.anchors[0])}
    texts = [basis.anchors[1][place[concept.name]][None] for concept in scope.concepts]
    rows = np.concatenate(texts) if texts else np.zeros((0, basis.dim))
    spec = ForgetSpec(scope, METHOD, "unnamed", 1.0)
    tensors, facts = METHODS[METHOD].contribute(Problem(basis, spec, Material(texts, rows)))
    return sealed(basis.digest, spec, dict(tensors), dict(facts))


def true_cost(split: Split, own: list[Contribution], before: np.ndarray, after: np.ndarray) -> Figure:
    """The share of changed answers among pictures whose true label stays."""
    place = {name: i for i, name in enumerate(split.basis.labels)}
    gone = [place[concept.name] for c in own if not c.spec.scope.domains for concept in c.spec.scope.concepts]
    kept = ~np.isin(split.label, gone) & ~np.isin(split.base, gone)
    return Figure(float((before != after)[kept].mean()), int(kept.sum()))


def judged(split: Split, calibration: Calibration, rows: dict[str, list[tuple[float, float, float, bool]]]) -> None:
    """Predict other requests than those of the calibration and add what is found: predicted, measured, width, covered."""
    basis, names = split.basis, split.basis.anchors[0]
    top = (split.x @ basis.anchors[1].T).argmax(1)
    nowhere = np.full(len(split.x), -1)
    other = Watch(split.x, np.arange(len(split.x)), names, basis.anchors[1], top, nowhere, basis.domains)
    for request in draws(basis, np.random.default_rng(OTHER_DRAWS + split.seed)):
        if any(scope.domains for scope in request.own):
            continue
        try:
            own, beside = ([made(basis, scope) for scope in scopes] for scopes in (request.own, request.beside))
            before, after = compose(basis, beside, METHODS), compose(basis, [*beside, *own], METHODS)
        except (Unsupported, OverCapacity):
            continue
        watch = watch_for(basis, [*own, *beside])
        assert watch is not None
        predicted = figures(basis, watch, own, beside, before, after)
        then, now = other.answers(before), other.answers(after)
        gone = np.isin(top, [names.index(c.name) for s in (*request.own, *request.beside) for c in s.concepts])
        measured = costs(other, then, now, gone)
        for name in predicted.keys() & measured.keys():
            figure, share = calibration.around(name, predicted[name]), measured[name].share
            if figure.low is None or figure.high is None:
                continue
            rows[name].append((figure.share, share, figure.high - figure.low, figure.low <= share <= figure.high))
            if name == "all":
                true = true_cost(split, [*own, *beside], then, now)
                slack = (true.share * (1 - true.share) / max(1, true.pictures)) ** 0.5
                inside = figure.low - slack <= true.share <= figure.high + slack
                rows["all, by true label"].append((figure.share, true.share, figure.high - figure.low, inside))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["mini"])
    parser.add_argument("--vectors", type=Path, help="a folder of sets of vectors")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=45.0)
    arguments = parser.parse_args()
    print("| set | figure | requests | predicted | measured | mean error | median width | covered |\n|---|---|---|---|---|---|---|---|")
    for name, splits in portfolio(arguments.vectors, arguments.sets, range(arguments.seeds)).items():
        rows: dict[str, list[tuple[float, float, float, bool]]] = defaultdict(list)
        for split in splits:
            calibration = calibrated(split.basis, made, METHODS, arguments.seconds)
            if calibration is not None:
                judged(split, calibration, rows)
        for figure, listed in rows.items():
            predicted, measured, width, covered = (np.array(column, float) for column in zip(*listed, strict=True))
            error = np.abs(predicted - measured).mean()
            shares = " | ".join(f"{100 * x:.1f} %" for x in (predicted.mean(), measured.mean(), error, np.median(width), covered.mean()))
            print(f"| {name} | {figure} | {len(listed)} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
