"""The policy that comes with govd: a request that would disturb too much of what is kept, or asks
for too much, waits for a person.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from govd.hookspecs import hookimpl
from govd.types import Json, Record, Vote

MAX_PREDICTED_DISAGREEMENT = 0.05
"""Share of what is kept that a request may have answered differently, of pictures that show a label
where that is known: of a pool that is mostly of other things each answer is a guess. One above it
waits (the home's own setting goes first).
"""

MAX_TOTAL_DISAGREEMENT = 0.2
"""The same of all forgets together: many small ones add up."""

MAX_SCOPE_SHARE = 0.2
"""Share of pictures that a request may be about, and all forgets together: how much is asked for,
whatever it is said to cost.
"""

MAX_LOST_ELSEWHERE = 0.5
"""Share of a class's pictures in other domains that may lose their name when it goes in some."""

MAX_WORST_CELL = 1.0
"""Share of the answers to another label's pictures in one domain that may change, of the label and
domain that lose most; 1 bounds nothing.
"""

HIGH = {
    "disagreement": "disagreement_high",
    "total_disagreement": "total_disagreement_high",
    "shown_disagreement": "shown_disagreement_high",
    "total_shown_disagreement": "total_shown_disagreement_high",
}
"""Figures, and the upper ends of their intervals."""

SHOWN = {
    "disagreement": "shown_disagreement",
    "total_disagreement": "total_shown_disagreement",
}
"""Figures of all pictures, and the same of those that show a label."""

FIGURES = (
    *HIGH,
    *HIGH.values(),
    "scope_share",
    "total_scope_share",
    "scope_share_added",
)
"""What is predicted, as far as it was measured."""

COSTS = {"elsewhere": "lost_elsewhere", "worst_cell": "worst_cell"}
"""Costs that are bounded, by what a vote calls them."""

LIMITS = {
    "max_predicted_disagreement": MAX_PREDICTED_DISAGREEMENT,
    "max_total_disagreement": MAX_TOTAL_DISAGREEMENT,
    "max_scope_share": MAX_SCOPE_SHARE,
    "max_lost_elsewhere": MAX_LOST_ELSEWHERE,
    "max_worst_cell": MAX_WORST_CELL,
}
"""The bounds by their names in `govd.toml`."""

CHECKPOINT = "checkpoint_"
"""What figures of a checkpoint begin with in a vote."""

IN_CHECKPOINT = (
    "in the checkpoint that is published to a folder, which gets the linear edit"
)

OF_CHECKPOINT = (
    (
        "disagreement",
        "max_predicted_disagreement",
        "the predicted disagreement of what is kept is",
    ),
    (
        "total_disagreement",
        "max_total_disagreement",
        "the predicted disagreement of what is kept, with all that is in force, is",
    ),
    (
        "lost_elsewhere",
        "max_lost_elsewhere",
        "the share of its pictures in other domains that lose their name is",
    ),
    (
        "worst_cell",
        "max_worst_cell",
        "the share of the worst label's answers in one domain that change is",
    ),
)
"""Its costs, the bounds on them, and what each is in words."""

EXACT = "but the order of the labels that stay does not change, which is exact"
UNMEASURED = "what it costs was not measured: there is no pool"
NO_INTERVAL = "though how far that may be off was not measured"


class Bound(NamedTuple):
    """A figure, the bound on it, and what the figure is in words."""

    value: float
    limit: float
    words: str


@hookimpl
def govd_vote(
    moment: str, request: Record, predicted: Mapping[str, Json]
) -> Vote | None:
    """Wait where a figure is over its bound. Nothing to say when a person approves it, nor on
    reverts, which restore.
    """
    if moment != "filed" or "disagreement" not in predicted:
        return None
    if not predicted.get("measured", True) and request.get("domains"):
        return Vote(
            "wait",
            "bounds",
            f"{UNMEASURED}: a person must approve what is about domains",
            {"measured": False},
        )
    inputs = _inputs(predicted)
    exact = bool(predicted.get("by_theorem"))
    costs, of_checkpoint = (
        ((), ()) if exact else (_costs(inputs), _of_checkpoint(inputs))
    )
    over = [*_over(costs), *_over(of_checkpoint, NO_INTERVAL)]
    over = over or _over(_extents(inputs))
    if over:
        reason = f"{'; '.join(over)}: a person must approve it"
        return Vote("wait", "bounds", reason, inputs)
    if exact:
        words = f"{UNMEASURED}; {EXACT}"
        return Vote("allow", "bounds", words, {**inputs, "by_theorem": True})
    words, value = _upper(inputs, "disagreement", "predicted disagreement")
    figure, limit = apart(value, inputs["max_predicted_disagreement"])
    ends = {HIGH["disagreement"], HIGH["shown_disagreement"]}
    sure = f", {NO_INTERVAL}" if ends.isdisjoint(inputs) else ""
    return Vote(
        "allow",
        "bounds",
        f"{words} {figure}, within the bound of {limit}{sure}",
        inputs,
    )


def _over(bounds: Iterable[Bound], clause: str = "") -> list[str]:
    """The first figure that is over its bound, in words, with a clause; none where none is."""
    for bound in bounds:
        if bound.value > bound.limit:
            value, limit = apart(bound.value, bound.limit)
            words = f"{bound.words} {value}, over the bound of {limit}"
            return [f"{words}, {clause}" if clause else words]
    return []


def _inputs(predicted: Mapping[str, Json]) -> dict[str, float]:
    """The figures that were predicted, and the bounds on them: the home's own go first."""
    inputs = {
        name: float(predicted[name])
        for name in FIGURES
        if predicted.get(name) is not None
    }
    inputs |= {
        name: float(predicted.get(name, default)) for name, default in LIMITS.items()
    }
    costs = predicted.get("costs", {})
    of_labels = costs.get("shown", {})
    ends = (("shown_disagreement", "share"), ("shown_disagreement_high", "high"))
    inputs |= {
        name: float(of_labels[end])
        for name, end in ends
        if of_labels.get(end) is not None
    }
    for cost, name in COSTS.items():
        if cost in costs:
            high = costs[cost].get("high")
            inputs[name] = float(costs[cost]["share"] if high is None else high)
    return inputs | _inputs_of_checkpoint(predicted.get("checkpoint") or {})


def _inputs_of_checkpoint(linear: Mapping[str, Json]) -> dict[str, float]:
    """What it costs in a checkpoint, where the model's own edit asks pictures and the linear one,
    which weights get, is published beside it; of pictures that show a label where that is known.
    """
    if not linear.get("published"):
        return {}
    costs = linear.get("costs") or {}
    cost = costs.get("shown", costs.get("all"))
    total = linear.get("shown_disagreement", linear.get("predicted_disagreement"))
    figures = {"disagreement": None if cost is None else cost["share"]}
    figures["total_disagreement"] = total
    for cost_name, name in COSTS.items():
        figures[name] = costs[cost_name]["share"] if cost_name in costs else None
    return {
        f"{CHECKPOINT}{name}": float(figure)
        for name, figure in figures.items()
        if figure is not None
    }


def _upper(inputs: Mapping[str, float], name: str, words: str) -> tuple[str, float]:
    """A figure's upper end where it has an interval, else the figure; and how to speak of it. Of
    pictures that show a label, unless that is less sure.
    """
    of_labels = SHOWN[name]
    if HIGH[of_labels] in inputs or (of_labels in inputs and HIGH[name] not in inputs):
        name, words = of_labels, f"{words}, of pictures that show a label,"
    words = f"{words} is"
    high = inputs.get(HIGH[name])
    return (
        (words, inputs.get(name, 0.0)) if high is None else (f"{words} at most", high)
    )


def _costs(inputs: Mapping[str, float]) -> Iterator[Bound]:
    """What it costs, with the bounds on that, in the order in which they are told."""
    words, value = _upper(
        inputs, "disagreement", "the predicted disagreement of what is kept"
    )
    yield Bound(value, inputs["max_predicted_disagreement"], words)
    if value > 0:
        with_all = (
            "with all that is in force, the predicted disagreement of what is kept"
        )
        words, value = _upper(inputs, "total_disagreement", with_all)
        yield Bound(value, inputs["max_total_disagreement"], words)
    words = "the share of its pictures in other domains that may lose their name is"
    yield Bound(inputs.get("lost_elsewhere", 0.0), inputs["max_lost_elsewhere"], words)
    words = "the share of the worst label's answers in one domain that may change is"
    yield Bound(inputs.get("worst_cell", 0.0), inputs["max_worst_cell"], words)


def _of_checkpoint(inputs: Mapping[str, float]) -> Iterator[Bound]:
    """What it costs in a checkpoint that is published. Nobody measured how far that may be off:
    intervals are of the model's own edits.
    """
    is_free = not inputs.get(f"{CHECKPOINT}disagreement", 0.0)
    for name, limit, words in OF_CHECKPOINT:
        value = inputs.get(f"{CHECKPOINT}{name}", 0.0)
        if name == "total_disagreement" and is_free:
            continue
        yield Bound(value, inputs[limit], f"{IN_CHECKPOINT}, {words}")


def _extents(inputs: Mapping[str, float]) -> Iterator[Bound]:
    """How much is asked for."""
    yield Bound(
        inputs.get("scope_share", 0.0),
        inputs["max_scope_share"],
        "the share of pictures that it is about is",
    )
    words = "with all that is in force, the share of pictures that is asked for is"
    if inputs.get("scope_share_added", 1.0) > 0:
        yield Bound(
            inputs.get("total_scope_share", 0.0), inputs["max_scope_share"], words
        )


def apart(value: float, limit: float) -> tuple[str, str]:
    """Two numbers with as many digits as show which of them is larger, three at least."""
    for digits in range(3, 17):
        texts = f"{value:.{digits}f}", f"{limit:.{digits}f}"
        if value == limit or texts[0] != texts[1]:
            return texts
    return repr(value), repr(limit)
