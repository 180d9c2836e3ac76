from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from govd.records.coverage import scope_of, subsumed_by
from govd.views.views import Views


def entries(*rows: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "seq": i,
            "time": f"2026-01-01T00:00:{i:02}Z",
            "actor": "ann",
            "kind": kind,
            "subject": subject,
            "payload": payload,
        }
        for i, (kind, subject, payload) in enumerate(rows)
    ]


def filed(
    number: int,
    concept: str = "dog",
    domains: tuple[str, ...] = (),
    strength: float = 1.0,
) -> tuple[str, str, dict[str, Any]]:
    concepts = [{"name": concept, "aliases": []}] if concept else []
    body = {
        "model": "mini",
        "concepts": concepts,
        "domains": list(domains),
        "strength": strength,
        "method": "oblique",
        "target": "unnamed",
    }
    return "request.file", f"r{number}", body


STORY = (
    ("model.add", "mini", {"digest": "0" * 64}),
    filed(1),
    (
        "request.vote",
        "r1",
        {"policy": "bounds", "decision": "allow", "reason": "small"},
    ),
    ("request.approve", "r1", {"reason": "approved by ann"}),
    ("revision.compose", "mini/1", {"requests": ["r1"], "edit_digest": "a", "rank": 1}),
    ("revision.evaluate", "mini/1", {"metrics": {"forget_acc": 0.0}}),
    ("revision.publish", "mini/1", {}),
    ("request.publish", "r1", {"revision": 1}),
    ("request.file", "r2", {"kind": "revert", "model": "mini", "reverts": "r1"}),
    ("request.approve", "r2", {}),
    ("revision.compose", "mini/2", {"requests": [], "edit_digest": "b", "rank": 0}),
    ("revision.evaluate", "mini/2", {"metrics": {}}),
    ("revision.publish", "mini/2", {}),
    ("request.revert", "r1", {"reason": "reverted by r2"}),
    ("request.publish", "r2", {"revision": 2}),
)


def test_a_forget_and_its_revert() -> None:
    views = Views().read(entries(*STORY))
    assert [views.request(r)["state"] for r in ("r1", "r2")] == ["reverted", "done"]
    assert [r["state"] for r in views.revisions("mini")] == ["superseded", "published"]
    assert views.request("r1")["revision"] == 1
    assert views.request("r1")["entries"] == [1, 2, 3, 7, 13]
    assert views.published("mini")["number"] == 2  # type: ignore[index]
    assert views.wanted("mini") == []
    assert views.size == len(STORY)


@given(st.integers(0, len(STORY)))
def test_reading_in_two_parts_is_reading_at_once(cut: int) -> None:
    rows = entries(*STORY)
    assert list(Views().read(rows[:cut]).read(rows[cut:]).dump()) == list(
        Views().read(rows).dump()
    )


def test_an_approved_revert_takes_its_forget_out_of_the_desired_state_before_it_is_published() -> (
    None
):
    assert [r["id"] for r in Views().read(entries(*STORY[:9])).wanted("mini")] == ["r1"]
    assert Views().read(entries(*STORY[:10])).wanted("mini") == []


def wanted(*rows: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    events = [e for row in rows for e in (row, ("request.approve", row[1], {}))]
    return Views().read(entries(("model.add", "mini", {}), *events)).wanted("mini")


def test_a_scope_inside_another_is_subsumed_unless_it_is_stronger() -> None:
    assert subsumed_by(wanted(filed(1, domains=("line",)), filed(2))) == {"r1": "r2"}
    assert (
        subsumed_by(wanted(filed(1, domains=("line",), strength=1.5), filed(2))) == {}
    )
    assert subsumed_by(wanted(filed(1), filed(2, "cat"))) == {}
    assert subsumed_by(
        wanted(filed(1, "", ("line",)), filed(2, domains=("line",)))
    ) == {"r2": "r1"}


STRENGTHS = st.sampled_from([0.5, 1.0, 2.0])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["dog", "cat", ""]),
        st.sampled_from([("line",), ("line", "glyph"), ()]),
        STRENGTHS,
    ),
    max_size=6,
)


@given(ROWS)
def test_what_covers_a_subsumed_forget_stands_itself_and_really_covers(
    rows: list[tuple[str, tuple[str, ...], float]],
) -> None:
    rows = [r for r in rows if r[0] or r[1]]
    found = wanted(*(filed(i, *r) for i, r in enumerate(rows)))
    by = {r["id"]: r for r in found}
    covered = subsumed_by(found)
    for inner, outer in covered.items():
        assert outer not in covered
        assert scope_of(by[outer]).covers(scope_of(by[inner]))
        assert by[outer]["strength"] >= by[inner]["strength"]
