"""How much a request asks for, and all that would be in force with it: figures that a bound is on,
beside those of what it costs.

Proven by `tests/plugins/test_bounds.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from govd.edit import Basis, EvaluationData
from govd.edit.cache import Cache
from govd.edit.extent import in_scope, labelled_in_scope, named_share
from govd.models.core import Core
from govd.models.evaluation_set import evaluation_from
from govd.types import Bools, Contribution

MASKS: Final = 4096
"""Scopes whose pictures are kept in memory."""
SETS: Final = 4


class Extents:
    """Shares of pictures in scope: of the pool, as the model itself tells them apart, and of the
    evaluation set, by its labels.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self._masks: Cache[tuple[str, str, str], Bools] = Cache(MASKS)
        self._sets: Cache[str, EvaluationData] = Cache(SETS)

    def share(
        self, model: str, basis: Basis, contributions: Sequence[Contribution]
    ) -> float:
        """The largest share of pictures `[0, 1]` that these forgets are about together: of the
        pool, of the evaluation set; without either of them, of the cells that they name.

        Args:
            model: its name.
            basis: of the model.
            contributions: of the forgets.
        """
        if not contributions:
            return 0.0
        shares = []
        mask = in_scope(basis, contributions)
        if mask is not None:
            shares.append(float(mask.mean()))
        data = self.labelled(model)
        if data is not None:
            digest = str(self.core.desk.model(model).evaluation)
            labelled = [
                self._of_set(basis, contribution, digest, data)
                for contribution in contributions
            ]
            shares.append(float(np.logical_or.reduce(labelled).mean()))
        if not shares:
            shares.append(
                min(
                    1.0,
                    sum(
                        named_share(basis, contribution)
                        for contribution in contributions
                    ),
                )
            )
        return max(shares)

    def labelled(self, model: str) -> EvaluationData | None:
        """The model's evaluation set, if it has one."""
        digest = self.core.desk.model(model).evaluation
        if digest is None:
            return None
        return self._sets.get(digest) or self._sets.put(
            digest, evaluation_from(self.core.artifacts.get(digest))
        )

    def _of_set(
        self,
        basis: Basis,
        contribution: Contribution,
        digest: str,
        data: EvaluationData,
    ) -> Bools:
        key = (basis.digest, contribution.digest, digest)
        mask = self._masks.get(key)
        if mask is None:
            return self._masks.put(key, labelled_in_scope(basis, contribution, data))
        return mask
