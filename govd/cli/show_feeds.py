"""Feeds and their runs, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.tables import console, count, escape, minute, moment, table
from govd.records.actors import spoken

if TYPE_CHECKING:
    from govd.types import Json

COUNTED: Final = (
    "filed",
    "already",
    "ended",
    "refused",
    "kept",
    "reverted",
    "withdrawn",
)
FILED: Final = ("done", "released")
"""States of runs whose rows were filed."""
SERVED: Final = ("in_force", "subsumed")
TOLD: Final = 20
"""Rows that were refused and are told one by one."""
UNITS: Final = ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def show_feeds(feeds: Sequence[Mapping[str, Json]]) -> None:
    """Feeds, a line each."""
    if not feeds:
        console().print("No feed yet: govd feed add NAME URL --model MODEL")
        return
    rows = [
        (
            escape(feed["name"]),
            feed["state"],
            escape(feed["url"]),
            escape(feed["model"] or "each row's"),
            interval(feed["every_seconds"]),
            feed["runs"],
            len(feed["held"]) or "",
            minute(feed["last_run_at"]),
        )
        for feed in feeds
    ]
    names = (
        "feed",
        "state",
        "from",
        "model",
        "every",
        "runs",
        "held",
        "last run (UTC)",
    )
    console().print(table(*names, rows=rows))
    for feed in feeds:
        show_feed_trouble(feed)


def show_feed(feed: Mapping[str, Json]) -> None:
    """One feed."""
    out = console()
    head = f"[bold]{escape(feed['name'])}[/] is {feed['state']}: {escape(feed['url'])}"
    out.print(head, soft_wrap=True)
    whose = (
        f"for {escape(feed['model'])}" if feed["model"] else "each row says its model"
    )
    out.print(f"  {whose}; looked at every {interval(feed['every_seconds'])}")
    follows = {"keep": "are kept", "revert": "get a revert, which policies decide on"}
    out.print(f"  rows that disappear {follows[feed['missing']]}")
    by = escape(spoken(feed["added_by"]))
    out.print(
        f"  files as feed:{escape(feed['name'])}; added by {by} on {moment(feed['added_at'])}"
    )
    if feed["runs"]:
        usual = (
            ""
            if feed["usual"] is None
            else f"; usually {feed['usual']:g} new rows a run"
        )
        out.print(
            f"  {count(feed['runs'], 'run')}, the last on {moment(feed['last_run_at'])}{usual}"
        )
    if feed["looked_at"]:
        out.print(f"  looked at last on {moment(feed['looked_at'])}")
    for line in feed.get("waiting", ()):
        out.print(f"  {escape(line)}")
    show_feed_trouble(feed)
    if feed.get("secret"):
        out.print("  signed with (shown this once; give it to who sends):")
        out.print(f"  {escape(feed['secret'])}", soft_wrap=True)


def show_feed_trouble(feed: Mapping[str, Json]) -> None:
    """What is at fault with a feed, and what of it waits for a person, if anything."""
    out = console()
    name = escape(feed["name"])
    if feed["fault"]:
        out.print(f"[red]feed {name}[/]: {escape(feed['fault'])}", soft_wrap=True)
    for run in feed["held"]:
        out.print(
            f"[yellow]run {run} of {name} is held[/]: govd feed history {name} {run}, then release"
            " or reject it"
        )


def show_look(look: Mapping[str, Json]) -> None:
    """What a look at a feed came to."""
    out = console()
    for run in look["runs"]:
        show_run(run)
    for line in look["waiting"]:
        out.print(f"not read yet: {escape(line)}")
    if not look["runs"] and not look["waiting"]:
        out.print(f"{escape(look['feed'])}: nothing new")


def show_runs(runs: Sequence[Mapping[str, Json]]) -> None:
    """Runs, a line each."""
    rows = [
        (
            run["run"],
            run["state"],
            minute(run["at"]),
            escape(run["document"] or "–"),
            run["counts"]["rows"],
            counted(run["counts"]) if run["state"] in FILED else "nothing filed",
            run["digest"].removeprefix("private:")[:12],
        )
        for run in runs
    ]
    names = ("run", "state", "time (UTC)", "document", "rows", "answers", "digest")
    console().print(table(*names, rows=rows))


def show_run(run: Mapping[str, Json]) -> None:
    """One run: what it came to, and every row that was refused or ended."""
    out = console()
    document = f" ({escape(run['document'])})" if run["document"] else ""
    head = f"run {run['run']} of {escape(run['feed'])}{document}"
    if run["state"] == "held":
        name = escape(run["feed"])
        out.print(
            f"{head} is [yellow]held[/], nothing is filed: {escape(run['reason'])}"
        )
        for event in ("release", "reject"):
            out.print(f"  govd feed {event} {name} {run['run']} --reason …")
        return
    summary = counted(run["counts"]) if run["state"] in FILED else "nothing filed"
    out.print(
        f"{head}: {count(run['counts']['rows'], 'row')}{': ' if summary else ''}{summary}"
    )
    if run.get("decided"):
        decided = run["decided"]
        by = escape(spoken(decided["by"]))
        out.print(
            f"  {run['state']} by {by} on {moment(decided['at'])}: {escape(decided['reason'])}"
        )
    _rows([row for row in run["rows"] if row["answer"] in ("refused", "ended")])
    _states([row for row in run["rows"] if row.get("state")])
    for missing in run.get("missing", ()):
        why = f" ({escape(missing['reason'])})" if missing.get("reason") else ""
        out.print(
            f"  {missing['request']} disappeared from it: {missing['answer']}{why}"
        )


def _states(rows: Sequence[Mapping[str, Json]]) -> None:
    """What became of the rows that were filed, where that was waited for; each that is not served,
    and why.
    """
    out = console()
    if rows:
        states = Counter(str(row["state"]) for row in rows)
        listed = ", ".join(
            f"{number} {state.replace('_', ' ')}"
            for state, number in states.most_common()
        )
        out.print(f"  now {listed}")
    unserved = [row for row in rows if row["state"] not in SERVED]
    for row in unserved[:TOLD]:
        reason = escape(row.get("reason", ""))
        state = str(row["state"]).replace("_", " ")
        out.print(
            f"  row {row['row']}, {row['request']}, is {state}: {reason}",
            soft_wrap=True,
        )
    if len(unserved) > TOLD:
        out.print(f"  … and {len(unserved) - TOLD} more: govd request list")


def _rows(rows: Sequence[Mapping[str, Json]]) -> None:
    out = console()
    for row in rows[:TOLD]:
        reason = escape(row.get("reason", ""))
        out.print(f"  row {row['row']} {row['answer']}: {reason}", soft_wrap=True)
    if len(rows) > TOLD:
        out.print(
            f"  … and {len(rows) - TOLD} more: govd feed history NAME RUN --format csv"
        )


def counted(counts: Mapping[str, Json]) -> str:
    """`3 filed, 8 already`."""
    return ", ".join(f"{counts[name]} {name}" for name in COUNTED if counts.get(name))


def interval(seconds: float) -> str:
    """`24h` is `1d`, `90s` as it is."""
    whole = int(seconds)
    size, unit = next((size, unit) for size, unit in UNITS if whole % size == 0)
    return f"{whole // size}{unit}"
