"""What one request, model, plugin or folder does wrong is its own: the others go on, and nothing
stays stuck.
"""

import time
from dataclasses import replace
from typing import Any

import pytest

from govd.errors import (
    Conflict,
)
from govd.reconcile.pauses import FIRST_PAUSE_SECONDS
from govd.service.service import Service
from govd.types import Gate, Vote
from tests.reconcile.deciding import Plugin, file, state
from tests.service.test_service import forget


def test_a_plugins_fault_lets_its_request_wait_and_the_others_go_on(
    other: Service, plugin: Plugin
) -> None:
    def broken(spec: Any) -> None:
        if spec.scope.concepts[0].name == "red":
            raise ZeroDivisionError("no tensor")

    plugin.contribute = broken
    red, blue = file(other, "red", model="a"), file(other, "blue")
    other.reconciler.run()
    assert state(other, red)[0] == "waiting"
    assert "plugin test" in state(other, red)[1]
    assert state(other, blue)[0] == "in_force"
    with pytest.raises(Conflict, match="earlier state"):
        other.requests.decide(red, "approve", "", "bob")
    plugin.contribute = None
    other.requests.decide(red, "retry", "", "bob")
    other.reconciler.run()
    assert state(other, red)[0] == "in_force"


def test_a_method_of_a_plugin_that_raises_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service.core.plugins.methods["swap"],
        "contribute",
        lambda problem: [][0],
        raising=True,
    )
    request = file(service, "red", method="swap")
    service.reconciler.run()
    assert state(service, request)[0] == "waiting"
    assert "method swap" in state(service, request)[1]


