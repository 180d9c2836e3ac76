"""`python -m tests.benchmarks.served`: from filing a request to the revision that serves it, and back, on `mini`, in this process."""

import statistics
import tempfile
import time
from pathlib import Path

from govd.models import Given
from govd.requests import ForgetOptions
from govd.service import open_service

ROUNDS = 15


def main() -> None:
    forget, revert = [], []
    with tempfile.TemporaryDirectory() as folder, open_service(Path(folder) / "home") as service:
        service.add_model("mini", "mini", Given(), "benchmark")
        names = service.core.opened("mini").basis.labels[: 3 * ROUNDS : 3]
        for name in names:
            began = time.perf_counter()
            request = service.forget("mini", ForgetOptions(concepts=(name,)), "benchmark")
            service.reconcile()
            if service.requests.show(request["id"])["state"] == "waiting":
                service.requests.decide(request["id"], "approve", "benchmark", "benchmark")
                service.reconcile()
            assert service.requests.show(request["id"])["state"] == "in_force"
            forget.append(time.perf_counter() - began)
            began = time.perf_counter()
            service.revert(request["id"], "benchmark", "benchmark")
            service.reconcile()
            assert service.requests.show(request["id"])["state"] == "reverted"
            revert.append(time.perf_counter() - began)
    print("| | p50 | slowest of", ROUNDS, "|\n|---|---|---|")
    for what, took in (("forget → served", forget), ("revert → served", revert)):
        print(f"| {what} | {1000 * statistics.median(took):.0f} ms | {1000 * max(took):.0f} ms |")


if __name__ == "__main__":
    main()
