"""Which forgets lie inside which: what another covers adds nothing while that stands."""

from __future__ import annotations

from typing import Any

from govd.types import Concept, Record, Scope


def scope_of(request: Record) -> Scope:
    """The scope that a request's record names."""
    return Scope(tuple(Concept(c["name"], tuple(c["aliases"])) for c in request["concepts"]), tuple(request["domains"]))


def subsumed_by(wanted: list[dict[str, Any]]) -> dict[str, str]:
    """Which forgets add nothing because another that stands covers them at no less strength: id → id of the one that covers.

    Of two that cover each other the one filed first stands.
    """
    above = {
        inner["id"]: [outer["id"] for j, outer in enumerate(wanted) if i != j and _stands_over(outer, inner, j < i)]
        for i, inner in enumerate(wanted)
    }
    # "stands over" is a strict partial order, so something that nothing stands over is above each that is covered
    return {inner: next(o for o in outers if not above[o]) for inner, outers in above.items() if outers}


def _stands_over(outer: Record, inner: Record, earlier: bool) -> bool:
    if outer["strength"] < inner["strength"] or not scope_of(outer).covers(scope_of(inner)):
        return False
    mutual = inner["strength"] >= outer["strength"] and scope_of(inner).covers(scope_of(outer))
    return earlier or not mutual
