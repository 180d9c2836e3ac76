"""Texts and numbers that cannot be meant are refused before anything is done, by whichever door
they come.
"""

from collections.abc import Callable
from typing import Any

import pytest

from govd.errors import GovdError, Usage
from govd.models.given import Given
from govd.records.limits import LIMITS, Limit, check_document, check_number, check_text
from govd.requests import ForgetOptions
from govd.service.service import Service

ODD = {
    "surrogate": "a\ud800b",
    "nul": "a\0b",
    "bell": "a\x07b",
    "c1": "a\x85b",
    "turned": "a\u202eb",
    "separator": "a\u2028b",
}
HUGE = (2**63, -(2**63) - 1, 10**5000)


def doors(service: Service, text: str) -> dict[str, Callable[[], object]]:
    """Every way in for a text, each with the text in one place."""
    forget, requests = service.requests.forget, service.requests
    options = {
        "concepts": {"concepts": [text]},
        "aliases": {"concepts": ["red"], "aliases": [text]},
        "domains": {"concepts": ["red"], "domains": [text]},
        "ticket": {"concepts": ["red"], "ticket": text},
        "due": {"concepts": ["red"], "due": text},
        "expires": {"concepts": ["red"], "expires": text},
        "idempotency_key": {"concepts": ["red"], "idempotency_key": text},
        "method": {"concepts": ["red"], "method": text},
        "target": {"concepts": ["red"], "target": text},
    }
    found: dict[str, Callable[[], object]] = {
        name: lambda more=more: forget("m", ForgetOptions(**more), "ann")
        for name, more in options.items()
    }
    return found | {
        "model": lambda: forget(text, ForgetOptions(concepts=["red"]), "ann"),
        "model show": lambda: service.models.show(text),
        "model add": lambda: service.add_model(text, "colours", Given(), "ann"),
        "reference": lambda: service.add_model("n", text, Given(), "ann"),
        "labels": lambda: service.add_model(
            "n", "colours", Given(labels=["red", text]), "ann"
        ),
        "anchors": lambda: service.add_model(
            "n", "colours", Given(anchors=["sea", text]), "ann"
        ),
        "templates": lambda: service.add_model(
            "n", "colours", Given(templates=[text + " {}"]), "ann"
        ),
        "publish_to": lambda: service.update_model("m", Given(publish_to=text), "ann"),
        "request": lambda: requests.show(text),
        "hold": lambda: requests.hold(text, "x", "ann"),
        "filters": lambda: requests.all(concept=text),
        "since": lambda: service.audit.log(since=text + "\x01"),
        "subject": lambda: service.audit.log(subject=text),
        "as of": lambda: service.audit.as_of(text),
        "log checkpoints": lambda: service.verification.verify(["x", text + "\x01"]),
        "token": lambda: service.tokens.create("reader", text, "ann"),
        "revoke": lambda: service.tokens.revoke(text, "ann"),
        "classify": lambda: service.classify("m", [("x", b"")], labels=[text]),  # type: ignore[list-item]
        "embeddings": lambda: service.embeddings("m", texts=[text + "\x01"]),
        "answer": lambda: service.answers.show(text),
    }


@pytest.mark.parametrize("odd", ODD)
def test_no_door_lets_in_what_no_text_has(service: Service, odd: str) -> None:
    size = service.core.desk.ledger.size()
    for name, door in doors(service, ODD[odd]).items():
        with pytest.raises(Usage) as told:
            door()
        told.value.message.encode()  # can be shown
        assert len(told.value.message) < 1000, name
    assert service.core.desk.ledger.size() == size


def test_no_door_lets_in_what_is_too_long(service: Service) -> None:
    size = service.core.desk.ledger.size()
    for name, door in doors(service, "é" * 600_000).items():
        with pytest.raises(GovdError) as told:
            door()
        assert isinstance(told.value, Usage), name
        assert len(told.value.message) < 1000, name
    assert service.core.desk.ledger.size() == size


