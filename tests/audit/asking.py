"""Forgets, reverts and times of the tests beside it."""

import time
from typing import Any

from govd.ledger.times import now
from govd.requests import ForgetOptions
from govd.service.service import Service


def forget(
    service: Service, *concepts: str, model: str = "m", **options: Any
) -> dict[str, Any]:
    request = service.requests.forget(
        model, ForgetOptions(concepts=concepts, **options), "ann"
    )
    service.reconciler.run()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    return dict(service.requests.show(request["id"]))


def revert(service: Service, request: dict[str, Any]) -> None:
    service.requests.revert(request["id"], "taken back", "ann")
    service.reconciler.run()


def tick() -> str:
    """A moment with nothing else in its microsecond."""
    time.sleep(0.002)
    found = now()
    time.sleep(0.002)
    return found
