"""The label set of a model, as a list to read: what can be asked for, what the pool shows of it,
and what is forgotten of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from govd.contributions.naming import phrases_of
from govd.edit.prediction import Watch

if TYPE_CHECKING:
    from govd.edit import Basis
    from govd.records.request import Request
    from govd.types import Json, Record


def label_rows(
    basis: Basis, merged: Iterable[Mapping[str, Json]], forgets: Iterable[Request]
) -> list[Record]:
    """Each label, in the order of the label set: `aliases`, other spellings that were given beside
    it; `pictures` of the pool that the unedited model names so (None: there is no pool); `forgets`,
    the ids of those that stand and name it, of private ones none.

    Args:
        basis: of the model.
        merged: names that added nothing to the label set, as the model's record has them.
        forgets: of the model, that should be in force.
    """
    watch = Watch.of(basis)
    shown = None if watch is None else Counter(watch.top.tolist())
    place_of = (
        {} if watch is None else {name: at for at, name in enumerate(watch.names)}
    )
    aliases: dict[str, list[str]] = {}
    for row in merged:
        aliases.setdefault(str(row["kept"]), []).append(str(row["name"]))
    standing: dict[str, list[str]] = {}
    for forget in forgets:
        for phrase in set(phrases_of(forget)):
            standing.setdefault(phrase, []).append(forget.id)
    return [
        {
            "label": label,
            "aliases": aliases.get(label, []),
            "pictures": None if shown is None else shown[place_of[label]],
            "forgets": standing.get(label, []),
        }
        for label in basis.labels
    ]
