"""Models that change under their forgets, and requests that a court holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from govd.contributions.calibrating import Calibrating
from govd.edit.calibration import FORMAT, Calibration
from govd.errors import Conflict, Denied, Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service
from tests.audit.asking import forget, revert


def accuracy(service: Service, name: str) -> float:
    cells = service.evaluate("m", None)["metrics"]["cells"]
    mine = [c for c in cells if c["class"] == name]
    return float(
        sum(c["after"] * c["images"] for c in mine) / sum(c["images"] for c in mine)
    )


def test_a_model_is_rebased_with_its_forgets(
    service: Service, pool: Path, given: Given
) -> None:
    red, cell = forget(service, "red"), forget(service, "blue", domains=("dark",))
    before = service.models.show("m")
    with pytest.raises(Usage, match="Give --pool"):
        service.update_model("m", Given(), "ann", "colours-2")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    after = service.models.show("m")
    assert (after["reference"], after["digest"] == before["digest"]) == (
        "colours-2",
        False,
    )
    assert (after["labels"], after["domains"], after["anchors"]) == (
        before["labels"],
        before["domains"],
        before["anchors"],
    )
    assert service.requests.show(red["id"])["state"] == "in_force"
    assert service.requests.show(red["id"])["contribution"] != red["contribution"]
    assert accuracy(service, "red") == 0.0
    assert accuracy(service, "green") > 0.9
    # what it was made for is still there
    assert service.serving("m", 2).opened.model.facts.digest == before["digest"]
    revert(service, red)
    revert(service, cell)
    assert accuracy(service, "red") > 0.9
    assert service.verification.verify(recompute=True)["holds"]
    assert service.verification.rebuild()["same"]


def test_a_rebased_model_is_the_same_as_one_that_was_registered_so(
    service: Service, given: Given, pool: Path
) -> None:
    forget(service, "red")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    service.add_model("other", "colours-2", given, "ann")
    request = service.requests.forget("other", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    digests = {
        service.core.desk.views.published(name)["edit_digest"]
        for name in ("m", "other")
    }  # type: ignore[index]
    assert len(digests) == 1


def test_an_update_keeps_what_is_not_given(service: Service, given: Given) -> None:
    forget(service, "red")
    before = service.models.show("m")
    service.update_model("m", Given(anchors=("wood", "sea")), "ann")
    after = service.models.show("m")
    assert (after["anchors"], after["pool"], after["digest"]) == (
        2,
        before["pool"],
        before["digest"],
    )
    assert service.core.desk.views.published("m")["number"] == 2  # type: ignore[index]
    assert accuracy(service, "red") == 0.0
    assert [e["kind"] for e in service.audit.log(kind="model")] == [
        "model.add",
        "model.update",
    ]


def test_errors_that_an_older_version_measured_are_measured_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = service.core.artifacts

    def known() -> str:
        return str(service.core.desk.model("m")["calibration"])

    older = artifacts.put(
        artifacts.get(known()).replace(FORMAT.encode(), b"govd-prediction-1")
    )
    with monkeypatch.context() as earlier:
        earlier.setattr(Calibrating, "measured", lambda *_: older)
        service.update_model("m", Given(anchors=("wood", "sea")), "ann")
    assert known() == older
    assert not Calibration.from_bytes(artifacts.get(older)).is_current
    service.update_model("m", Given(), "ann")
    anew = known()
    assert Calibration.from_bytes(artifacts.get(anew)).is_current
    few = artifacts.put(Calibration({"all": [0.0] * 18}, 1.0).to_bytes())
    with monkeypatch.context() as hurried:
        hurried.setattr(Calibrating, "kept_or_measured", lambda *_: few)
        service.update_model("m", Given(), "ann")
    assert known() == few
    service.update_model("m", Given(), "ann")
    assert known() == anew
    with monkeypatch.context() as never:
        never.delattr(Calibrating, "measured")
        service.update_model("m", Given(), "ann")
    assert known() == anew


def test_pictures_of_what_is_no_label_any_more_are_left_out(
    service: Service, given: Given
) -> None:
    assert given.labels is not None
    service.update_model("m", Given(labels=given.labels[:2]), "ann")
    left_out = service.models.show("m")["images_left_out"]
    assert left_out["of no label"] > 0
    chosen = Given(labels=given.labels[:3], images=given.images)
    with pytest.raises(Usage, match="no labels"):
        service.update_model("m", chosen, "ann")


def test_an_update_that_a_forget_cannot_follow_changes_nothing(
    service: Service, pictures: Path
) -> None:
    cell = forget(service, "blue", domains=("dark",))
    size = service.core.desk.ledger.size()
    with pytest.raises(Conflict, match=f"{cell['id']}.*no domain any more"):
        service.update_model(
            "m",
            Given(domains=("bright", "gloomy"), images=str(pictures / "dark")),
            "ann",
        )
    assert service.models.show("m")["anchors"] == 4
    assert service.core.desk.ledger.size() == size
    assert service.verification.verify()["holds"]


def test_a_private_forget_is_rebased_without_its_name(
    service: Service, pool: Path
) -> None:
    private = forget(service, "red", private=True)
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    assert service.requests.show(private["id"])["state"] == "in_force"
    assert service.serving("m").edit.rank == 1
    data = service.measuring.evaluation("m")
    assert data is not None
    base = replace(data).vectors
    assert not (service.serving("m").edit.apply(base) == base).all()


def test_what_a_court_holds_stays(service: Service) -> None:
    request = forget(service, "red", private=True)
    with pytest.raises(Usage, match="needs a reason"):
        service.requests.hold(request["id"], "", "legal")
    held = service.requests.hold(request["id"], "case 7 C 12/27", "legal")
    assert held["held"]["reason"] == "kept private"  # the request is
    assert b"7 C 12/27" not in b"".join(
        body for _, body in service.core.desk.ledger.bodies()
    )
    assert (
        service.requests.reveal(request["id"], "dpo")["said"][0]["reason"]
        == "case 7 C 12/27"
    )
    for undo in (
        lambda: service.requests.revert(request["id"], "x", "ann"),
        lambda: service.requests.shred(request["id"], "x", "ann"),
    ):
        with pytest.raises(Denied, match="legal hold"):
            undo()
    with pytest.raises(Conflict, match="held already"):
        service.requests.hold(request["id"], "again", "legal")
    assert (
        service.requests.release(request["id"], "the case is closed", "legal")["held"]
        is None
    )
    with pytest.raises(Conflict, match="not held"):
        service.requests.release(request["id"], "again", "legal")
    revert(service, request)
    assert service.requests.show(request["id"])["state"] == "reverted"
    kinds = [line["kind"] for line in service.audit.trail(request["id"])["timeline"]]
    assert {"request.hold", "request.release"} <= set(kinds)
