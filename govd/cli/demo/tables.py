"""The story's tables and lines on a terminal, readable from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from govd.cli.demo.story import CELL, HOW, QUERIED, search_areas
from govd.cli.report.parts import WORKS, scope_of_leak
from govd.cli.show_attacks import verdict
from govd.cli.tables import console, scope
from govd.grades import ATTACKS, claim_of, value_of
from govd.service.evaluating import CLAIM
from govd.types import Json, Record

TOLD = (
    "label",
    "unseen_prompts",
    "synonyms",
    "search",
    "examples_1",
    "neighbours",
    "probe",
    "relearning",
    "undoing",
    "base_diff",
)
"""Attacks that the story tells; the report has them all."""
SPOILED = 0.9
"""Share of unchanged answers below which the rest is said to be spoiled."""


def line(text: str) -> None:
    """A line of the story, wrapped where the terminal ends."""
    console().print(text)


def note(text: str) -> None:
    """What belongs to the line before it, set in, also where it is wrapped."""
    console().print(Padding(text, (0, 0, 0, 2), expand=False))


def command(text: str) -> None:
    """Something to type: never broken, so that it can be copied."""
    console().print(f"  [bold]{escape(text)}[/]", soft_wrap=True)


def rule(title: str) -> None:
    """The heading of an act."""
    out = console()
    out.print()
    out.rule(f"[bold]{title}[/]", align="left")


def _plain(*columns: tuple[str, str]) -> Table:
    plain_table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1)
    )
    for name, side in columns:
        plain_table.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]
    return plain_table


def from_to(before: Any, after: Any) -> str:
    """Two shares in per cent."""
    return f"{100 * before:.1f} → {100 * after:.1f} %"


def print_origins(rows: Sequence[Record]) -> None:
    """Which plugin computed what, and where; as the ledger's entries say."""
    line("Who computed what, as the ledger says:")
    origins_table = _plain(
        ("what was done", "left"), ("by the plugin", "left"), ("on", "left")
    )
    for row in rows:
        origins_table.add_row(
            row["work"],
            escape(f"{row['plugin']} {row['version']}".strip()),
            escape(str(row["device"])),
        )
    console().print(origins_table)


def print_rows(rows: Sequence[Record]) -> None:
    """What went and what stayed, by each way of forgetting."""
    rows_table = _plain(
        ("", "left"),
        ("what was\nto go", "right"),
        ("all that\nwas to stay", "right"),
        ("same\nanswers", "right"),
    )
    rows_table.add_column("search\nAUC", justify="right")
    for row in rows:
        rows_table.add_row(f"[bold]{row['what']}[/]")
        for key, title in HOW:
            m = row[key]
            if m is None:
                continue
            went = from_to(m["forget_acc_before"], m["forget_acc"])
            stayed = from_to(m["retain_acc_before"], m["retain_acc"])
            same = f"{100 * m['retain_agreement']:.1f} %"
            spoiled = m["retain_agreement"] < SPOILED
            cell = (
                ", ".join(
                    f"[red]{a:.2f}[/]" if a > WORKS else f"{a:.2f}"
                    for a in search_areas(m)
                )
                or "–"
            )
            rows_table.add_row(
                f"  {'[bold]' if key == 'govd' else ''}{title}",
                f"[red]{went}[/]"
                if m["forget_acc"] > m["forget_acc_before"] / 2
                else went,
                f"[red]{stayed}[/]" if spoiled else stayed,
                f"[red]{same}[/]" if spoiled else same,
                cell,
            )
        rows_table.add_section()
    console().print(rows_table)
    line(
        "Zero-shot accuracy, before → after. Same answers: of what was to stay, to the same best"
        " label among those that are left. Search AUC: how well the word still finds its pictures"
        " (0.5: no better than chance; of each concept). These forgets aim at labels; --target"
        " level aims at search. Red: it did not go, or it spoiled the rest.\n[bold]All figures are"
        " those of mini, a very small model,[/] on few pictures; the README says what they do not"
        " show."
    )


def print_leaks(leaks: Sequence[Record]) -> None:
    """What a stranger can still do, by what he has, and the claim that is left."""
    chart = _plain(
        ("somebody who", "left"), ("before", "right"), ("now", "right"), ("", "left")
    )
    for leak in leaks:
        chart.add_row(f"[bold]{scope(scope_of_leak(leak))}[/]")
        for attack in leak["attacks"]:
            if attack["attack"] in TOLD and attack["state"] != "unmeasured":
                row = (
                    ATTACKS[attack["attack"]].does,
                    value_of(attack, "before"),
                    value_of(attack),
                )
                chart.add_row(f"  {row[0]}", *row[1:], verdict(attack["state"]))
        chart.add_section()
    console().print(chart)
    for leak in leaks:
        line(f"[bold]{scope(scope_of_leak(leak))}[/], {escape(claim_of(leak))}")
    line(f"[red]{escape(CLAIM)}[/]")


def print_store(stages: Sequence[Record]) -> None:
    """What a search of stored vectors finds at each stage."""
    stages_table = _plain(
        ("of the ten best pictures for the word …", "left"),
        *((f"“{word}”", "right") for word in QUERIED),
    )
    for stage in stages:
        stages_table.add_row(
            stage["when"], *(str(stage["found"][word]) for word in QUERIED)
        )
    console().print(stages_table)
    line(
        "The vectors were encoded once, by the unedited model; each edit was applied to them as"
        f" they are. “{CELL[0]}” was to go in {CELL[1]} only, and like all else in colour."
    )


def print_digests(now: str, never: str) -> None:
    """The edit after the revert beside that of a ledger where the request never was."""
    line("The edit that is published now, and that of the second ledger (SHA-256):")
    for digest in (now, never):
        console().print(f"  {digest}", soft_wrap=True)
    note("[green]the same, to the last bit[/]")


def print_bundle(found: Record) -> None:
    """What an auditor without this home would see."""
    again: list[Json] = [r for r in found["recomputed"] if r.get("same_bytes")]
    line(
        f"[green]The bundle holds:[/] {found['size']} entries and {found['artifacts']} artifacts"
        f" hashed again, signed by the key that was given; {len(again)} of"
        f" {len(found['recomputed'])} edits composed again from their contributions, the same"
        " bytes."
    )


def print_end(report: Path, seconds: float) -> None:
    """Where the report is, and what to type next."""
    line(
        f"\nReport with pictures: [bold]{escape(str(report))}[/] ({seconds:.0f} s in all)"
    )
    line("What to type next, in a home of your own (~/.local/share/govd):")
    command("govd model add mini mini")
    command("govd preview dog --model mini")
    command('govd forget dog --model mini --reason "must go"')
    command("govd evaluate mini")
    command("govd request list")
    command("govd audit verify")
