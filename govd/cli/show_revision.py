"""One revision, for people: a screen, or everything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from govd.cli.show_criteria import prediction_lines
from govd.cli.show_deltas import external_lines
from govd.cli.tables import (
    console,
    count,
    escape,
    moment,
    said,
    scope,
    share,
    show_record,
    state,
    table,
)

if TYPE_CHECKING:
    from govd.types import Json

LISTED = 12
"""Requests that are named on a screen."""
NAMED = 3
"""Other forgets that are named for each whose named share one changes."""


def show_revision(revision: Mapping[str, Json]) -> None:
    """What it is made of, what it does, and where the rest is."""
    out = console()
    name = escape(revision["model"])
    number = revision["number"]
    published = (
        f" {moment(revision['published_at'])}" if revision.get("published_at") else ""
    )
    out.print(
        f"[bold]{name}, revision {number}[/]: {state(revision['state'])}{published}"
    )
    if revision.get("state_reason"):
        out.print(f"  {escape(revision['state_reason'])}")
    for line in _forgets(revision):
        out.print(f"  {line}")
    facts = revision.get("facts") or {}
    metrics = revision.get("metrics") or {}
    if revision["side"] == "weights":
        lines = (
            external_lines(metrics, facts) if metrics else iter(["not evaluated yet"])
        )
        extent = f"of {count(revision['rank'], 'weight')}"
    else:
        lines = _figures(metrics)
        extent = f"rank {revision['rank']}, on the {revision['side']} side"
    out.print(
        f"  edit {revision['edit_digest'][:16]}…, {extent}, composed by"
        f" {said(facts.get('composed_by'))}"
    )
    for line in lines:
        out.print(f"  {line}")
    for line in _criteria(metrics):
        out.print(f"  {line}")
    checkpoint = metrics.get("checkpoint")
    if checkpoint:
        out.print(
            "  that is the conditional edit, for answers and vectors; it asks each"
            f" {escape(_asked(facts))}. A checkpoint has the linear one,"
        )
        for line in _figures(checkpoint):
            out.print(f"  {line}")
    out.print(
        f"  [dim]everything: govd revision show {name} {number} --all, or --json; why it is so:"
        f" govd audit why {name} {number}[/]"
    )


def _asked(facts: Mapping[str, Json]) -> str:
    """What a conditional edit asks each picture."""
    questions = (
        ["whether what is forgotten names it"] if facts.get("asks_answers") else []
    )
    questions += [
        f"whether it is of {domain}" for domain in facts.get("conditional", [])
    ]
    return ", ".join(questions)


def _forgets(revision: Mapping[str, Json]) -> Iterator[str]:
    """The forgets in a revision, and those that others cover."""
    requests = list(revision["requests"])
    listed = " ".join(requests[:LISTED]) + (
        f" … and {len(requests) - LISTED} more" if len(requests) > LISTED else ""
    )
    yield f"{count(len(requests), 'forget')} in force{f': {listed}' if requests else ''}"
    for covered, by in (revision.get("subsumed") or {}).items():
        yield f"{escape(covered)} adds nothing while {escape(said(by))} stands"


def _figures(metrics: Mapping[str, Json]) -> Iterator[str]:
    if not metrics:
        yield "not evaluated yet"
        return
    yield f"evaluated on {escape(said(metrics.get('on')))}:"
    if metrics.get("forgotten_images"):
        mistake = share(metrics.get("base_false_positives"))
        yield (
            f"  forgotten {share(metrics.get('forget_acc_before'))} →"
            f" {share(metrics.get('forget_acc'))} (by mistake: {mistake})"
        )
    yield (
        f"  retained {share(metrics.get('retain_acc_before'))} →"
        f" {share(metrics.get('retain_acc'))}, same answers"
        f" {share(metrics.get('retain_agreement'))}"
    )


def _criteria(metrics: Mapping[str, Json]) -> Iterator[str]:
    """What criteria of forgets were judged by, and what was measured of predictions."""
    judged = metrics.get("criteria") or {}
    for request, record in list(judged.items())[:LISTED]:
        figures = ", ".join(
            f"{metric} {'–' if figure is None else f'{figure:.4f}'}"
            for metric, figure in record["figures"].items()
        )
        yield f"criteria of {escape(request)}, on {escape(record['on'] or 'nothing')}: {figures}"
    if len(judged) > LISTED:
        yield f"and those of {len(judged) - LISTED} more"
    predictions = metrics.get("predictions") or []
    for prediction in predictions[:LISTED]:
        yield f"predicted of {escape(prediction['request'])}, and measured:"
        for line in prediction_lines(prediction):
            yield f"  {line}"
    if len(predictions) > LISTED:
        yield f"and of {len(predictions) - LISTED} more: govd audit predictions"


def show_whole_revision(revision: Mapping[str, Json]) -> None:
    """Every field, page by page where somebody looks at it on a terminal."""
    if not sys.stdout.isatty():
        show_record(revision)
        return
    with console().pager(styles=True):
        show_record(revision)


def show_interference(found: Mapping[str, Json]) -> None:
    """Each forget of a revision left out once, the costliest first."""
    out = console()
    forgets = found["forgets"]
    out.print(
        f"[bold]{escape(found['model'])}, revision {found['revision'] or 'base'}[/]:"
        f" {count(len(forgets), 'forget')} in force"
    )
    if not forgets:
        return
    rows = [
        (
            row["id"] or "–",
            scope(row),
            row["pictures"],
            share(row["named"]),
            points(row["cost"]),
            _from_to(row["others_named_without"], row["others_named"]),
        )
        for row in forgets
    ]
    out.print(
        table(
            "id",
            "forget",
            "its pictures",
            "still named",
            "costs",
            "others named",
            rows=rows,
        )
    )
    for row in forgets:
        for other in row["others"][:NAMED]:
            words = _from_to(other["named_without"], other["named"])
            out.print(f"  {scope(row)} changes {scope(other)}: still named {words}")
    out.print(
        f"[dim]Measured on {escape(found['on'])}. Costs: points of the {forgets[0]['retained']}"
        " retained answers that change by this forget and would not without it. Others named: of"
        " the other forgets' pictures, those that get a forgotten name, without it → with it.[/]"
    )


def points(difference: float) -> str:
    """A difference of two shares, in points of a per cent, with its sign."""
    return f"{100 * difference:+.2f} pt" if difference else "0"


def _from_to(before: float | None, after: float | None) -> str:
    """Two shares; one where they are the same."""
    return share(after) if before == after else f"{share(before)} → {share(after)}"
