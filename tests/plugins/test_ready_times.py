"""Ready policies about when it is: freezes, licences that end, forgets that expire."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from govd.policies.document import read
from govd.service.service import Service
from govd.types import Json
from tests.plugins.ready import answer, enforced, filed, says, text_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FREEZES = (
    ("change-freeze", "filed"),
    ("change-freeze", "revert"),
    ("publication-freeze", "gate"),
)


def today(beside: int = 0) -> str:
    return DAYS[(datetime.now(UTC).weekday() + beside) % 7]


@pytest.mark.parametrize(("policy", "moment"), FREEZES)
@pytest.mark.parametrize(
    ("now", "values", "frozen"),
    [
        ("2027-01-15T23:59:59Z", {}, False),  # a Friday
        ("2027-01-16T00:00:00Z", {}, True),
        ("2027-01-17T23:59:59.999999Z", {}, True),
        ("2027-01-18T00:00:00Z", {}, False),
        ("2027-01-15T22:59:59Z", {"zone": "Europe/Berlin"}, False),
        ("2027-01-15T23:00:00Z", {"zone": "Europe/Berlin"}, True),
        # an hour earlier in summer
        (
            "2027-07-16T22:00:00Z",
            {"zone": "Europe/Berlin"},
            True,
        ),
        ("2027-01-17T23:00:00Z", {"zone": "Europe/Berlin"}, False),
        ("2027-01-18T04:59:59Z", {"zone": "America/New_York"}, True),
        ("2027-01-16T12:00:00Z", {"days": ""}, False),
        ("2027-01-13T12:00:00Z", {"days": "wed,thu"}, True),
    ],
)
def test_days_of_the_week_are_those_of_the_zone(
    policy: str, moment: str, now: str, values: dict[str, str], frozen: bool
) -> None:
    assert says(policy, moment, {"now": now}, **values) == ("wait" if frozen else "")


@pytest.mark.parametrize(
    ("hour", "between", "frozen"),
    [
        (8, (9, 17), False),
        (9, (9, 17), True),
        (16, (9, 17), True),
        (17, (9, 17), False),
        (21, (22, 6), False),
        (22, (22, 6), True),
        (0, (22, 6), True),
        (5, (22, 6), True),
        (6, (22, 6), False),
        (23, (0, 24), True),
        (12, (0, 0), False),
        (12, (7, 7), False),
    ],
)
def test_hours_of_the_day_go_past_midnight(
    hour: int, between: tuple[int, int], frozen: bool
) -> None:
    seen = {"now": f"2027-01-13T{hour:02}:59:59Z"}
    begin, end = map(str, between)
    values = {"days": "", "from": begin, "until": end}
    assert says("change-freeze", "filed", seen, **values) == ("wait" if frozen else "")


@pytest.mark.parametrize("local", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    ("zone", "between", "now", "frozen"),
    [
        # 2:30 comes twice on 25 October 2026, and is frozen both times
        ("Europe/Berlin", (2, 3), "2026-10-24T23:59:59Z", False),
        ("Europe/Berlin", (2, 3), "2026-10-25T00:30:00Z", True),
        ("Europe/Berlin", (2, 3), "2026-10-25T01:30:00Z", True),
        ("Europe/Berlin", (2, 3), "2026-10-25T02:00:00Z", False),
        # and never on 28 March 2027
        ("Europe/Berlin", (2, 3), "2027-03-28T00:59:59Z", False),
        ("Europe/Berlin", (2, 3), "2027-03-28T01:00:00Z", False),
        ("Europe/Berlin", (3, 4), "2027-03-28T01:00:00Z", True),
        ("America/New_York", (1, 2), "2026-11-01T05:59:59Z", True),
        ("America/New_York", (1, 2), "2026-11-01T06:59:59Z", True),
        ("America/New_York", (1, 2), "2026-11-01T07:00:00Z", False),
        # half an hour: from 10:30 to 11:00 before UTC on 4 October 2026, back on 4 April 2027
        ("Australia/Lord_Howe", (2, 3), "2026-10-03T15:29:59Z", False),
        ("Australia/Lord_Howe", (2, 3), "2026-10-03T15:30:00Z", True),
        ("Australia/Lord_Howe", (2, 3), "2026-10-03T16:00:00Z", False),
        ("Australia/Lord_Howe", (1, 2), "2027-04-03T15:15:00Z", True),
        ("Australia/Lord_Howe", (2, 3), "2027-04-03T15:30:00Z", True),
    ],
)
def test_hours_are_those_of_the_zone_on_days_when_clocks_change(
    monkeypatch: pytest.MonkeyPatch,
    local: str,
    zone: str,
    between: tuple[int, int],
    now: str,
    frozen: bool,
) -> None:
    """Whatever the machine's own zone is."""
    monkeypatch.setenv("TZ", local)
    time.tzset()
    begin, end = map(str, between)
    values = {"days": "", "zone": zone, "from": begin, "until": end}
    try:
        vote = says("change-freeze", "filed", {"now": now}, **values)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert vote == ("wait" if frozen else "")


@pytest.mark.parametrize(
    ("now", "values", "frozen"),
    [
        ("2026-12-19T23:00:00Z", {"first": "2026-12-20", "last": "2027-01-03"}, True),
        ("2026-12-19T22:59:59Z", {"first": "2026-12-20", "last": "2027-01-03"}, False),
        ("2027-01-03T22:59:59Z", {"first": "2026-12-20", "last": "2027-01-03"}, True),
        ("2027-01-03T23:00:00Z", {"first": "2026-12-20", "last": "2027-01-03"}, False),
        ("2031-01-01T00:00:00Z", {"first": "2026-12-20"}, True),
        ("2026-01-01T00:00:00Z", {"last": "2027-01-03"}, True),
        ("2027-01-02T00:00:00Z", {}, False),
    ],
)
def test_days_between_two_dates_are_frozen_and_both_belong_to_them(
    now: str, values: dict[str, str], frozen: bool
) -> None:
    given = {"days": "", "zone": "Europe/Berlin", **values}
    assert says("change-freeze", "filed", {"now": now}, **given) == (
        "wait" if frozen else ""
    )
    assert says("change-freeze", "filed", {"now": now}, **given, effect="deny") == (
        "deny" if frozen else ""
    )


