"""What a verification found, for people: a screen, or everything; the verdict last, where somebody
looks first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from govd.cli.tables import console, count, escape

if TYPE_CHECKING:
    from govd.types import Json

SHOWN = 6
"""Lines of each kind that a screen shows."""
HEADINGS = (
    ("Proven", "proven"),
    ("Recorded", "recorded"),
    ("Not proven", "not_proven"),
)


def show_verdict(verdict: Mapping[str, Json]) -> None:
    """What was looked at, what is proven, recorded and open, as far as a screen goes; then whether
    it holds.
    """
    _show(verdict, SHOWN)


def show_whole_verdict(verdict: Mapping[str, Json]) -> None:
    """Every line, page by page where somebody looks at it on a terminal."""
    if not sys.stdout.isatty():
        _show(verdict, None)
        return
    with console().pager(styles=True):
        _show(verdict, None)


def show_signed(verdict: Mapping[str, Json], everything: bool) -> None:
    """What the folder of a checkpoint is, and whether it holds."""
    out = console()
    name = f"revision {verdict['revision']} of {escape(str(verdict['model']))}"
    out.print(f"This folder: {name}, {count(verdict['files'], 'signed file')}")
    out.print(f"  signed by {escape(str(verdict['key']))}", soft_wrap=True)
    for line in _lines(verdict, None if everything else SHOWN):
        out.print(f"  {line}")
    for fault in verdict["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    number = count(len(verdict["faults"]), "fault")
    out.print(
        "[green]The folder holds.[/]"
        if verdict["holds"]
        else f"[red]The folder does not hold[/]: {number}, above."
    )


def _show(verdict: Mapping[str, Json], most: int | None) -> None:
    out = console()
    noun = "bundle" if "file" in verdict else "ledger"
    out.print(f"This {noun}: {_size(verdict)}")
    if verdict["keys"]:
        # whole on a line: it is copied
        out.print(
            f"  signed by {escape(', then '.join(verdict['keys']))}", soft_wrap=True
        )
    for line in _lines(verdict, most):
        out.print(f"  {line}")
    for note in verdict.get("notes", ()):
        out.print(f"  [yellow]{escape(note)}[/]")
    for fault in verdict["faults"]:
        out.print(f"[red]fault[/] {escape(fault)}")
    number = count(len(verdict["faults"]), "fault")
    out.print(
        f"[green]The {noun} holds.[/]"
        if verdict["holds"]
        else f"[red]The {noun} does not hold[/]: {number}, above."
    )


def _size(verdict: Mapping[str, Json]) -> str:
    unsigned = (
        f", [yellow]the last {count(verdict['unsigned'], 'entry')} not signed yet[/]"
        if verdict.get("unsigned")
        else ""
    )
    if not verdict["holds"]:
        return f"{count(verdict['size'], 'entry')}{unsigned}"
    checkpoints = (
        f"{count(verdict['checkpoints'], 'signed log checkpoint')} (the last of"
        f" {verdict['signed_size']})"
    )
    artifacts = count(verdict["artifacts"], "artifact")
    return (
        f"{count(verdict['size'], 'entry')}{unsigned}, {checkpoints}, {artifacts}; root"
        f" {verdict['root'][:16]}…"
    )


def _lines(verdict: Mapping[str, Json], most: int | None) -> Iterator[str]:
    if verdict["claim"]:
        yield escape(verdict["claim"])
    for heading, name in HEADINGS:
        listed = verdict[name]
        for line in listed[:most]:
            yield f"[bold]{heading}:[/] {escape(line)}"
        if most is not None and len(listed) > most:
            yield (
                f"[dim]… and {len(listed) - most:,} more lines under {heading.lower()!r}: --all, or"
                " --json[/]"
            )
