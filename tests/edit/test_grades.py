"""A claim goes as far as attacks were measured and failed, and no further."""

from __future__ import annotations

from typing import Any

import pytest

from govd.edit.attacks import graded
from govd.edit.attacks.readings import (
    Attempt,
    area_reading,
    place_reading,
    share_reading,
)
from govd.grades import ATTACKS, RUNGS, claim_of, cost_of, value_of

BEFORE, GONE = share_reading(28, 30, 0.0), share_reading(0, 30, 0.0)
KNOWN, LEVEL = (
    area_reading(0.98, 30, 300, both_ways=True),
    area_reading(0.5, 30, 300, both_ways=True),
)


def failing(**other: Attempt) -> list[Attempt]:
    """Every attack that the ladder asks for, all of which fail, but those that are given."""
    some = {
        name: Attempt(name, BEFORE, GONE)
        for name, attack in ATTACKS.items()
        if attack.measure == "share"
    }
    some |= {
        name: Attempt(name, KNOWN, LEVEL)
        for name, attack in ATTACKS.items()
        if attack.measure == "area"
    }
    return list((some | other).values())


def rungs(record: dict[str, Any]) -> dict[str, str]:
    return {rung["rung"]: rung["state"] for rung in record["rungs"]}


def test_all_attacks_fail() -> None:
    record = graded(failing())
    assert record["grade"] == len(RUNGS)
    assert set(rungs(record).values()) == {"held"}
    assert claim_of(record).endswith("not restored from the edited vectors")


@pytest.mark.parametrize("rung", list(RUNGS))
def test_the_claim_ends_before_the_first_attack_that_works(rung: str) -> None:
    for attack in (*RUNGS[rung].required, *RUNGS[rung].optional):
        before, now = (
            (BEFORE, BEFORE) if ATTACKS[attack].measure == "share" else (KNOWN, KNOWN)
        )
        record = graded(failing(**{attack: Attempt(attack, before, now)}))
        assert record["grade"] == list(RUNGS).index(rung)
        assert rungs(record)[rung] == "found"
        assert RUNGS[rung].broken in claim_of(record)


@pytest.mark.parametrize("rung", list(RUNGS))
def test_what_was_not_measured_is_not_claimed(rung: str) -> None:
    for attack in RUNGS[rung].required:
        for other in (Attempt(attack, why="no encoder"), None):
            some = [a for a in failing() if a.attack != attack] + (
                [other] if other else []
            )
            record = graded(some)
            assert record["grade"] == list(RUNGS).index(rung)
            assert rungs(record)[rung] == "unmeasured"
            assert "not measured" in claim_of(record)


def test_what_is_optional_may_be_missing_and_breaks_where_it_works() -> None:
    assert graded([a for a in failing() if a.attack != "translations"])["grade"] == len(
        RUNGS
    )
    assert (
        graded(failing(translations=Attempt("translations", BEFORE, BEFORE)))["grade"]
        == 1
    )


def test_too_few_pictures_claim_nothing() -> None:
    """None of two pictures is named: with none of two, more than half may be."""
    record = graded(
        failing(
            label=Attempt("label", share_reading(2, 2, 0.0), share_reading(0, 2, 0.0))
        )
    )
    assert record["grade"] == 0
    assert rungs(record)["named"] == "few"
    assert "too few pictures" in claim_of(record)


def test_what_the_unedited_model_did_not_know_is_not_forgotten() -> None:
    record = graded(failing(label=Attempt("label", GONE, GONE)))
    assert rungs(record)["named"] == "unknown"
    assert "the unedited model did not" in claim_of(record)


def test_a_prompt_that_never_worked_says_nothing_against_the_others() -> None:
    record = graded(failing(unseen_prompts=Attempt("unseen_prompts", GONE, GONE)))
    assert rungs(record)["reworded"] == "held"
    never = {name: Attempt(name, GONE, GONE) for name in RUNGS["reworded"].required}
    assert rungs(graded(failing(**never)))["reworded"] == "unknown"


def test_one_picture_is_enough_where_others_are_never_named_so() -> None:
    one = Attempt("label", share_reading(28, 30, 0.0), share_reading(1, 30, 0.0))
    assert one.state == "found"
    assert (
        Attempt("label", share_reading(28, 30, 0.05), share_reading(1, 30, 0.05)).state
        == "held"
    )


def test_an_order_read_backwards_works_as_well_for_words_and_examples_alone() -> None:
    backwards = area_reading(0.1, 30, 300, both_ways=True)
    assert Attempt("search", KNOWN, backwards).state == "found"
    assert Attempt("probe", KNOWN, area_reading(0.1, 30, 300)).state == "held"


def test_the_difference_names_a_word_among_the_first_in_twenty() -> None:
    assert Attempt("base_diff", now=place_reading(4, 100)).state == "found"
    assert Attempt("base_diff", now=place_reading(6, 100)).state != "found"


def test_the_ladder_is_made_of_attacks_from_cheap_to_dear() -> None:
    order = [a for rung in RUNGS.values() for a in (*rung.required, *rung.optional)]
    assert len(order) == len(set(order))
    assert set(order) == set(ATTACKS) - {"base_diff"}


def test_costs_and_values_are_said_in_figures() -> None:
    probe = Attempt("probe", KNOWN, LEVEL, {"pictures": 30, "others": 300}).as_json()
    assert cost_of(probe) == "30 pictures of it and 300 others, labelled"
    assert value_of(probe) == "AUC 0.50"
    assert value_of(Attempt("label", BEFORE, GONE).as_json(), "before") == "93.3 %"
    told = Attempt(
        "base_diff", now=place_reading(2, 100), needs={"words": 100}, place=2
    ).as_json()
    assert value_of(told) == "place 2 of 100"
    assert "100 words" in cost_of(told)


def test_records_that_somebody_wrote_himself_are_read_as_nothing() -> None:
    for leak in (
        {},
        {"rungs": 3},
        {"rungs": [{"rung": "learned", "state": "held"}]},
        {"rungs": [1, {"state": "held"}], "grade": 6},
    ):
        assert claim_of(leak).startswith(f"grade 0 of {len(RUNGS)}: nothing is claimed")
