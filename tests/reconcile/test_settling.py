"""Requests as the reconciler sees them: what somebody decides meanwhile counts, and what one model
publishes is no other's.
"""

import pytest

from govd.service.service import Service
from govd.types import Gate
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
