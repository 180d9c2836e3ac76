"""How much is computed for an edit, counted rather than timed."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from govd.edit import Host, compose, exact
from govd.edit.constants import ALONE
from govd.edit.extent import pool_in_scope
from govd.edit.steps import WEIGHTED_STEPS
from govd.methods import builtin
from govd.types import Contribution
from tests.edit.conftest import World

METHODS = builtin()
WEIGHTS = {(step.w, step.margin >= 0) for step in WEIGHTED_STEPS if step.beta < 1.0}
SYSTEMS = (ALONE + 1) * len(WEIGHTS)
"""Systems on the pool that any edit needs at most, however many forgets: one for each distinct w,
anew at each step at which some pictures are weighted one by one, since their weights change.
"""


class Counting(Host):
    """The host's algebra, counting factors of `(d, d)` systems and columns that are solved with
    them.
    """

    def __init__(self, dim: int) -> None:
        self.dim, self.counts = dim, Counter[str]()

    def factor(self, a: Any) -> Any:
        factor = super().factor(a)
        if len(a) != self.dim:
            return factor
        self.counts["factors"] += 1
        counts = self.counts

        class Solving:
            def solve(self, b: Any) -> Any:
                counts["columns"] += b.shape[1]
                return factor.solve(b)

        return Solving()


@pytest.fixture(scope="module")
def doubtful(world: World) -> tuple[Any, list[Contribution]]:
    """A basis whose prompts disagree, so that edits walk down the list, and forgets on it."""
    draw = np.random.default_rng(0)
    prompts = np.stack(
        [world.texts[:40] + 0.3 * draw.normal(size=(40, 96)) for _ in range(3)]
    )
    basis = world.basis(max_edit_norm=1e-3, label_prompts=prompts)
    return basis, [
        world.contribution(basis, name, method="fitted") for name in world.names[:12]
    ]


def test_each_system_is_factored_once_however_far_the_edit_walks(
    doubtful: tuple[Any, list[Contribution]],
) -> None:
    basis, contributions = doubtful
    algebra = Counting(basis.dim)
    edit = compose(basis, contributions, METHODS, algebra)
    assert edit.facts["step"] >= 2, "it walks"
    assert edit.facts["anchors"] == "soft", (
        "and does so twice, since hard labels go over the norm"
    )
    assert 0 < algebra.counts["factors"] <= SYSTEMS
    assert algebra.counts["columns"] <= SYSTEMS * len(contributions), (
        "a column is solved once for each system"
    )
    assert edit.digest == compose(basis, contributions, METHODS).digest


def test_work_on_the_pool_grows_linearly(
    doubtful: tuple[Any, list[Contribution]],
) -> None:
    basis, contributions = doubtful
    for count in (3, 6, 12):
        algebra = Counting(basis.dim)
        compose(basis, contributions[:count], METHODS, algebra)
        assert algebra.counts["factors"] <= SYSTEMS
        assert algebra.counts["columns"] <= SYSTEMS * count


def test_pictures_in_scope_are_decided_on_exact_scores(world: World) -> None:
    """A text that scores each picture as its best label does, to the last bit, is about all of
    them; a hair lower, about none.
    """
    basis = world.basis(max_edit_norm=1e9)
    contribution = world.contribution(basis, world.names[60])
    target = contribution.tensors["targets"]
    pictures = basis.thinned_pool()[0]
    best = basis.pool_best("labels", ())
    assert (
        pool_in_scope(basis, contribution)
        == (exact.matmul(pictures, target)[:, 0] >= best)
    ).all()
    label = basis.tensors["labels"].T.copy()
    for factor in (1.0 + 1e-14, 1.0 - 1e-14):
        near = replace(
            contribution, tensors={**contribution.tensors, "targets": label * factor}
        )
        assert (
            pool_in_scope(basis, near)
            == (exact.matmul(pictures, label * factor).max(1) >= best)
        ).all()
