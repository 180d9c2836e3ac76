"""Weights of a conditional model that are published for the first time: what they cost is looked
at before anything is written.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.cli.show_requests import show_request
from govd.errors import Conflict, Denied, Usage
from govd.hookspecs import hookimpl
from govd.models.given import Given
from govd.service.service import Service
from govd.types import Decision, Needs, Vote
from tests.audit.asking import forget
from tests.reconcile.deciding import file, state

BLUE: Mapping[str, Any] = {"domains": ("dark",)}
"""What is forgotten of blue: linear edits lose pictures by that, conditional ones none."""


class InWeights:
    """A policy that objects only where weights are published."""

    def __init__(self, decision: Decision, needs: Needs | None = None) -> None:
        self.vote = Vote(decision, "legal", "weights are for ever", needs=needs)

    @hookimpl
    def govd_vote(self, moment: str, predicted: Mapping[str, Any]) -> Vote | None:
        published = predicted.get("checkpoint", {}).get("published")
        return self.vote if moment == "filed" and published else None


@pytest.fixture
def asking(service: Service) -> Service:
    service.update_model("m", Given(conditional=True), "ann")
    return service


@pytest.fixture
def to(tmp_path: Path) -> Given:
    return Given(publish_to=str(tmp_path / "out"))


def bounded(
    service: Service, monkeypatch: pytest.MonkeyPatch, request: Mapping[str, Any]
) -> None:
    """Set a bound that lies between what a forget costs and what its linear edit does."""
    predicted = request["predicted"]
    own, linear = predicted["costs"], predicted["checkpoint"]["costs"]
    between = (own["shown"]["high"] + linear["shown"]["share"]) / 2
    assert own["shown"]["high"] < between < linear["shown"]["share"]
    settings = replace(
        service.core.home.settings, max_predicted_disagreement=float(between)
    )
    monkeypatch.setattr(service.core.home, "settings", settings)


def is_unchanged(service: Service, to: Given) -> bool:
    """Whether nothing was published, nor said to be."""
    no_folder = service.core.desk.model("m").publish_to is None
    return no_folder and not Path(str(to.publish_to)).exists()


def test_weights_beyond_a_bound_are_published_once_somebody_says_why(
    asking: Service,
    to: Given,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = forget(asking, "blue", **BLUE)
    bounded(asking, monkeypatch, request)
    with pytest.raises(Conflict, match=r"over the bound of .* --approve-costs") as said:
        asking.update_model("m", to, "ann")
    assert request["id"] in said.value.what
    assert is_unchanged(asking, to)
    with pytest.raises(Conflict):
        asking.update_model("m", to, "ann", approve_costs="  ")
    asking.update_model("m", to, "ann", approve_costs="for the shop")
    assert (Path(str(to.publish_to)) / "current").exists()
    approval = asking.core.desk.model("m")["weights_approved"]
    assert (approval["by"], approval["reason"]) == ("ann", "for the shop")
    assert approval["objections"] == said.value.details["objections"]
    (objection,) = approval["objections"]
    assert objection["requests"] == [request["id"]]
    timeline = asking.audit.trail(request["id"])["timeline"]
    assert any("approved by ann: for the shop" in str(line) for line in timeline)
    show_request(asking.requests.show(request["id"]))
    printed = " ".join(capsys.readouterr().out.split())
    assert "by ann (legacy): for the shop (bounds: in the checkpoint" in printed
    assert asking.verification.verify()["holds"]
    asking.update_model("m", Given(publish_to=f"{to.publish_to}-2"), "ann")


def test_what_was_over_a_bound_without_weights_is_weighed_with_them(
    asking: Service, to: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(asking.core.home.settings, max_predicted_disagreement=0.0)
    monkeypatch.setattr(asking.core.home, "settings", settings)
    request = forget(asking, "blue", **BLUE)
    assert request["approvals"], "a person approved what it costs in answers"
    with pytest.raises(Conflict, match="in the checkpoint that is published"):
        asking.update_model("m", to, "ann")


def test_weights_within_all_bounds_are_published_unasked(
    asking: Service, to: Given
) -> None:
    forget(asking, "blue", **BLUE)
    asking.update_model("m", to, "ann", approve_costs="just in case")
    assert "weights_approved" not in asking.core.desk.model("m")
    assert (Path(str(to.publish_to)) / "current").exists()


def test_a_linear_edit_was_weighed_when_it_was_filed(
    service: Service, to: Given
) -> None:
    forget(service, "blue", **BLUE)
    service.core.plugins.manager.register(InWeights("deny"), "legal")
    service.update_model("m", to, "ann")
    assert (Path(str(to.publish_to)) / "current").exists()


def test_a_criterion_is_kept_by_weights_whatever_they_may_cost(
    asking: Service, to: Given
) -> None:
    request = forget(asking, "blue", criteria=("named<=0.5",), **BLUE)
    assert request["state"] == "in_force"
    with pytest.raises(Conflict, match=r"named<=0\.5 .*govd request criteria") as said:
        asking.update_model("m", to, "ann", approve_costs="for the shop")
    assert "in the weights that are published" in said.value.what
    assert is_unchanged(asking, to)
    asking.requests.accepting.change(
        request["id"], ("named<=1",), (), "linear leaves more", "ann"
    )
    asking.update_model("m", to, "ann")
    assert (Path(str(to.publish_to)) / "current").exists()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (InWeights("deny"), "weights are for ever"),
        (InWeights("wait", Needs(2)), "legal"),
        (InWeights("wait", Needs(1, "counsel")), "counsel"),
    ],
)
def test_nobody_approves_what_a_policy_forbids_or_wants_of_others(
    asking: Service, to: Given, policy: InWeights, words: str
) -> None:
    forget(asking, "blue", **BLUE)
    asking.core.plugins.manager.register(policy, "legal")
    with pytest.raises(Denied, match=words):
        asking.update_model("m", to, "local:bob", approve_costs="for the shop")
    assert is_unchanged(asking, to)


def test_one_whom_a_policy_asks_for_approves_alone(asking: Service, to: Given) -> None:
    forget(asking, "blue", **BLUE)
    policy = InWeights("wait", Needs(1, not_filer=True))
    asking.core.plugins.manager.register(policy, "legal")
    with pytest.raises(Denied):
        asking.update_model("m", to, "ann", approve_costs="it was I who filed it")
    asking.update_model("m", to, "local:bob", approve_costs="for the shop")
    assert asking.core.desk.model("m")["weights_approved"]["by"] == "local:bob"


def test_what_waits_is_looked_at_with_weights(asking: Service, to: Given) -> None:
    settings = replace(asking.core.home.settings, approval="person")
    asking.core.home.settings = settings
    request = file(asking, "blue", **BLUE)
    asking.reconciler.run()
    asking.core.plugins.manager.register(InWeights("wait"), "legal")
    asking.update_model("m", to, "ann")
    name, reason = state(asking, request)
    assert name == "waiting"
    assert "weights are for ever" in reason
    asking.requests.decide(request, "approve", "seen", "bob")
    asking.reconciler.run()
    assert state(asking, request)[0] == "in_force"
    assert asking.verification.verify()["holds"]


def test_other_changes_are_a_step_of_their_own(
    asking: Service, to: Given, given: Given
) -> None:
    forget(asking, "blue", **BLUE)
    with pytest.raises(Usage, match="a step of their own"):
        asking.update_model("m", replace(to, anchors=["lamp"]), "ann")
    assert is_unchanged(asking, to)


def test_a_forget_whose_text_was_destroyed_is_weighed(
    asking: Service, to: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = forget(asking, "blue", private=True, **BLUE)
    bounded(asking, monkeypatch, request)
    asking.requests.shred(request["id"], "fulfilled", "dpo")
    with pytest.raises(Conflict, match="over the bound") as said:
        asking.update_model("m", to, "ann")
    assert "blue" not in said.value.message
