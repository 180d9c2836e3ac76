"""`python -m tests.benchmarks.bounds --vectors FOLDER`: what no edit of a kind could do better, on
the sets of the portfolio.

Two tables. *Domains*: a conditional edit is exact where its condition holds, so what it leaves
inside are pictures of the domain that the condition misses, and what it costs elsewhere those of
other domains that it takes in. Beside the product's condition stands a discriminant that was told
the true domains of half of the judging pictures and is judged on the other half: what a linear
condition can do at most, more or less. *Level*: even a text whose true AUC is 0.5 is measured to be
off it, by the number of its pictures; and one whose strength was fitted on as many, by √2 of that.
Beside it stand what `fitted` reaches, and the same edit with the strength of somebody who was told
the true labels of the pool. (Told those of the judging pictures, a strength is 0.5 on every one.)
`--frontier`: `tests.benchmarks.frontier`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from govd.edit import compose, exact
from govd.edit.conditional import condition_of
from govd.edit.strength import auc, level
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.rows import METHODS, contributions
from tests.benchmarks.forgetting.sets import Split, portfolio
from tests.benchmarks.frontier import Aim, frontier_line

ALARMS = 0.03
"""Pictures of other domains that a condition may take in: 97 % elsewhere were aimed at."""
RIDGE = 0.1
"""Of the discriminant, as a multiple of trace/d."""
SEEDS = 5
DESCENDED: dict[Aim, tuple[tuple[str, int, int], ...]] = {
    "words": (
        ("oxford-pets", 1, 1),
        ("caltech101", 30, 3),
        ("oxford-pets", 10, 3),
        ("lvis", 10, 1),
        ("lvis", 30, 1),
    ),
    "neighbours": (
        ("oxford-pets", 1, 1),
        ("oxford-pets", 10, 1),
        ("lvis", 10, 1),
        ("lvis", 30, 1),
    ),
}
"""Where unlisted words and neighbours are bounded: a set, labels that are forgotten together,
splits.
"""
FRONTIERS: dict[Aim, str] = {
    "words": """\
| set | forgets | named | unlisted words: fitted | at best by what a forget knows |\
 told more | words told: fitted | at best untold | told |
|---|---|---|---|---|---|---|---|---|""",
    "neighbours": """
| set | forgets | named | neighbours: fitted | at best by what a forget knows | told more |\
 with as many words: untold | told |
|---|---|---|---|---|---|---|---|""",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bounds", description=__doc__
    )
    parser.add_argument("--vectors", type=Path, help="folder of sets of real vectors")
    parser.add_argument(
        "--frontier",
        action="store_true",
        help="unlisted words and neighbours alone: what descent finds, untold and told",
    )
    given = parser.parse_args()
    if given.frontier:
        for aim, rows in DESCENDED.items():
            print(FRONTIERS[aim], flush=True)
            for name, count, seeds in rows:
                for title, splits in portfolio(given.vectors, [name], range(seeds)):
                    print(frontier_line(title, splits, count, aim), flush=True)
        return
    sets = list(portfolio(given.vectors, [], range(SEEDS)))
    print(
        "| set | domain | condition: missed | taken in | missed at 3 % taken in |"
        " the same, told the true domains |\n|---|---|---|---|---|---|"
    )
    for title, splits in sets:
        if splits[0].domain is not None:
            for line in domain_lines(title, splits[0]):
                print(line, flush=True)
    print(
        "\n| set | pictures of a label | off 0.5 by chance | fitted on as many |"
        " told the pool's labels | fitted |\n|---|---|---|---|---|---|"
    )
    for title, splits in sets:
        if splits[0].domain is None:
            print(level_line(title, splits), flush=True)


def domain_lines(title: str, split: Split) -> Iterator[str]:
    """For each domain what the condition misses and takes in, and the best that might be."""
    assert split.domain is not None
    half = np.random.default_rng(0).uniform(size=len(split.x)) < 0.5
    for place, name in enumerate(split.domains):
        selector, threshold = condition_of(split.basis, place)
        scores, inside = split.x @ selector, split.domain == place
        best = split.x @ discriminant(split.x[half], inside[half])
        figures = (
            float((scores[inside] <= threshold).mean()),
            float((scores[~inside] > threshold).mean()),
            missed(scores, inside),
            missed(best[~half], inside[~half]),
        )
        shares = " | ".join(f"{100 * share:.1f} %" for share in figures)
        yield f"| {title} | {name} | {shares} |"


def discriminant(x: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The direction `(d,)` that tells rows `(n, d)` inside from the others, ridged."""
    covariance = np.cov(x.T)
    width = len(covariance)
    covariance += RIDGE * np.trace(covariance) / width * np.eye(width)
    direction: np.ndarray = np.linalg.solve(
        covariance, x[inside].mean(0) - x[~inside].mean(0)
    )
    return direction


def missed(scores: np.ndarray, inside: np.ndarray) -> float:
    """The share of pictures inside that a threshold misses that takes `ALARMS` of the rest in."""
    others = np.sort(scores[~inside])
    threshold = others[int((1 - ALARMS) * (len(others) - 1))]
    return float((scores[inside] <= threshold).mean())


def level_line(title: str, splits: Sequence[Split]) -> str:
    """The mean of |AUC − 0.5| over single forgets whose true AUC is 0.5, by the variance of the
    Wilcoxon statistic, (n + m + 1) / 12 n m for n and m pictures, as a normal one's; and what is
    measured.
    """
    counts, expected, measured = [], [], []
    for split in splits:
        for case in cases(split, "labels", 1):
            own = int((split.label == case.forgotten[0]).sum())
            others = len(split.label) - own
            variance = (own + others + 1) / (12 * own * others)
            counts.append(own)
            expected.append(math.sqrt(2 * variance / math.pi))
            measured.append(off_level(case))
        split.kept.clear()
    mean = float(np.mean(expected))
    middle = float(np.median(counts))
    ours, told = np.mean(measured, axis=0)
    bounds = f"{mean:.3f} | {2**0.5 * mean:.3f} | {told:.3f} | {ours:.3f}"
    return f"| {title.split(':')[0]} | {middle:g} | {bounds} |"


def off_level(case: Case) -> tuple[float, float]:
    """|AUC − 0.5| of a single forget by `fitted`, and with a strength that is told what the pool
    shows.
    """
    split = case.split
    basis, label = split.basis, int(case.forgotten[0])
    method = METHODS["fitted"]
    (made,) = contributions(case, "fitted, level", method, "level", 1.0, basis)
    edit = compose(basis, [made], {method.name: method})
    text = split.labels.vectors[label]
    assert split.pool_label is not None
    shown = split.pool_label[:: basis.thinning] == label
    pool = basis.thinned_pool()[0]
    strength, _ = level(pool, pool @ edit.L[:, 0], shown, ~shown, edit.B, text)
    own = split.label == label
    off = []
    for multiple in (1.0, strength):
        moved = exact.unit(split.x - multiple * (split.x @ edit.L) @ edit.B.T)
        scores = moved @ text
        off.append(abs(auc(scores[own], scores[~own]) - 0.5))
    return off[0], off[1]


if __name__ == "__main__":
    main()
