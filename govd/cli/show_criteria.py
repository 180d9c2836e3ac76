"""What a forget must keep and what became of its prediction, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.tables import count, escape, moment, share
from govd.records.actors import spoken

if TYPE_CHECKING:
    from govd.types import Json

WORDS: Final = {
    "named": "still named so",
    "cost": "answers changed, with all in force",
    "own_cost": "answers changed by it",
    "own_shown_cost": "of pictures that show a label",
    "own_worst_label": "of the worst label",
    "own_worst_cell": "of the worst label in one domain",
    "own_elsewhere": "of the same in other domains",
}
"""Figures of a prediction."""


def criteria_lines(request: Mapping[str, Json]) -> Iterator[str]:
    """Its criteria with what they came to, and who changed them; and who approved what it costs in
    weights.
    """
    if approval := request.get("weights_approved"):
        yield _approved_in_weights(approval)
    criteria = request.get("criteria") or []
    judged = request.get("judged") or {}
    figures = judged.get("figures") or {}
    unmet = {breach["metric"] for breach in judged.get("unmet", ())}
    bound = request.get("criteria_set")
    if criteria:
        place = (
            f"the evaluation set {bound['digest'][:16]}…"
            if bound
            else "what the model has"
        )
        yield f"must keep, on {place}:"
    for criterion in criteria:
        metric = criterion["metric"]
        text = f"  {metric}<={criterion['at_most']:g}"
        if metric not in figures:
            yield text + (
                "  [dim]not judged in what is published[/]"
                if "judged" in request
                else ""
            )
        else:
            verdict = "[red]not kept[/]" if metric in unmet else "kept"
            place = f"in revision {judged['revision']}, on {escape(judged['on'])}"
            yield f"{text}  {verdict} {place}: {_of(judged, metric)}"
    if unmet:
        yield (
            "[yellow]no further revision is published until it is kept, changed (govd request"
            " criteria) or this forget is taken back[/]"
        )
    for change in request.get("criteria_changes", ()):
        before, then = (_written(change[name]) for name in ("was", "criteria"))
        yield (
            f"{escape(spoken(change['by']))} changed it on {moment(change['at'])} from {before} to"
            f" {then}: {escape(change['reason'])}"
        )


def _of(judged: Mapping[str, Json], metric: str) -> str:
    figure = judged["figures"][metric]
    if figure is None:
        return f"cannot be judged, {escape(str((judged.get('missing') or {}).get(metric)))}"
    pictures = (judged.get("pictures") or {}).get(metric)
    text = f"{figure:.4f} of {pictures} pictures" if pictures else f"{figure:.4f}"
    in_weights = metric in (judged.get("in_weights") or ())
    return f"{text}, in the weights that are published" if in_weights else text


def _written(criteria: Json) -> str:
    return ", ".join(f"{c['metric']}<={c['at_most']:g}" for c in criteria) or "nothing"


def foreseen_lines(rows: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    """Whether criteria would be kept, by a prediction."""
    for row in rows:
        text = f"criterion {row['metric']}<={row['at_most']:g}:"
        if row["outcome"] == "unknown":
            yield f"{text} not predicted; it is judged when a revision is evaluated"
            continue
        words = {
            "kept": "[green]would be kept[/]",
            "broken": "[red]would not be kept[/]",
            "open": "[yellow]may be kept or not[/]",
        }
        yield f"{text} {words[row['outcome']]}, predicted {share(row['predicted'])}{ends_of(row)}"


def prediction_lines(prediction: Mapping[str, Json]) -> Iterator[str]:
    """Each figure of a prediction, and what was measured of it."""
    on = prediction["on"]
    revision = (
        f" in revision {prediction['revision']}," if prediction.get("revision") else ""
    )
    if not on:
        yield f"not measured: {escape(prediction['why'])}"
        return
    yield f"measured{revision} on {escape(on)}:"
    for row in prediction["figures"]:
        yield f"  {compared(row)}"
    if prediction.get("why"):
        yield f"  [dim]{escape(prediction['why'])}[/]"


def ends_of(row: Mapping[str, Json]) -> str:
    """The interval of a prediction, in brackets; empty where there is none."""
    if row["high"] is None:
        return ""
    low = "≤ " if row["low"] is None else f"{100 * row['low']:.1f} to "
    return f" ({low}{100 * row['high']:.1f})"


def compared(row: Mapping[str, Json]) -> str:
    """A predicted figure with its interval against what was measured."""
    ends = ends_of(row)
    if row["measured"] is None:
        outcome = "not measured"
    else:
        pictures = count(row["pictures"], "picture")
        ending = verdict(row) or "no interval"
        outcome = f"measured {share(row['measured'])} of {pictures}: {ending}"
    words = WORDS.get(row["metric"], row["metric"])
    return f"{words}: predicted {share(row['predicted'])}{ends}, {outcome}"


def verdict(row: Mapping[str, Json]) -> str:
    """Whether an interval held what was measured, and if not, on which side that lies; nothing
    without an interval.
    """
    if row["held"] is None:
        return ""
    if row["held"]:
        return "held"
    return "[yellow]more than that[/]" if row["error"] > 0 else "less than that"


def _approved_in_weights(approval: Mapping[str, Json]) -> str:
    """Who approved what it costs in published weights, and what a policy had said to that."""
    objection = approval["objection"]
    return (
        f"what it costs in published weights was approved {moment(approval['at'])} by"
        f" {escape(spoken(approval['by']))}: {escape(approval['reason'])}"
        f" ({escape(objection['policy'])}: {escape(objection['reason'])})"
    )
