"""What is recognised again is told, by an entry about the request, until it is no more."""

import shutil
from pathlib import Path

from govd.models.given import Given
from govd.reconcile.drift import ALLOWED
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record


def served(service: Service, **options: object) -> Record:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), **options), "principal:ann"
    )
    service.reconciler.run()
    service.reconciler.measure()
    return service.requests.show(str(request["id"]))


def kinds(service: Service) -> list[str]:
    return [str(entry["kind"]) for entry in service.core.desk.ledger.entries()]


def test_what_is_forgotten_is_no_breach(service: Service) -> None:
    request = served(service)
    assert request.get("breach") is None
    assert "request.breach" not in kinds(service)
    revision = service.core.desk.views.published("m")
    (row,) = revision.metrics["recognised"]
    assert row["named"] == 0
    assert row["bound"] >= ALLOWED


def test_what_is_recognised_again_is_an_entry_and_shown(service: Service) -> None:
    """The text's direction alone leaves pictures named: a method that does not forget."""
    request = served(service, method="nullspace")
    assert request["breach"]["revision"] == 1
    assert "12 of its 12 pictures" in request["breach"]["reason"]
    (told,) = service.status()["recognised"]
    assert told["id"] == request["id"]
    service.reconciler.run()
    service.reconciler.measure()
    assert kinds(service).count("request.breach") == 1, "once"


def test_once_it_is_recognised_no_more_that_is_an_entry_too(service: Service) -> None:
    request = served(service, method="nullspace")
    drift = service.reconciler.revisions.slow._drift
    revision = service.core.desk.views.published("m")
    wanted = service.core.desk.views.wanted("m")
    rows = [row | {"recognised": False} for row in drift.recognised(revision, wanted)]
    service.core.desk.append(drift.drafts(revision, rows))
    assert service.requests.show(str(request["id"]))["breach"] is None
    assert service.status()["recognised"] == []


def test_another_evaluation_set_is_looked_at_though_the_revision_stays(
    service: Service, pictures: Path, tmp_path: Path
) -> None:
    request = served(service, method="nullspace")
    others = shutil.copytree(pictures, tmp_path / "others")
    for domain in others.iterdir():  # what is called red there is blue
        shutil.rmtree(domain / "red")
        shutil.copytree(domain / "blue", domain / "red")
    service.update_model("m", Given(images=str(others)), "ann")
    assert service.reconciler.measure()
    assert service.requests.show(str(request["id"]))["breach"] is None
    revision = service.revision("m", 1)
    assert service.revisions("m")[-1]["number"] == 1
    assert (
        revision["metrics"]["recognised_on"] == service.models.show("m")["evaluation"]
    )
    assert revision["metrics"]["leaks"], "what was measured before stays"
    assert not service.reconciler.measure(), "once"
    service.update_model("m", Given(images=str(pictures)), "ann")
    assert service.reconciler.measure()
    assert (
        "12 of its 12" in service.requests.show(str(request["id"]))["breach"]["reason"]
    )
    assert service.verification.verify()["holds"]
