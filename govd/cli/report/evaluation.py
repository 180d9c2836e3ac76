"""The report of `govd evaluate --report`: one's own model and forgets, in words that need no
mathematics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from govd.cli.report import render, shown_scope
from govd.cli.report.parts import (
    MARKS,
    SAYS,
    WORKS,
    heat,
    leak_part,
    picture_verdict,
    tally,
)
from govd.cli.report.plots import Dot, Line, Plot, upper
from govd.types import Json, Record
from govd.verify.carried import of_linear

MAPPED = 400
"""Classes up to which the whole map is shown; beyond it only those with a cell that changed or was
to go.
"""
TARGETS = {
    "unnamed": "its pictures no longer get its name",
    "level": "its name no longer finds its pictures",
    "shift": (
        "its pictures lie where all others lie, so that searching with an example no longer finds"
        " them either"
    ),
}


def page(answer: Mapping[str, Json]) -> str:
    """The report as HTML, of the answer to an evaluation that was asked for one."""
    metrics = answer["metrics"]
    report = answer["report"]
    cells = [c for c in metrics["cells"] if c["images"]]
    return render(
        "evaluation",
        answer=answer,
        m=metrics,
        linear=of_linear(metrics),
        report=report,
        model=report["model"],
        heat=heat(_mapped(cells)),
        tally=tally(cells),
        leaks=[leak_part(leak) for leak in metrics.get("leaks", ())],
        shown=_pictures(report["pictures"]),
        forgets=[_forget(row, metrics) for row in report["forgets"]],
        capacity=_capacity(report["capacity"]),
        strength=_strength(report["strength"]),
        predicted=_scatter(report["forgets"]),
        covered=_covered(report["forgets"]),
        redirects=[
            {**c, "scope": _spoken(c["scope"])}
            for c in metrics.get("concepts", ())
            if c.get("redirects")
        ],
        honest=answer["claim"],
        says=SAYS,
        marks=MARKS,
        works=WORKS,
        targets=TARGETS,
    )


def _spoken(scope: str) -> str:
    """`dog · everywhere` as other parts of the report say it."""
    concept, _, domains = scope.rpartition(" · ")
    return (
        f"{concept} {domains}" if domains == "everywhere" else f"{concept} in {domains}"
    )


def _mapped(cells: Sequence[Record]) -> list[Record]:
    """Every cell, or of many classes those of which something is to be told."""
    if len({c["class"] for c in cells}) <= MAPPED:
        return list(cells)
    classes = {c["class"] for c in cells if c["forgotten"] or c["before"] != c["after"]}
    return [c for c in cells if c["class"] in classes]


def _pictures(pictures: Sequence[Record]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Pictures by class, in the order in which they came."""
    judged = [
        {
            **p,
            "verdict": picture_verdict(
                p["class"], p["before"], p["after"], p["forgotten"]
            ),
        }
        for p in pictures
    ]
    return [
        (name, list(of_class))
        for name, of_class in groupby(judged, key=lambda p: str(p["class"]))
    ]


def _forget(row: Record, metrics: Record) -> dict[str, Any]:
    """A forget with how much of it is still named, from the cells that are its own."""
    names = {phrase for c in row["concepts"] for phrase in (c["name"], *c["aliases"])}
    forget_cells = [
        c
        for c in metrics["cells"]
        if (not names or c["class"] in names)
        and (not row["domains"] or c["domain"] in row["domains"])
    ]
    total = sum(c["images"] for c in forget_cells)
    before, after = (
        sum(c[when] * c["images"] for c in forget_cells) / total if total else None
        for when in ("before", "after")
    )
    return {**row, "images": total, "before": before, "after": after}


def _capacity(curve: Record) -> Plot | None:
    """Cost against the number of forgets, with where we are; None where nothing is forgotten."""
    points = curve["points"]
    beyond = curve["beyond"]
    if len(points) < 2:
        return None
    changed = [(p["forgets"], p["changed"]) for p in points]
    ahead = [changed[-1], *((p["forgets"], p["changed"]) for p in beyond)]
    forgotten_points = [
        (p["forgets"], p["named"]) for p in (*points, *beyond) if p["named"] is not None
    ]
    lines = [Line("other answers that change", "main", changed)]
    if beyond:
        lines.append(
            Line("the same, if as many labels more were forgotten", "ahead", ahead)
        )
    lines.append(
        Line(
            "forgotten pictures that still get a forgotten name",
            "second",
            forgotten_points,
        )
    )
    top = upper([y for line in lines for _, y in line.points], 0.05)
    here = (float(curve["here"]), "you are here")
    return Plot(
        "What forgetting more costs",
        "forgets in force",
        "share of pictures",
        max(points[-1]["forgets"], beyond[-1]["forgets"] if beyond else 1),
        top,
        lines,
        marks=[here],
    )


def _strength(curve: Record | None) -> dict[str, Any] | None:
    """What the strength of one forget does: the plot, and which forget."""
    if curve is None or len(curve["points"]) < 2:
        return None
    points = [
        (p["strength"], p["named"]) for p in curve["points"] if p["named"] is not None
    ]
    changed = [(p["strength"], p["changed"]) for p in curve["points"]]
    lines = [
        Line("its pictures that still get its name", "second", points),
        Line("other answers that change", "main", changed),
    ]
    top = upper([y for line in lines for _, y in line.points], 0.05)
    plot = Plot(
        "What strength does",
        "strength",
        "share of pictures",
        max(p["strength"] for p in curve["points"]),
        top,
        lines,
        marks=[(curve["chosen"], "as filed")],
    )
    return {
        "plot": plot,
        "about": shown_scope(curve),
        "target": curve["target"],
        "method": curve["method"],
    }


def _scatter(forgets: Sequence[Record]) -> Plot | None:
    """Predicted against measured cost of each forget; None where there is none with both."""
    dots = [
        Dot(
            shown_scope(f),
            f["predicted"]["share"],
            f["measured"]["share"],
            f["predicted"]["interval"],
            f["measured"]["interval"],
        )
        for f in forgets
        if f["predicted"] and f["measured"]
    ]
    if not dots:
        return None
    ends = [
        v
        for d in dots
        for v in (d.x, d.y, *(d.x_interval or ()), *(d.y_interval or ()))
    ]
    top = upper(ends, 0.02)
    title = "Predicted and measured"
    x = "predicted when it was filed"
    y = "measured now"
    return Plot(title, x, y, top, top, dots=dots, x_share=True, diagonal=True)


def _covered(forgets: Sequence[Record]) -> dict[str, int] | None:
    """Of how many forgets the measured cost lies within what was predicted, where that was an
    interval; of how many it was predicted `shown`, on pictures that show a label.
    """
    both = [
        f
        for f in forgets
        if f["predicted"] and f["measured"] and f["predicted"]["interval"]
    ]
    if not both:
        return None
    count = 0
    for f in both:
        low, high = f["predicted"]["interval"]
        count += low <= f["measured"]["share"] <= high
    of_labels = sum(f["predicted"]["of"] == "shown" for f in both)
    return {"inside": count, "of": len(both), "shown": of_labels}
