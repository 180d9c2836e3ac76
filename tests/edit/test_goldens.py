"""The methods do what the printed tables say: edits byte for byte, and what they leave and cost on
pictures of a model that hardly anything was tuned on.
"""

import json
from typing import Any

import pytest

from tests.benchmarks.forgetting.cases import Case
from tests.edit.goldens import COUNTS, DIGITS, EXACT, FILE, drawn, outcome, split

KNOWN: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return drawn(split())


def test_every_golden_is_compared() -> None:
    titles = [f"{kind}, {count}" for kind, counts in COUNTS.items() for count in counts]
    assert set(KNOWN) == {f"{title}: {name}" for title in titles for name in EXACT}


@pytest.mark.parametrize("row", sorted(KNOWN))
def test_a_method_does_what_the_tables_rest_on(
    cases: dict[str, Case], row: str
) -> None:
    title, _, name = row.partition(": ")
    now, known = outcome(cases[title], name), KNOWN[row]
    assert now["edit"] == known["edit"], (
        "an edit's bytes changed: print the tables anew, then `python -m tests.edit.goldens`"
    )
    assert now.keys() == known.keys()
    for figure in now.keys() - {"edit"}:
        assert now[figure] == pytest.approx(known[figure], abs=2 * 10.0**-DIGITS), (
            figure
        )
