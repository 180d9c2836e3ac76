"""What words and tables for people are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box, markup
from rich.console import Console
from rich.table import Table

from govd.verify.safe_text import safe

if TYPE_CHECKING:
    from govd.types import Json

COLOURS = {
    "in_force": "green",
    "published": "green",
    "done": "green",
    "waiting": "yellow",
    "filed": "yellow",
    "approved": "yellow",
}
COLOURS |= {"failed": "red", "denied": "red", "rejected": "red", "refused": "red"}
_TYPED = ("id", "no.", "kind", "subject", "revision", "edit", "rank", "entry")
_GLANCED = (
    "state",
    "status",
    "time",
    "filed",
    "due",
    "in force",
    "published",
    "created",
    "revoked",
)
WHOLE = (*_TYPED, *_GLANCED)
"""Columns that are never cut: what they show is typed again, or read at a glance."""
LINE = 100_000
"""Characters of a text that is printed."""
ZONE = " (UTC)"
"""Behind the name of a column of times."""
NARROW = 8
"""Characters below which no other column is folded, if it has so many."""


def console() -> Console:
    """Standard output."""
    return Console(highlight=False)


def escape(text: object) -> str:
    """What somebody else wrote, as it may be printed: no control character, no markup."""
    return markup.escape(safe(text, LINE))


def state(name: str) -> str:
    """A state in its colour."""
    return f"[{COLOURS.get(name, 'dim')}]{escape(name)}[/]"


def scope(request: Mapping[str, Json]) -> str:
    """What a request is about, in words."""
    concepts = ", ".join(c["name"] for c in request["concepts"]) or "everything"
    return escape(
        f"{concepts} in {', '.join(request['domains'])}"
        if request["domains"]
        else f"{concepts} everywhere"
    )


def share(value: Any) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.1f} %"


def count(number: int, noun: str) -> str:
    """`1 forget`, `2 forgets`; of `entry` `2 entries`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def minute(time: str | None) -> str:
    """A time to the minute, for a column whose head says `(UTC)`; nothing where there is none."""
    return (time or "")[:16].replace("T", " ")


def moment(time: str) -> str:
    """A time to the minute with its zone, for a sentence."""
    return f"{minute(time)} UTC"


def tried(steps: Sequence[Mapping[str, Json]]) -> Table:
    """What was tried on pool pictures that were not fitted on, from cheap to certain; the last was
    taken.
    """
    elsewhere = any("elsewhere_lost" in step for step in steps)
    rows = []
    for step in steps:
        row = (
            f"β {step['beta']:g}, w {step['w']:g}",
            f"{step['named']} of {step['of']}",
            share(step["others_changed"]),
        )
        lost = (share(step.get("elsewhere_lost")),) if elsewhere else ()
        rows.append((*row, *lost, f"{step['others_moved']:.3f}"))
    last = ("lost in other domains",) if elsewhere else ()
    return table(
        "tried",
        "still named",
        "others changed",
        *last,
        "others moved by",
        rows=rows,
    )


def table(*columns: str, rows: Sequence[Sequence[Any]], title: str = "") -> Table:
    """A plain table; cells may hold markup, so what is in them is escaped by whoever fills them.
    Made to be read at 80 columns.
    """
    drawn = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        show_header=any(columns),
    )
    for place, name in enumerate(columns):
        least = min(NARROW, max((len(str(row[place])) for row in rows), default=0))
        drawn.add_column(
            name,
            no_wrap=name.removesuffix(ZONE) in WHOLE,
            overflow="fold",
            min_width=least,
        )
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    return drawn


def show_record(record: Mapping[str, Json]) -> None:
    """Any record, a line for each field."""
    drawn = Table(show_header=False, box=None)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in record.items():
        drawn.add_row(f"[bold]{escape(name)}[/]", escape(said(value)))
    console().print(drawn)


def said(value: Json) -> str:
    """A JSON value in words."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {said(item)}" for name, item in value.items()) or "–"
    if isinstance(value, list | tuple):
        return (
            ", ".join(
                f"({said(item)})" if isinstance(item, Mapping) else said(item)
                for item in value
            )
            or "–"
        )
    return str(value)
