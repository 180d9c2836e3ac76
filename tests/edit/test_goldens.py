"""The methods do what the printed tables say: edits byte for byte, and what they leave and cost on
pictures of two models that hardly anything was tuned on.
"""

import json
from typing import Any

import pytest

from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.naming.examples import Draw
from tests.edit.goldens import DIGITS, FILE, ROWS, drawn, outcome

KNOWN: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cases() -> dict[str, Case | Draw]:
    return drawn()


def test_every_golden_is_compared() -> None:
    rows = {f"{title}: {name}" for title, names in ROWS.items() for name in names}
    assert set(KNOWN) == rows


@pytest.mark.parametrize("row", sorted(KNOWN))
def test_a_method_does_what_the_tables_rest_on(
    cases: dict[str, Case | Draw], row: str
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
