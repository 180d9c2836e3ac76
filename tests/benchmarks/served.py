"""`python -m tests.benchmarks.served`: from filing a request to the revision that serves it, and back, on `mini`, in this process."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from govd.models import Given
from govd.requests import ForgetOptions
from govd.service import Service, open_service

ROUNDS = 15
STANDING = 30


def forget(service: Service, name: str) -> str:
    request = str(service.forget("mini", ForgetOptions(concepts=(name,)), "benchmark")["id"])
    service.reconcile()
    if service.requests.show(request)["state"] == "waiting":
        service.requests.decide(request, "approve", "benchmark", "benchmark")
        service.reconcile()
    assert service.requests.show(request)["state"] == "in_force"
    return request


def revert(service: Service, request: str) -> None:
    service.revert(request, "benchmark", "benchmark")
    service.reconcile()
    assert service.requests.show(request)["state"] == "reverted"


def timed(took: list[float], work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = work()
    took.append(1000 * (time.perf_counter() - began))
    return found


def main() -> None:
    print(f"| forgets in force meanwhile | | p50 | slowest of {ROUNDS} |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, open_service(Path(folder) / "home") as service:
        service.add_model("mini", "mini", Given(), "benchmark")
        labels = service.core.opened("mini").basis.labels
        for standing in (0, STANDING):
            for name in labels[1 : 2 * standing : 2]:
                forget(service, name)
            there: list[float] = []
            back: list[float] = []
            for name in labels[: 2 * ROUNDS : 2]:
                request = timed(there, lambda name=name: forget(service, name))
                timed(back, lambda request=request: revert(service, request))
            for what, took in (("forget → served", there), ("revert → served", back)):
                print(f"| {standing} | {what} | {statistics.median(took):.0f} ms | {max(took):.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
