"""What a forget would cost, for people: shares of answers that change, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from govd.cli.counted import worth
from govd.cli.tables import count, escape, share

if TYPE_CHECKING:
    from govd.types import Json

COSTS: Final = {
    "all": "all other answers",
    "shown": "of pictures that show a label",
    "worst_label": "the worst label",
    "worst_cell": "the worst label in one domain",
    "elsewhere": "the same in other domains",
}
NOT_MEASURED: Final = (
    "not measured: no pool of pictures (govd model update NAME --pool FILE)"
)
UNSURE: Final = (
    "[dim]without intervals: how far predictions are off was measured of edits that ask pictures,"
    " not of the linear one[/]"
)
"""Why figures of a checkpoint have none."""


def cost_lines(preview: Mapping[str, Json]) -> Iterator[str]:
    """What a forget costs, by it alone and with all in force; in a checkpoint, too."""
    costs = preview.get("costs")
    if not costs:
        yield _without_pool(preview["predicted"])
        return
    wide = max(len(words) for words in COSTS.values())
    for name, words in COSTS.items():
        if name in costs:
            ending = worth if name == "shown" else whose
            yield f"{words:<{wide}}  {interval(costs[name])}{ending(costs[name])}"
    total = preview["predicted"].get("total_disagreement")
    if total is not None and total != costs.get("all", {}).get("share"):
        yield (
            f"{'with all that is in force':<{wide}}  {share(total)} of the other answers differ"
            " from the unedited model's"
        )
    if would := _if_asked(preview):
        yield f"{'if pictures were asked first':<{wide}}  {would}"
    linear = preview["predicted"].get("checkpoint")
    if linear:
        changed = share(linear["predicted_disagreement"])
        yield (
            f"{'with all, by linear edit':<{wide}}  {changed}: that is what a checkpoint gets,"
            " since weights cannot ask a picture"
        )
        yield from _own_in_weights(linear, wide)
    if all(figure.get("low") is None for figure in costs.values()):
        yield (
            "[dim]shares of answers that change; their intervals were not measured: govd model"
            f" update {escape(preview['model'])} tries again, where the pool is large enough[/]"
        )
    else:
        yield "[dim]shares of answers that change; in brackets, where nine in ten end up[/]"


def _if_asked(preview: Mapping[str, Json]) -> str:
    """What would be if the model's edits asked pictures first; empty where that is no better, or
    not known.
    """
    conditional = preview.get("asking")
    if not conditional:
        return ""
    total = preview["predicted"].get("total_disagreement") or 0.0
    after = (preview.get("effect") or {}).get("after")
    effect = conditional.get("effect")
    has_pictures = bool(effect and effect["pictures"])
    is_surer = has_pictures and after is not None and effect["after"] < after
    if conditional["total_disagreement"] >= total and not is_surer:
        return ""
    verb = "keep their answer" if has_pictures and effect["what"] == "domains" else ""
    change = (
        f", before {effect['before']} → after {effect['after']}"
        f" {verb or 'are named so'}"
        if has_pictures
        else ""
    )
    return (
        f"{share(conditional['total_disagreement'])} with all{change}: govd model update"
        f" {escape(preview['model'])} --conditional (not in a checkpoint)"
    )


def _own_in_weights(linear: Mapping[str, Json], wide: int) -> Iterator[str]:
    """What it costs in a checkpoint by itself; nothing of older entries."""
    costs = linear.get("costs") or {}
    figures = [
        f"{words} {share(costs[name]['share'])}"
        for name, words in COSTS.items()
        if name in costs
    ]
    if figures:
        yield f"{'by it alone, there':<{wide}}  {', '.join(figures)}"
        yield f"{'':<{wide}}  {UNSURE}"


def _without_pool(predicted: Mapping[str, Json]) -> str:
    if predicted.get("by_theorem"):
        return (
            "the order of the labels that stay does not change (exact on the label set); nothing"
            " else is measured: there is no pool"
        )
    return NOT_MEASURED


def interval(figure: Mapping[str, Json]) -> str:
    """A share with its interval's ends, where there are some."""
    if figure.get("low") is None:
        return share(figure["share"])
    return f"{share(figure['share'])} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def at_most(figure: Mapping[str, Json]) -> str:
    """A share with the upper end of its interval, where there is one."""
    return share(figure["share"]) + (
        "" if figure.get("high") is None else f" (≤ {100 * figure['high']:.1f})"
    )


def whose(figure: Mapping[str, Json]) -> str:
    scope = " in ".join(
        escape(figure[name]) for name in ("label", "domain") if figure.get(name)
    )
    return f" of {count(figure['pictures'], 'picture')}" + (
        f": {scope}" if scope else ""
    )
