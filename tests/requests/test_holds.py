"""A legal hold keeps a request as it is, on every path."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from govd.errors import Conflict, Denied
from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Gate, Vote


@pytest.fixture
def people(service: Service) -> Service:
    """A home where people approve."""
    settings = replace(service.core.home.settings, approval="person")
    object.__setattr__(service.core.home, "settings", settings)
    return service


def in_force(service: Service, concept: str = "red") -> str:
    request = str(
        service.requests.forget("m", ForgetOptions(concepts=(concept,)), "ann")["id"]
    )
    service.reconciler.run()
    if service.requests.show(request)["state"] == "waiting":
        service.requests.decide(request, "approve", "", "bob")
        service.reconciler.run()
    assert service.requests.show(request)["state"] == "in_force"
    return request


def state(service: Service, request: str) -> str:
    return str(service.requests.show(request)["state"])


def holds(service: Service) -> None:
    service.checkpoints.sign()
    assert service.verification.verify()["faults"] == []


def test_a_revert_that_waits_is_not_approved_while_its_forget_is_held(
    people: Service,
) -> None:
    red = in_force(people)
    revert = people.requests.revert(red, "back", "ann")["id"]
    people.reconciler.run()
    people.requests.hold(red, "case 7", "legal")
    with pytest.raises(Denied, match="case 7"):
        people.requests.decide(revert, "approve", "", "bob")
    people.requests.release(red, "closed", "legal")
    people.requests.decide(revert, "approve", "", "bob")
    people.reconciler.run()
    assert state(people, red) == "reverted"
    holds(people)


def test_a_revert_that_was_filed_and_not_looked_at_waits_where_a_hold_comes_first(
    service: Service,
) -> None:
    red = in_force(service)
    revert = service.requests.revert(red, "back", "ann")["id"]
    service.requests.hold(red, "case 7", "legal")
    service.reconciler.run()
    assert (state(service, red), state(service, revert)) == ("in_force", "waiting")
    assert "legal hold" in service.requests.show(revert)["state_reason"]
    with pytest.raises(Denied):
        service.requests.decide(revert, "approve", "", "bob")
    holds(service)


def test_a_revert_that_was_approved_waits_again_once_its_forget_is_held(
    people: Service,
) -> None:
    """Between the approval and the revision without it; nothing of it is published meanwhile."""
    red, blue = in_force(people), in_force(people, "blue")
    revert = people.requests.revert(red, "back", "ann")["id"]
    people.reconciler.run()
    people.requests.decide(revert, "approve", "", "bob")
    assert state(people, revert) == "approved"
    people.requests.hold(red, "case 7", "legal")
    assert state(people, revert) == "waiting"
    people.reconciler.run()
    assert (state(people, red), state(people, blue)) == ("in_force", "in_force")
    people.requests.release(red, "closed", "legal")
    assert state(people, revert) == "waiting", "it is approved once more"
    people.requests.decide(revert, "approve", "", "bob")
    people.reconciler.run()
    assert (state(people, red), state(people, revert)) == ("reverted", "done")
    holds(people)


class Late:
    """A gate during which somebody decides something, once."""

    def __init__(self) -> None:
        self.meanwhile: Any = None

    @hookimpl
    def govd_gate(self, revision: Mapping[str, Any]) -> Gate:
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            happening()
        return Gate("allow", "late", "fine")


def test_a_hold_while_the_revision_without_it_is_at_the_gate(people: Service) -> None:
    red, blue = in_force(people), in_force(people, "blue")
    gate = Late()
    people.core.plugins.manager.register(gate, "late")
    revert = people.requests.revert(red, "back", "ann")["id"]
    people.reconciler.run()
    people.requests.decide(revert, "approve", "", "bob")
    gate.meanwhile = lambda: people.requests.hold(red, "case 7", "legal")
    people.reconciler.run()
    assert [state(people, r) for r in (red, blue, revert)] == [
        "in_force",
        "in_force",
        "waiting",
    ]
    published = people.core.desk.views.published("m")
    assert published is not None
    assert red in published["requests"]
    holds(people)


def test_a_revert_that_is_held_itself_is_not_done(people: Service) -> None:
    red = in_force(people)
    revert = people.requests.revert(red, "back", "ann")["id"]
    people.reconciler.run()
    people.requests.hold(revert, "case 7", "legal")
    for event in ("approve", "reject", "withdraw"):
        with pytest.raises(Denied, match="case 7"):
            people.requests.decide(revert, event, "why", "bob")
    assert (state(people, red), state(people, revert)) == ("in_force", "waiting")


def test_nothing_is_denied_under_a_hold(people: Service) -> None:
    class No:
        @hookimpl
        def govd_vote(self, moment: str) -> Vote | None:
            return (
                Vote("deny", "no", "never") if moment in ("approve", "filed") else None
            )

    red = str(
        people.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")["id"]
    )
    people.reconciler.run()
    people.requests.hold(red, "case 7", "legal")
    people.core.plugins.manager.register(No(), "no")
    assert people.requests.decide(red, "approve", "", "bob")["state"] == "waiting"
    people.requests.decide(red, "retry", "", "bob")
    people.reconciler.run()
    assert state(people, red) == "waiting"
    people.requests.release(red, "closed", "legal")
    assert people.requests.decide(red, "approve", "", "bob")["state"] == "denied"


def test_no_revert_is_filed_and_no_text_destroyed_under_a_hold(people: Service) -> None:
    options = ForgetOptions(concepts=("red",), private=True)
    red = str(people.requests.forget("m", options, "ann")["id"])
    people.reconciler.run()
    people.requests.decide(red, "approve", "", "bob")
    people.reconciler.run()
    people.requests.hold(red, "case 7", "legal")
    size = people.core.desk.ledger.size()
    with pytest.raises(Denied):
        people.requests.revert(red, "back", "ann")
    with pytest.raises(Denied):
        people.requests.shred(red, "fulfilled", "dpo")
    with pytest.raises(Conflict, match="held already"):
        people.requests.hold(red, "case 8", "legal")
    assert people.core.desk.ledger.size() == size
