"""When an answer had better be none: a best label whose score few pictures fall below, or whose
name is forgotten for that picture.

The score is calibrated on the pool, pictures that nobody labelled: under the edit that answers, and
with the labels that are asked for, `QUANTILE` of the pictures that no forget is about score less
with their best label. What was forgotten has lost what it scored highest with, so its pictures fall
below more often than others do. Figures are for reading and are no part of any digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.extent import in_scope
from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, cells, label_set, scores
from govd.edit.outcomes import forgotten_names
from govd.types import Contribution, Floats, Json

QUANTILE: Final = 0.05
"""Share of the pool's pictures, of those that no forget is about, whose answers abstain."""
ENOUGH: Final = 100
"""Pictures from which on a score is calibrated: of fewer, `QUANTILE` is a handful."""
LOOKED_AT: Final = 2048
"""Pool pictures that are scored, at most."""


@dataclass(frozen=True)
class Calibrated:
    """When answers with some labels abstain: `below` which score, and which labels are `forgotten`
    in which domain `(m, domains + 1)` (the last column: in a domain that nobody knows).
    """

    below: float
    forgotten: Any


def calibrated(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    names: Sequence[str],
    texts: Floats,
) -> Calibrated | None:
    """For labels that are called `names`, with vectors `texts` `(m, d)`; None without a pool, or
    with too small a one.

    Forgets whose concepts are not named (private ones) have no say by their names: an answer would
    tell what they are about.

    Args:
        basis: has the pool that thresholds are calibrated on.
        edit: the one that answers are given by.
        contributions: the forgets in it.
    """
    if not basis.has_pool:
        return None
    images = basis.thinned_pool()[0]
    mask = in_scope(basis, contributions)
    retained = images if mask is None else images[~mask]
    retained = retained[:: max(1, -(-len(retained) // LOOKED_AT))]
    if len(retained) < ENOUGH:
        return None
    below = float(np.quantile(scores(edit, retained, texts).max(1), QUANTILE))
    return Calibrated(
        below,
        forgotten_names(names, [c.spec.scope for c in contributions], basis.domains),
    )


def abstaining(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
) -> dict[str, Json] | None:
    """How often answers with the label set abstain: `below` which score, and the shares of the
    `retained` pictures, of those among them that are answered rightly (`right`), and of the
    `forgotten` ones (None: there are none). None where nothing is calibrated.

    Args:
        basis: has the labels and the pool.
        edit: the one that is measured.
        contributions: the forgets in it.
        data: labelled pictures.
    """
    names, texts = label_set(basis, data)
    calibration = calibrated(basis, edit, contributions, names, texts)
    if calibration is None:
        return None
    scored = scores(edit, data.vectors, texts)
    silent = abstains(basis, calibration, data.vectors, scored)
    forgotten = cells([c.spec.scope for c in contributions], data)[
        data.class_of, data.domain_of
    ]
    right = (
        scored.argmax(1)
        == np.array([names.index(c) for c in data.classes])[data.class_of]
    )
    groups = {
        "retained": ~forgotten,
        "right": ~forgotten & right,
        "forgotten": forgotten,
    }
    return {
        "below": calibration.below,
        **{
            name: float(silent[of].mean()) if of.any() else None
            for name, of in groups.items()
        },
    }


def abstains(basis: Basis, known: Calibrated, images: Floats, scored: Floats) -> Any:
    """Which answers `(n,)` abstain: of unedited embeddings `(n, d)` with scores `(n, m)` of the
    labels that were calibrated. A name that is forgotten in some domains counts for pictures that
    the domain selectors take for one of those.

    Args:
        basis: has the domain selectors.
        known: what `calibrated` gave for these labels.
        images: `(n, d)`, unedited, unit.
        scored: `(n, m)`, after the edit.
    """
    domain = np.full(len(images), -1)
    if "selectors" in basis.tensors and len(basis.domains) > 1:
        domain = (np.asarray(images, np.float64) @ basis.tensors["selectors"].T).argmax(
            1
        )
    return (scored.max(1) < known.below) | known.forgotten[scored.argmax(1), domain]
