"""`python -m tests.edit.goldens`: what the methods make of two models, written to `goldens.json`.

`weak-64` is trained, and hardly anything was tuned on it: it has 64 dimensions, domains, and labels
that cannot be kept exactly. The other is simulated, 512 dimensions wide, and keeps them. Labels are
forgotten by their names, for either target, and by pictures, beside the name or under a word that
does not find them.

The tables of README and of `tests/benchmarks/README.md` rest on these methods and constants.
Whoever changes a byte of an edit or moves a figure finds `test_goldens.py` failing: print the
tables anew, then these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from govd.edit import Edit, compose, exact
from govd.models.phrases import default_vocabulary
from tests.benchmarks.forgetting.cases import Case, cases
from tests.benchmarks.forgetting.figures import measure
from tests.benchmarks.forgetting.pairs import pair_split, pairs
from tests.benchmarks.forgetting.rows import METHODS, contributions
from tests.benchmarks.forgetting.sets import Pictures, Split, Words
from tests.benchmarks.naming.examples import Draw, draws
from tests.benchmarks.naming.forgets import Forget, registered
from tests.geometry import SHOWN, simulated_pool, simulated_texts

FILE = Path(__file__).with_name("goldens.json")
SET = "weak-64"
WIDE = "512 dimensions"
CONDITIONALLY = ", conditionally"
LEVEL = ", level"
BESIDE = ", beside its name"
EXACT = ("oblique", "bilateral", "fitted", f"fitted{CONDITIONALLY}")
PUBLISHED = ("nullspace", "ccup")
MANY = (*EXACT, f"fitted{LEVEL}", *PUBLISHED)
ROWS = {
    "labels, 1": (*MANY, f"bilateral{LEVEL}"),
    "labels, 10": MANY,
    "labels, 30": (*EXACT, *PUBLISHED),
    "cells, 1": (*EXACT, f"bilateral{LEVEL}", *PUBLISHED),
    "domains, 1": EXACT,
    "pictures, 4": ("fitted", f"fitted{BESIDE}{LEVEL}"),
    f"{WIDE}, labels, 1": (*MANY, f"bilateral{LEVEL}"),
    f"{WIDE}, labels, 3": ("oblique", "fitted"),
    f"{WIDE}, pictures, 4": ("fitted",),
}
"""What is forgotten, and the methods that do it, by target `unnamed` where no other is said. Their
edits have the same bytes on every machine.
"""
LABELS, ANCHORS, UNLISTED = 60, 120, 120
"""Words of the simulated model."""
BITS = 20
"""Simulated vectors are rounded to 2^−20: the last bits of an exponential, or of a norm, depend on
the machine.
"""
FIGURES = ("named", "mistakes", "unchanged", "unlisted", "neighbours", "elsewhere")
DIGITS = 4


def simulated() -> Split:
    """Labels in 512 dimensions with pictures around them, one half of which is the pool."""
    count = LABELS + ANCHORS + UNLISTED
    names = tuple(default_vocabulary()[:count])
    texts = rounded(simulated_texts(count, 512))
    parts = np.split(np.arange(count), [LABELS, LABELS + ANCHORS])
    labels, anchors, unlisted = (
        Words(tuple(names[i] for i in part), texts[part]) for part in parts
    )
    repeated = np.repeat(texts[:LABELS], 4, axis=0)
    label = np.repeat(np.arange(LABELS), 4 * SHOWN)
    x = exact.unit(rounded(simulated_pool(repeated)))
    return Pictures("simulated", labels, anchors, unlisted, x, label).split(0)


def rounded(vectors: np.ndarray) -> np.ndarray:
    """To multiples of 2^−`BITS`."""
    rows: np.ndarray = np.ldexp(np.rint(np.ldexp(vectors, BITS)), -BITS)
    return rows


def drawn() -> dict[str, Case | Draw]:
    """The first case of each kind and number, by its title."""
    sets = {"": pair_split(SET, *pairs()[SET]), WIDE: simulated()}
    return {title: _first(title, sets) for title in ROWS}


def _first(title: str, sets: Mapping[str, Split]) -> Case | Draw:
    *before, kind, count = title.split(", ")
    split = sets["".join(before)]
    if kind == "pictures":
        draw = draws(split)[0]
        return replace(draw, pictures=draw.pictures[: int(count)])
    return next(cases(split, kind, int(count)))  # type: ignore[arg-type]


def outcome(case: Case | Draw, name: str) -> dict[str, Any]:
    """The digest of a method's edit, and its figures."""
    if isinstance(case, Draw):
        judged, edit = case.case, by_pictures(case, name)
    else:
        judged, edit = case, composed(case, name)
    figures: Mapping[str, float] = measure(judged, edit.move)
    known = {
        key: round(float(figures[key]), DIGITS)
        for key in FIGURES
        if key in figures and figures[key] == figures[key]
    }
    return {"edit": edit.digest, **known}


def composed(case: Case, name: str) -> Edit:
    """What a method makes of a case."""
    method = METHODS[name.split(", ")[0]]
    basis = case.split.basis
    if name.endswith(CONDITIONALLY):
        basis = case.split.conditional_basis
    target = "level" if name.endswith(LEVEL) else "unnamed"
    parts = contributions(case, name, method, target, 1.0, basis)
    return compose(basis, parts, {method.name: method})


def by_pictures(draw: Draw, name: str) -> Edit:
    """A label is forgotten by pictures of it: beside its name, or, where the model was not
    registered with it, under a word that does not find them.
    """
    if BESIDE in name:
        forget = Forget((draw.label,), draw.case.texts, draw.pictures, "level")
        return forget.edit(draw.case.split.basis)
    word, text = draw.word
    basis = registered(draw.case.split, "labels", without=(draw.label, word))
    return Forget((word,), text[None], draw.pictures).edit(basis)


def outcomes() -> dict[str, dict[str, Any]]:
    """By case and method."""
    return {
        f"{title}: {name}": outcome(case, name)
        for title, case in drawn().items()
        for name in ROWS[title]
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(outcomes(), indent=1) + "\n", encoding="utf-8")
