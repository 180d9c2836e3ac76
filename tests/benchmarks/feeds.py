"""Prints how long a feed of many rows takes on `mini`, from the file to the published revision.

    python -m tests.benchmarks.feeds
    python -m tests.benchmarks.feeds --rows 1000 --concepts 12

Rows name a few concepts everywhere and in each domain, again and again, each time with another
ticket: what differs are `4 × concepts` scopes. The bounds of the home are lifted, so that all of
them are composed; `--bounds` leaves them as they are, and most wait for a person.

read: the rows of the document · file: every row looked at, and all appended · compute:
contributions · predict: figures of each request · vote: policies · compose, evaluate, publish: the
revision. Beside the time by the clock stands the CPU time of all threads, which a busy machine
changes less.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from govd.automatic import feed_runs
from govd.automatic.feed_settings import FeedSettings
from govd.models.given import Given
from govd.service.service import Service, open_service

LIFTED = "".join(
    f"{bound} = 1.0\n"
    for bound in (
        "max_predicted_disagreement",
        "max_total_disagreement",
        "max_scope_share",
        "max_lost_elsewhere",
    )
)


class Split:
    """Seconds by part. What is asked within another part counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.cpu_seconds: Counter[str] = Counter()
        self._within: list[tuple[float, float]] = []

    def timed(self, part: str, owner: Any, name: str) -> None:
        """Count what a method takes."""
        inner: Callable[..., Any] = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            began, cpu_began = time.perf_counter(), time.process_time()
            self._within.append((0.0, 0.0))
            try:
                return inner(*given, **named)
            finally:
                whole, cpu = (
                    time.perf_counter() - began,
                    time.process_time() - cpu_began,
                )
                inside, cpu_inside = self._within.pop()
                self.seconds[part] += whole - inside
                self.cpu_seconds[part] += cpu - cpu_inside
                if self._within:
                    outer, cpu_outer = self._within[-1]
                    self._within[-1] = (outer + whole, cpu_outer + cpu)

        setattr(owner, name, call)


def document(service: Service, rows: int, concepts: int, seed: int) -> str:
    """CSV of so many rows, in an order of chance."""
    draw = random.Random(seed)
    basis = service.core.models.basis(service.core.desk.model("mini"))
    names = draw.sample(sorted(basis.labels), concepts)
    places = ["", *service.core.desk.model("mini").domains]
    lines = [
        f"{draw.choice(names)},{draw.choice(places)},T-{row}" for row in range(rows)
    ]
    return "\n".join(["concept,domain,ticket", *lines, ""])


def watched(service: Service) -> Split:
    """The parts of a service, timed."""
    split, reconciler = Split(), service.reconciler
    split.timed("read", feed_runs, "rows_of")
    split.timed("file", service.feeds.runs, "take")
    split.timed("compute", service.contributions.computing, "of_request")
    split.timed("predict", service.contributions.predicting, "predicted")
    split.timed("vote", service.requests.decisions.voting, "ballot")
    split.timed("decide", reconciler.request_step, "step")
    split.timed("compose", reconciler.revisions, "_compose")
    split.timed("evaluate", reconciler.revisions, "_evaluate")
    split.timed("publish", reconciler.revisions, "_publish")
    return split


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks.feeds")
    reader.add_argument("--rows", type=int, default=1000)
    reader.add_argument("--concepts", type=int, default=12)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument(
        "--bounds", action="store_true", help="leave the bounds as they are"
    )
    chosen = reader.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home, lists = Path(scratch) / "home", Path(scratch) / "lists"
        home.mkdir()
        lists.mkdir()
        if not chosen.bounds:
            (home / "govd.toml").write_text(LIFTED)
        with open_service(home) as service:
            service.add_model("mini", "mini", Given(), "benchmark")
            settings = FeedSettings("nightly", lists.as_uri(), "mini")
            service.feeds.add(settings, "benchmark", datetime.now(UTC))
            text = document(service, chosen.rows, chosen.concepts, chosen.seed)
            (lists / "names.csv").write_text(text)
            split = watched(service)
            began, cpu_began = time.perf_counter(), time.process_time()
            (run,) = service.feeds.run("nightly", datetime.now(UTC))["runs"]
            service.reconciler.run()
            whole, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            states = Counter(str(r.state) for r in service.core.desk.views.requests())
            revisions = service.revisions("mini")
    print(
        f"{chosen.rows} rows: {run['counts']}; {dict(states)}; {len(revisions)} revision(s)"
    )
    print(f"{'seconds':10}{'clock':>8}{'CPU':>8}")
    for part, seconds in split.seconds.items():
        print(f"{part:10}{seconds:8.2f}{split.cpu_seconds[part]:8.2f}")
    print(f"{'whole':10}{whole:8.2f}{cpu:8.2f}")


if __name__ == "__main__":
    main()
