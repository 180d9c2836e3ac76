"""`python -m tests.benchmarks.calibration [--grid | --held-out]`: the constants of detectors and
strengths, one by one, on drawings that no figure is told of.

Requests one at a time (every concept; every cell of at least three drawings), five concepts at
once, whole domains. The rule: of the settings that leave at most `LEFT` of the accuracy on what is
forgotten, mean over the groups of concepts and cells, the one with the highest mean agreement; for
whole domains, `constants.ELSEWHERE` (the share of other answers that must stay) is older than these
drawings, as README says, and not chosen here. `--held-out` prints the same figures on the
evaluation drawings: for README, not for choosing.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from govd.edit import Method, constants
from govd.edit.metrics import cells, scores
from govd.methods.fitted import Fitted
from govd.types import Concept, Scope
from tests.benchmarks.mini import FOLDS, METHODS, Mini, Part

LEFT = 0.1
GRID = {
    "LEAN": (1, 3, 10),
    "FIT_RIDGE": (0.01, 0.03, 0.1),
    "SAME_CLASSES": (0.5, 0.8, 0.9),
    "SINKS": (4, 8, 16),
    "ALONE": (2, 3, 4, 5),
}
AFFECTS = {
    "SAME_CLASSES": ("line and glyph", "colour"),
    "SINKS": ("whole",),
    "ALONE": ("concepts",),
}
"""Groups whose figures a constant can change; all but whole domains where it is not named."""
FEWEST = 3
"""Drawings that a cell must have to be counted."""


@dataclass(frozen=True)
class Outcome:
    """Of one request or several at once: right answers among the forgotten drawings and the rest,
    before and after.
    """

    gone: int
    gone_before: int
    gone_after: int
    kept: int
    kept_before: int
    kept_after: int
    same: int

    @property
    def agreement(self) -> float:
        """Share of the rest whose best retained label is the same."""
        return self.same / self.kept


def outcome(
    part: Part,
    scopes: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
    method: str = "fitted",
) -> Outcome:
    """Forget the scopes (concepts, domains) together, and look at the part's drawings."""
    edit = part.edit(*(part.contribution(*scope, method=method) for scope in scopes))
    data, (names, texts) = part.data, part.basis.anchors
    asked = [
        Scope(tuple(sorted(map(Concept, concepts))), domains)
        for concepts, domains in scopes
    ]
    mine = cells(asked, data)[data.class_of, data.domain_of]
    true = np.array([names.index(c) for c in data.classes])[data.class_of]
    before, after = data.vectors @ texts.T, scores(edit, data.vectors, texts)
    whole = {name for concepts, domains in scopes for name in concepts if not domains}
    kept = np.array([name not in whole for name in names])
    right, now = before.argmax(1) == true, after.argmax(1) == true
    same = before[:, kept].argmax(1) == after[:, kept].argmax(1)
    return Outcome(
        *(
            int(x.sum())
            for x in (
                mine,
                right[mine],
                now[mine],
                ~mine,
                right[~mine],
                now[~mine],
                same[~mine],
            )
        )
    )


def shown(part: Part, name: str) -> int:
    """Drawings of a class in a part."""
    return (
        int((part.data.class_of == part.data.classes.index(name)).sum())
        if name in part.data.classes
        else 0
    )


def each_concept(mini: Mini, held: bool) -> list[Outcome]:
    parts = [
        (mini.evaluation if held else mini.part_of(name), name) for name in mini.labels
    ]
    return [outcome(part, [((name,), ())]) for part, name in parts if shown(part, name)]


def each_cell(
    mini: Mini, held: bool, domains: Iterable[str], fewest: int = FEWEST
) -> list[Outcome]:
    found = []
    for name, domain in itertools.product(mini.labels, domains):
        part = mini.evaluation if held else mini.part_of(name)
        if shown(part, name):
            at = (part.data.class_of == part.data.classes.index(name)) & (
                part.data.domain_of == mini.domains.index(domain)
            )
            if at.sum() >= fewest:
                found.append(outcome(part, [((name,), (domain,))]))
    return found


def several(mini: Mini, held: bool, count: int = 5, draws: int = 12) -> list[Outcome]:
    draw, found = np.random.default_rng(count), []
    for i in range(draws):
        part = mini.evaluation if held else mini.calibration[i % FOLDS]
        there = [
            name
            for j, name in enumerate(mini.labels)
            if (held or j % FOLDS == i % FOLDS) and shown(part, name)
        ]
        found.append(
            outcome(
                part,
                [
                    ((str(name),), ())
                    for name in draw.choice(there, count, replace=False)
                ],
            )
        )
    return found


