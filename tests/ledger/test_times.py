"""Times that people write become times that sort as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.errors import Usage
from govd.ledger.times import moment, now

ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)


@given(TIMES, TIMES)
def test_they_sort_as_they_follow_each_other(a: datetime, b: datetime) -> None:
    said = [moment(t.isoformat(), "time") for t in (a, b)]
    assert (said[0] < said[1]) == (a < b)
    assert datetime.fromisoformat(said[0]) == a
    assert moment(said[0], "time") == said[0]


@given(st.dates())
def test_a_date_alone_is_its_first_or_its_last_moment(day: object) -> None:
    assert moment(str(day), "since") == f"{day}T00:00:00.000000Z"
    assert moment(str(day), "time", end=True) == f"{day}T23:59:59.999999Z"


def test_what_is_written_exactly_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moment("2027-05-01T00:00", "time", end=True) == "2027-05-01T00:00:00.000000Z"
    assert (
        moment(" 2027-05-01 12:00:00+02:00 ", "time") == "2027-05-01T10:00:00.000000Z"
    )
    assert moment(None, "since") is None
    before = datetime.now(UTC)
    assert (
        before
        <= datetime.fromisoformat(moment("now", "time", end=True))
        <= datetime.fromisoformat(now())
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "yesterday",
        "2027-02-30",
        "2027-13-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time(wrong: str) -> None:
    with pytest.raises(Usage, match=r"since is .*, or now"):
        moment(wrong, "since")
