"""What tells domains apart, and the moments and ridges that it shares with the basis."""

from __future__ import annotations

from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.constants import POOL_RIDGE, SELECTOR_FEWEST, SELECTOR_ROUNDS
from govd.types import Floats


def select_domains(
    texts: Floats, plain: Floats, pool: Floats | None, metric_inverse: Floats
) -> dict[str, Any]:
    """Selectors `(S, d)`: `x·σ_s` is 1 at the mean of domain `s` and 0 at the others' means.

    Without a pool the means are those of the prompts, in the metric of the texts. With one they are
    pool means: pictures are first told apart by their prompts, each prompt's scores centred over
    the pool, then by the selectors themselves, `SELECTOR_ROUNDS` times. A single domain is told
    from `other`, the prompts without a domain.

    Args:
        texts: `(S, n, d)`: labels in a prompt of each domain.
        plain: `(n, d)`: the same without a domain.
        pool: `(N, d)`, unedited, unit; None: there is none.
        metric_inverse: `(d, d)`, of the texts.
    """
    classes = texts if len(texts) > 1 else np.concatenate([texts, plain])
    if pool is None:
        lifted = exact.matmul(metric_inverse, classes.T)
        return {"selectors": dual_rows(classes, lifted)[: len(texts)]}
    scores = exact.matmul(pool, classes.T)
    scores = scores - exact.mean(scores)
    assigned = scores.argmax(1)
    selectors = dual_rows(classes, exact.matmul(metric_inverse, classes.T))
    for _ in range(SELECTOR_ROUNDS):
        if min(np.bincount(assigned, minlength=len(classes))) < SELECTOR_FEWEST:
            break
        means = np.stack([exact.mean(pool[assigned == s]) for s in range(len(classes))])
        within = exact.gram(pool - means[assigned]) / len(pool)
        inverse = exact.inverse(within + ridge(within, POOL_RIDGE))
        selectors = dual_rows(means, exact.matmul(inverse, means.T))
        assigned = exact.matmul(pool, selectors.T).argmax(1)
    return {
        "selectors": selectors[: len(texts)],
        "pool_domains": assigned.astype(np.int32),
    }


def dual_rows(means: Floats, lifted: Floats) -> Floats:
    """Discriminants `(n, d)`: each is 1 at its own mean, 0 at the others', and smallest in a metric
    `S`.

    Args:
        means: `(n, d)`.
        lifted: `S⁻¹ meansᵀ` `(d, n)`, by an inverse or a factor.
    """
    rows: Floats = exact.Factor(even(exact.matmul(means, lifted))).solve(lifted.T)
    return rows


def second_moment(rows: Floats, dim: int) -> Floats:
    """Mean of the outer products `(d, d)`; zero where there are no rows."""
    return exact.gram(rows) / len(rows) if len(rows) else np.zeros((dim, dim))


def ridge(matrix: Floats, share: float) -> Floats:
    """`share · trace/d · I`."""
    d = matrix.shape[0]
    diagonal: Floats = np.eye(d) * (
        share * float(exact.row_sum(np.diagonal(matrix)[None].copy())[0]) / d
    )
    return diagonal


def even(a: Floats) -> Floats:
    """The symmetric part."""
    symmetric: Floats = (a + a.T) / 2
    return symmetric
