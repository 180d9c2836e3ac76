"""A switch in place that was cut off: some points are replaced, and their originals kept apart. A
patch that goes on makes these of their originals, another one puts them back first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from govd_qdrant.points import MARK, TRACE, Point, Points
from govd_qdrant.siblings import BASE, Sibling, Siblings
from govd_qdrant.state import State


def is_replaced(point: Point, revision: int) -> bool:
    """Whether a searched point has the vector of a revision already."""
    marked = bool(revision) and point.payload.get(MARK) == revision
    return marked and point.is_as_written


def begun_originals(
    siblings: Siblings, state: State, name: str, collection: str
) -> Sibling | None:
    """Originals that the switch under way has kept; None where it has none yet, or is none in
    place. `collection`: what is searched by the name.
    """
    if state.base or collection != name or not state.wanted:
        return None
    base = siblings.name_in_place(f"{name}{BASE}")
    return siblings.points(base) if siblings.exists(base) else None


def originals_of(
    points: Iterable[Point], begun: Sibling | None, revision: int
) -> dict[Any, Point]:
    """The originals of those points that are replaced already, by their ids."""
    if begun is None:
        return {}
    ids = [point.id for point in points if is_replaced(point, revision)]
    return begun.get(ids) if ids else {}


def put_back(searched: Points, begun: Sibling, revision: int, alone: bool) -> None:
    """Put originals in the place of what was replaced. `alone`: as `Points.rewrite`."""
    for page in begun.pages():
        present = searched.get([original.id for original in page])
        back = []
        for original in page:
            before = present.get(original.id)
            if before is None or not is_replaced(before, revision):
                continue
            own = {MARK: original.payload.get(MARK), TRACE: original.trace}
            back.append(
                replace(before, vector=original.vector, payload=before.payload | own)
            )
        searched.rewrite(back, alone)
