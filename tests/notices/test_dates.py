"""Dates that come near are told before they pass, once each, by records and a moment."""

import json
from datetime import UTC, datetime, timedelta

from govd.notices.attempts import Attempts
from govd.notices.deadlines import near
from govd.notices.outcome import Outcome, Verdict
from govd.records.request import Request
from govd.requests import ForgetOptions
from govd.service.service import Service
from tests.notices.receiving import Webhook, add, webhook

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
FILED = "2027-03-01T12:00:00.000000Z"


def request(state: str = "waiting", **fields: object) -> Request:
    whole = {
        "id": "r1",
        "kind": "forget",
        "model": "m",
        "state": state,
        "filed_at": FILED,
    }
    return Request.from_json({"due_at": None, "expires_at": None, **whole, **fields})


def told(
    one: Request, *days_later: float, days: tuple[int, ...] = (7, 1)
) -> list[object]:
    """For each moment, in days after the filing, what is near: kind and days."""
    looks = [
        near([one], days, 30, NOON + timedelta(days=later)) for later in days_later
    ]
    return [[(n.kind, n.days) for n in look] for look in looks]


def test_an_open_forget_is_near_its_date_and_then_no_more() -> None:
    assert told(request(), 0, 22.9, 23, 28.9, 29, 29.99, 30, 31) == [
        [],
        [],
        [("deadline", 7)],
        [("deadline", 7)],
        [("deadline", 1)],
        [("deadline", 1)],
        [],
        [],
    ]


def test_its_own_date_goes_before_that_of_the_settings() -> None:
    soon = request(due_at="2027-03-03T12:00:00.000000Z")
    assert told(soon, 0, 1.5, 2) == [[("deadline", 7)], [("deadline", 1)], []]


def test_what_is_served_or_decided_is_due_no_more() -> None:
    for state in (
        "in_force",
        "denied",
        "withdrawn",
        "rejected",
        "reverted",
        "subsumed",
    ):
        assert told(request(state), 29) == [[]]
    assert told(request(served_at=FILED), 29) == [[]]
    assert told(request(kind="revert"), 29) == [[]]
    assert told(request(model_retired={"at": FILED}), 29) == [[]]
    assert told(request("failed"), 29) == [[("deadline", 1)]]


def test_a_forget_in_force_is_near_its_expiry() -> None:
    forget = request("in_force", expires_at="2027-03-11T12:00:00Z")
    assert told(forget, 2.9, 3, 9, 10) == [[], [("expiry", 7)], [("expiry", 1)], []]
    assert told(request(expires_at="2027-03-11T12:00:00Z"), 9) == [[]]


def sent(receiver: Webhook) -> list[tuple[str, object]]:
    documents = [json.loads(body) for body in receiver.bodies]
    return [(document["type"], document["data"]["days"]) for document in documents]


def test_dates_are_told_once_each_and_anew_when_they_are_moved(
    service: Service,
) -> None:
    options = ForgetOptions(
        concepts=("red",), due="2027-06-30", private=True, reason="Ms Example"
    )
    forget = str(service.requests.forget("m", options, "owner")["id"])
    sending = service.notices.sending

    def at(day: str) -> None:
        sending.look(datetime.fromisoformat(f"{day}T12:00:00+00:00"), fresh=True)
        assert sending.wait(10)

    with webhook() as receiver:
        add(service, receiver.url, "deadline", days=(14, 2))
        for day in (
            "2027-06-01",
            "2027-06-18",
            "2027-06-18",
            "2027-06-20",
            "2027-06-29",
        ):
            at(day)
        assert sent(receiver) == [("deadline", 14), ("deadline", 2)]
        document = json.loads(receiver.bodies[0])
        assert document["data"]["request"] == forget
        assert document["data"]["due_at"] == "2027-06-30T23:59:59Z"
        assert document["timestamp"] == "2027-06-16T23:59:59Z"
        assert b"red" not in b"".join(receiver.bodies)
        assert b"Example" not in b"".join(receiver.bodies)
        (second, first) = service.notices.history()
        assert (first["kind"], first["subject"]) == ("deadline", forget)
        assert first["about_entry"] is None
        assert second["state"] == "sent"
        at("2027-07-02")
        assert len(receiver.bodies) == 2


def test_a_date_that_came_near_while_nobody_looked_is_told_once(
    service: Service,
) -> None:
    service.requests.forget(
        "m", ForgetOptions(concepts=("red",), due="2027-06-30"), "owner"
    )
    with webhook() as receiver:
        add(service, receiver.url, "*", name="all", days=(30, 7, 1))
        for _ in range(2):
            service.notices.sending.look(
                datetime(2027, 6, 30, 1, tzinfo=UTC), fresh=True
            )
            assert service.notices.sending.wait(10)
        assert sent(receiver) == [("deadline", 1)]


def test_a_date_that_jumps_is_looked_at_anew(service: Service) -> None:
    """A machine that slept: its monotonic clock stood still."""
    service.requests.forget(
        "m", ForgetOptions(concepts=("red",), due="2027-06-30"), "owner"
    )
    with webhook() as receiver:
        add(service, receiver.url, "deadline")
        for day in (1, 25, 1):
            service.notices.sending.look(datetime(2027, 6, day, tzinfo=UTC))
            assert service.notices.sending.wait(10)
        assert sent(receiver) == [("deadline", 7)]


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


LATER = Outcome(Verdict.LATER, 500, "HTTP 500")


def test_pauses_grow_and_are_measured_by_a_clock_that_no_date_moves(
    service: Service,
) -> None:
    clock = Clock()
    attempts = Attempts(service.core.home.folder / "pauses", clock)
    pauses = []
    for number in range(1, 10):
        assert attempts.failed("shop", "msg_1", LATER) == number
        began = clock.seconds
        assert attempts.waits("shop")
        while attempts.waits("shop"):
            clock.seconds += 1
        pauses.append(clock.seconds - began)
    assert pauses == sorted(pauses)[:6] + pauses[6:]
    assert 5 <= pauses[0] <= 7
    assert 21_600 <= pauses[8] <= 24_000
    assert attempts.count("shop", "msg_1") == 9
    assert attempts.count("shop", "msg_2") == 0
    attempts.forget("shop")
    assert not attempts.waits("shop")
    assert attempts.head("shop") is None


def test_a_new_start_goes_on_with_the_pause_whatever_the_date_is(
    service: Service,
) -> None:
    folder, clock = service.core.home.folder / "pauses", Clock()
    Attempts(folder, clock).failed("shop", "msg_1", LATER)
    file = folder / "attempts.json"
    for next_at, longest in (
        ("2001-01-01T00:00:00+00:00", 0),  # it is over
        # the date was set back: not longer than it was to be
        (
            "2999-01-01T00:00:00+00:00",
            6,
        ),
    ):
        heads = json.loads(file.read_text())
        heads["shop"]["next_at"] = next_at
        file.write_text(json.dumps(heads))
        again = Attempts(folder, clock)
        assert again.waits("shop") is (longest > 0)
        clock.seconds += longest
        assert not again.waits("shop")
        assert again.count("shop", "msg_1") == 1
    for damage in ("", "[]", "{", '{"shop": 3}'):
        file.write_text(damage)
        assert Attempts(folder, clock).head("shop") is None
