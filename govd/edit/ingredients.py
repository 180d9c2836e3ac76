"""What a basis is made of, and making it: metrics, their inverses, what keeps labels exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govd.edit import exact
from govd.edit.basis import Basis
from govd.edit.constants import (
    DEPENDENT_LABEL,
    FREE_DIMENSIONS,
    HARD_RIDGE,
    LABEL_WEIGHT,
    POOL_LEAST,
    POOL_RIDGE,
    TEXT_RIDGE,
)
from govd.edit.selectors import even, ridge, second_moment, select_domains
from govd.errors import OverCapacity, Usage
from govd.types import Floats, Json, Side, Use

PROMPTS = 8
"""Single prompts by whose worst a forget is judged, at most; they are taken evenly from the
templates.
"""
PROMPT_ROWS = 8192
"""Embeddings of labels in single prompts that a basis holds at most."""


@dataclass(frozen=True)
class Ingredients:
    """What a basis is made of: embeddings `(n, d)` and names; `domain_vectors` `(S, n, d)` are
    prompts with the domain, `plain_vector` `(d,)` the mean of prompts without one, `label_prompts`
    `(p, n, d)` the labels in each single prompt.
    """

    model: str
    use: Use
    side: Side
    labels: Sequence[str]
    label_vectors: Floats
    vocabulary: Sequence[str]
    vocabulary_vectors: Floats
    domains: Sequence[str] = ()
    domain_vectors: Floats | None = None
    plain_vector: Floats | None = None
    templates: Sequence[str] = ()
    pool: Floats | None = None
    pool_kind: str = ""
    max_edit_norm: float = 10.0
    label_prompts: Floats | None = None
    conditional: bool = False


def build(of: Ingredients) -> Basis:
    """The basis of these embeddings.

    Raises:
        Usage: no anchors, one label only, or embeddings of different widths.
    """
    _check_anchors(of)
    anchors = of.label_vectors if len(of.labels) else of.vocabulary_vectors
    dim = int(np.asarray(anchors).shape[1])
    labels = _rows(of.label_vectors, dim)
    vocabulary = _rows(of.vocabulary_vectors, dim)
    tensors: dict[str, Any] = {"labels": labels, "vocabulary": vocabulary}
    if of.label_prompts is not None and len(labels):
        tensors["label_prompts"] = np.stack(
            [_rows(rows, dim) for rows in of.label_prompts]
        )
    general = second_moment(vocabulary, dim)
    listed = second_moment(labels, dim)
    weight = LABEL_WEIGHT if of.use == "labels" else 1.0
    metric = general + weight * listed
    tensors["metric_inverse"] = exact.inverse(
        metric + ridge(metric, TEXT_RIDGE[of.use])
    )
    facts: dict[str, Json] = {"hard": False}
    if of.use == "labels":
        moment = general if len(vocabulary) else listed
        facts["hard_reason"] = _hard(tensors, moment, labels, dim)
        facts["hard"] = "duals" in tensors
    pool = _add_pool(tensors, facts, of, dim)
    if len(of.domains):
        _add_domains(tensors, of, dim, pool)
    return Basis(
        of.model,
        of.use,
        of.side,
        tuple(of.labels),
        tuple(of.vocabulary),
        tuple(of.domains),
        tuple(of.templates),
        tensors,
        of.max_edit_norm,
        of.pool_kind if pool is not None else "",
        facts,
        conditional=of.conditional and of.side == "image",
    )


def _check_anchors(of: Ingredients) -> None:
    """Refuse embeddings of which nothing is to be kept.

    Raises:
        Usage: there are no anchors, or one label only.
    """
    if not len(of.labels) and not len(of.vocabulary):
        raise Usage(
            "there is nothing to keep: no labels and no anchors",
            advice="Give --labels or --anchors.",
        )
    if of.use == "labels" and len(of.labels) < 2:
        raise Usage(
            "one label only" if len(of.labels) else "no label",
            advice="With --use labels at least two labels are needed; --use open or search keeps a"
            " general vocabulary instead.",
        )


def _add_pool(
    tensors: dict[str, Any], facts: dict[str, Json], of: Ingredients, dim: int
) -> Floats | None:
    """The pool `(n, d)` with its mean and metric, or why there is none."""
    if of.pool is None:
        return None
    pool = _rows(of.pool, dim)
    if len(pool) < POOL_LEAST:
        advice = f"Give at least {POOL_LEAST}, better a few for each concept."
        facts["pool_reason"] = f"a pool of {len(pool)} embeddings is not used. {advice}"
        return None
    mean = exact.mean(pool)
    covariance = exact.gram(pool - mean) / len(pool)
    tensors |= {"pool": pool, "pool_mean": mean}
    tensors["pool_inverse"] = exact.inverse(covariance + ridge(covariance, POOL_RIDGE))
    return pool


def _add_domains(
    tensors: dict[str, Any], of: Ingredients, dim: int, pool: Floats | None
) -> None:
    """Prompts of the domains and their selectors, by the pool where there is one."""
    assert of.domain_vectors is not None
    assert of.plain_vector is not None
    prompts = np.stack([_rows(rows, dim) for rows in of.domain_vectors])  # (S, n, d)
    texts = np.stack([exact.mean(rows) for rows in prompts])
    tensors["domain_prompts"] = prompts
    tensors |= select_domains(
        exact.unit(texts),
        exact.unit(of.plain_vector[None]),
        pool,
        tensors["metric_inverse"],
    )


def _hard(tensors: dict[str, Any], metric: Floats, labels: Floats, dim: int) -> str:
    """Add what keeps the label set exactly, or say why it cannot be kept."""
    if len(labels) > dim - FREE_DIMENSIONS:
        return f"{len(labels)} labels leave no room in {dim} dimensions"
    free = exact.inverse(metric + ridge(metric, HARD_RIDGE))
    lifted = exact.matmul(free, labels.T)
    try:
        factor = exact.Factor(even(exact.matmul(labels, lifted)), DEPENDENT_LABEL)
        duals = factor.solve(lifted.T).T
    except OverCapacity as error:
        return f"label {error.details['column']} depends on those before it"
    tensors |= {"free_inverse": free, "duals": np.ascontiguousarray(duals)}
    return ""


def some_prompts(prompts: Sequence[str], labels: int) -> list[str]:
    """At most `PROMPTS` of the prompts, evenly taken, and no more than fit with so many labels into
    `PROMPT_ROWS`.
    """
    limit = min(PROMPTS, PROMPT_ROWS // max(1, labels), len(prompts))
    return [prompts[i * len(prompts) // limit] for i in range(limit)]


def _rows(vectors: Any, dim: int) -> Floats:
    """Unit rows `(n, d)` float64 of what was given."""
    rows = np.asarray(vectors, np.float64)
    if not rows.size:
        return np.zeros((0, dim))
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise Usage(
            f"embeddings of shape {rows.shape}",
            advice=f"This model's have {dim} columns.",
        )
    if not np.isfinite(rows).all() or not (np.abs(rows).max(1) > 0).all():
        raise Usage(
            "embeddings that are zero or not finite", advice="Take those rows out."
        )
    return exact.unit(rows)
