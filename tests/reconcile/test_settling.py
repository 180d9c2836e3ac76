"""Requests as the reconciler sees them: what somebody decides meanwhile counts, and what one model
publishes is no other's.
"""

import pytest

from govd.errors import UnreadableImage
from govd.service.service import Service
from govd.types import Contribution, ForgetSpec, Gate
from tests.reconcile.deciding import Interrupted, Plugin, file, state


@pytest.mark.parametrize("decision", ["withdraw", "hold"])
def test_what_people_decide_while_the_policies_are_asked_stays_so(
    service: Service, decision: str
) -> None:
    red = file(service, "red")

    def happening() -> None:
        if decision == "withdraw":
            service.requests.decide(red, "withdraw", "a mistake", "ann")
        else:
            service.requests.hold(red, "case 7", "legal")

    service.core.plugins.manager.register(Interrupted(happening), "interrupted")
    service.reconciler.run()
    kinds = [entry["kind"] for entry in service.audit.log(subject=red)]
    if decision == "withdraw":
        assert kinds == ["request.file", "request.withdraw"]
        return
    assert kinds[:2] == ["request.file", "request.hold"]
    assert "request.approve" not in kinds
    service.reconciler.run()
    where, why = state(service, red)
    assert where == "waiting"
    assert "under a legal hold" in why


def test_a_revert_is_done_by_what_its_own_model_publishes(
    service: Service, other: Service, plugin: Plugin
) -> None:
    red = file(service, "red")
    blue = file(service, "blue", model="a")
    service.reconciler.run()
    assert [state(service, forget)[0] for forget in (red, blue)] == ["in_force"] * 2
    plugin.gate = Gate("wait", "test", "not yet")
    revert = service.requests.revert(red, "back", "ann").id
    service.reconciler.run("m")
    assert state(service, revert)[0] == "approved"
    plugin.gate = None
    green = file(service, "green", model="a")
    service.reconciler.run("a")
    assert state(service, green)[0] == "in_force"
    assert [state(service, request)[0] for request in (red, revert)] == [
        "in_force",
        "approved",
    ]
    service.reconciler.run("m")
    assert [state(service, request)[0] for request in (red, revert)] == [
        "reverted",
        "done",
    ]


def test_a_scope_that_goes_out_may_be_filed_again(
    service: Service, plugin: Plugin
) -> None:
    red = file(service, "red")
    service.reconciler.run()
    plugin.gate = Gate("wait", "test", "not yet")
    service.requests.revert(red, "back", "ann")
    service.reconciler.run()
    again = file(service, "red")
    plugin.gate = None
    service.reconciler.run()
    assert [state(service, request)[0] for request in (red, again)] == [
        "reverted",
        "in_force",
    ]


def test_a_scope_whose_forget_failed_may_be_filed_again(
    service: Service, plugin: Plugin
) -> None:
    def broken(spec: ForgetSpec) -> Contribution:
        raise UnreadableImage("no picture", path="x")

    plugin.contribute = broken
    failed = file(service, "blue")
    service.reconciler.run()
    assert state(service, failed)[0] == "failed"
    plugin.contribute = None
    again = file(service, "blue")
    service.reconciler.run()
    assert state(service, again)[0] == "in_force"


def test_what_was_refused_is_composed_anew_with_what_came_later(
    service: Service, plugin: Plugin
) -> None:
    plugin.gate = Gate("deny", "test", "never")
    red = file(service, "red")
    service.reconciler.run()
    plugin.gate = None
    assert service.reconciler.run() is False, "exactly this was refused"
    blue = file(service, "blue")
    service.reconciler.run()
    assert [r["state"] for r in service.revisions("m")] == ["refused", "published"]
    assert [state(service, request)[0] for request in (red, blue)] == ["in_force"] * 2


def test_what_is_shredded_before_it_was_looked_at_is_never_computed(
    service: Service,
) -> None:
    private = file(service, "red", private=True)
    service.requests.shred(private, "fulfilled", "dpo")
    service.reconciler.run()
    assert state(service, private)[0] == "failed"
    assert not service.audit.log(kind="contribution.make")
    assert not service.revisions("m")
