"""Policies at work: what they decide counts only when they are enforced, and is decided again the
same.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from govd.errors import Conflict, NotFound, Usage
from govd.hookspecs import hookimpl
from govd.policies.outcomes import Asked, outcomes_of
from govd.records.policy import Mode
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record
from tests.reconcile.deciding import Interrupted

STRICT = """name: strict
moments: [filed, revert]
when: "true"
effect: {wait: {n: 2, role: operator, not: filer}}
message: two people look at everything
"""
DENY = """name: no-red
moments: [filed]
when: "'red' in request.concepts"
effect: deny
message: red stays
"""
DATES = """name: ninety
moments: [filed]
when: request.basis == 'licence'
effect: {set: {due: 7d, expires: 90d}}
"""
FAULTY = """name: faulty
moments: [filed]
when: predicted.elsewhere > 0.5
effect: allow
"""


def filed(service: Service, concept: str, **options: object) -> Record:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=(concept,), **options), "principal:ann"
    )
    service.reconciler.run()
    return service.requests.show(str(request["id"]))


def enforced(service: Service, text: str) -> None:
    name = str(service.policies.add(text, "owner")["name"])
    service.policies.enforce(name, "owner", force=True, reason="a test")


def test_in_shadow_it_is_recorded_and_counts_for_nothing(service: Service) -> None:
    service.policies.add(DENY, "owner")
    assert filed(service, "red")["state"] == "in_force"
    report = service.policies.reports.report("no-red")
    assert [row["would"] for row in report["rows"]] == ["deny"]
    (row,) = report["rows"]
    assert row["counted"] is False
    assert 0 <= row["measured"] <= 1, (
        "what it did cost stands beside what it was predicted to"
    )


def test_enforced_its_word_is_a_vote_under_its_own_name(service: Service) -> None:
    enforced(service, DENY)
    request = filed(service, "red")
    assert request["state"] == "denied"
    assert request["state_reason"] == "no-red: red stays"
    (entry,) = [
        e
        for e in service.core.desk.ledger.entries()
        if e["kind"] == "request.vote" and e["payload"]["policy"] == "no-red"
    ]
    digest = service.policies.show("no-red")["digest"]
    assert entry["actor"] == f"policy:no-red@{digest[:12]}"
    assert entry["payload"]["digest"] == digest


def test_whatever_has_no_answer_waits(service: Service) -> None:
    enforced(service, FAULTY)
    request = filed(service, "red")
    assert request["state"] == "waiting"
    assert "a number is missing" in request["state_reason"]


def test_dates_are_set_from_the_filing_and_an_earlier_one_stays(
    service: Service,
) -> None:
    enforced(service, DATES)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    request = filed(service, "red", basis="licence", due=tomorrow)
    assert str(request["due_at"])[:10] == tomorrow
    days = datetime.fromisoformat(str(request["expires_at"])) - datetime.fromisoformat(
        str(request["filed_at"])
    )
    assert days == timedelta(days=90)
    assert filed(service, "blue")["expires_at"] is None


def test_enforcing_wants_the_report_or_a_reason(service: Service) -> None:
    service.policies.add(STRICT, "owner")
    with pytest.raises(Usage, match="report"):
        service.policies.enforce("strict", "owner")
    with pytest.raises(Usage, match="no report"):
        service.policies.enforce("strict", "owner", report="0" * 64)
    with pytest.raises(Usage):
        service.policies.enforce("strict", "owner", force=True)
    before = service.policies.reports.report("strict")["digest"]
    filed(service, "red")
    assert service.policies.reports.report("strict")["digest"] != before
    shown = service.policies.enforce("strict", "owner", report=before[:12])
    assert shown["mode"] == "enforce"
    (entry,) = [
        e for e in service.core.desk.ledger.entries() if e["kind"] == "policy.enforce"
    ]
    assert entry["payload"]["report"] == {"digest": before, "decisions": 0, "since": 1}


def test_a_new_text_is_tried_while_the_old_one_counts(service: Service) -> None:
    enforced(service, DENY)
    service.policies.add(DENY.replace("red stays", "red remains"), "owner")
    assert filed(service, "red")["state_reason"] == "no-red: red stays"
    service.policies.enforce("no-red", "owner", force=True, reason="a test")
    assert [p["mode"] for p in service.policies.all()] == ["off", "enforce"]


def test_an_untried_text_is_not_enforced_by_saying_so(service: Service) -> None:
    with pytest.raises(Usage, match="never tried"):
        service.policies.add(DENY + "mode: enforce\n", "owner")
    added = service.policies.add(
        DENY + "mode: enforce\n", "owner", force=True, reason="court"
    )
    assert added["mode"] == "enforce"


def test_no_policy_takes_the_name_of_a_plugin(service: Service) -> None:
    with pytest.raises(Conflict, match="plugin"):
        service.policies.add(DENY.replace("no-red", "bounds"), "owner")


def test_to_end_what_is_enforced_needs_a_reason(service: Service) -> None:
    enforced(service, DENY)
    with pytest.raises(Usage):
        service.policies.disable("no-red", "owner")
    assert service.policies.disable("no-red", "owner", "over")["mode"] == "off"
    with pytest.raises(Conflict):
        service.policies.disable("no-red", "owner", "over")
    with pytest.raises(NotFound, match="no-red"):
        service.policies.show("nored")
    assert filed(service, "red")["state"] == "in_force"


def test_what_is_replayed_agrees_and_a_changed_input_does_not(service: Service) -> None:
    enforced(service, DENY)
    service.policies.add(STRICT, "owner")
    for concept in ("red", "blue", "green"):
        filed(service, concept)
    replay = service.policies.reports.replay()
    assert replay["decisions"] == 3
    assert replay["agree"]
    entry = next(iter(service.policies.reports.decisions()))
    text = service.policies.named("no-red")[0].text
    asked = [Asked("no-red", text, "d", Mode.ENFORCE)]
    seen = json.loads(json.dumps(entry["payload"]["input"]))
    assert outcomes_of(asked, "filed", seen)[0].result == "true"
    seen["request"]["concepts"] = ["blue"]
    assert outcomes_of(asked, "filed", seen)[0].result == "false"


def test_past_requests_are_decided_as_they_were_then(service: Service) -> None:
    filed(service, "red")
    filed(service, "blue")
    service.policies.add(DENY, "owner")
    test = service.policies.reports.test("no-red")
    assert [(row["concepts"], row["was"], row["would"]) for row in test["rows"]] == [
        (["red"], "allow", "deny"),
        (["blue"], "allow", "allow"),
    ]
    assert test["otherwise"] == 1


def test_why_it_waits_is_told_with_the_values_that_were_seen(service: Service) -> None:
    enforced(service, DENY)
    request = filed(service, "red")
    explained = service.policies.reports.explain(str(request["id"]))
    (row,) = explained["policies"]
    assert row["result"] == "true"
    assert row["saw"] == {"request.concepts": ["red"]}


def test_who_approves_while_a_policy_is_enforced_approves_anew(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    red = str(filed(service, "red")["id"])
    interrupted = Interrupted(lambda: enforced(service, DENY))
    service.core.plugins.manager.register(interrupted, "interrupted")
    with pytest.raises(Conflict, match="policies changed while they were being asked"):
        service.requests.decide(red, "approve", "", "principal:bob")
    assert service.requests.show(red)["state"] == "waiting"
    service.requests.decide(red, "approve", "", "principal:bob")
    assert service.requests.show(red)["state"] == "denied"


def test_a_policy_that_is_enforced_after_the_filing_is_asked_at_the_approval(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    request = filed(service, "red")
    enforced(service, STRICT)
    service.tokens.create("operator", "bob", "owner")
    service.requests.decide(str(request["id"]), "approve", "", "principal:bob")
    waiting = service.requests.show(str(request["id"]))
    assert waiting["state"] == "waiting"
    assert "1 of 2 so far" in waiting["state_reason"]
    assert service.policies.reports.replay()["agree"]


def test_dates_of_a_policy_that_is_enforced_after_the_filing_are_set(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    request = filed(service, "red", basis="licence")
    enforced(service, DATES)
    service.requests.decide(str(request["id"]), "approve", "", "owner")
    assert service.requests.show(str(request["id"]))["expires_at"] is not None


def test_a_policy_that_denies_after_the_filing_denies_at_the_approval(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    request = filed(service, "red")
    enforced(service, DENY)
    service.requests.decide(str(request["id"]), "approve", "", "owner")
    assert service.requests.show(str(request["id"]))["state"] == "denied"


def test_a_freeze_is_an_entry_and_is_ended_once(service: Service) -> None:
    with pytest.raises(Usage):
        service.freezing.freeze(" ", "owner")
    service.freezing.freeze("incident", "owner")
    assert service.core.desk.views.frozen is not None
    with pytest.raises(Conflict):
        service.freezing.freeze("again", "owner")
    service.freezing.unfreeze("owner")
    assert service.core.desk.views.frozen is None
    with pytest.raises(Conflict):
        service.freezing.unfreeze("owner")


def test_a_policy_that_allows_approves_where_people_would_but_not_while_frozen(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    assert filed(service, "red")["state"] == "waiting"
    enforced(
        service, "name: by-itself\nmoments: [filed]\nwhen: 'true'\neffect: allow\n"
    )
    request = filed(service, "blue")
    assert request["state"] == "in_force"
    assert request["approvals"][0]["principal"].startswith("policy:by-itself@")
    service.freezing.freeze("incident", "owner")
    assert "froze" in filed(service, "green")["state_reason"]


@pytest.mark.parametrize(
    ("act", "why"), [("enforce", "red stays"), ("freeze", "froze")]
)
def test_what_is_enforced_or_frozen_while_a_request_is_decided_counts(
    service: Service, act: str, why: str
) -> None:
    enforced(
        service, "name: by-itself\nmoments: [filed]\nwhen: 'true'\neffect: allow\n"
    )
    asked: list[str] = []

    class Meanwhile:
        """A vote that takes its time, the first time."""

        @hookimpl
        def govd_vote(self, moment: str) -> None:
            if not asked and act == "enforce":
                enforced(service, DENY)
            elif not asked:
                service.freezing.freeze("incident", "owner")
            asked.append(moment)

    service.core.plugins.manager.register(Meanwhile(), "meanwhile")
    request = filed(service, "red")
    service.reconciler.run()
    assert why in service.requests.show(str(request["id"]))["state_reason"]
    assert len(asked) == 2, "it was looked at once more"
