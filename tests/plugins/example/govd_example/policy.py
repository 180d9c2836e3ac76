"""A policy: nobody forgets grey, and navy is for a person to decide."""

from collections.abc import Mapping
from typing import Any

from govd.hookspecs import hookimpl
from govd.types import Vote


@hookimpl
def govd_vote(moment: str, request: Mapping[str, Any]) -> Vote | None:
    """Deny grey; let navy wait."""
    names = {c["name"] for c in request["concepts"]}
    if moment == "filed" and "grey" in names:
        return Vote("deny", "example", "grey stays", {"concepts": sorted(names)})
    if moment == "filed" and "navy" in names:
        return Vote("wait", "example", "a person must see navy go")
    return None
