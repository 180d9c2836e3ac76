"""`python -m tests.edit.goldens`: what the methods make of `weak-64`, written to `goldens.json`.

The tables of README and of `tests/benchmarks/README.md` rest on these methods and constants.
Whoever changes a byte of an edit or moves a figure finds `test_goldens.py` failing: print the
tables anew, then these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from govd.edit import compose
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.figures import measure
from tests.benchmarks.forgetting.pairs import pair_split, pairs
from tests.benchmarks.forgetting.rows import METHODS, contributions
from tests.benchmarks.forgetting.sets import Split

FILE = Path(__file__).with_name("goldens.json")
SET = "weak-64"
CONDITIONALLY = ", conditionally"
EXACT = ("oblique", "bilateral", "fitted", f"fitted{CONDITIONALLY}")
"""Methods whose edits have the same bytes on every machine."""
COUNTS = {"labels": (1, 10), "cells": (1,), "domains": (1,)}
FIGURES = ("named", "mistakes", "unchanged", "unlisted", "neighbours", "elsewhere")
DIGITS = 4


def split() -> Split:
    """The set."""
    return pair_split(SET, *pairs()[SET])


def drawn(whole: Split) -> dict[str, Case]:
    """The first case of each kind and number."""
    first: dict[str, Case] = {}
    for kind, counts in COUNTS.items():
        for count in counts:
            first[f"{kind}, {count}"] = next(iter(cases(whole, kind, count)))  # type: ignore[arg-type]
    return first


def outcome(case: Case, name: str) -> dict[str, Any]:
    """The digest of a method's edit, and its figures."""
    method = METHODS[name.removesuffix(CONDITIONALLY)]
    basis = case.split.basis
    if name.endswith(CONDITIONALLY):
        basis = case.split.conditional_basis
    parts = contributions(case, name, method, "unnamed", 1.0, basis)
    edit = compose(basis, parts, {method.name: method})
    figures: Mapping[str, float] = measure(case, edit.move)
    known = {
        key: round(float(figures[key]), DIGITS)
        for key in FIGURES
        if key in figures and figures[key] == figures[key]
    }
    return {"edit": edit.digest, **known}


def outcomes() -> dict[str, dict[str, Any]]:
    """By case and method."""
    return {
        f"{title}: {name}": outcome(case, name)
        for title, case in drawn(split()).items()
        for name in EXACT
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(outcomes(), indent=1) + "\n", encoding="utf-8")
