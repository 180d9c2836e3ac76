"""Policies: nobody forgets grey, navy is for a person to decide, and what a court wants for two."""

from collections.abc import Mapping
from typing import Any

from govd.hookspecs import hookimpl
from govd.types import Needs, Vote

COURT = "COURT-"
"""How the tickets of a court begin."""
TWO = Needs(2, role="operator", not_filer=True)


@hookimpl
def govd_vote(moment: str, request: Mapping[str, Any]) -> Vote | None:
    """Deny grey; let navy wait for a person, and a court's ticket for two of them."""
    names = {c["name"] for c in request["concepts"]}
    if moment == "filed" and "grey" in names:
        return Vote("deny", "example", "grey stays", {"concepts": sorted(names)})
    if moment == "filed" and "navy" in names:
        return Vote("wait", "example", "a person must see navy go")
    if moment == "filed" and (request.get("ticket") or "").startswith(COURT):
        return Vote("wait", "example", "a court wants it", needs=TWO)
    return None
