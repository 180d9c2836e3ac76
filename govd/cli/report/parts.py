"""Parts that every report has: the map of cells, pictures before and after, what strangers can
still do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from govd.cli.report import shown_scope
from govd.grades import ATTACKS, RUNGS, claim_of, cost_of, value_of
from govd.types import Record

COLUMNS: Final = 3
"""Parts of the map that stand beside each other where there is room."""
WORKS: Final = 0.65
"""AUC from which on an attack is said to work: on as few pictures as these, less than this is not
told from a guess (0.5).
"""
SAYS: Final = {
    "gone": "gone, as wanted",
    "named": "still named",
    "kept": "as before",
    "lost": "damaged",
    "won": "known only now",
    "wrong": "known neither before nor after",
}
MARKS: Final = {
    "gone": "✓",
    "named": "✗",
    "kept": "=",
    "lost": "▼",
    "wrong": "·",
    "won": "▲",
    "better": "▲",
    "part": "◐",
    "never": "·",
}
"""Signs that say what the colours say."""


def picture_verdict(name: str, before: str, after: str, forgotten: bool) -> str:
    """`gone`, `named`: of what was to go; `kept`, `lost`: of what was to stay; `won`, `wrong`: not
    known before.
    """
    if before != name:
        return "won" if after == name else "wrong"
    if forgotten:
        return "named" if after == name else "gone"
    return "kept" if after == name else "lost"


def cell_verdict(cell: Record) -> str:
    """What a cell of the map says: of what was to go `gone`, `part`, `named`, `never`; of what was
    to stay `kept`, `lost`, `better`.
    """
    before = cell["before"]
    after = cell["after"]
    if cell["forgotten"]:
        return (
            "never"
            if not before
            else "gone"
            if not after
            else "part"
            if after <= before / 2
            else "named"
        )
    return "kept" if after == before else "lost" if after < before else "better"


def heat(cells: Sequence[Record]) -> list[list[dict[str, Any]]]:
    """Class × domain, in parts of about equal length: what each cell says, and how much of it."""
    domains = sorted({c["domain"] for c in cells})
    lines = []
    for name in sorted({c["class"] for c in cells}):
        of_class = {
            c["domain"]: {**c, "verdict": cell_verdict(c)}
            for c in cells
            if c["class"] == name
        }
        lines.append(
            {
                "class": name,
                "cells": [of_class.get(d) for d in domains],
                "domains": domains,
            }
        )
    size = max(1, -(-len(lines) // COLUMNS))
    return [lines[i : i + size] for i in range(0, len(lines), size)]


def tally(cells: Sequence[Record]) -> dict[str, int]:
    """How many cells say what; `went` and `stayed`: how many were to."""
    verdicts = Counter(cell_verdict(c) for c in cells)
    went = sum(bool(c["forgotten"]) for c in cells)
    return {
        **dict.fromkeys(MARKS, 0),
        **verdicts,
        "went": went,
        "stayed": len(cells) - went,
    }


def scope_of_leak(leak: Record) -> dict[str, Any]:
    """The scope of a measured leak in the form of a request's record."""
    return {"concepts": leak["scope"]["concepts"], "domains": leak["scope"]["domains"]}


def leak_part(leak: Record) -> dict[str, Any]:
    """What strangers can still do about one forget, and the claim that this leaves."""
    rungs = []
    for rung in leak["rungs"]:
        words = RUNGS[rung["rung"]]
        deciding = [
            attack for attack in leak["attacks"] if attack["attack"] == rung["by"]
        ]
        by = (
            f"somebody {ATTACKS[rung['by']].does}, {value_of(deciding[0])}"
            if deciding and rung["by"] in ATTACKS
            else ""
        )
        rungs.append(
            {
                "says": words.broken if rung["state"] == "found" else words.claim,
                "state": rung["state"],
                "by": by,
            }
        )
    return {
        "what": shown_scope(scope_of_leak(leak)),
        "images": leak["images"],
        "grade": leak["grade"],
        "claim": claim_of(leak),
        "rungs": rungs,
        "attacks": [_attack(attack) for attack in leak["attacks"]],
    }


def _attack(one: Record) -> dict[str, Any]:
    """One attack as a row: what is done, what it costs, what it attains, and whether that is beyond
    chance.
    """
    row = {
        "does": ATTACKS[one["attack"]].does,
        "needs": cost_of(one),
        "state": one["state"],
    }
    if one["state"] == "unmeasured":
        return row | {"why": one["why"]}
    kind, (low, high) = ATTACKS[one["attack"]].measure, one["interval"]
    spans = {
        "rank": "",
        "area": f"{low:.2f} to {high:.2f}",
        "share": f"{100 * low:.0f} to {100 * high:.0f} %",
    }
    chances = {
        "rank": "",
        "area": f"{one['chance']:.2f}",
        "share": f"{100 * one['chance']:.1f} %",
    }
    figures = {
        "before": value_of(one, "before"),
        "now": value_of(one),
        "span": spans[kind],
        "chance": chances[kind],
    }
    return row | figures | {"worst": one.get("worst", ""), "judged": one["judged"]}
