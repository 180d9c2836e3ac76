"""Ready policies about who asks, how much he asks for, and who must agree."""

from datetime import UTC, datetime, timedelta

import pytest

from govd.records.request import Request
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Needs
from tests.plugins.ready import answer, enforced, filed, says

COLOURS = ("red", "green", "blue", "yellow")


def needs(name: str, moment: str, **values: str) -> Needs | None:
    effect = answer(name, moment, {}, **values).effect
    assert effect is not None
    assert effect.kind == "wait"
    return effect.needs


def test_four_eyes_are_those_of_somebody_else() -> None:
    assert needs("four-eyes", "revert") == Needs(1, None, True)
    assert needs("four-eyes", "revert", n="2") == Needs(2, None, True)
    assert needs("four-eyes", "extend", moments="filed,extend") == Needs(1, None, True)


def test_a_hold_ends_when_two_people_ask_for_it_whoever_filed() -> None:
    assert needs("four-eyes-release", "release") == Needs(2, None, False)


def test_a_revert_waits_for_somebody_else_and_a_forget_does_not(
    service: Service,
) -> None:
    enforced(service, "four-eyes")
    forget = filed(service, concepts=("red",))
    assert forget["state"] == "in_force"
    revert = service.requests.revert(forget.id, "a mistake", "principal:ann")
    service.reconciler.run()
    waiting = service.requests.show(revert.id)
    assert waiting["state"] == "waiting"
    assert waiting["state_reason"].startswith("four-eyes:")
    assert waiting["votes"][-1]["needs"] == {"n": 1, "role": None, "not_filer": True}
    assert service.requests.show(forget.id)["state"] == "in_force"


@pytest.fixture
def people(service: Service) -> None:
    """Ann and Bob, both operators; Lea is of legal."""
    for name, roles in (
        ("ann", ["operator"]),
        ("bob", ["operator"]),
        ("lea", ["legal"]),
    ):
        service.principals.add(name, roles, "", "owner")


def state(service: Service, request: Request) -> str:
    service.reconciler.run()
    return str(service.requests.show(request.id)["state"])


@pytest.mark.usefixtures("people")
def test_a_filer_s_own_word_does_not_take_a_forget_back_and_another_s_does(
    service: Service,
) -> None:
    enforced(service, "four-eyes")
    forget = filed(service, concepts=("red",))
    revert = service.requests.revert(forget.id, "a mistake", "principal:ann")
    assert state(service, revert) == "waiting"
    service.requests.decide(revert.id, "approve", "", "principal:ann")
    assert state(service, revert) == "waiting"
    service.requests.decide(revert.id, "approve", "", "principal:bob")
    assert state(service, revert) == "done"
    assert state(service, forget) == "reverted"


@pytest.mark.usefixtures("people")
def test_a_hold_stands_until_a_second_person_asks(service: Service) -> None:
    enforced(service, "four-eyes-release")
    forget = filed(service, concepts=("red",))
    service.requests.hold(forget.id, "case 7", "principal:bob")
    for reason in ("over", "over, I said"):
        service.requests.release(forget.id, reason, "principal:ann")
        assert service.requests.show(forget.id).hold is not None
    service.requests.release(forget.id, "case closed", "principal:bob")
    assert service.requests.show(forget.id).hold is None


@pytest.mark.usefixtures("people")
def test_more_time_is_given_by_two_where_it_is_asked_of_them(service: Service) -> None:
    enforced(service, "four-eyes", moments="filed,extend")
    forget = filed(service, concepts=("red",))
    due = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    service.requests.extend(forget.id, due, "late", "principal:ann")
    assert service.requests.show(forget.id)["due_at"] is None
    service.requests.extend(forget.id, due, "late", "principal:bob")
    assert str(service.requests.show(forget.id)["due_at"]).startswith(due)


@pytest.mark.usefixtures("people")
def test_what_legal_holds_is_let_through_by_legal_or_filed_by_legal(
    service: Service,
) -> None:
    enforced(service, "legal-hold", names="red,blue")
    held = filed(service, concepts=("red",))
    service.requests.decide(held.id, "approve", "", "principal:bob")
    assert state(service, held) == "waiting"
    service.requests.decide(held.id, "approve", "", "principal:lea")
    assert state(service, held) == "in_force"
    assert filed(service, "principal:lea", concepts=("blue",))["state"] == "in_force"


@pytest.mark.usefixtures("people")
def test_what_is_sensitive_is_not_let_through_by_who_filed_it(service: Service) -> None:
    enforced(service, "sensitive", names="red", role="legal")
    forget = filed(service, "principal:lea", concepts=("red",))
    service.requests.decide(forget.id, "approve", "", "principal:lea")
    assert state(service, forget) == "waiting"
    service.principals.add("max", ["legal"], "", "owner")
    service.requests.decide(forget.id, "approve", "", "principal:max")
    assert state(service, forget) == "in_force"


def test_told_so_it_holds_for_forgets_too(service: Service) -> None:
    enforced(service, "four-eyes", moments="filed,revert")
    assert filed(service, concepts=("red",))["state"] == "waiting"


@pytest.mark.parametrize(
    ("counts", "effect"),
    [
        ((1, 9, 29), ""),
        ((2, 2, 2), "wait"),
        ((0, 10, 10), "wait"),
        ((0, 0, 30), "wait"),
    ],
)
def test_each_span_has_its_quota(counts: tuple[int, int, int], effect: str) -> None:
    day, week, month = counts
    seen = {"history": {"filed_day": day, "filed_week": week, "filed_month": month}}
    assert says("quota", "filed", seen, day="2", week="10", month="30") == effect


def test_beyond_his_quota_somebody_waits_and_others_do_not(service: Service) -> None:
    enforced(service, "quota", day="2")
    states = [
        filed(service, "principal:ann", concepts=(c,))["state"] for c in COLOURS[:3]
    ]
    assert states == ["in_force", "in_force", "waiting"]
    assert (
        filed(service, "principal:bob", concepts=(COLOURS[3],))["state"] == "in_force"
    )


def test_what_is_filed_in_one_go_counts_one_after_the_other(service: Service) -> None:
    enforced(service, "quota", day="2")
    options = [ForgetOptions(concepts=(colour,)) for colour in COLOURS]
    ids = [
        service.requests.forget("m", option, "principal:ann").id for option in options
    ]
    service.reconciler.run()
    states = [service.requests.show(one)["state"] for one in ids]
    assert states == ["in_force", "in_force", "waiting", "waiting"]


def test_a_revert_is_never_held_up_by_a_quota(service: Service) -> None:
    enforced(service, "quota", day="1")
    forget = filed(service, concepts=("red",))
    service.requests.revert(forget.id, "a mistake", "principal:ann")
    service.reconciler.run()
    assert service.requests.show(forget.id)["state"] == "reverted"