def test_a_bug_fails_its_request_and_is_told_when_the_others_are_done(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = other.contributions.computing.of_request

    def buggy(request: Any, opened: Any = None) -> Any:
        if request["model"] == "a":
            raise ValueError("zero-size array")
        return compute(request, opened)

    monkeypatch.setattr(other.contributions.computing, "of_request", buggy)
    red, blue = file(other, "red", model="a"), file(other, "blue")
    with pytest.raises(ValueError, match="zero-size"):
        other.reconciler.run()
    assert state(other, red)[0] == "failed"
    assert "a bug in govd" in state(other, red)[1]
    assert state(other, blue)[0] == "in_force"
    assert other.reconciler.run() is False  # nothing is tried for ever


def test_a_bug_in_what_a_revert_would_bring_back_holds_up_no_revert(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    red = forget(service, "red")["id"]

    def buggy(request: Any) -> None:
        raise ValueError("zero-size array")

    predicting = service.contributions.predicting_reverts
    monkeypatch.setattr(predicting, "returning", buggy)
    service.requests.revert(red, "", "ann")
    service.reconciler.run()
    assert state(service, red)[0] == "reverted"
    assert "zero-size array" in caplog.text


def test_a_model_that_cannot_be_evaluated_does_not_hold_up_another(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = other.measuring.fast
    monkeypatch.setattr(
        other.measuring,
        "fast",
        lambda *given: (
            fast(*given) if other.core.desk.views.last("a") is None else [][0]
        ),
    )
    red = file(other, "red", model="a")
    with pytest.raises(IndexError):
        other.reconciler.run()
    blue = file(other, "blue")
    monkeypatch.setattr(
        other.measuring,
        "fast",
        lambda opened, *rest: (
            fast(opened, *rest) if other.core.desk.views.last("m") else [][0]
        ),
    )
    other.reconciler.run()
    assert state(other, blue)[0] == "in_force"
    assert state(other, red)[0] == "in_force"  # and it went on where it had stopped
    assert [r["state"] for r in other.revisions("a")] == ["published"]


def test_what_was_composed_for_something_else_is_superseded_not_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(service.measuring, "fast", lambda *given: [][0])
        red = file(service, "red")
        with pytest.raises(IndexError):
            service.reconciler.run()
    service.requests.decide(red, "withdraw", "", "ann")
    service.reconciler.run()
    assert forget(service, "red")["state"] == "in_force"
    assert [r["state"] for r in service.revisions("m")] == ["superseded", "published"]


@pytest.mark.parametrize(
    "answer",
    [Gate("denied", "test", "a typo"), "yes", Gate("wait", "test", "not today")],
)  # type: ignore[arg-type]
def test_a_gate_that_does_not_allow_holds_back_and_is_asked_again(
    service: Service, plugin: Plugin, answer: Any
) -> None:
    plugin.gate = answer
    red = file(service, "red")
    service.reconciler.run()
    assert service.core.desk.views.published("m") is None
    assert service.revisions("m")[0]["state"] == "waiting"
    size = service.core.desk.ledger.size()
    assert service.reconciler.run() is False
    assert service.core.desk.ledger.size() == size  # asked again, and it says the same
    plugin.gate = Gate("allow", "test", "fine")
    time.sleep(2.1 * FIRST_PAUSE_SECONDS)  # one that failed is not asked at every look
    service.reconciler.run()
    assert state(service, red)[0] == "in_force"


def test_a_gate_that_denies_refuses_the_revision(
    service: Service, plugin: Plugin
) -> None:
    plugin.gate = Gate("deny", "test", "never")
    file(service, "red")
    service.reconciler.run()
    assert service.revisions("m")[0]["state"] == "refused"
    assert service.reconciler.run() is False


def test_who_approves_his_own_request_is_told_and_so_is_the_home_that_does_it_by_itself(
    service: Service, plugin: Plugin
) -> None:
    red = file(service, "red")
    service.reconciler.run()
    (automatic,) = service.requests.show(red)["approvals"]
    assert (automatic["automatic"], automatic["by_filer"], automatic["role"]) == (
        True,
        True,
        None,
    )
    plugin.votes = {"filed": Vote("wait", "test", "somebody must look")}
    blue = file(service, "blue")
    service.reconciler.run()
    service.requests.decide(
        blue, "approve", "my own", service.requests.show(blue)["filed_by"]
    )
    (own,) = service.requests.show(blue)["approvals"]
    assert own["by_filer"]
    assert "automatic" not in own


def test_policies_are_asked_when_a_person_approves(
    service: Service, plugin: Plugin
) -> None:
    plugin.votes = {
        "filed": Vote("wait", "test", "somebody must look"),
        "approve": Vote("wait", "test", "two must look"),
    }
    red = file(service, "red")
    service.reconciler.run()
    assert service.requests.decide(red, "approve", "seen", "bob")["state"] == "waiting"
    assert state(service, red)[1] == "test: two must look"
    plugin.votes["approve"] = Vote("allow", "test", "enough")
    assert (
        service.requests.decide(red, "approve", "seen", "carol")["state"] == "approved"
    )
    service.reconciler.run()
    found = service.requests.show(red)
    assert [
        (v["moment"], v["decision"]) for v in found["votes"] if v["policy"] == "test"
    ] == [
        ("filed", "wait"),
        ("approve", "wait"),
        ("approve", "allow"),
    ]
    assert [a["principal"] for a in found["approvals"]] == ["carol"]
    assert [(a["principal"], a["reason"]) for a in found["approvals_held"]] == [
        ("bob", "seen")
    ]
    assert not found["approvals"][0]["by_filer"]
    (attempt,) = service.audit.log(kind="request.approval")
    assert (attempt["actor"], attempt["payload"]["held_by"]) == (
        "bob",
        "test: two must look",
    )
    plugin.votes["approve"] = Vote("deny", "test", "never")
    blue = file(service, "blue")
    service.reconciler.run()
    assert service.requests.decide(blue, "approve", "seen", "bob")["state"] == "denied"


def test_what_is_over_the_bound_waits_for_a_person_and_one_is_enough(
    service: Service,
) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, max_predicted_disagreement=-1.0),
    )
    request = file(service, domains=("dark",), all_concepts=True)
    service.reconciler.run()
    found = service.requests.show(request)
    assert found["state"] == "waiting"
    assert found["state_reason"].startswith("bounds: ")
    service.requests.decide(request, "approve", "the cost is accepted", "bob")
    service.reconciler.run()
    assert state(service, request)[0] == "in_force"


def test_many_small_forgets_add_up(service: Service) -> None:
    """Each is under the bound on one request; from the fourth on all together are over theirs."""
    bounds = {
        "max_predicted_disagreement": 0.12,
        "max_total_disagreement": 0.12,
        "max_lost_elsewhere": 1.0,
    }
    object.__setattr__(
        service.core.home, "settings", replace(service.core.home.settings, **bounds)
    )
    states, totals = [], []
    for concept in ("red", "blue", "green", "yellow", "brown"):
        request = file(service, concept, domains=("dark",), method="bilateral")
        service.reconciler.run()
        record = service.requests.show(request)
        (inputs,) = (
            vote["inputs"] for vote in record["votes"] if vote["policy"] == "bounds"
        )
        assert 0 < inputs["shown_disagreement_high"] <= 0.12, (
            "none is over the bound on a single request"
        )
        states.append(record["state"])
        totals.append(inputs["total_shown_disagreement_high"])
        if record["state"] == "waiting":
            reason = record["state_reason"]
            assert reason == (
                "bounds: with all that is in force, the predicted disagreement of what is kept, of"
                f" pictures that show a label, is at most {totals[-1]:.3f}, over the bound of"
                " 0.120: a person must approve it"
            )
            service.requests.decide(request, "approve", "seen", "bob")
            service.reconciler.run()
            assert state(service, request)[0] == "in_force"
    assert states == ["in_force", "in_force", "in_force", "waiting", "waiting"]
    assert totals[2] < 0.12 < totals[3]


def test_nobody_approves_what_was_not_looked_at(service: Service) -> None:
    red = file(service, "red")
    with pytest.raises(Conflict, match="being looked at"):
        service.requests.decide(red, "approve", "", "bob")
    service.reconciler.run()
    undo = service.requests.revert(red, "back", "ann")["id"]
    with pytest.raises(Conflict, match="being looked at"):
        service.requests.decide(undo, "approve", "", "bob")


def test_a_failed_request_is_looked_at_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            service.contributions.computing, "of_request", lambda *given: [][0]
        )
        red = file(service, "red")
        with pytest.raises(IndexError):
            service.reconciler.run()
    forget(service, "blue")
    service.requests.decide(red, "retry", "", "ann")
    service.reconciler.run()
    assert state(service, red)[0] == "in_force"
    assert service.requests.show(red)["votes"]


def test_an_approval_by_filing_says_whose_it_is_and_that_nobody_was_asked(
    service: Service,
) -> None:
    request = forget(service, "red")
    (approval,) = request["approvals"]
    assert (approval["by"], approval["automatic"]) == ("ann", True)
    entries = service.core.desk.ledger.entries(request["seq"])
    (approved,) = [entry for entry in entries if entry["kind"] == "request.approve"]
    assert (approved["payload"]["by"], approved["actor"]) == ("ann", "ann")
    assert approved["payload"]["automatic"] is True
