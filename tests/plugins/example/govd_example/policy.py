"""Policies: nobody forgets grey, navy is for a person to decide, and what a court wants for two."""

from collections.abc import Mapping, Sequence
from typing import Any

from govd.hookspecs import hookimpl
from govd.types import Needs, Vote

COURT = "COURT-"
"""How the tickets of a court begin."""
TWO = Needs(2, role="operator", not_filer=True)


@hookimpl
def govd_vote(
    moment: str,
    request: Mapping[str, Any],
    actor: str,
    roles: Sequence[str],
    approvals: Sequence[Mapping[str, Any]],
) -> Vote | None:
    """Deny grey; let navy wait for a person, and a court's ticket for two of them."""
    names = {c["name"] for c in request["concepts"]}
    if moment == "filed" and "grey" in names:
        return Vote("deny", "example", "grey stays", {"concepts": sorted(names)})
    if moment == "filed" and "navy" in names:
        return Vote("wait", "example", "a person must see navy go")
    if moment != "revert" and (request.get("ticket") or "").startswith(COURT):
        return _by_two(moment, request, actor, roles, approvals)
    return None


def _by_two(
    moment: str,
    request: Mapping[str, Any],
    actor: str,
    roles: Sequence[str],
    approvals: Sequence[Mapping[str, Any]],
) -> Vote | None:
    """Two people with the role operator, neither of whom filed it."""
    people = {approval["principal"] for approval in approvals if not approval["by_filer"]}
    if moment == "approve" and TWO.role in roles and actor != request["filed_by"]:
        people.add(actor)
    if len(people) >= TWO.n:
        return None
    missing = TWO.n - len(people)
    return Vote("wait", "example", f"{missing} more of {TWO}", needs=TWO)
