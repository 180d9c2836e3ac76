"""What is due when: intervals by a clock that never jumps, records in UTC."""

from datetime import UTC, datetime, timedelta

import pytest

from govd.automatic import clock
from govd.automatic.clock import Timetable, seconds_of, spelled
from govd.errors import Usage

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
DAY = 86_400.0


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the monotonic clock says."""
    seconds = [1000.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: seconds[0])
    return seconds


def test_what_never_was_done_is_due() -> None:
    assert Timetable().is_due("a", DAY, None, NOW)


def test_what_failed_is_due_when_it_was_put_off_to(ticking: list[float]) -> None:
    table = Timetable()
    table.note("a", ahead_seconds=DAY - 60)
    ticking[0] += 59
    assert not table.is_due("a", DAY, None, NOW)
    ticking[0] += 1
    assert table.is_due("a", DAY, None, NOW)


def test_after_a_start_the_records_count_but_never_a_time_to_come(
    ticking: list[float],
) -> None:
    table = Timetable()
    assert not table.is_due("a", DAY, spelled(NOW - timedelta(hours=23)), NOW)
    assert table.is_due("b", DAY, spelled(NOW - timedelta(hours=24)), NOW)
    assert not table.is_due("c", DAY, spelled(NOW + timedelta(days=400)), NOW)
    ticking[0] += 3600
    assert table.is_due("a", DAY, spelled(NOW - timedelta(hours=23)), NOW), (
        "the wall clock stands"
    )
    assert not table.is_due("c", DAY, spelled(NOW + timedelta(days=400)), NOW)
    ticking[0] += DAY
    assert table.is_due("c", DAY, spelled(NOW + timedelta(days=400)), NOW)


def test_a_wall_clock_that_is_set_back_delays_nothing(ticking: list[float]) -> None:
    table = Timetable()
    table.note("a")
    last, earlier = spelled(NOW), NOW - timedelta(days=30)
    ticking[0] += DAY - 1
    assert not table.is_due("a", DAY, last, earlier)
    ticking[0] += 1
    assert table.is_due("a", DAY, last, earlier)


def test_a_wall_clock_that_jumps_ahead_makes_it_due(ticking: list[float]) -> None:
    table = Timetable()
    table.note("a")
    assert not table.is_due("a", DAY, spelled(NOW), NOW + timedelta(hours=1))
    assert table.is_due("a", DAY, spelled(NOW), NOW + timedelta(days=2))


def test_what_was_not_finished_is_due_sooner(ticking: list[float]) -> None:
    table = Timetable()
    table.note("a", ahead_seconds=DAY - 5)
    ticking[0] += 4
    assert not table.is_due("a", DAY, spelled(NOW), NOW)
    ticking[0] += 1
    assert table.is_due("a", DAY, spelled(NOW), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15 m", 900), ("24H", DAY), ("7d", 7 * DAY), ("2w", 14 * DAY)],
)
def test_an_interval_is_written_with_its_unit(text: str, seconds: float) -> None:
    assert seconds_of(text, "every") == seconds


@pytest.mark.parametrize(
    "text", ["", "24", "0s", "-1h", "1.5h", "367d", "daily", "1000000000000d"]
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="every"):
        seconds_of(text, "every")
