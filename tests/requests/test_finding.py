"""Requests by what is asked for: names, reasons, tickets, times; private ones by exact names."""

import unicodedata
from typing import Any

import pytest

from govd.errors import NotFound, Usage
from govd.requests import ForgetOptions
from govd.service.service import Service


def file(service: Service, *concepts: str, **more: Any) -> str:
    return str(
        service.requests.forget("m", ForgetOptions(concepts=concepts, **more), "ann")[
            "id"
        ]
    )


def ids(service: Service, **filters: Any) -> list[str]:
    return [request.id for request in service.requests.all(**filters)]


@pytest.fixture
def filed(service: Service) -> dict[str, str]:
    """A public forget and private ones, in the order of their filing."""
    return {
        "red": file(
            service, "red", reason="Asked by the Rights holder", ticket="HELP-1"
        ),
        "blue": file(service, "blue", private=True, reason="a court"),
        "green": file(service, "green", aliases=("verdant",), private=True),
    }


def test_a_private_one_is_found_by_its_exact_name_alone(
    service: Service, filed: dict[str, str]
) -> None:
    assert ids(service, concept="blue") == []
    assert ids(service, concept="Blue", private_too=True) == [filed["blue"]]
    assert ids(service, concept="verdant", private_too=True) == [filed["green"]]
    assert ids(service, concept="blu", private_too=True) == []
    assert ids(service, concept="red", private_too=True) == [filed["red"]]
    assert ids(service, concept="blue", private_too=True, reason="court") == []
    assert ids(service, concept="blue", private_too=True, model="m", limit=1) == [
        filed["blue"]
    ]


def test_whose_text_was_destroyed_is_found_by_no_name(
    service: Service, filed: dict[str, str]
) -> None:
    service.requests.shred(filed["blue"], "fulfilled", "dpo")
    assert ids(service, concept="blue", private_too=True) == []
    assert ids(service, concept="verdant", private_too=True) == [filed["green"]]


def test_letters_are_found_in_whatever_form_they_are_typed(service: Service) -> None:
    open_request = file(service, "café", reason="lettre de José")
    hidden = file(service, "Genève", private=True)
    for form in ("NFC", "NFD"):
        typed = [
            unicodedata.normalize(form, text) for text in ("CAFÉ", "genève", "josé")
        ]
        assert ids(service, concept=typed[0]) == [open_request]
        assert ids(service, concept=typed[1], private_too=True) == [hidden]
        assert ids(service, reason=typed[2]) == [open_request]


def test_a_beginning_of_an_id_stands_for_it_from_four_characters_on(
    service: Service, filed: dict[str, str]
) -> None:
    red = filed["red"]
    assert service.requests.show(red[:6]).id == red
    with pytest.raises(NotFound, match="too short: at least 4 characters"):
        service.requests.show(red[:3])
    with pytest.raises(NotFound, match="does not exist"):
        service.requests.show("x")


def test_by_reason_ticket_and_time(service: Service, filed: dict[str, str]) -> None:
    assert ids(service, reason="RIGHTS") == [filed["red"]]
    assert ids(service, ticket="help-1") == [filed["red"]]
    assert ids(service, reason="court") == [], "it is kept private"
    assert ids(service) == list(filed.values())
    assert ids(service, limit=2) == list(filed.values())[:2]
    first = service.requests.show(filed["red"]).seq
    assert ids(service, after=first) == list(filed.values())[1:]
    assert ids(service, since="2000-01-01") == list(filed.values())
    assert ids(service, until="2000-01-01") == []
    with pytest.raises(Usage):
        ids(service, since="yesterday")
    with pytest.raises(NotFound):
        ids(service, model="never")


@pytest.mark.parametrize(
    ("method", "target"),
    [("fitted", "unnamed"), ("oblique", "unnamed"), ("nullspace", None)],
)
def test_a_target_is_of_methods_that_have_some(
    service: Service, method: str, target: str | None
) -> None:
    request = service.requests.show(file(service, "red", method=method))
    assert request.target == target
