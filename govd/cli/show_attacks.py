"""What attacks attain on each forget, what each costs, and the claim that is left, on a
terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.tables import console, escape, scope, share, table
from govd.grades import ATTACKS, WHY, claim_of, cost_of, value_of

if TYPE_CHECKING:
    from govd.types import Json, Record

DETAILED: Final = 3
"""Forgets whose attacks are listed one by one; of more only the claims."""
WORKS: Final = "[red]works[/]"
FAILS: Final = "[green]fails[/]"


def print_attacks(leaks: Sequence[Record]) -> None:
    """A table of attacks for each of a few forgets, and a claim for all."""
    graded = [leak for leak in leaks if "rungs" in leak]
    out = console()
    if 0 < len(graded) <= DETAILED:
        for leak in graded:
            title = f"attacks on {scope(leak['scope'])}"
            out.print(
                table(
                    "somebody",
                    "needs",
                    "before",
                    "now",
                    "",
                    rows=rows(leak["attacks"]),
                    title=title,
                )
            )
    for leak in graded:
        out.print(
            f"  [bold]{scope(leak['scope'])}[/], {escape(claim_of(leak))}",
            soft_wrap=True,
        )


def rows(attacks: Sequence[Record]) -> list[tuple[str, ...]]:
    """Those attacks that were measured: what is done, what it needs, what it attains, and whether
    that is beyond chance.
    """
    measured = [
        attack
        for attack in attacks
        if attack["attack"] in ATTACKS and attack["state"] != "unmeasured"
    ]
    return [
        (
            escape(ATTACKS[attack["attack"]].does),
            escape(cost_of(attack)),
            value_of(attack, "before").removeprefix("AUC "),
            f"{value_of(attack)}{span(attack)}",
            verdict(attack["state"]),
        )
        for attack in measured
    ]


def span(attack: Record) -> str:
    """The interval of what an attack attains."""
    kind, (low, high) = ATTACKS[attack["attack"]].measure, attack["interval"]
    if kind == "rank":
        return ""
    return (
        f" ({low:.2f} to {high:.2f})"
        if kind == "area"
        else f" (to {share(high)})"
        if not low
        else f" ({100 * low:.0f} to {100 * high:.0f})"
    )


def verdict(state: Json) -> str:
    """Whether an attack works."""
    return (
        WORKS
        if state == "found"
        else FAILS
        if state == "held"
        else f"[dim]{WHY.get(str(state), '')}[/]"
    )