def test_texts_of_several_lines_and_other_scripts_are_texts(service: Service) -> None:
    reason = "Erstens: gelöscht.\n\tZweitens: 忘れる 🦊 \u200dمنسي"
    request = service.requests.forget(
        "m", ForgetOptions(concepts=["red"], reason=reason, ticket="№ 7"), "ann"
    )
    assert (request["reason"], request["ticket"]) == (reason, "№ 7")
    assert service.tokens.create("reader", "Ольга", "ann")["name"] == "Ольга"


@pytest.mark.parametrize("number", HUGE, ids=["over", "under", "far over"])
def test_numbers_that_no_database_keeps(service: Service, number: int) -> None:
    for door in (
        lambda: service.revision("m", number),
        lambda: service.diff("m", number, 1),
        lambda: service.requests.all(after=number),
        lambda: service.requests.all(limit=number),
        lambda: service.audit.log(after=number),
        lambda: service.audit.log(limit=number),
        lambda: service.audit.why("m", number),
        lambda: service.audit.deadlines(days=number),
        lambda: service.checkpoints.checkpoint(number),
        lambda: service.proofs.proof(number),
        lambda: service.proofs.proof(0, number),
        lambda: service.proofs.consistency(number),
        lambda: service.embeddings("m", texts=["red"], revision=number),
        lambda: service.requests.forget(
            "m", ForgetOptions(concepts=["red"], prototypes=number), "ann"
        ),
    ):
        with pytest.raises(Usage) as told:
            door()
        assert len(told.value.message) < 1000


@pytest.mark.parametrize("what", LIMITS)
def test_the_last_byte_is_let_in_and_the_next_is_not(what: str) -> None:
    most = LIMITS[what].size_bytes
    check_text("é" * (most // 2) + "a" * (most % 2), what)
    check_text("a" * most, what)
    for text in ("a" * (most + 1), "é" * (most // 2) + "aa"):
        with pytest.raises(Usage, match=f"At most {most} bytes"):
            check_text(text, what)


def test_documents_that_are_no_json() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    for wrong in (
        deep,
        {"a": float("nan")},
        [float("-inf")],
        {"\ud800": 1},
        {"a": ["\udfff"]},
        2**63,
        {"a": {"b": "\0"}},
    ):
        with pytest.raises(Usage) as told:
            check_document(wrong)
        told.value.message.encode()
    check_document({"a": [1, 2.5, None, True, "ü\n", {"b": []}], "c": 2**63 - 1})


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("\0", "the body"),
        ({"a": "\0"}, "a"),
        ({"a": {"b": [{"c": "\0"}]}}, "a.b.c"),
        ({"a": {"b": 2**63}}, "a.b"),
        ([["\ud800"]], "the body"),
    ],
)
def test_where_in_a_document_something_cannot_be_sent(
    document: Any, place: str
) -> None:
    with pytest.raises(Usage) as refused:
        check_document(document, "the body")
    assert refused.value.where == place


def test_numbers_are_those_that_a_database_keeps() -> None:
    for number in (-(2**63), 2**63 - 1, 0):
        check_number(number, "n")
    for number in (-(2**63) - 1, 2**63):
        with pytest.raises(Usage, match="out of range"):
            check_number(number, "n")


@pytest.mark.parametrize("text", ["abc", "a\nb", "äb", "\u20ac"])
def test_a_text_may_be_as_long_as_its_limit(text: str) -> None:
    assert len(text.encode()) == 3
    check_text(text, "reason", Limit(3, lines=True))
    with pytest.raises(Usage, match="too long"):
        check_text(text, "reason", Limit(2, lines=True))


SEVERAL_LINES = (
    "reason",
    "basis",
    "texts",
    "query",
    "text",
    "since",
    "witnesses",
    "roots",
)


@pytest.mark.parametrize("what", sorted(LIMITS))
def test_which_texts_have_several_lines(what: str) -> None:
    check_text("one line", what)
    if what in SEVERAL_LINES:
        check_text("two\nlines", what)
        return
    with pytest.raises(Usage):
        check_text("two\nlines", what)
