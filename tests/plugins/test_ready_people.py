"""Ready policies about who asks, how much he asks for, and who must agree."""

import pytest

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


def test_a_revert_waits_for_somebody_else_and_a_forget_does_not(service: Service) -> None:
    enforced(service, "four-eyes")
    forget = filed(service, concepts=("red",))
    assert forget["state"] == "in_force"
    revert = service.revert(forget.id, "a mistake", "principal:ann")
    service.reconcile()
    waiting = service.requests.show(revert.id)
    assert waiting["state"] == "waiting"
    assert waiting["state_reason"].startswith("four-eyes:")
    assert waiting["votes"][-1]["needs"] == {"n": 1, "role": None, "not_filer": True}
    assert service.requests.show(forget.id)["state"] == "in_force"


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
    states = [filed(service, "principal:ann", concepts=(c,))["state"] for c in COLOURS[:3]]
    assert states == ["in_force", "in_force", "waiting"]
    assert filed(service, "principal:bob", concepts=(COLOURS[3],))["state"] == "in_force"


def test_what_is_filed_in_one_go_counts_one_after_the_other(service: Service) -> None:
    enforced(service, "quota", day="2")
    options = [ForgetOptions(concepts=(colour,)) for colour in COLOURS]
    ids = [service.forget("m", option, "principal:ann").id for option in options]
    service.reconcile()
    states = [service.requests.show(one)["state"] for one in ids]
    assert states == ["in_force", "in_force", "waiting", "waiting"]


def test_a_revert_is_never_held_up_by_a_quota(service: Service) -> None:
    enforced(service, "quota", day="1")
    forget = filed(service, concepts=("red",))
    service.revert(forget.id, "a mistake", "principal:ann")
    service.reconcile()
    assert service.requests.show(forget.id)["state"] == "reverted"
