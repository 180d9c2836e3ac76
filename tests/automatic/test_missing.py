"""Rows that disappear from a feed: kept and told, or taken back by the votes; never all of them
because a feed came back empty, cut off or unreadable.
"""

from typing import Any

import pytest

from govd.requests import ForgetOptions
from govd.service.service import Service
from tests.automatic.conftest import Nightly


def missing(run: Any) -> list[tuple[str, str]]:
    return [(row["request"], row["answer"]) for row in run["missing"]]


def in_force(nightly: Nightly, *names: str) -> list[str]:
    """Ids of the requests of these names, filed by the feed and served."""
    run = nightly.run("".join(f"{name}\n" for name in names), "names.txt")
    nightly.settle()
    return [row["request"] for row in run["rows"]]


def test_a_row_that_disappears_is_kept_and_told(nightly: Nightly) -> None:
    nightly.add()
    red, _ = in_force(nightly, "red", "blue")
    run = nightly.run("blue\n", "names.txt")
    assert missing(run) == [(red, "kept")]
    nightly.settle()
    assert nightly.states()["red"] == "in_force"


def test_a_row_that_disappears_gets_a_revert_and_may_come_back(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    red, blue = in_force(nightly, "red", "blue")
    run = nightly.run("blue\n", "names.txt")
    (row,) = run["missing"]
    assert (row["request"], row["answer"]) == (red, "reverted")
    revert = service.requests.show(row["revert"])
    assert (revert.filed_by, revert.reverts) == ("feed:nightly", red)
    assert revert.source == {"feed": "nightly", "of": red}
    nightly.settle()
    assert service.requests.show(red).state == "reverted"
    assert service.requests.show(blue).state == "in_force"
    again = nightly.run("blue\nred\n", "names.txt")
    assert [row["answer"] for row in again["rows"]] == ["already", "filed"]
    assert missing(again) == []
    nightly.settle()
    new = again["rows"][1]["request"]
    assert new != red
    assert service.requests.show(new).state == "in_force"


def test_the_same_scope_in_other_words_has_not_disappeared(nightly: Nightly) -> None:
    nightly.add("revert")
    nightly.run("concept,ticket,domains\nred,T-1,\nblue|navy,T-2,bright|dark\n")
    run = nightly.run("concept,ticket,domain\nred,T-9,\nnavy|blue,T-2,dark|bright\n")
    assert missing(run) == []
    assert [row["answer"] for row in run["rows"]] == ["already", "already"]


def test_what_waits_is_withdrawn_and_may_come_back(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    (navy,) = in_force(nightly, "navy")
    assert service.requests.show(navy).state == "waiting"
    run = nightly.run("red\n", "names.txt")
    assert missing(run) == [(navy, "withdrawn")]
    assert service.requests.show(navy).state == "withdrawn"
    again = nightly.run("red\nnavy\n", "names.txt")
    assert [row["answer"] for row in again["rows"]] == ["already", "filed"]


def test_a_legal_hold_leaves_it_alone(nightly: Nightly, service: Service) -> None:
    nightly.add("revert")
    red, navy = in_force(nightly, "red", "navy")
    for request in (red, navy):
        service.requests.hold(request, "litigation", "ann")
    run = nightly.run("blue\n", "names.txt")
    assert missing(run) == [(red, "kept"), (navy, "kept")]
    assert "legal hold" in run["missing"][0]["reason"]


def test_what_somebody_else_filed_is_none_of_its_business(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    other = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    in_force(nightly, "red", "blue")
    run = nightly.run("blue\n", "names.txt")
    assert missing(run) == []
    assert service.requests.show(other.id).state == "in_force"


def test_documents_of_other_names_take_nothing_back(nightly: Nightly) -> None:
    nightly.add("revert")
    in_force(nightly, "red")
    assert missing(nightly.run("blue\n", "brand.txt")) == []
    (nightly.folder / "names.txt").unlink()
    assert nightly.look() == [], "a file that is gone takes nothing back"
    nightly.settle()
    assert nightly.states() == {"red": "in_force", "blue": "in_force"}


@pytest.mark.parametrize(
    "content", [b"", b"concept,ticket\n", b"# all gone\n", b"\xff\xfe\x00"]
)
def test_what_comes_back_empty_or_unreadable_is_held(
    nightly: Nightly, service: Service, content: bytes
) -> None:
    nightly.add("revert")
    in_force(nightly, "red", "blue")
    run = nightly.run(content, "names.txt")
    assert run["state"] == "held"
    nightly.settle()
    assert nightly.states() == {"red": "in_force", "blue": "in_force"}
    if b"\xff" in content:
        return
    assert "empty" in run["reason"]
    released = service.feeds.release("nightly", 2, "the list is closed", "ann")
    assert [row["answer"] for row in released["missing"]] == ["reverted", "reverted"]
    nightly.settle()
    assert nightly.states() == {"red": "reverted", "blue": "reverted"}


def test_a_row_that_cannot_be_read_might_be_the_missing_one(nightly: Nightly) -> None:
    nightly.add("revert")
    red, _ = in_force(nightly, "red", "blue")
    run = nightly.run("concept,strength\nred,much\nblue,\n", "names.txt")
    assert missing(run) == [(red, "kept")]
    assert "cannot be read" in run["missing"][0]["reason"]


def test_a_list_that_is_cut_off_is_held(nightly: Nightly, service: Service) -> None:
    nightly.add("revert")
    nightly.run("".join(f"colour {n}\n" for n in range(20)), "names.txt")
    run = nightly.run("".join(f"colour {n}\n" for n in range(9)), "names.txt")
    assert run["state"] == "held"
    assert "11 of its 20" in run["reason"]
    kept = nightly.run("".join(f"colour {n}\n" for n in range(11)), "names.txt")
    assert (kept["state"], kept["counts"]["withdrawn"]) == ("done", 9)
    released = service.feeds.release("nightly", 2, "it is right", "ann")
    assert released["counts"]["missing"] == 0, "a later document came in its place"


def test_a_revert_that_people_refuse_is_not_asked_for_again(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    red, _ = in_force(nightly, "red", "blue")
    (row,) = nightly.run("blue\n", "names.txt")["missing"]
    service.requests.decide(row["revert"], "withdraw", "red stays forgotten", "ann")
    (again,) = nightly.run("blue\npink\n", "names.txt")["missing"]
    assert (again["request"], again["answer"], again["revert"]) == (
        red,
        "kept",
        row["revert"],
    )


def test_a_row_that_comes_back_in_time_takes_its_revert_back(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    red, _ = in_force(nightly, "red", "blue")
    (row,) = nightly.run("blue\n", "names.txt")["missing"]
    again = nightly.run("blue\nred\n", "names.txt")
    assert [row["answer"] for row in again["rows"]] == ["already", "already"]
    nightly.settle()
    assert service.requests.show(row["revert"]).state == "withdrawn"
    assert service.requests.show(red).state == "in_force"


def test_what_nobody_can_compare_any_more_stays(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    run = nightly.run("concept,private\nred,yes\nblue,yes\n")
    nightly.settle()
    red, blue = (row["request"] for row in run["rows"])
    service.requests.shred(red, "her wish", "ann")
    again = nightly.run("concept,private\nred,yes\npink,yes\n")
    assert [row["answer"] for row in again["rows"]] == ["already", "filed"]
    assert missing(again) == [(red, "kept"), (blue, "reverted")]
    assert "destroyed" in again["missing"][0]["reason"]


def test_what_is_gone_back_and_gone_again_is_asked_for_again(
    nightly: Nightly, service: Service
) -> None:
    text = "name: look\nmoments: [revert]\nwhen: 'true'\neffect: {wait: {n: 1}}\n"
    service.policies.add(text, "owner")
    service.policies.enforce("look", "owner", force=True, reason="a test")
    nightly.add("revert")
    nightly.run("concept\nred\nblue\n")
    nightly.settle()
    first = nightly.run("concept\nblue\n")["missing"][0]["revert"]
    nightly.settle()
    nightly.run("concept\nblue\nred\n")
    assert service.requests.show(first).state == "withdrawn"
    (again,) = nightly.run("concept\nblue\n\n")["missing"]
    assert again["answer"] == "reverted"
    assert again["revert"] != first
