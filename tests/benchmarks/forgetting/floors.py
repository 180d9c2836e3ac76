"""The floor of `fitted`, chosen without each set in turn and reported on that one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from govd.edit.constants import GOAL
from tests.benchmarks.forgetting.results import Result
from tests.benchmarks.forgetting.rows import FLOORS
from tests.benchmarks.forgetting.tables import values


def floors(results: Sequence[Result]) -> str:
    """For each set the least floor that leaves, on each of the others and for every number of
    forgets, no more named by the worst prompt than the base model's mistakes or the goal; and what
    that floor does on the set itself.
    """
    sets = list(dict.fromkeys(r.set for r in results if r.kind == "labels"))
    lines = [
        "the floor of `fitted`, chosen on the other sets",
        "",
        "| set | chosen | forgets | named | allowed | unchanged | unlisted |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for name in sets:
        others = [other for other in sets if other != name]
        floor = next(
            (
                f
                for f in sorted(FLOORS)
                if others and all(holds(results, other, f) for other in others)
            ),
            max(FLOORS),
        )
        for count in sorted(
            {r.count for r in results if r.set == name and r.kind == "labels"}
        ):
            own = [
                r.figures
                for r in results
                if (r.set, r.kind, r.row, r.count)
                == (name, "labels", FLOORS[floor], count)
            ]
            if own:
                shown = " | ".join(
                    f"{x:.3f}"
                    for x in (
                        left(own),
                        allowed(own),
                        _mean(own, "unchanged"),
                        _mean(own, "unlisted"),
                    )
                )
                lines.append(f"| {name} | {FLOORS[floor]} | {count} | {shown} |")
    return "\n".join(lines)


def holds(results: Sequence[Result], name: str, floor: int) -> bool:
    """Whether a floor was tried on a set, and leaves few enough named."""
    own = [
        r for r in results if (r.set, r.kind, r.row) == (name, "labels", FLOORS[floor])
    ]
    groups = [
        [r.figures for r in own if r.count == count] for count in {r.count for r in own}
    ]
    return bool(groups) and all(left(figures) <= allowed(figures) for figures in groups)


def left(figures: Sequence) -> float:
    """Mean share that is named, by the worst prompt where there are several."""
    by_prompt = values(figures, "worst_prompt")
    return float(by_prompt.mean()) if len(by_prompt) else _mean(figures, "named")


def allowed(figures: Sequence) -> float:
    """The base model's mistakes, or the goal."""
    return max(GOAL, _mean(figures, "mistakes"))


def _mean(figures: Sequence, column: str) -> float:
    listed = values(figures, column)
    return float(np.mean(listed)) if len(listed) else float("nan")
