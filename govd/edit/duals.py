"""What a contribution takes away, once for all contributions: distinct targets, and the removals
dual to them (see `govd.edit.compose`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Algebra
from govd.edit.basis import Basis
from govd.errors import OverCapacity
from govd.types import Contribution, Floats

Array = Any
SAME = 1e-5
"""Two unit text embeddings that differ less in every coordinate are one target: a model's
arithmetic in float32 is no finer.
"""


@dataclass(frozen=True)
class Targets:
    """The distinct texts that lose something: vectors `(d, p)`, the same times `metric_inverse`,
    positions in the label set (−1: not in it), and the anchors that are forgotten everywhere.
    """

    vectors: Floats
    lifted: Floats
    label: tuple[int, ...]
    everywhere: frozenset[str]


def targets_of(
    basis: Basis, contributions: Sequence[Contribution]
) -> tuple[Targets, list[list[int]]]:
    """All targets without repetition, and for each contribution the columns of its own. Two that
    differ less than `SAME` are one, the first of them: the duals of both do not exist, or are huge.
    """
    place: dict[bytes, int] = {}
    sums = np.empty(sum(c.tensors["targets"].shape[1] for c in contributions))
    columns: list[Floats] = []
    lifted: list[Floats] = []
    names: list[str] = []
    columns_of: list[list[int]] = []
    everywhere: set[str] = set()
    for contribution in contributions:
        own_places = []
        for column, high in zip(
            contribution.tensors["targets"].T,
            contribution.tensors["lifted"].T,
            strict=True,
        ):
            key = np.ascontiguousarray(column).tobytes()
            name = basis.anchor_names.get(key, "")
            if key not in place:
                total = float(exact.row_sum(np.ascontiguousarray(column)[None])[0])
                twin = _twin(column, total, columns, sums[: len(columns)])
                place[key] = len(columns) if twin is None else twin
            if place[key] == len(columns):
                sums[len(columns)] = total
                columns.append(column)
                lifted.append(high)
                names.append(name)
            own_places.append(place[key])
            if contribution.spec.scope.paradigm == "concepts":
                everywhere.add(name)
        columns_of.append(own_places)
    position = {name: i for i, name in enumerate(basis.labels)}
    vectors, above = (
        np.stack(c, axis=1) if c else np.zeros((basis.dim, 0))
        for c in (columns, lifted)
    )
    labels = tuple(position.get(name, -1) for name in names)
    return Targets(vectors, above, labels, frozenset(everywhere)), columns_of


def _twin(
    column: Floats, total: float, columns: Sequence[Floats], sums: Floats
) -> int | None:
    """The first of the columns `(d,)`, with these sums `(n,)`, that a column with the sum `total`
    differs from by less than `SAME`; None where there is none.
    """
    # equal vectors have equal sums
    near = np.flatnonzero(np.abs(sums - total) < len(column) * SAME)
    for place in map(int, near):
        if float(np.abs(columns[place] - column).max()) < SAME:
            return place
    return None


def duals(basis: Basis, targets: Targets, hard: bool, algebra: Algebra) -> Array:
    """Removals `(d, p)`: 1 on the own target, 0 on the other targets and, where hard, on every
    label that is no target.

    Args:
        basis: has the labels and the metric of the texts.
        targets: what is taken away, in its order.
        hard: no label that stays may change its score.
        algebra: where it is computed.
    """
    t = algebra.array(targets.vectors)
    if not hard:
        lifted = algebra.array(targets.lifted)
        return algebra.solve(algebra.matmul(t.T, lifted), lifted.T).T
    listed = [i for i, label in enumerate(targets.label) if label >= 0]
    outside = [i for i, label in enumerate(targets.label) if label < 0]
    all_duals = basis.tensors["duals"]
    listed_duals = algebra.array(all_duals[:, [targets.label[i] for i in listed]])
    if not outside:
        return listed_duals
    out = algebra.array(targets.vectors[:, outside])
    lifted = algebra.matmul(algebra.array(basis.tensors["free_inverse"]), out)
    lifted = lifted - algebra.matmul(
        algebra.array(all_duals),
        algebra.matmul(algebra.array(basis.tensors["labels"]), lifted),
    )
    beyond = algebra.solve(algebra.matmul(out.T, lifted), lifted.T).T
    listed_duals = listed_duals - algebra.matmul(
        beyond, algebra.matmul(out.T, listed_duals)
    )
    order = np.argsort([*listed, *outside])
    return algebra.concat([listed_duals, beyond])[:, order]


def retained_mean(basis: Basis, everywhere: frozenset[str]) -> Floats:
    """`t̄`, the mean `(d,)` of the anchors that nobody forgets everywhere.

    Raises:
        OverCapacity: none is left.
    """
    check_room(basis, everywhere)
    names, vectors = basis.anchors
    forgotten_places = [i for i, name in enumerate(names) if name in everywhere]
    count = len(names) - len(forgotten_places)
    if count <= len(forgotten_places):
        return exact.mean(
            vectors[[i for i, name in enumerate(names) if name not in everywhere]]
        )
    total = basis.anchor_total
    return (
        (total - exact.row_sum(vectors[forgotten_places].T.copy())) / count
        if forgotten_places
        else total / count
    )


def check_room(basis: Basis, everywhere: Collection[str]) -> None:
    """Refuse to forget every anchor everywhere.

    Raises:
        OverCapacity: none would be left.
    """
    if all(name in everywhere for name in basis.anchors[0]):
        raise OverCapacity(
            "no anchor would be left: every label would be forgotten",
            advice="Keep at least one label, or add --anchors.",
        )
