"""Models that were taken out of service, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from govd.cli.tables import console, count, escape

if TYPE_CHECKING:
    from govd.types import Json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from govd.cli.tables import said, table

if TYPE_CHECKING:
    from govd.types import Json


def show_removed(model: Mapping[str, Json]) -> None:
    """A model that was taken out of service: what became of its forgets, its name and its
    folder.
    """
    out = console()
    name = escape(model["name"])
    if model["state"] == "retired":
        forgets = count(len(model["requests"]), "forget")
        out.print(
            f"[bold]{name}[/] is retired, with {forgets} in force: they keep their states, and"
            " nothing was published back."
        )
        out.print(
            "  Nothing answers for it any more, and its name is not used again; `govd audit`"
            " answers about it as before."
        )
    else:
        out.print(f"[bold]{name}[/] is taken out of service; its entries stay.")
    if model["current_removed"]:
        out.print(
            f"  {escape(model['publish_to'])}/current is taken away: a server that follows it finds"
            " nothing there."
        )
    if model["published"]:
        revisions = ", ".join(model["published"][:10])
        remaining = (
            f"revisions {revisions} are"
            if model["published"][1:]
            else f"revision {revisions} is"
        )
        out.print(
            f"  {escape(model['publish_to'])}: {remaining} left (with --delete-published nothing"
            " would be)."
        )
    if model["left"]:
        out.print(
            f"  Something that govd did not write lies in {', '.join(model['left'])}: left as they"
            " are."
        )


def show_retired(models: list[Mapping[str, Json]]) -> None:
    """Models that were retired, a line each."""
    for model in models:
        forgets = count(model["in_force"] + model["subsumed"], "forget")
        why = f": {escape(model['reason'])}" if model["reason"] else ""
        console().print(
            f"[dim]{escape(model['name'])} was retired on {model['at'][:10]} with {forgets} in"
            f" force{why}[/]"
        )


TOLD = 20
"""Repeated names that are told one by one."""


def show_models(models: Sequence[Mapping[str, Json]]) -> None:
    """Registered models."""
    rows = [
        (
            escape(m["name"]),
            escape(m["reference"]),
            m["dim"] or "–",
            said(m.get("use")),
            said(m.get("side")),
            escape(said(m.get("pool"))),
            "retired" if m["state"] == "retired" else m["revision"] or "base",
        )
        for m in models
    ]
    console().print(
        table(
            "model", "reference", "width", "use", "side", "pool", "revision", rows=rows
        )
    )


def show_labels(labels: Sequence[Mapping[str, Json]]) -> None:
    """A label set, a line for each label."""
    if not labels:
        console().print("[dim]It has no label set.[/]")
        return
    rows = [
        (
            escape(label["label"]),
            "–" if label["pictures"] is None else label["pictures"],
            escape(said(label["aliases"])),
            escape(said(label["forgets"])),
        )
        for label in labels
    ]
    columns = ("label", "in the pool", "also", "forgotten by")
    console().print(table(*columns, rows=rows))


def show_model(model: Mapping[str, Json]) -> None:
    """A model that was registered, changed or taken out of service, in short."""
    out = console()
    name = escape(model["name"])
    kind = escape(model.get("architecture") or "model")
    if not model["dim"]:
        out.print(
            f"[bold]{name}[/]: {escape(model['reference'])}, {kind} without a joint space"
        )
        _print_external(model)
        return
    out.print(
        f"[bold]{name}[/]: {escape(model['reference'])}, {kind} of {model['dim']} dimensions"
    )
    backend, device, side, use = (
        escape(said(model.get(key))) for key in ("backend", "device", "side", "use")
    )
    asks = ", conditional edits" if model.get("conditional") else ""
    precise = f" in {escape(model['precision'])}" if model.get("precision") else ""
    out.print(
        f"  opened by the plugin {backend} on {device}{precise}; side {side}, use {use}{asks}"
    )
    out.print(
        f"  {count(model.get('labels', 0), 'label')}, {count(model.get('anchors', 0), 'anchor')},"
        f" {_pool(model)}"
    )
    for line in _given(model):
        out.print(f"  {line}")
    for key in ("domains", "images", "publish_to"):
        if model.get(key):
            out.print(f"  {key.replace('_', ' ')}: {escape(said(model[key]))}")
    out.print(f"  [dim]everything: govd model show {name}[/]")


def _print_external(model: Mapping[str, Json]) -> None:
    """One whose forgets are computed by an external job."""
    out = console()
    job = escape(str(model["reference"]).rpartition("#")[2])
    out.print(
        f"  {count(len(model['files']), 'file')}, edited by the external job {job}"
    )
    out.print(f"  [dim]its limits: \\[unlearning.{job}] in govd.toml[/]")
    for key in ("domains", "publish_to"):
        if model.get(key):
            out.print(f"  {key.replace('_', ' ')}: {escape(said(model[key]))}")
    out.print(f"  [dim]everything: govd model show {escape(model['name'])}[/]")


def _pool(model: Mapping[str, Json]) -> str:
    """The pool in short."""
    if not model.get("pool"):
        return "no pool"
    total = model.get("pool_total", model["pool"])
    of = f" of {total}, taken evenly" if total > model["pool"] else ""
    return (
        f"{escape(model['pool'])} {escape(model.get('pool_kind', ''))} embeddings{of}"
    )


def _given(model: Mapping[str, Json]) -> Iterator[str]:
    """What was left out of the files and folders that were given, and names that add nothing."""
    for noun in ("labels", "anchors"):
        merged = model.get(f"{noun}_merged", [])
        for row in merged[:TOLD]:
            yield f"[yellow]{escape(_repeat(row, noun.removesuffix('s')))}[/]"
        if len(merged) > TOLD:
            yield f"[yellow]{len(merged) - TOLD} more {noun} add nothing[/]"
    for noun in ("pool", "images"):
        left_out = model.get(f"{noun}_left_out")
        if left_out:
            reasons = ", ".join(
                f"{number} {reason}" for reason, number in sorted(left_out.items())
            )
            yield (
                "[yellow]left out of"
                f" {'the pool' if noun == 'pool' else 'the evaluation pictures'}:"
                f" {escape(reasons)}[/]"
            )


def _repeat(row: Mapping[str, Json], what: str) -> str:
    """Why a name adds nothing."""
    first, second = row["lines"]
    if row["why"] == "repeated":
        return f"{what} {row['name']!r} stands on lines {first} and {second}: it counts once"
    place = f"line {first}" if first else "a label"
    return (
        f"{what} {row['name']!r} (line {second}) reads like {row['kept']!r} ({place}) to this"
        f" model: one {what}"
    )
