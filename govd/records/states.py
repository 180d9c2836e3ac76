"""States of requests as somebody types them."""

from __future__ import annotations

from govd.errors import Usage, instead
from govd.records.lifecycle import REQUEST, REVERT


def check_state(state: str | None) -> None:
    """A request's state as somebody typed it.

    Raises:
        Usage: there is no such state.
    """
    states = sorted({*REQUEST, *REVERT})
    if state is not None and state not in states:
        raise Usage(f"unknown state {state!r}", advice=instead(state, states, "States"))
