"""What models without a joint space say of themselves: how much their weights change, and what
their own evaluation measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from govd.cli.tables import console, count, escape, said, table

if TYPE_CHECKING:
    from govd.types import Json

BEFORE: Final = "_before"
"""How the names of figures of the unedited model end."""
SHOWN: Final = 6
"""Overlaps that a screen lists."""


def extent_line(extent: Mapping[str, Json]) -> str:
    """How much an edit changes."""
    weights = count(extent["weights"], "weight")
    entries = f"{extent['entries']:,}"
    return f"{entries} entries of {weights}, norm {extent['edit_norm']:.4g}"


def figures(external: Mapping[str, Json]) -> list[tuple[str, str]]:
    """The figures of an evaluation, with what they were before where it says so."""
    rows = []
    for name, value in external.items():
        if name == "on" or (
            name.endswith(BEFORE) and name.removesuffix(BEFORE) in external
        ):
            continue
        before = external.get(name + BEFORE)
        words = said(value) if before is None else f"{said(before)} → {said(value)}"
        rows.append((escape(name), escape(words)))
    return rows


def external_lines(
    metrics: Mapping[str, Json], facts: Mapping[str, Json]
) -> Iterator[str]:
    """A revision of such a model: extent, figures, bounds, and forgets that change the same."""
    yield f"changes {extent_line(metrics['extent'])}"
    external = metrics.get("external")
    if external is None:
        yield "not evaluated: its job has no evaluation"
    else:
        yield f"evaluated on {escape(said(metrics.get('on')))}:"
        for name, words in figures(external):
            yield f"  {name} {words}"
    for gate in metrics.get("gates", ()):
        verdict = "kept" if gate["kept"] else "[red]not kept[/]"
        yield f"bound {escape(gate['bound'])}: {verdict}"
    enforced = (metrics.get("job") or {}).get("enforced") or {}
    if str(enforced.get("network", "closed")) != "closed":
        yield f"[yellow]its evaluation ran with the network {escape(enforced['network'])}[/]"
    yield from overlap_lines(facts)


def overlap_lines(facts: Mapping[str, Json]) -> Iterator[str]:
    """Forgets whose deltas lie in the same entries."""
    overlaps = facts.get("overlaps") or ()
    for overlap in overlaps[:SHOWN]:
        pair = " and ".join(", ".join(side["forgets"]) for side in overlap["between"])
        yield (
            f"{escape(pair)} change the same entries of {count(len(overlap['weights']), 'weight')}:"
            f" {100 * overlap['shared']:.0f} % of a delta, cosine {overlap['cosine']:+.2f}"
        )
    more = int(facts.get("overlapping") or 0) - len(overlaps[:SHOWN])
    if more > 0:
        yield f"and {count(more, 'pair')} more change the same entries"


def print_external(evaluation: Mapping[str, Json]) -> None:
    """What `govd evaluate` prints of such a model."""
    out = console()
    metrics = evaluation["metrics"]
    title = (
        f"{escape(evaluation['model'])}, revision {evaluation['revision'] or 'base'}"
    )
    rows = [("measured on", escape(said(metrics.get("on"))))]
    rows += [("changes", extent_line(metrics["extent"]))]
    out.print(table("", title, rows=[*rows, *figures(metrics.get("external") or {})]))
    for gate in metrics.get("gates", ()):
        verdict = "kept" if gate["kept"] else "[red]not kept[/]"
        out.print(f"  bound {escape(gate['bound'])}: {verdict}")
    out.print(f"[dim]{escape(evaluation['claim'])}[/]")
