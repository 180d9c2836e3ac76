"""Policies tried on past requests: also as a file that was not added, and beside other votes."""

import pytest

from govd.errors import BadFile
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record

DENY = """name: no-red
moments: [filed]
when: "'red' in request.names"
effect: deny
message: red stays
"""
WAIT = DENY.replace("deny", "wait")
ALLOW = "name: by-itself\nmoments: [filed]\nwhen: 'true'\neffect: allow\n"


def filed(service: Service, *concepts: str) -> None:
    for concept in concepts:
        service.requests.forget(
            "m", ForgetOptions(concepts=(concept,)), "principal:ann"
        )
    service.reconciler.run()


def rows(test: Record) -> list[tuple[str, str, str]]:
    return [(row["concepts"][0], row["was"], row["would"]) for row in test["rows"]]


def enforced(service: Service, text: str) -> None:
    name = str(service.policies.add(text, "owner")["name"])
    service.policies.enforce(name, "owner", force=True, reason="a test")


def test_a_text_that_was_not_added_is_tried_and_leaves_nothing(
    service: Service,
) -> None:
    filed(service, "red", "blue")
    before = service.core.desk.ledger.size
    tried = service.policies.reports.test_text(DENY, "red.yaml")
    assert rows(tried) == [("red", "allow", "deny"), ("blue", "allow", "allow")]
    assert service.core.desk.ledger.size == before
    assert service.policies.all() == []
    service.policies.add(DENY, "owner")
    assert service.policies.reports.test("no-red") == tried


def test_what_is_wrong_in_it_is_told_with_its_place(service: Service) -> None:
    with pytest.raises(BadFile) as error:
        service.policies.reports.test_text(DENY.replace("names", "nmaes"), "red.yaml")
    assert str(error.value.where).startswith("red.yaml:3:")


def test_a_softer_text_takes_the_place_of_the_one_that_held_it_up(
    service: Service,
) -> None:
    enforced(service, DENY)
    filed(service, "red")
    assert rows(service.policies.reports.test_text(WAIT)) == [("red", "deny", "wait")]
    softer = DENY.replace("'red'", "'green'")
    assert rows(service.policies.reports.test_text(softer)) == [
        ("red", "deny", "allow")
    ]


def test_what_allows_does_not_overrule_what_another_holds_up(service: Service) -> None:
    enforced(service, WAIT)
    filed(service, "red", "blue")
    assert rows(service.policies.reports.test_text(ALLOW)) == [
        ("red", "wait", "wait"),
        ("blue", "allow", "allow"),
    ]


def test_where_people_approve_it_would_have_approved_by_itself(
    service: Service,
) -> None:
    object.__setattr__(service.core.home.settings, "approval", "person")
    filed(service, "red")
    assert rows(service.policies.reports.test_text(ALLOW)) == [("red", "wait", "allow")]
    (request,) = service.requests.all()
    service.requests.decide(str(request["id"]), "approve", "", "principal:bob")
    assert rows(service.policies.reports.test_text(ALLOW)) == [("red", "wait", "allow")]
