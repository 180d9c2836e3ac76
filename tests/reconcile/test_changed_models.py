"""Forgets in force while their model changes or is to be removed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from govd.errors import Conflict, Unsupported
from govd.models.given import Given
from govd.service.service import Service
from govd.types import ForgetSpec, Gate
from tests.reconcile.deciding import Interrupted, Plugin, file, state
from tests.service.test_service import forget, published


def test_a_model_whose_requests_wait_is_not_removed(service: Service) -> None:
    navy = file(service, "navy")
    service.reconciler.run()
    with pytest.raises(Conflict, match=navy):
        service.models.remove("m", "ann")


def test_a_rebase_lets_what_was_shredded_wait_and_publishes_nothing_until_somebody_decides(
    service: Service, pool: Path
) -> None:
    private, blue = (
        str(forget(service, "red", private=True)["id"]),
        str(forget(service, "blue")["id"]),
    )
    service.requests.shred(private, "fulfilled", "dpo")
    before, old = service.serving("m"), service.models.show("m")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    assert state(service, private)[0] == "waiting"
    assert "its text was destroyed" in state(service, private)[1]
    assert service.revisions("m")[-1]["state"] == "waiting"
    now = service.serving("m")
    # what was served is served
    assert (now.number, now.opened.model.facts.digest) == (
        before.number,
        old["digest"],
    )
    with pytest.raises(Conflict, match="computed for an earlier state of the model"):
        service.requests.decide(private, "approve", "", "bob")
    service.requests.decide(private, "withdraw", "she agreed", "dpo")
    service.reconciler.run()
    assert state(service, blue)[0] == "in_force"
    assert service.serving("m").opened.model.facts.digest != old["digest"]
    assert service.serving("m").edit.rank == 1


def test_a_model_that_is_set_back_has_its_shredded_forgets_again(
    service: Service, pool: Path
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    digest = published(service)["edit_digest"]
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours")
    assert state(service, private)[0] == "in_force"
    assert published(service)["edit_digest"] == digest


def test_a_change_of_the_model_approves_nothing(service: Service) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, approval="person"),
    )
    private = file(service, "red", private=True)
    service.reconciler.run()
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model(
        "m", Given(publish_to=str(service.core.home.folder.parent / "x")), "ann"
    )
    assert state(service, private)[0] == "waiting"


def test_what_the_method_cannot_do_for_the_model_as_it_is_now_waits_for_a_person(
    service: Service, plugin: Plugin, pool: Path
) -> None:
    red, blue = str(forget(service, "red")["id"]), str(forget(service, "blue")["id"])
    before = service.serving("m")

    def refused(spec: ForgetSpec) -> None:
        if "red" in [concept.name for concept in spec.scope.concepts]:
            raise Unsupported("not by a linear edit", advice="Set it to --conditional.")

    plugin.contribute = refused
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    reached, reason = state(service, red)
    assert reached == "waiting"
    assert "not by a linear edit. Set it to --conditional. Nothing" in reason
    assert state(service, blue)[0] == "in_force"
    # nothing new is published before somebody decides
    assert service.serving("m").number == before.number
    with pytest.raises(Conflict, match="computed for an earlier state of the model"):
        service.requests.decide(red, "approve", "", "bob")
    plugin.contribute = None
    service.update_model("m", Given(pool=str(pool), conditional=True), "ann")
    assert state(service, red)[0] == "waiting"
    service.requests.decide(red, "approve", "seen", "bob")
    service.reconciler.run()
    assert [state(service, one)[0] for one in (red, blue)] == ["in_force"] * 2
    assert service.serving("m").edit.rank == 2


def test_an_update_that_changes_nothing_of_the_basis_computes_nothing_anew(
    service: Service, tmp_path: Path
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    service.requests.shred(private, "fulfilled", "dpo")
    basis = service.models.show("m")["basis"]
    for i in range(3):
        service.update_model(
            "m", Given(publish_to=str(tmp_path / f"served-{i}")), "ann"
        )
        assert service.models.show("m")["basis"] == basis
    assert state(service, private)[0] == "in_force"
    assert service.audit.log(kind="request.recompute") == []
    assert (
        json.loads((tmp_path / "served-2" / "current" / "revision.json").read_text())[
            "number"
        ]
        == 1
    )


def test_a_revision_of_no_forgets_is_published_for_the_model_as_it_is_now(
    service: Service, plugin: Plugin, pool: Path
) -> None:
    red = forget(service, "red")
    plugin.gate = Gate("wait", "test", "not yet")
    service.requests.revert(red["id"], "back", "ann")
    service.reconciler.run()
    waiting = service.revisions("m")[-1]
    assert (waiting["state"], list(waiting["contributions"])) == ("waiting", [])
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    plugin.gate = None
    service.reconciler.run()
    assert service.revision("m", waiting["number"])["state"] == "superseded"
    now = service.core.desk.model("m")
    assert published(service)["basis"] == now.basis != waiting["basis"]
    assert published(service)["rank"] == 0


def test_nobody_approves_what_the_model_left_behind_while_policies_are_asked(
    service: Service, pool: Path
) -> None:
    service.core.home.settings = replace(service.core.home.settings, approval="person")
    private = file(service, "red", private=True)
    service.reconciler.run()
    service.requests.shred(private, "fulfilled", "dpo")

    def rebase() -> None:
        service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")

    service.core.plugins.manager.register(Interrupted(rebase), "interrupted")
    with pytest.raises(Conflict, match="computed for an earlier state of the model"):
        service.requests.decide(private, "approve", "", "bob")
    assert state(service, private)[0] == "waiting"
    assert not service.audit.log(kind="request.approve")
