"""How far predictions were off, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from govd.cli.show_criteria import WORDS, ends_of, verdict
from govd.cli.tables import console, escape, said, share, table

if TYPE_CHECKING:
    from govd.types import Json


def show_predictions(report: Mapping[str, Json]) -> None:
    """Each predicted figure against what was measured, and what they come to."""
    out = console()
    rows = report["predictions"]
    if not rows:
        out.print("No revision has held a prediction against a measurement yet.")
        return
    out.print(
        table(
            "request",
            "revision",
            "figure",
            "predicted",
            "measured",
            "of",
            "error",
            "interval",
            rows=[_cells(row) for row in rows],
        )
    )
    for why in dict.fromkeys(str(row["why"]) for row in rows if row["why"]):
        out.print(f"[dim]{escape(why)}[/]")
    for line in report["summary"]:
        words = WORDS.get(line["metric"], line["metric"])
        if not line["measured"]:
            out.print(f"{words}: {line['figures']} predicted, none measured")
            continue
        intervals = (
            f", {line['held']} of {line['interval']} intervals held"
            if line["interval"]
            else ""
        )
        out.print(
            f"{words}: {line['measured']} measured, off by {_points(line['mean_error'])} on"
            f" average, by {_points(line['worst_error'])} at worst{intervals}"
        )


def _cells(row: Mapping[str, Json]) -> tuple[str, ...]:
    return (
        row["request"],
        f"{escape(row['model'])} {row['revision']}",
        str(WORDS.get(row["metric"], row["metric"])),
        f"{share(row['predicted'])}{ends_of(row)}",
        share(row["measured"]),
        said(row["pictures"]),
        "–" if row["error"] is None else _points(row["error"]),
        verdict(row) or "–",
    )


def _points(error: float) -> str:
    """A difference of shares, in points of a per cent."""
    return f"{100 * error:+.1f} pt"
