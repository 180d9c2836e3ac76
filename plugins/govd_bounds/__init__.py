"""The policy that comes with govd: a request that would disturb too much of what is kept, or asks for too much, waits for a person."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from govd.hookspecs import hookimpl
from govd.types import Json, Record, Vote

MAX_PREDICTED_DISAGREEMENT = 0.05
"""Share of what is kept that a request may have answered differently; one above it waits (the home's own setting goes first)."""

MAX_TOTAL_DISAGREEMENT = 0.2
"""The same of all forgets together: many small ones add up."""

MAX_SCOPE_SHARE = 0.2
"""Share of pictures that a request may be about, and all forgets together: how much is asked for, whatever it is said to cost."""


class Bound(NamedTuple):
    """A figure, the bound on it, and what the figure is in words."""

    value: float
    limit: float
    words: str


@hookimpl
def govd_vote(moment: str, request: Record, predicted: Mapping[str, Json]) -> Vote | None:
    """Wait where a figure is over its bound. Nothing to say when a person approves it, nor on reverts, which restore."""
    if moment != "filed" or "disagreement" not in predicted:
        return None
    figures = ("disagreement", "total_disagreement", "scope_share", "total_scope_share", "scope_share_added")
    inputs = {name: float(predicted[name]) for name in figures if name in predicted}
    limits = {
        "max_predicted_disagreement": MAX_PREDICTED_DISAGREEMENT,
        "max_total_disagreement": MAX_TOTAL_DISAGREEMENT,
        "max_scope_share": MAX_SCOPE_SHARE,
    }
    inputs |= {name: float(predicted.get(name, default)) for name, default in limits.items()}
    for bound in _bounds(inputs):
        if bound.value > bound.limit:
            value, limit = apart(bound.value, bound.limit)
            return Vote("wait", "bounds", f"{bound.words} {value}, over the bound of {limit}: a person must approve it", inputs)
    value, limit = apart(inputs["disagreement"], inputs["max_predicted_disagreement"])
    return Vote("allow", "bounds", f"predicted disagreement {value} is within the bound of {limit}", inputs)


def _bounds(inputs: Mapping[str, float]) -> Iterator[Bound]:
    """The figures with their bounds, in the order in which they are told."""
    adds = inputs["disagreement"] > 0
    yield Bound(inputs["disagreement"], inputs["max_predicted_disagreement"], "the predicted disagreement of what is kept is")
    if adds:
        words = "with all that is in force, the predicted disagreement of what is kept is"
        yield Bound(inputs.get("total_disagreement", 0.0), inputs["max_total_disagreement"], words)
    yield Bound(inputs.get("scope_share", 0.0), inputs["max_scope_share"], "the share of pictures that it is about is")
    words = "with all that is in force, the share of pictures that is asked for is"
    if inputs.get("scope_share_added", 1.0) > 0:
        yield Bound(inputs.get("total_scope_share", 0.0), inputs["max_scope_share"], words)


def apart(value: float, limit: float) -> tuple[str, str]:
    """Two numbers with as many digits as show which of them is larger, three at least."""
    for digits in range(3, 17):
        texts = f"{value:.{digits}f}", f"{limit:.{digits}f}"
        if value == limit or texts[0] != texts[1]:
            return texts
    return repr(value), repr(limit)
