"""Acceptance criteria: judged for every revision, the newcomer waits that would break one, and
nobody loosens them unseen.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.cli.show_criteria import criteria_lines
from govd.errors import Conflict, Denied, KeyReused, Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service
from tests.reconcile.deciding import file, state
from tests.requests.test_rules import Late


def judged(service: Service, request: str, model: str = "m") -> dict[str, Any]:
    revision = service.core.desk.views.published(model)
    assert revision is not None
    return dict(revision.criteria[request])


def test_a_forget_that_keeps_its_criteria_is_published_with_the_figures(
    service: Service,
) -> None:
    request = file(service, "red", criteria=("named<=0.1", "cost<=50%", "level<=0.5"))
    service.reconciler.run()
    assert state(service, request)[0] == "in_force"
    record = service.requests.show(request)
    assert [str(criterion) for criterion in record.criteria] == [
        "cost<=0.5",
        "level<=0.5",
        "named<=0.1",
    ]
    assert record.criteria_set is not None
    assert record.criteria_set.digest == service.core.desk.model("m").evaluation
    figures = judged(service, request)
    assert figures["set"] == record.criteria_set.digest
    assert "labelled images" in figures["on"]
    assert set(figures["figures"]) == {"named", "cost", "level"}
    assert all(0 <= figure <= 0.5 for figure in figures["figures"].values())


def test_a_forget_that_breaks_its_own_criterion_waits_and_nothing_is_published(
    service: Service,
) -> None:
    request = file(service, "blue", criteria=("named<=0.1",))
    service.reconciler.run()
    name, reason = state(service, request)
    assert name == "waiting"
    assert reason.startswith("criteria: its criterion named<=0.1 would not be kept: 0.")
    assert "labelled images" in reason
    assert service.core.desk.views.published("m") is None


def test_the_newcomer_waits_that_would_break_a_criterion_of_another(
    service: Service,
) -> None:
    first = file(service, "red", criteria=("named<=0.01",))
    service.reconciler.run()
    assert judged(service, first)["figures"]["named"] == 0
    harmless, breaking = file(service, "orange"), file(service, "green")
    later = file(service, "orange", domains=("dark",))
    service.reconciler.run()
    name, reason = state(service, breaking)
    assert name == "waiting"
    assert reason.startswith(
        f"criteria: with it the criterion named<=0.01 of {first} would not"
    )
    assert state(service, first)[0] == state(service, harmless)[0] == "in_force"
    assert state(service, later)[0] == "subsumed"
    (entry,) = service.audit.log(kind="request.wait", subject=breaking)
    assert entry["payload"]["criterion"]["request"] == first
    assert entry["payload"]["criterion"]["metric"] == "named"
    assert entry["payload"]["criterion"]["figure"] > 0.01


def test_weights_that_are_published_keep_the_criteria_as_well(
    service: Service, tmp_path: Path
) -> None:
    """They have the linear edit of a conditional one, with figures of its own."""
    service.update_model("m", Given(conditional=True), "ann")
    first = file(service, "blue", domains=("dark",), criteria=("cost<=0", "named<=0.5"))
    service.reconciler.run()
    assert state(service, first)[0] == "in_force"
    asks = judged(service, first)
    assert "in_weights" not in asks, "no weights are published"
    service.requests.revert(first, "anew", "ann")
    service.reconciler.run()
    service.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    loose = file(service, "blue", domains=("dark",), criteria=("cost<=1", "named<=1"))
    service.reconciler.run()
    linear = judged(service, loose)
    assert linear["in_weights"] == ["cost", "named"]
    for metric, figure in asks["figures"].items():
        assert linear["figures"][metric] > figure
    weights = service.core.desk.views.published("m")["metrics"]["checkpoint"]
    assert linear["figures"]["cost"] == pytest.approx(1 - weights["retain_agreement"])
    shown = "\n".join(criteria_lines(service.requests.show(loose)))
    assert shown.count("in the weights that are published") == 2
    service.requests.revert(loose, "too much", "ann")
    service.reconciler.run()
    strict = file(service, "blue", domains=("dark",), criteria=("named<=0.5",))
    service.reconciler.run()
    name, reason = state(service, strict)
    assert name == "waiting"
    assert reason.endswith("labelled images, in the weights that are published")


def test_of_weights_only_what_a_criterion_asks_for_is_judged(
    service: Service, tmp_path: Path
) -> None:
    given = Given(conditional=True, publish_to=str(tmp_path / "out"))
    service.update_model("m", given, "ann")
    request = file(service, "blue", domains=("dark",), criteria=("elsewhere<=1",))
    service.reconciler.run()
    figures = judged(service, request)
    assert set(figures["figures"]) == {"elsewhere"}
    assert "in_weights" not in figures, "what costs more there is not asked for"


def test_a_waiting_one_goes_on_when_the_criterion_was_loosened(
    service: Service,
) -> None:
    request = file(service, "blue", criteria=("named<=0",))
    service.reconciler.run()
    with pytest.raises(Usage, match="needs a reason"):
        service.requests.criteria(request, ["named<=1"], [], " ", "ann")
    service.requests.criteria(request, ["named<=1"], [], "legal accepts it", "bob")
    service.requests.decide(request, "retry", "", "bob")
    service.reconciler.run()
    assert state(service, request)[0] == "in_force"
    entry = service.audit.log(kind="request.criteria")[-1]
    assert entry["actor"] == "bob"
    assert entry["payload"]["was"] == [{"metric": "named", "at_most": 0.0}]
    (change,) = service.requests.show(request)["criteria_changes"]
    assert change["by"] == "bob"
    assert change["reason"] == "legal accepts it"


def test_a_criterion_that_cannot_be_judged_is_never_met(service: Service) -> None:
    missing = "0" * 64
    request = file(service, "red", criteria=("named<=1",), criterion_set=missing)
    service.reconciler.run()
    name, reason = state(service, request)
    assert name == "waiting"
    assert "cannot be judged" in reason
    assert f"the evaluation set {missing[:16]}…" in reason


def test_a_covered_forget_is_judged_too(service: Service) -> None:
    file(service, "blue")
    service.reconciler.run()
    inner = file(
        service, "blue", domains=("dark",), criteria=("named<=0.1", "elsewhere<=1")
    )
    service.reconciler.run()
    name, reason = state(service, inner)
    assert name == "waiting"
    assert "there is none of its labels elsewhere" in reason or "named<=0.1" in reason
    kept = file(service, "blue", domains=("bright",), criteria=("named<=1",))
    service.reconciler.run()
    assert state(service, kept)[0] == "subsumed"
    (entry,) = service.audit.log(kind="request.subsume", subject=kept)
    assert entry["payload"]["judged"]["figures"]["named"] <= 1


def test_what_is_tightened_while_the_gates_are_asked_is_not_published_against(
    service: Service,
) -> None:
    blue = file(service, "blue", criteria=("named<=1",))
    gate = Late()
    gate.meanwhile = lambda: service.requests.criteria(
        blue, ["named<=0"], [], "tightened", "ann"
    )
    service.core.plugins.manager.register(gate, "late")
    service.reconciler.run()
    assert gate.asked == [1]
    where, why = state(service, blue)
    assert where == "waiting"
    assert why.startswith("criteria: its criterion named<=0 would not be kept")
    assert service.core.desk.views.published("m") is None


def test_a_revision_waits_where_nobody_new_is_to_blame(service: Service) -> None:
    first = file(service, "blue", criteria=("named<=1",))
    service.reconciler.run()
    service.requests.criteria(first, ["named<=0"], [], "tightened", "ann")
    second = file(service, "red")
    service.reconciler.run()
    assert state(service, second)[0] == "approved"
    pending = service.status()["models"][0]["pending"]
    assert pending["state"] == "waiting"
    assert (
        f"criteria: the criterion named<=0 of {first} would not be kept"
        in pending["reason"]
    )
    service.requests.criteria(first, [], ["named"], "given up", "ann")
    service.reconciler.run()
    assert state(service, second)[0] == "in_force"


def test_a_revert_that_breaks_a_criterion_waits(service: Service) -> None:
    red = file(service, "red")
    service.reconciler.run()
    green = file(service, "green", criteria=("named<=0.1",))
    service.reconciler.run()
    assert judged(service, green)["figures"]["named"] == 0, (
        "with red, nothing is called green"
    )
    revert = str(service.requests.revert(red, "licence", "ann")["id"])
    service.reconciler.run()
    name, reason = state(service, revert)
    assert (name, state(service, red)[0]) == ("waiting", "in_force")
    assert (
        f"with it the criterion named<=0.1 of {green} would not be kept: 0.1667"
        in reason
    )
    service.requests.criteria(green, [], ["named"], "no matter", "ann")
    service.requests.decide(revert, "approve", "", "ann")
    service.reconciler.run()
    assert state(service, revert)[0] == "done"


def test_criteria_change_with_a_reason_where_no_hold_forbids_it(
    service: Service,
) -> None:
    request = file(service, "red", criteria=("named<=1",))
    service.reconciler.run()
    with pytest.raises(Usage, match="nothing would change"):
        service.requests.criteria(request, ["named<=1"], [], "why", "ann")
    with pytest.raises(Usage, match="no criterion on cost"):
        service.requests.criteria(request, [], ["cost"], "why", "ann")
    service.requests.hold(request, "litigation", "ann")
    with pytest.raises(Denied, match="legal hold"):
        service.requests.criteria(request, [], ["named"], "why", "ann")
    service.requests.release(request, "over", "ann")
    service.requests.revert(request, "back", "ann")
    service.reconciler.run()
    with pytest.raises(Conflict, match="reverted"):
        service.requests.criteria(request, [], ["named"], "why", "ann")


def test_verify_finds_a_revision_that_was_published_against_a_criterion(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = file(service, "red", criteria=("named<=0.5",))
    service.reconciler.run()
    assert service.verification.verify()["holds"]
    monkeypatch.setattr("govd.reconcile.revision_steps.all_breaches", lambda *given: [])
    broken = file(service, "blue", criteria=("named<=0.1",))
    service.reconciler.run()
    assert state(service, broken)[0] == "in_force", "a daemon that does not look"
    verdict = service.verification.verify()
    assert not verdict["holds"]
    (fault,) = [text for text in verdict["faults"] if "criterion" in text]
    assert (
        f"does not keep the criterion named<=0.1 of {broken}, recorded then: 0."
        in fault
    )
    assert kept not in fault


def test_verify_takes_criteria_as_they_were_when_it_was_published(
    service: Service,
) -> None:
    request = file(service, "blue", criteria=("named<=1",))
    service.reconciler.run()
    service.requests.criteria(
        request, ["named<=0"], [], "tightened after the fact", "ann"
    )
    assert service.requests.show(request)["judged"]["unmet"][0]["metric"] == "named"
    assert service.verification.verify()["holds"]


def test_the_same_key_with_other_criteria_is_another_filing(service: Service) -> None:
    options = {"idempotency_key": "k", "criteria": ("named<=0.5",)}
    request = file(service, "red", **options)
    assert file(service, "red", **options) == request
    for others in ((), ("named<=0.6",)):
        with pytest.raises(KeyReused):
            file(service, "red", idempotency_key="k", criteria=others)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nmaed<=0.1", "Did you mean named"),
        ("worst_lable<=0.1", "Did you mean worst_label"),
        ("named<0.1", "Write named<=0.1"),
        ("named>=0.1", "at most"),
        ("named<=2", "from 0 to 1"),
        ("named<=nan", "from 0 to 1"),
        ("level<=0.6", "from 0 to 0.5"),
        ("named", "no criterion"),
        ("elsewhere<=0.1", "everywhere"),
    ],
)
def test_what_is_no_criterion_is_refused_with_what_could_be_meant(
    service: Service, text: str, message: str
) -> None:
    size = service.core.desk.ledger.size()
    with pytest.raises(Usage, match=message):
        service.requests.forget(
            "m", ForgetOptions(concepts=("red",), criteria=(text,)), "ann"
        )
    assert service.core.desk.ledger.size() == size


def test_a_rebase_carries_criteria_over_to_the_same_pictures(
    service: Service, pool: Path
) -> None:
    request = file(service, "red", criteria=("named<=1",))
    service.reconciler.run()
    own = service.core.desk.model("m").evaluation
    other = file(service, "blue", criteria=("named<=1",), criterion_set="a" * 64)
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    record, new = (
        service.requests.show(request),
        service.core.desk.model("m").evaluation,
    )
    assert new != own
    assert record["criteria_set"]["digest"] == new
    assert service.serving("m").number > 1, "nobody had to bind them"
    assert judged(service, request)["set"] == new
    (change,) = record["criteria_changes"]
    assert (change["by"], change["was"]) == ("ann", record["criteria"])
    assert "the same pictures" in change["reason"]
    assert service.requests.show(other)["criteria_set"]["digest"] == "a" * 64
    assert service.verification.verify()["holds"]


def test_a_rebase_on_other_pictures_waits_until_somebody_binds_the_criteria_to_them(
    service: Service, pool: Path, pictures: Path, tmp_path: Path
) -> None:
    request = file(service, "red", criteria=("named<=1",))
    service.reconciler.run()
    fewer = shutil.copytree(pictures, tmp_path / "fewer")
    next((fewer / "dark" / "blue").iterdir()).unlink()
    service.update_model(
        "m", Given(pool=str(pool), images=str(fewer)), "ann", "colours-2"
    )
    pending = service.status()["models"][0]["pending"]
    assert pending["state"] == "waiting"
    assert (
        f"named<=1 of {request} cannot be judged: the evaluation set"
        in pending["reason"]
    )
    assert "is of another checkpoint" in pending["reason"]
    assert service.serving("m").number == 1, "what was served is served"
    assert state(service, request)[0] == "in_force", "who stands is not to blame"
    new = str(service.core.desk.model("m").evaluation)
    with pytest.raises(Usage, match="not the digest of an evaluation set"):
        service.requests.criteria(request, [], [], "why", "ann", "the-new-one")
    service.requests.criteria(
        request, [], [], "measured on the new base", "ann", new[:12]
    )
    service.reconciler.run()
    assert service.serving("m").number > 1
    assert judged(service, request)["set"] == new
    assert service.verification.verify()["holds"]


def test_without_any_picture_only_the_cost_is_judged_on_texts(
    service: Service, given: Given
) -> None:
    service.add_model("t", "colours", replace(given, images=None, pool=None), "ann")
    judged_on_texts = file(service, "red", model="t", criteria=("cost<=1",))
    not_judged = file(service, "green", model="t", criteria=("cost<=1", "named<=1"))
    service.reconciler.run()
    record = judged(service, judged_on_texts, "t")
    assert record["set"] is None
    assert record["on"].endswith("texts")
    assert 0 <= record["figures"]["cost"] <= 1
    name, reason = state(service, not_judged)
    assert name == "waiting"
    assert (
        "named<=1 cannot be judged: t has neither an evaluation set nor a pool"
        in reason
    )
    assert "govd model update t --images DIR" in reason
