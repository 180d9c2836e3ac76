"""What policies propose by themselves: expired forgets, and what a schedule finds."""

from datetime import UTC, datetime, timedelta

import pytest

from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record

EXPIRY = """name: expired
moments: [expire]
when: "true"
effect: {effect}
message: its date has passed
"""
LICENCE = """name: licence-ends
moments: [propose]
when: request.basis == 'licence'
effect: {propose: revert}
message: the licence is renewed
every: 1h
"""
FORGET = """name: contract-ends
moments: [propose]
when: now >= timestamp('2031-01-01T00:00:00Z')
effect: {propose: {forget: {model: m, concepts: [red], reason: contract 7}}}
message: contract 7 has ended
"""


@pytest.fixture(autouse=True)
def no_expiry(service: Service) -> None:
    """Policies of these tests alone decide about what has expired."""
    object.__setattr__(service.core.home.settings, "expiry", "off")


def in_force(service: Service, concept: str, **options: object) -> Record:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=(concept,), **options), "principal:ann"
    )
    service.reconciler.run()
    return service.requests.show(str(request["id"]))


def enforced(service: Service, text: str) -> None:
    name = str(service.policies.add(text, "owner")["name"])
    service.policies.enforce(name, "owner", force=True, reason="a test")


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def step(service: Service, now: datetime) -> bool:
    did = service.automatic.step(now)
    service.reconciler.run()
    return did


def expiring(service: Service, concept: str = "red") -> Record:
    return in_force(service, concept, expires=later(1).date().isoformat())


def reverts(service: Service) -> list[Record]:
    return [r for r in service.requests.all() if r["kind"] == "revert"]


def test_what_has_expired_is_reverted_in_the_name_of_the_policy(
    service: Service,
) -> None:
    request = expiring(service)
    enforced(service, EXPIRY.replace("{effect}", "allow"))
    assert not step(service, later(0)), "not before its time"
    step(service, later(3))
    assert service.requests.show(str(request["id"]))["state"] == "reverted"
    (revert,) = reverts(service)
    assert str(revert["filed_by"]).startswith("policy:expired@")
    assert revert["source"]["policy"] == "expired"
    assert not step(service, later(3)), "once"


def test_a_policy_that_asks_files_a_revert_that_waits_for_a_person(
    service: Service,
) -> None:
    request = expiring(service)
    enforced(service, EXPIRY.replace("{effect}", "wait"))
    step(service, later(3))
    (revert,) = reverts(service)
    assert revert["state"] == "waiting"
    assert "expired: its date has passed" in revert["state_reason"]
    service.requests.decide(str(revert["id"]), "approve", "yes", "principal:bob")
    service.reconciler.run()
    assert service.requests.show(str(request["id"]))["state"] == "reverted"


def test_one_that_asks_goes_before_one_that_lets_go(service: Service) -> None:
    expiring(service)
    enforced(
        service, EXPIRY.replace("{effect}", "allow").replace("expired", "a-lets-go")
    )
    enforced(service, EXPIRY.replace("{effect}", "wait").replace("expired", "b-asks"))
    step(service, later(3))
    (revert,) = reverts(service)
    assert revert["state"] == "waiting"
    assert str(revert["filed_by"]).startswith("policy:b-asks@")


def test_verify_finds_a_revert_that_should_have_waited(service: Service) -> None:
    expiring(service)
    enforced(service, EXPIRY.replace("{effect}", "wait"))
    step(service, later(3))
    (revert,) = reverts(service)
    forged = {"reason": "", "by": revert["filed_by"], "automatic": True}
    draft = Draft(
        "request.approve", str(revert["id"]), str(revert["filed_by"]), "m", forged
    )
    service.core.desk.append([draft])
    service.checkpoints.sign()
    faults = service.verification.verify()["faults"]
    assert any("by nobody: expired: a person" in fault for fault in faults), faults


def test_what_people_rejected_is_not_proposed_again(service: Service) -> None:
    request = expiring(service)
    enforced(service, EXPIRY.replace("{effect}", "wait"))
    step(service, later(3))
    service.requests.decide(
        str(reverts(service)[0]["id"]), "reject", "it stays", "principal:bob"
    )
    step(service, later(4))
    assert len(reverts(service)) == 1
    assert service.requests.show(str(request["id"]))["state"] == "in_force"


def test_a_hold_a_freeze_and_a_shadow_let_it_be(service: Service) -> None:
    request = expiring(service)
    service.policies.add(EXPIRY.replace("{effect}", "allow"), "owner")
    step(service, later(3))
    assert not reverts(service), "a shadow counts for nothing"
    report = service.policies.reports.report("expired")
    assert [row["would"] for row in report["rows"]] == ["allow"]
    service.requests.hold(str(request["id"]), "litigation", "owner")
    service.policies.enforce("expired", "owner", force=True, reason="a test")
    step(service, later(3))
    assert not reverts(service), "a legal hold freezes it as it is"
    service.requests.release(str(request["id"]), "over", "owner")
    service.freezing.freeze("incident", "owner")
    step(service, later(3))
    assert not reverts(service), "nothing acts by itself"
    thawed = service.thawing.unfreeze("owner", now=later(3))
    assert any(str(request["id"]) in line for line in thawed["meanwhile"])
    step(service, later(3))
    assert len(reverts(service)) == 1


def test_a_denied_expiry_stays_in_force(service: Service) -> None:
    request = expiring(service)
    enforced(service, EXPIRY.replace("{effect}", "deny"))
    enforced(
        service, EXPIRY.replace("{effect}", "allow").replace("expired", "expired-too")
    )
    step(service, later(3))
    assert service.requests.show(str(request["id"]))["state"] == "in_force"


def test_a_schedule_proposes_the_revert_of_what_its_expression_is_true_of(
    service: Service,
) -> None:
    licensed = in_force(service, "red", basis="licence")
    other = in_force(service, "blue")
    enforced(service, LICENCE)
    step(service, later(0))
    assert service.requests.show(str(licensed["id"]))["state"] == "reverted"
    assert service.requests.show(str(other["id"]))["state"] == "in_force"
    size = service.core.desk.ledger.size()
    step(service, later(1))
    assert service.core.desk.ledger.size() == size, "nothing new, nothing written"


def test_a_forget_is_proposed_once_when_its_time_has_come(service: Service) -> None:
    enforced(service, FORGET)
    step(service, later(0))
    assert not service.requests.all()
    come = datetime(2031, 1, 2, tzinfo=UTC)
    step(service, come)
    (request,) = service.requests.all()
    assert request["state"] == "in_force"
    assert str(request["filed_by"]).startswith("policy:contract-ends@")
    step(service, come + timedelta(days=2))
    assert len(service.requests.all()) == 1


def test_what_waits_because_of_a_freeze_goes_on_after_it(service: Service) -> None:
    service.freezing.freeze("incident", "owner")
    request = service.requests.forget(
        "m", ForgetOptions(concepts=("red",)), "feed:names"
    )
    service.reconciler.run()
    assert service.requests.show(str(request["id"]))["state"] == "waiting"
    thawed = service.thawing.unfreeze("owner")
    assert any(str(request["id"]) in line for line in thawed["meanwhile"])
    service.reconciler.run()
    assert service.requests.show(str(request["id"]))["state"] == "in_force"


@pytest.mark.parametrize("text", [EXPIRY.replace("{effect}", "allow"), LICENCE])
def test_what_was_proposed_is_decided_again_the_same(
    service: Service, text: str
) -> None:
    expiring(service, "green")
    in_force(service, "red", basis="licence")
    enforced(service, text)
    step(service, later(3))
    assert service.policies.reports.replay()["agree"]
