"""`python -m tests.benchmarks.calibration`: the constants of strengths and detectors, chosen on drawings that no figure is told of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from govd.edit.metrics import cells, scores
from govd.types import Scope
from tests.benchmarks.mini import FOLDS, Mini, Part

FEWEST = 3
"""Drawings that a cell must have to be counted."""


@dataclass(frozen=True)
class Outcome:
    """Of one request or several at once: right answers among the forgotten drawings and the rest, before and after."""

    gone: int
    gone_before: int
    gone_after: int
    kept: int
    kept_before: int
    kept_after: int
    same: int
    false: int
    """Of the rest, how many got a forgotten label before."""

    @property
    def agreement(self) -> float:
        """Share of the rest whose best retained label is the same."""
        return self.same / self.kept


def outcome(part: Part, scopes: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], method: str = "bilateral") -> Outcome:
    """Forget the scopes (concepts, domains) together, and look at the part's drawings."""
    edit = part.edit(*(part.contribution(*scope, method=method) for scope in scopes))
    data, (names, texts) = part.data, part.basis.anchors
    asked = [Scope(tuple(sorted(map(_concept, concepts))), domains) for concepts, domains in scopes]
    mine = cells(asked, data)[data.class_of, data.domain_of]
    true = np.array([names.index(c) for c in data.classes])[data.class_of]
    before, after = data.vectors @ texts.T, scores(edit, data.vectors, texts)
    whole = {name for concepts, domains in scopes for name in concepts if not domains}
    kept = np.array([name not in whole for name in names])
    right, now = before.argmax(1) == true, after.argmax(1) == true
    same = before[:, kept].argmax(1) == after[:, kept].argmax(1)
    return Outcome(*(int(x.sum()) for x in (mine, right[mine], now[mine], ~mine, right[~mine], now[~mine], same[~mine], ~right[~mine])))


def _concept(name: str):
    from govd.types import Concept

    return Concept(name)


def each_concept(mini: Mini, held: bool) -> list[Outcome]:
    parts = [(mini.evaluation if held else mini.part_of(name), name) for name in mini.labels]
    return [outcome(p, [((n,), ())]) for p, n in parts if n in p.data.classes and (p.data.class_of == p.data.classes.index(n)).any()]


def each_cell(mini: Mini, held: bool, domains: Iterable[str], fewest: int = FEWEST) -> list[Outcome]:
    found = []
    for name, domain in itertools.product(mini.labels, domains):
        part = mini.evaluation if held else mini.part_of(name)
        if name in part.data.classes:
            at = (part.data.class_of == part.data.classes.index(name)) & (part.data.domain_of == mini.domains.index(domain))
            if at.sum() >= fewest:
                found.append(outcome(part, [((name,), (domain,))]))
    return found


def several(mini: Mini, held: bool, count: int, draws: int = 12) -> list[Outcome]:
    draw, found = np.random.default_rng(count), []
    for i in range(draws):
        part = mini.evaluation if held else mini.calibration[i % FOLDS]
        there = [
            n
            for j, n in enumerate(mini.labels)
            if (held or j % FOLDS == i % FOLDS) and n in part.data.classes and (part.data.class_of == part.data.classes.index(n)).any()
        ]
        found.append(outcome(part, [((str(n),), ()) for n in draw.choice(there, count, replace=False)]))
    return found


def whole(mini: Mini, held: bool) -> list[list[Outcome]]:
    parts = [mini.evaluation] if held else mini.calibration
    return [[outcome(p, [((), (domain,))]) for p in parts] for domain in mini.domains]


def summary(found: Sequence[Outcome]) -> str:
    t = {f: sum(getattr(o, f) for o in found) for f in Outcome.__dataclass_fields__}
    worst = min(o.agreement for o in found)
    return (
        f"n={len(found):3d} forget {t['gone_before'] / t['gone']:.3f} → {t['gone_after'] / t['gone']:.3f}  "
        f"retain {t['kept_before'] / t['kept']:.3f} → {t['kept_after'] / t['kept']:.3f}  same {t['same'] / t['kept']:.4f} (worst {worst:.3f})"
    )


def table(mini: Mini, held: bool) -> dict[str, list[Outcome]]:
    rows = {"concepts": each_concept(mini, held)}
    rows["cells line+glyph"] = each_cell(mini, held, ["line", "glyph"])
    rows["cells colour"] = each_cell(mini, held, ["colour"], FEWEST if held else 1)
    rows["five"] = several(mini, held, 5)
    rows["ten"] = several(mini, held, 10)
    for domain, found in zip(mini.domains, whole(mini, held), strict=True):
        rows[f"all {domain}"] = found
    return rows


if __name__ == "__main__":
    mini = Mini()
    for name, found in table(mini, False).items():
        print(f"{name:18s}", summary(found))
