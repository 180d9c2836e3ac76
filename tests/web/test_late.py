"""What is late, how old it is, and which files of a home take how much."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.web.gauges import Sizes, age_seconds, lateness


def test_ages_and_late_ones_against_the_plain_definition(service: Service) -> None:
    now = datetime.now(UTC)
    soon, far = ((now + timedelta(days=days)).date().isoformat() for days in (2, 20))
    waits = service.requests.forget(
        "m", ForgetOptions(concepts=["navy"], due=soon), "ann"
    )
    service.reconciler.run()
    service.requests.forget("m", ForgetOptions(concepts=["red"], expires=far), "ann")
    service.reconciler.run()
    # nobody reconciles this one
    service.requests.forget("m", ForgetOptions(concepts=["pink"]), "ann")
    filed = datetime.fromisoformat(service.requests.show(waits["id"])["filed_at"])
    at_once = lateness(service.core, now + timedelta(hours=1))
    assert at_once["oldest_waiting_seconds"] == pytest.approx(
        (now + timedelta(hours=1) - filed).total_seconds()
    )
    assert (at_once["late"], at_once["expired"]) == (0, 0)
    counts = {
        days: lateness(service.core, now + timedelta(days=days)) for days in (4, 25, 31)
    }
    assert [(found["late"], found["expired"]) for found in counts.values()] == [
        (1, 0),
        (1, 1),
        (2, 1),
    ]
    service.requests.decide(waits["id"], "withdraw", "no more", "ann")
    assert lateness(service.core, now + timedelta(days=4))["late"] == 0


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    assert (
        age_seconds("2030-01-01T00:00:00.000000Z", datetime(2029, 1, 1, tzinfo=UTC))
        == 0
    )


def test_sizes_of_a_home(tmp_path: Path) -> None:
    for name, size in (
        ("ledger.db", 10),
        ("ledger.db-wal", 5),
        ("artifacts/a/b", 7),
        ("private/x", 3),
        ("govd.toml", 2),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "elsewhere").symlink_to("/")
    found = Sizes(tmp_path).of_parts()
    assert [found[name] for name in ("ledger", "views", "artifacts", "private")] == [
        15,
        0,
        7,
        3,
    ]
    assert found["other"] < 100  # the link itself, not what it leads to
