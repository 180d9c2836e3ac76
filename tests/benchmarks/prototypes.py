"""`python -m tests.benchmarks.prototypes`: forgetting by prototypes, pictures that the model itself
synthesises of what a text says, on `mini`.

Beside what needs none: the nullspace of texts with that of texts and prototypes; what needs
pictures on prototypes alone, of the concept and of others as `govd forget --prototypes` has them; a
pool of prototypes of every label, as `govd model add --prototypes` makes it for a model without
domains; and `mini`'s own pool.
`--cache FILE` keeps what was synthesised.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from govd.contributions.computing import BESIDE
from govd.edit import Basis, Material, Problem, compose, exact
from govd.edit.contribution import sealed
from govd.types import Concept, Contribution, ForgetSpec, Scope
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.figures import Figures, Map, measure
from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import METHODS, product, unedited
from tests.benchmarks.forgetting.sets import Split, mini_split, of_seeds
from tests.benchmarks.forgetting.tables import table
from tests.benchmarks.mini import Mini

DRAWS = 4
"""Prototypes of a label."""
FORGETS = (1, 10, 30)
COLUMNS = (
    "named",
    "mistakes",
    "unchanged",
    "worst_label",
    "unlisted",
    "neighbours",
    "text_auc",
)


def synthesised(mini: Mini, cache: Path | None) -> np.ndarray:
    """Prototypes of every label `(DRAWS, labels, d)`, unit."""
    if cache is not None and cache.exists():
        kept: np.ndarray = np.load(cache)
        return kept
    prompts = [f"a {label}" for label in mini.labels]
    rows = [mini.model.synthesise(prompts, seed=k).embeddings for k in range(DRAWS)]
    prototypes = np.stack([exact.unit(np.asarray(part)) for part in rows])
    if cache is not None:
        np.save(cache, prototypes)
    return prototypes


def others_of(label: int, count: int) -> list[int]:
    """Labels that stand beside one that is forgotten, where there is no pool."""
    rest = [other for other in range(count) if other != label]
    return rest[:: max(1, len(rest) // BESIDE)][:BESIDE]


@dataclass(frozen=True)
class ByPrototypes:
    """A row whose forgets have prototypes as material; `alone`: without the model's pool."""

    method: str
    prototypes: np.ndarray
    alone: bool

    def __call__(self, case: Case) -> Map:
        """The edit of a case."""
        basis = case.split.basis
        if self.alone:
            basis = without_pool(case.split)
        method = METHODS[self.method]
        parts = [self.contribution(basis, int(label)) for label in case.forgotten]
        return compose(basis, parts, {method.name: method}).move

    def contribution(self, basis: Basis, label: int) -> Contribution:
        """One forget of a label."""
        text = basis.tensors["labels"][[label]]
        others = others_of(label, len(basis.labels)) if self.alone else []
        rows = self.prototypes[:, [label, *others]]
        material = Material(
            [text],
            text,
            prototypes=rows.reshape(-1, basis.dim),
            prototype_of=[0, *[-1] * len(others)] * DRAWS,
        )
        spec = ForgetSpec(
            Scope((Concept(basis.labels[label]),)), self.method, "unnamed", 1.0, DRAWS
        )
        tensors, facts = METHODS[self.method].contribute(Problem(basis, spec, material))
        return sealed("benchmark", spec, dict(tensors), dict(facts))


def without_pool(split: Split) -> Basis:
    """The model as it is registered without a pool."""
    if "without pool" not in split.kept:
        split.kept["without pool"] = Mini().basis(None)
    basis: Basis = split.kept["without pool"]
    return basis


def on_pool(pool: np.ndarray, row: Callable[[Case], Map]) -> Callable[[Case], Map]:
    """A row on another pool than the set's own."""
    kept: dict[object, object] = {}
    basis = Mini().basis(pool)

    def edited(case: Case) -> Map:
        split = replace(case.split, registered=lambda: basis, kept=kept)
        return row(replace(case, split=split))

    return edited


def results(splits: Sequence[Split], prototypes: np.ndarray) -> list[Result]:
    """Every row on every case."""
    fitted = product("fitted", METHODS["fitted"])
    rows: dict[str, Callable[[Case], Map]] = {
        "base": unedited,
        "oblique": product("oblique", METHODS["oblique"]),
        "nullspace": product("nullspace", METHODS["nullspace"]),
        "nullspace, prototypes too": ByPrototypes("nullspace", prototypes, alone=False),
        "bilateral, prototypes alone": ByPrototypes(
            "bilateral", prototypes, alone=True
        ),
        "bilateral": product("bilateral", METHODS["bilateral"]),
        "fitted, a pool of prototypes": on_pool(
            prototypes.reshape(-1, prototypes.shape[-1]), fitted
        ),
        "fitted": fitted,
    }
    return [
        Result(
            case.split.name,
            "labels",
            row,
            count,
            case.split.seed,
            case.draw,
            replace(Figures(), **measure(case, edited(case))),
        )
        for row, edited in rows.items()
        for count in FORGETS
        for split in splits
        for case in cases(split, "labels", count)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, help="a file for what was synthesised")
    arguments = parser.parse_args()
    mini = Mini()
    prototypes = synthesised(mini, arguments.cache)
    splits = of_seeds(mini_split(mini, 0), range(arguments.seeds))
    print(table(results(splits, prototypes), COLUMNS))


if __name__ == "__main__":
    main()
