"""What a revert brings back and what improves, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from govd.cli.capacity import capacity_line, of_others
from govd.cli.counted import of_labelled, of_pool
from govd.cli.show_costs import COSTS, NOT_MEASURED, whose
from govd.cli.show_preview import by_prompt, decision_lines
from govd.cli.tables import console, count, escape, scope, share

if TYPE_CHECKING:
    from govd.types import Json


def show_revert_preview(preview: Mapping[str, Json]) -> None:
    """What the revert of a forget would do."""
    out = console()
    out.print(
        f"[bold]preview of the revert[/] of {preview['reverts']}: {scope(preview)} ·"
        f" {escape(preview['model'])} (nothing is filed)"
    )
    filed = preview.get("filed")
    if filed:
        out.print(
            f"  [yellow]it is filed already, as {filed['id']}: {filed['state']}[/]"
        )
    for line in returning_lines(preview):
        out.print(line)
    if preview.get("capacity"):
        out.print(
            f"  {of_others(preview['capacity'])}, by how many forgets, random ones of this model:"
            f" {capacity_line(preview['capacity'])}"
        )
    out.print("[bold]Does it wait?[/]")
    for line in decision_lines(preview):
        out.print(f"  {line}")


def returning_lines(returns: Mapping[str, Json]) -> Iterator[str]:
    """What comes back, what takes over, and what improves."""
    yield "[bold]What comes back?[/]"
    covered = returns.get("covered_by")
    if covered:
        yield f"  [yellow]nothing: {escape(covered)} covers it, and stands[/]"
    for line in _effects(returns):
        yield f"  {line}"
    for other in returns.get("takes_over", ()):
        name = f"{other['id']} ({scope(other)})" if other["id"] else "a private forget"
        yield f"  {name} takes over: it was covered by this one, and is in force by itself then"
    yield "[bold]What becomes of the other answers?[/]"
    for line in _costs(returns):
        yield f"  {line}"


def _effects(returns: Mapping[str, Json]) -> Iterator[str]:
    effect = returns.get("effect")
    labelled = returns.get("labelled")
    if effect is None and labelled is None:
        yield NOT_MEASURED
    if effect is not None and not effect["pictures"]:
        yield f"nobody knows: of {escape(effect['on'])} none looks like it to the model"
    elif effect is not None:
        yield from _of(effect, of_pool(effect))
    if labelled is not None:
        yield from _of(labelled, of_labelled(labelled))


def _of(effect: Mapping[str, Json], of: str) -> Iterator[str]:
    verb = "keep their answer" if effect["what"] == "domains" else "are named so"
    change = f"now {effect['before']} → then {effect['after']}"
    yield f"[bold]{change}[/] {verb}{by_prompt(effect)}"
    yield of


def _costs(returns: Mapping[str, Json]) -> Iterator[str]:
    costs = returns.get("costs") or {}
    if not costs:
        yield NOT_MEASURED
    wide = max(len(words) for words in COSTS.values())
    for name, words in COSTS.items():
        if name in costs:
            before = costs[name]["before"]
            after = costs[name]["after"]
            yield (
                f"{words:<{wide}}  {share(before['share'])}{whose(before)} → then"
                f" {share(after['share'])}{whose(after)}"
            )
    forgets = returns["forgets"]
    then = returns["forgets_after"]
    yield (
        f"{'in force':<{wide}}  {count(forgets, 'forget')} → then {then}; other answers that"
        f" differ from the unedited model's: {share(returns['disagreement'])} → then"
        f" {share(returns['disagreement_after'])}"
    )
