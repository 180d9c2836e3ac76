import pytest

from govd.errors import Conflict
from govd.lifecycle import TABLES, WANTED, after, is_final


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_every_transition_leads_to_a_state_of_the_table(kind: str) -> None:
    for events in TABLES[kind].values():
        assert set(events.values()) <= set(TABLES[kind])


@pytest.mark.parametrize(("kind", "first"), [("forget", "filed"), ("revert", "filed"), ("revision", "composed")])
def test_every_state_can_be_reached_and_left_for_an_end(kind: str, first: str) -> None:
    table, seen, todo = TABLES[kind], set(), [first]
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo += table[state].values()
    assert seen == set(table)
    assert any(is_final(kind, s) or kind == "revision" for s in seen)


def test_a_transition_that_is_not_in_the_table_says_what_is_possible() -> None:
    with pytest.raises(Conflict, match="cannot revert a forget that is waiting") as told:
        after("forget", "waiting", "revert")
    assert "approve" in told.value.advice
    assert told.value.exit_code == 1


def test_a_reverted_forget_is_final_and_not_wanted() -> None:
    assert after("forget", "in_force", "revert") == "reverted"
    assert is_final("forget", "reverted")
    assert "reverted" not in WANTED
