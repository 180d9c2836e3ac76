"""The one table of states: what may follow what, written once more, and that nothing goes past
it.
"""

import pytest

from govd.errors import Conflict
from govd.records.lifecycle import TABLES, WANTED, after, is_final
from govd.service.service import Service
from tests.service.test_service import forget, revert

FORGET = """
filed: approve approved, deny denied, fail failed, wait waiting, withdraw withdrawn
waiting: approve approved, deny denied, fail failed, reject rejected, retry filed, wait waiting, withdraw withdrawn
approved: fail failed, publish in_force, subsume subsumed, wait waiting, withdraw withdrawn
in_force: revert reverted, subsume subsumed, wait waiting
subsumed: publish in_force, revert reverted, wait waiting
failed: retry filed, withdraw withdrawn
"""
REVERT = """
filed: approve approved, deny denied, wait waiting, withdraw withdrawn
waiting: approve approved, deny denied, reject rejected, retry filed, wait waiting, withdraw withdrawn
approved: publish done, wait waiting
"""
REVISION = """
composed: evaluate evaluated, supersede superseded
evaluated: publish published, refuse refused, supersede superseded, wait waiting
waiting: publish published, refuse refused, supersede superseded, wait waiting
published: supersede superseded
"""
EVENTS = sorted(
    {
        event
        for table in TABLES.values()
        for events in table.values()
        for event in events
    }
)


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_every_transition_leads_to_a_state_of_the_table(kind: str) -> None:
    for events in TABLES[kind].values():
        assert set(events.values()) <= set(TABLES[kind])


def reached(kind: str, first: str) -> set[str]:
    """The states that can follow, however long it takes."""
    seen: set[str] = set()
    todo = [first]
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo += TABLES[kind][state].values()
    return seen


@pytest.mark.parametrize(
    ("kind", "first"),
    [("forget", "filed"), ("revert", "filed"), ("revision", "composed")],
)
def test_every_state_can_be_reached_and_left_for_an_end(kind: str, first: str) -> None:
    assert reached(kind, first) == set(TABLES[kind])
    for state in TABLES[kind]:
        assert any(is_final(kind, later) for later in reached(kind, state)), (
            f"a {kind} that is {state} stays open for ever"
        )


def test_a_transition_that_is_not_in_the_table_says_what_is_possible() -> None:
    with pytest.raises(
        Conflict, match="cannot revert a forget that is waiting"
    ) as told:
        after("forget", "waiting", "revert")
    assert "approve" in told.value.advice
    assert told.value.exit_code == 1


def test_a_reverted_forget_is_final_and_not_wanted() -> None:
    assert after("forget", "in_force", "revert") == "reverted"
    assert is_final("forget", "reverted")
    assert "reverted" not in WANTED


@pytest.mark.parametrize(
    ("kind", "rows"), [("forget", FORGET), ("revert", REVERT), ("revision", REVISION)]
)
def test_what_follows_what_and_nothing_else(kind: str, rows: str) -> None:
    """A change of the table is read twice: here, and where it is."""
    written = dict(row.split(": ") for row in rows.strip().splitlines())
    allowed = {
        state: dict(step.split() for step in steps.split(", "))
        for state, steps in written.items()
    }
    for state in TABLES[kind]:
        for event in EVENTS:
            if event in allowed.get(state, {}):
                assert after(kind, state, event) == allowed[state][event]
            else:
                with pytest.raises(Conflict, match=f"cannot {event}"):
                    after(kind, state, event)


def test_a_published_revision_is_superseded_by_the_table(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No state is written past it: without that row the next publish cannot happen."""
    red = forget(service, "red")
    with monkeypatch.context() as patched:
        patched.delitem(TABLES["revision"]["published"], "supersede")
        with pytest.raises(
            Conflict, match="cannot supersede a revision that is published"
        ):
            revert(service, red)
        assert [r["state"] for r in service.revisions("m")] == [
            "published",
            "evaluated",
        ], "and nothing of it is in the ledger"
    service.reconciler.run()
    assert [r["state"] for r in service.revisions("m")] == ["superseded", "published"]
    assert service.verification.verify()["holds"]


def test_what_is_in_force_can_be_reverted_and_what_waits_cannot() -> None:
    for kind, state, event, can in (
        ("forget", "in_force", "retry", True),
        ("forget", "waiting", "revert", False),
        ("revert", "waiting", "publish", False),
    ):
        with pytest.raises(Conflict) as told:
            after(kind, state, event)  # type: ignore[arg-type]
        assert ("revert" in told.value.advice) is can
