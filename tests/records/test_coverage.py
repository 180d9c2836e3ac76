"""Which forget covers which, against the definition written down pair by pair."""

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from govd.records.coverage import scope_of, subsumed_by

CONCEPT = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abcd"),
        "aliases": st.lists(st.sampled_from("xyz"), unique=True, max_size=2),
    }
)
WANTED = st.fixed_dictionaries(
    {
        "strength": st.sampled_from([0.5, 1.0]),
        "concepts": st.lists(CONCEPT, max_size=3),
        "domains": st.lists(st.sampled_from("pqr"), unique=True, max_size=3),
    }
)


def stands_over(outer: dict[str, Any], inner: dict[str, Any], earlier: bool) -> bool:
    if outer["strength"] < inner["strength"] or not scope_of(outer).covers(
        scope_of(inner)
    ):
        return False
    mutual = inner["strength"] >= outer["strength"] and scope_of(inner).covers(
        scope_of(outer)
    )
    return earlier or not mutual


@given(st.lists(WANTED, max_size=10))
def test_as_by_comparing_every_pair(bodies: list[dict[str, Any]]) -> None:
    wanted = [{"id": f"r{i}", **body} for i, body in enumerate(bodies)]
    above = {
        inner["id"]: [
            outer["id"]
            for j, outer in enumerate(wanted)
            if i != j and stands_over(outer, inner, j < i)
        ]
        for i, inner in enumerate(wanted)
    }
    expected = {
        inner: next(o for o in outers if not above[o])
        for inner, outers in above.items()
        if outers
    }
    assert subsumed_by(wanted) == expected


def test_many_forgets_cost_no_more_than_each_by_itself() -> None:
    def seconds(count: int) -> float:
        wanted = [
            {
                "id": f"r{i}",
                "strength": 1.0,
                "concepts": [{"name": f"c{i}", "aliases": []}],
                "domains": [],
            }
            for i in range(count)
        ]
        began = time.process_time()
        assert subsumed_by(wanted) == {}
        return time.process_time() - began

    few, many = (min(seconds(count) for _ in range(5)) for count in (500, 5000))
    # ten times as many; pair by pair it would be a hundred times
    assert many < 40 * few
