"""What is recognised again is told, by an entry about the request, until it is no more."""

from govd.reconcile.drift import ALLOWED
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record


def served(service: Service, **options: object) -> Record:
    request = service.forget("m", ForgetOptions(concepts=("red",), **options), "principal:ann")
    service.reconcile()
    service.measure()
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
    service.reconcile()
    service.measure()
    assert kinds(service).count("request.breach") == 1, "once"


def test_once_it_is_recognised_no_more_that_is_an_entry_too(service: Service) -> None:
    request = served(service, method="nullspace")
    drift = service.reconciler.revisions._drift
    revision = service.core.desk.views.published("m")
    wanted = service.core.desk.views.wanted("m")
    rows = [row | {"recognised": False} for row in drift.recognised(revision, wanted)]
    service.core.desk.append(drift.drafts(revision, rows))
    assert service.requests.show(str(request["id"]))["breach"] is None
    assert service.status()["recognised"] == []
