"""Rules of deciding and publishing: a legal hold, one denial, a last look before publishing, who
gives way where there is no solution.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from govd.errors import Denied, PluginFault
from govd.hookspecs import hookimpl
from govd.ledger.entry import Draft
from govd.models.given import Given
from govd.policies.voting import verdict
from govd.reconcile.pauses import FIRST_PAUSE_SECONDS
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Gate, Vote


@pytest.fixture
def people(service: Service) -> Service:
    """A home where people approve."""
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, approval="person"),
    )
    return service


def file(service: Service, *concepts: str, model: str = "m") -> str:
    """A forget that was looked at."""
    request = service.requests.forget(model, ForgetOptions(concepts=concepts), "ann")
    service.reconciler.run()
    return str(request["id"])


def state(service: Service, request: str) -> str:
    return str(service.requests.show(request)["state"])


# -- a legal hold


@pytest.mark.parametrize(
    ("event", "ends"), [("withdraw", "withdrawn"), ("reject", "rejected")]
)
def test_what_is_held_is_neither_withdrawn_nor_rejected(
    people: Service, event: str, ends: str
) -> None:
    red = file(people, "red")
    people.requests.hold(red, "case 7", "legal")
    size = people.core.desk.ledger.size()
    with pytest.raises(Denied, match=r"under a legal hold since .* by legal.*: case 7"):
        people.requests.decide(red, event, "no longer wanted", "ann")
    assert (state(people, red), people.core.desk.ledger.size()) == ("waiting", size)
    people.requests.release(red, "closed", "legal")
    assert (
        people.requests.decide(red, event, "no longer wanted", "ann")["state"] == ends
    )


def test_what_is_held_is_approved_all_the_same(people: Service) -> None:
    red = file(people, "red")
    people.requests.hold(red, "case 7", "legal")
    people.requests.decide(red, "approve", "seen", "bob")
    people.reconciler.run()
    assert state(people, red) == "in_force"
    with pytest.raises(Denied, match="case 7"):
        people.requests.revert(red, "back", "ann")
    with pytest.raises(Denied, match="case 7"):
        people.requests.shred(red, "fulfilled", "dpo")


# -- votes

WAIT, DENY, ALLOW = (
    Vote("wait", "slow", "not today"),
    Vote("deny", "strict", "never"),
    Vote("allow", "kind", "fine"),
)


@pytest.mark.parametrize(
    ("votes", "event", "whose"),
    [
        ([WAIT, DENY, ALLOW], "deny", "strict: never"),
        ([DENY, WAIT], "deny", "strict: never"),
        ([ALLOW, WAIT, ALLOW], "wait", "slow: not today"),
        ([ALLOW, ALLOW], "approve", ""),
        ([], "approve", ""),
    ],
)
def test_one_denial_wins_then_one_wait(
    votes: list[Vote], event: str, whose: str
) -> None:
    assert verdict(votes, "approve") == (event, whose)


class Policy:
    """A policy that says one thing at one moment."""

    def __init__(self, moment: str, vote: Vote) -> None:
        self.moment, self.vote = moment, vote

    @hookimpl
    def govd_vote(self, moment: str) -> Vote | None:
        return self.vote if moment == self.moment else None


@pytest.mark.parametrize("first", [WAIT, DENY])
@pytest.mark.parametrize("moment", ["filed", "approve", "revert"])
def test_a_denial_wins_over_a_wait_at_every_moment(
    service: Service, moment: str, first: Vote
) -> None:
    """Whichever of the two policies is asked first."""
    if moment == "revert":
        subject = file(service, "red")
    both = (first, DENY if first is WAIT else WAIT)
    for vote in both:
        service.core.plugins.manager.register(Policy(moment, vote), vote.policy)
    if moment == "approve":
        object.__setattr__(
            service.core.home,
            "settings",
            replace(service.core.home.settings, approval="person"),
        )
    if moment == "revert":
        subject = str(service.requests.revert(subject, "back", "ann")["id"])
        service.reconciler.run()
    else:
        subject = file(service, "red")
    if moment == "approve":
        service.requests.decide(subject, "approve", "seen", "bob")
    record = service.requests.show(subject)
    assert (record["state"], record["state_reason"]) == ("denied", "strict: never")
    decisions = {
        vote["policy"]: vote["decision"]
        for vote in record["votes"]
        if vote["moment"] == moment
    }
    assert (decisions["slow"], decisions["strict"]) == ("wait", "deny"), (
        "both are recorded"
    )


# -- a last look


class Late:
    """A gate during which somebody decides something."""

    def __init__(self) -> None:
        self.meanwhile: Any = None
        self.asked: list[int] = []

    @hookimpl
    def govd_gate(self, revision: Mapping[str, Any]) -> Gate:
        self.asked.append(int(revision["number"]))
        if self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            happening()
        return Gate("allow", "late", "fine")


def test_what_was_withdrawn_while_the_gates_were_asked_is_never_published(
    service: Service,
) -> None:
    gate = Late()
    service.core.plugins.manager.register(gate, "late")
    red = str(
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")["id"]
    )
    gate.meanwhile = lambda: service.requests.decide(
        red, "withdraw", "a mistake", "ann"
    )
    service.reconciler.run()
    assert gate.asked == [1]
    assert state(service, red) == "withdrawn"
    assert [r["state"] for r in service.revisions("m")] == ["superseded"]
    assert service.core.desk.views.published("m") is None


def test_what_was_approved_while_the_gates_were_asked_is_in_what_is_published(
    people: Service,
) -> None:
    gate = Late()
    people.core.plugins.manager.register(gate, "late")
    red, blue = file(people, "red"), file(people, "blue")
    people.requests.decide(red, "approve", "", "bob")
    gate.meanwhile = lambda: people.requests.decide(blue, "approve", "", "bob")
    people.reconciler.run()
    assert gate.asked == [1, 2]
    assert [r["state"] for r in people.revisions("m")] == ["superseded", "published"]
    assert [state(people, r) for r in (red, blue)] == ["in_force", "in_force"]
    assert [e["subject"] for e in people.audit.log(kind="revision.publish")] == ["m/2"]


# -- no solution


MANY, REST = (
    ("red", "blue", "green", "yellow", "brown", "pink", "cyan"),
    ("orange", "purple", "black", "white"),
)


@pytest.fixture
def few(people: Service, given: Given) -> Service:
    """A second model, `few`, whose labels are these and no others."""
    people.add_model(
        "few", "colours", replace(given, labels=(*MANY, *REST), images=None), "ann"
    )
    return people


def test_the_newest_request_fails_where_all_together_have_no_solution(
    few: Service,
) -> None:
    """Each leaves some label, both together none: what was filed first goes on, whatever was
    approved first.
    """
    older, newer = (file(few, *names, model="few") for names in (MANY, REST))
    few.requests.decide(newer, "approve", "", "bob")
    few.requests.decide(older, "approve", "", "bob")
    few.reconciler.run()
    assert [state(few, r) for r in (older, newer)] == ["in_force", "failed"]
    assert "no anchor would be left" in few.requests.show(newer)["state_reason"]
    assert [r["requests"] for r in few.revisions("few")] == [[older]]


def test_what_is_in_force_never_fails_for_what_came_later(few: Service) -> None:
    waiting, served = (file(few, *names, model="few") for names in (REST, MANY))
    few.requests.decide(served, "approve", "", "bob")
    few.reconciler.run()
    few.requests.decide(waiting, "approve", "", "bob")
    few.reconciler.run()
    assert [state(few, r) for r in (waiting, served)] == [
        "failed",
        "in_force",
    ], "though it was filed first"


def test_an_entry_that_cannot_happen_is_refused_before_it_is_appended(
    people: Service,
) -> None:
    red = file(people, "red")
    size = people.core.desk.ledger.size()
    with pytest.raises(Exception, match="cannot publish a forget that is waiting"):
        people.core.desk.append(
            [Draft("request.publish", red, "govd", "m", {"revision": 1})]
        )
    assert people.core.desk.ledger.size() == size


class Broken:
    """A plugin that fails in evaluating."""

    def __init__(self) -> None:
        self.asked = 0

    @hookimpl
    def govd_evaluate(self, edit: Any) -> Any:
        self.asked += 1
        raise ZeroDivisionError("no pictures")


def test_what_a_plugin_failed_in_is_tried_again_after_a_pause_not_at_every_look(
    people: Service,
) -> None:
    plugin = Broken()
    people.core.plugins.manager.register(plugin, "broken")
    red = file(people, "red")
    people.requests.decide(red, "approve", "", "bob")
    with pytest.raises(PluginFault, match="no pictures"):
        people.reconciler.run()
    assert people.reconciler.run() is False, (
        "nobody is told again, and nothing is asked"
    )
    assert plugin.asked == 1
    time.sleep(1.5 * FIRST_PAUSE_SECONDS)
    with pytest.raises(PluginFault, match="no pictures"):
        people.reconciler.run()
    assert plugin.asked == 2
