"""Points of the curves that a report shows: what forgetting more, or more strongly, costs on
labelled pictures, and how much holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from govd.edit.basis import Basis
from govd.edit.compose import recognised
from govd.edit.extent import Mask, labelled_in_scope
from govd.edit.factors import Edit
from govd.edit.metrics import EvaluationData, label_set
from govd.edit.outcomes import Outcomes, forgotten_names
from govd.types import Contribution, Json

POINTS: Final = 12
"""Numbers of forgets that a capacity curve is taken at, up to where we are."""


def about(
    basis: Basis, contributions: Sequence[Contribution], data: EvaluationData
) -> Mask:
    """Which labelled pictures `(n,)` one of these forgets is about: those of its classes and
    domains, and those that the unedited model mistakes for them, whose answers are to change.

    Args:
        basis: has labels and domains.
        contributions: the forgets.
        data: labelled pictures, unedited embeddings.
    """
    names, texts = label_set(basis, data)
    forgotten_table = forgotten_names(
        names, [recognised(basis, c).spec.scope for c in contributions], data.domains
    )
    mask = forgotten_table[(data.vectors @ texts.T).argmax(1), data.domain_of]
    for contribution in contributions:
        mask |= labelled_in_scope(basis, contribution, data)
    return mask


def point(
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData,
    stays: Mask,
) -> dict[str, Json]:
    """Under these forgets: `changed`, the share of the pictures `stays` `(n,)` whose best label is
    not the unedited model's; `named`, the share of the pictures that they are about that still get
    a forgotten name (None: there are no such pictures).

    Args:
        basis: has the labels.
        edit: that of these forgets together.
        contributions: the forgets.
        data: labelled pictures, unedited embeddings.
    """
    outcomes = Outcomes.of(basis, edit, contributions, data)
    changed = (outcomes.after != outcomes.before)[stays]
    named_mask = outcomes.named[outcomes.mine]
    return {
        "forgets": len(contributions),
        "changed": float(changed.mean()) if len(changed) else 0.0,
        "named": float(named_mask.mean()) if len(named_mask) else None,
    }


def steps(count: int, points: int = POINTS) -> list[int]:
    """Numbers from 0 to `count`, both among them, at most `points` + 1 and as even as whole numbers
    are.
    """
    return (
        sorted({round(count * i / points) for i in range(points + 1)}) if count else [0]
    )


def differs(
    basis: Basis, first: Edit, second: Edit, data: EvaluationData, stays: Mask
) -> tuple[int, int]:
    """Of the pictures `stays` `(n,)`, how many get another best label by the second edit than by
    the first, and how many they are.

    Args:
        basis: has the labels.
        data: labelled pictures, unedited embeddings.
    """
    answers: list[Any] = [
        Outcomes.of(basis, edit, (), data).after[stays] for edit in (first, second)
    ]
    return int(np.count_nonzero(answers[0] != answers[1])), len(answers[0])
