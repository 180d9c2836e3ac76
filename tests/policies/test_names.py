"""Names in policies: one spelling for all; what is hidden is never taken for what is not there."""

import pytest

from govd.errors import BadFile
from govd.policies.document import read
from govd.records.request import Request
from govd.requests import ForgetOptions
from govd.service.service import Service

RED = """name: no-red
moments: [filed]
when: "{}"
effect: deny
message: red stays
"""


def decided(service: Service, when: str, options: ForgetOptions) -> Request:
    service.policies.add(RED.format(when), "owner")
    service.policies.enforce("no-red", "owner", force=True, reason="a test")
    request = service.requests.forget("m", options, "principal:ann")
    service.reconciler.run()
    return service.requests.show(request.id)


@pytest.mark.parametrize(
    "phrases",
    [
        ("Red", ()),
        ("  red ", ()),
        ("ＲＥＤ", ()),
        ("blue", ("rED",)),
        ("re\u200bd", ()),
    ],
    ids=ascii,
)
def test_case_width_spaces_and_aliases_make_no_difference(
    service: Service, phrases: tuple[str, tuple[str, ...]]
) -> None:
    options = ForgetOptions(concepts=(phrases[0],), aliases=phrases[1])
    assert decided(service, "'red' in request.names", options)["state"] == "denied"


@pytest.mark.parametrize("name", ["blue", "dark red"])
def test_another_name_is_another_name(service: Service, name: str) -> None:
    request = decided(
        service, "'red' in request.names", ForgetOptions(concepts=(name,))
    )
    assert request["state"] != "denied"


@pytest.mark.parametrize(
    "when",
    [
        "'red' in request.names",
        "request.concepts.exists(c, c == 'red')",
        "request.ticket == 'T-1'",
        "request.basis != 'licence' && request.reason == ''",
    ],
)
def test_what_a_private_request_hides_is_not_taken_for_absent(
    service: Service, when: str
) -> None:
    request = decided(service, when, ForgetOptions(concepts=("red",), private=True))
    assert request["state"] == "waiting"
    assert "the request is private, which hides request." in request["state_reason"]
    assert service.policies.reports.replay()["agree"]


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("request.private || 'red' in request.names", "denied"),
        ("!request.private && 'red' in request.names", "in_force"),
        ("request.paradigm == 'domains'", "in_force"),
        ("actor.name == 'request.names'", "in_force"),
    ],
)
def test_who_asks_whether_it_is_private_has_an_answer(
    service: Service, when: str, state: str
) -> None:
    request = decided(service, when, ForgetOptions(concepts=("red",), private=True))
    assert request["state"] == state


@pytest.mark.parametrize(
    ("when", "column", "right"),
    [
        ("'Dog' in request.names", 9, "dog"),
        ("'hot-dog' in request.names", 9, "hot dog"),
        ("request.names.exists(n, n in ['dog', 'Cat'])", 46, "cat"),
        ("request.names.exists(n, n == 'dog ')", 38, "dog"),
    ],
)
def test_a_spelling_that_no_name_has_is_refused(
    when: str, column: int, right: str
) -> None:
    with pytest.raises(BadFile, match="never has") as error:
        read(RED.format(when), "red.yaml")
    assert error.value.where == f"red.yaml:3:{column}"
    assert f"'{right}'" in (error.value.advice or "")


def test_other_texts_are_spelled_as_they_are() -> None:
    read(RED.format("request.names.exists(n, n == 'dog') && 'Legal' in actor.roles"))
    read(RED.format("request.names.exists(n, n.matches('^(?i)Dog'))"))
    read(RED.format("'Dog' in request.concepts"))
