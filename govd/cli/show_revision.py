"""One revision, for people: a screen, or everything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from govd.cli.tables import console, count, escape, minute, said, share, show_record, state

if TYPE_CHECKING:
    from govd.types import Json

LISTED = 12
"""Requests that are named on a screen."""


def show_revision(revision: Mapping[str, Json]) -> None:
    """What it is made of, what it does, and where the rest is."""
    out = console()
    name, number = escape(revision["model"]), revision["number"]
    published = f" {minute(revision['published_at'])} UTC" if revision.get("published_at") else ""
    out.print(f"[bold]{name}, revision {number}[/]: {state(revision['state'])}{published}")
    if revision.get("state_reason"):
        out.print(f"  {escape(revision['state_reason'])}")
    requests = list(revision["requests"])
    listed = " ".join(requests[:LISTED]) + (f" … and {len(requests) - LISTED} more" if len(requests) > LISTED else "")
    out.print(f"  {count(len(requests), 'forget')} in force{f': {listed}' if requests else ''}")
    for covered, by in (revision.get("subsumed") or {}).items():
        out.print(f"  {escape(covered)} adds nothing while {escape(said(by))} stands")
    facts = revision.get("facts") or {}
    out.print(
        f"  edit {revision['edit_digest'][:16]}…, rank {revision['rank']}, on the {revision['side']} "
        f"side, composed by {said(facts.get('composed_by'))}"
    )
    for line in _figures(revision.get("metrics") or {}):
        out.print(f"  {line}")
    out.print(f"  [dim]everything: govd revision show {name} {number} --all, or --json; why it is so: govd audit why {name} {number}[/]")


def _figures(metrics: Mapping[str, Json]) -> Iterator[str]:
    if not metrics:
        yield "not evaluated yet"
        return
    yield f"evaluated on {escape(said(metrics.get('on')))}:"
    if metrics.get("forgotten_images"):
        mistake = share(metrics.get("base_false_positives"))
        yield f"  forgotten {share(metrics.get('forget_acc_before'))} → {share(metrics.get('forget_acc'))} (by mistake: {mistake})"
    yield (
        f"  retained {share(metrics.get('retain_acc_before'))} → {share(metrics.get('retain_acc'))}, "
        f"same answers {share(metrics.get('retain_agreement'))}"
    )


def show_whole_revision(revision: Mapping[str, Json]) -> None:
    """Every field, page by page where somebody looks at it on a terminal."""
    if not sys.stdout.isatty():
        show_record(revision)
        return
    with console().pager(styles=True):
        show_record(revision)