def whole(mini: Mini, held: bool) -> dict[str, list[Outcome]]:
    parts = [mini.evaluation] if held else mini.calibration
    return {
        f"everything in {domain}": [outcome(p, [((), (domain,))]) for p in parts]
        for domain in mini.domains
    }


def groups(mini: Mini, held: bool, wanted: Sequence[str]) -> dict[str, list[Outcome]]:
    """Outcomes of every group asked for."""
    made = {
        "concepts": lambda: {"each concept": each_concept(mini, held)},
        "line and glyph": lambda: {
            "each cell in line and glyph": each_cell(mini, held, ("line", "glyph"))
        },
        # on the calibration drawings no colour cell has three
        "colour": lambda: {
            "each cell in colour": each_cell(
                mini, held, ("colour",), FEWEST if held else 1
            )
        },
        "five": lambda: {"five concepts at once": several(mini, held)},
        "whole": lambda: whole(mini, held),
    }
    return {name: found for group in wanted for name, found in made[group]().items()}


def share(found: Sequence[Outcome], of: str, among: str) -> float:
    return sum(getattr(o, of) for o in found) / sum(getattr(o, among) for o in found)


def row(setting: str, name: str, found: Sequence[Outcome]) -> str:
    gone = f"{share(found, 'gone_before', 'gone'):.3f} → {share(found, 'gone_after', 'gone'):.3f}"
    kept = f"{share(found, 'kept_before', 'kept'):.3f} → {share(found, 'kept_after', 'kept'):.3f}"
    same, worst = share(found, "same", "kept"), min(o.agreement for o in found)
    return f"| {setting} | {name} | {len(found)} | {gone} | {kept} | {same:.3f} | {worst:.3f} |"


@contextmanager
def constant(name: str, value: float) -> Iterator[None]:
    """One of `govd.edit.constants` at another value, wherever it is read; `ALONE` is given to the
    default alone.
    """
    if name == "ALONE":
        with replaced(METHODS, "fitted", Fitted(int(value))):
            yield
        return
    readers = [
        module
        for room, module in sys.modules.items()
        if room.startswith(("govd.edit.", "govd.methods.")) and hasattr(module, name)
    ]
    was = getattr(constants, name)
    try:
        for module in readers:
            setattr(module, name, value)
        yield
    finally:
        for module in readers:
            setattr(module, name, was)


def renew(parts: Iterable[Part]) -> None:
    """Take off the bases of parts what was computed with other constants and kept."""
    for part in parts:
        for kept in ("pool_fit", "fits"):
            vars(part.basis).pop(kept, None)


@contextmanager
def replaced(mapping: dict[str, Method], name: str, value: Method) -> Iterator[None]:
    """Another value in a mapping for a while."""
    was = mapping[name]
    mapping[name] = value
    try:
        yield
    finally:
        mapping[name] = was


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--grid",
        action="store_true",
        help="every constant at every value, the others as they are",
    )
    parser.add_argument(
        "--held-out", action="store_true", help="on the evaluation drawings"
    )
    given, mini = parser.parse_args(), Mini()
    print(
        "| setting | forgotten | requests | its accuracy | the rest's accuracy | same answers |"
        " worst |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    usual = ("concepts", "line and glyph", "colour", "five")
    now = groups(mini, given.held_out, (*usual, "whole"))
    for name, found in now.items():
        print(row("as it is", name, found), flush=True)
    for name, value in (
        [(n, v) for n, values in GRID.items() for v in values] if given.grid else []
    ):
        renew([mini.evaluation] if given.held_out else mini.calibration)
        with constant(name, value):
            found = groups(mini, given.held_out, AFFECTS.get(name, usual))
        for group, outcomes in found.items():
            print(row(f"{name} = {value:g}", group, outcomes), flush=True)
        counted = [(now | found)[g] for g in now if not g.startswith("everything")]
        left = statistics.mean(
            share(o, "gone_after", "gone") / share(o, "gone_before", "gone")
            for o in counted
        )
        same = statistics.mean(share(o, "same", "kept") for o in counted)
        print(
            f"| {name} = {value:g} | **mean of concepts and cells** | | {left:.3f} left (≤"
            f" {LEFT:g}) | | {same:.4f} | |",
            flush=True,
        )


if __name__ == "__main__":
    main()