@pytest.mark.parametrize(("effect", "state"), [("wait", "waiting"), ("deny", "denied")])
def test_what_is_filed_in_a_freeze_waits_or_is_denied(
    service: Service, effect: str, state: str
) -> None:
    enforced(service, "change-freeze", days=f"{today()},{today(1)}", effect=effect)
    request = filed(service, concepts=("red",))
    assert request["state"] == state
    assert (
        request["state_reason"]
        == "change-freeze: changes are frozen at this time (UTC)"
    )


def test_after_the_freeze_a_retry_is_decided_as_usual(service: Service) -> None:
    enforced(service, "change-freeze", days=f"{today()},{today(1)}")
    request = filed(service, concepts=("red",))
    enforced(service, "change-freeze", days=today(3))
    assert filed(service, concepts=("blue",))["state"] == "in_force"
    service.requests.decide(request.id, "retry", "the freeze is over", "principal:ann")
    service.reconciler.run()
    assert service.requests.show(request.id)["state"] == "in_force"


def test_nothing_is_published_in_a_freeze_and_it_follows_afterwards(
    service: Service,
) -> None:
    enforced(service, "publication-freeze", days=f"{today()},{today(1)}")
    request = filed(service, concepts=("red",))
    assert request["state"] == "approved"
    assert service.revisions("m")[-1]["state"] == "waiting"
    service.policies.disable("publication-freeze", "owner", "a test")
    service.reconciler.run()
    assert service.requests.show(request.id)["state"] == "in_force"


@pytest.mark.parametrize(
    ("now", "ends", "effect"),
    [
        ("2027-01-30T23:59:59.999999Z", "2027-01-31", ""),
        ("2027-01-31T00:00:00Z", "2027-01-31", "propose"),
        ("2027-01-31T10:59:59Z", "2027-01-31T12:00:00+01:00", ""),
        ("2027-01-31T11:00:00Z", "2027-01-31T12:00:00+01:00", "propose"),
    ],
)
def test_a_licence_that_has_ended_is_proposed_to_be_forgotten(
    now: str, ends: str, effect: str
) -> None:
    assert says("licence-ends", "propose", {"now": now}, ends=ends) == effect


def test_what_is_proposed_names_what_the_licence_covers() -> None:
    effect = read(
        text_of("licence-ends", concepts="red, hot dog", reason="ACME 2024")
    ).effect
    assert effect.forget == {
        "model": "m",
        "concepts": ["red", "hot dog"],
        "basis": "licence",
        "reason": "ACME 2024",
    }


def test_it_is_filed_once_by_the_policy_when_the_day_has_come(service: Service) -> None:
    enforced(service, "licence-ends", ends="2027-01-31", concepts="Red")
    for day, count in ((30, 0), (31, 1), (31, 1)):
        service.automatic.step(datetime(2027, 1, day, 12, tzinfo=UTC))
        service.reconciler.run()
        assert len(service.requests.all()) == count
    (request,) = service.requests.all()
    assert request["state"] == "in_force"
    assert request["filed_by"].startswith("policy:licence-ends@")
    assert (request["basis"], request["reason"]) == ("licence", "the licence has ended")


@pytest.mark.parametrize(("then", "effect"), [("ask", "wait"), ("revert", "allow")])
def test_what_has_expired_is_asked_about_or_comes_back_and_what_is_held_does_not(
    then: str, effect: str
) -> None:
    expired: dict[str, Json] = {"expires_at": "2027-01-15T11:59:59Z", "held": False}
    assert says("expiry", "expire", {"request": expired}, then=then) == effect
    assert (
        says("expiry", "expire", {"request": {**expired, "held": True}}, then=then)
        == ""
    )


def test_legal_s_forgets_expire_in_90_days_and_others_or_dated_ones_do_not() -> None:
    legal: dict[str, Json] = {"actor": {"roles": ["legal", "operator"]}}
    outcome = answer("expire-by-default", "filed", legal)
    assert outcome.effect is not None
    assert outcome.effect.expires_seconds == 90 * 86_400
    assert says("expire-by-default", "filed", {"actor": {"roles": ["operator"]}}) == ""
    dated: dict[str, Json] = {"request": {"expires_at": "2030-01-01T00:00:00Z"}}
    assert says("expire-by-default", "filed", {**legal, **dated}) == ""


def test_an_expiry_date_is_given_to_what_a_role_files(service: Service) -> None:
    service.tokens.create("operator", "ann", "owner")
    service.tokens.create("reader", "bob", "owner")
    enforced(service, "expire-by-default", role="operator", expires="2w")
    request = filed(service, "principal:ann", concepts=("red",))
    lasts = datetime.fromisoformat(str(request["expires_at"])) - datetime.fromisoformat(
        str(request["filed_at"])
    )
    assert lasts == timedelta(weeks=2)
    assert filed(service, "principal:bob", concepts=("blue",))["expires_at"] is None
    year = f"{datetime.now(UTC).year + 3}-01-31"
    dated = filed(service, "principal:ann", concepts=("green",), expires=year)
    assert str(dated["expires_at"]).startswith(year)
