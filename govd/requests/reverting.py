"""What a revert's filing says, and whether a forget may be reverted at all."""

from __future__ import annotations

from typing import Final

from govd.errors import Conflict
from govd.records.request import Request
from govd.requests.holding import check_hold, check_model
from govd.types import Json

COPIED: Final = (
    "concepts",
    "domains",
    "strength",
    "method",
    "target",
    "prototypes",
    "examples",
)
"""What a revert's record repeats of its forget."""


def revert_of(forget: Request, reason: str) -> dict[str, Json]:
    """A revert as its filer says it, without what it copies of its forget."""
    return {
        "kind": "revert",
        "model": forget.model,
        "reverts": forget.id,
        "reason": reason,
    }


def copied_from(forget: Request) -> dict[str, Json]:
    """What a revert's record repeats of its forget."""
    return {field: forget[field] for field in COPIED if field in forget}


def check_revertible(forget: Request) -> None:
    """Refuse to take back what is not in force.

    Raises:
        Conflict: it is not. Denied: it is under a legal hold.
    """
    check_hold(forget)
    check_model(forget)
    if not forget.stands:
        state = forget.state if forget.is_forget else "a revert"
        raise Conflict(
            f"{forget.id} is {state}: there is nothing to revert",
            advice="`govd request list --state in_force` shows what can be reverted.",
        )
