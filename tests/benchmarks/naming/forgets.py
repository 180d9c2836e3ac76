"""A forget as a request says it: phrases, pictures that somebody gave, a target."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from govd.edit import (
    Basis,
    Edit,
    Ingredients,
    Material,
    Problem,
    build,
    compose,
    exact,
)
from govd.edit.contribution import sealed
from govd.methods import builtin
from govd.types import Concept, ForgetSpec, Scope, Target, Use
from tests.benchmarks.forgetting.sets import Split

METHODS = builtin()
METHOD = "fitted"
NAN = float("nan")


@dataclass(frozen=True)
class Forget:
    """`phrases`, the name first, with their unit texts `(p, d)`; `examples` `(k, d)`, unit
    embeddings of pictures.
    """

    phrases: tuple[str, ...]
    texts: np.ndarray
    examples: np.ndarray | None = None
    target: Target = "unnamed"
    method: str = METHOD
    domains: tuple[str, ...] = ()

    def edit(self, basis: Basis) -> Edit:
        """What is served when nothing else is in force.

        Raises:
            Unsupported: the target cannot be reached with what was given.
        """
        scope = Scope((Concept(self.phrases[0], self.phrases[1:]),), self.domains)
        spec = ForgetSpec(scope, self.method, self.target)
        given = (
            self.examples if self.examples is not None and len(self.examples) else None
        )
        material = Material([self.texts], self.texts, examples=given)
        tensors, facts = METHODS[self.method].contribute(Problem(basis, spec, material))
        return compose(
            basis, [sealed(basis.digest, spec, dict(tensors), dict(facts))], METHODS
        )


def registered(
    split: Split,
    use: Use,
    without: Collection[str] = (),
    words: Sequence[tuple[str, np.ndarray]] = (),
    *,
    domains: bool = False,
) -> Basis:
    """A split's model registered with fewer labels, for another use, or with more words in its
    vocabulary; without its `domains`, where nothing is said of them.
    """
    known = split.basis
    kept = [i for i, name in enumerate(known.labels) if name not in without]
    general = [
        i
        for i, name in enumerate(known.vocabulary)
        if name not in {*without, *(word for word, _ in words)}
    ]
    vocabulary = np.concatenate(
        [known.tensors["vocabulary"][general], *(vector[None] for _, vector in words)]
    )
    prompts = known.tensors.get("label_prompts")
    given = Ingredients(
        known.model,
        use,
        known.side,
        [known.labels[i] for i in kept],
        known.tensors["labels"][kept],
        [*(known.vocabulary[i] for i in general), *(word for word, _ in words)],
        vocabulary,
        pool=known.tensors["pool"],
        pool_kind=known.pool_kind,
        label_prompts=None if prompts is None else prompts[:, kept],
    )
    given = replace(given, templates=known.templates)
    if domains:
        rows = known.tensors["domain_prompts"]
        of_labels = rows.shape[1] == len(known.labels)
        given = replace(
            given,
            domains=known.domains,
            domain_vectors=rows[:, kept] if of_labels else rows,
            plain_vector=exact.mean(known.tensors["labels"][kept]),
        )
    return build(given)


@dataclass
class Table:
    """Rows by what they are of, each a list of draws. A draw without figures is one that the method
    refuses; it is counted apart. Means are of draws that have a column.
    """

    heads: Sequence[str]
    columns: Sequence[str]
    rows: dict[tuple[str, ...], list[dict[str, float]]] = field(default_factory=dict)

    def add(self, row: tuple[str, ...], figures: dict[str, float]) -> None:
        """One draw."""
        self.rows.setdefault(row, []).append(figures)

    def __str__(self) -> str:
        heads = [*self.heads, "draws", *self.columns]
        lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        for row, draws in self.rows.items():
            answered = [figures for figures in draws if figures]
            refused = len(draws) - len(answered)
            count = (
                f"{len(answered)}, {refused} refused" if refused else str(len(answered))
            )
            cells = [
                mean([figures.get(name, NAN) for figures in answered])
                for name in self.columns
            ]
            lines.append(f"| {' | '.join([*row, count, *cells])} |")
        return "\n".join(lines)


def mean(listed: Sequence[float]) -> str:
    """A mean of the numbers among them."""
    known = np.array([x for x in listed if np.isfinite(x)])
    return f"{known.mean():.3f}" if len(known) else "–"


def unit(moved: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    rows: np.ndarray = moved / np.maximum(
        np.linalg.norm(moved, axis=1, keepdims=True), 1e-12
    )
    return rows


def nothing(x: np.ndarray) -> np.ndarray:
    """The unedited model."""
    return x
