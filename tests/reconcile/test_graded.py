"""A revision's claims: graded from the attacks that were measured, told by `evaluate`, kept in the
ledger, quoted by a bundle.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, Usage
from govd.grades import ATTACKS, RUNGS, claim_of
from govd.service.service import Service
from govd.verify.honest import grades
from tests.cli.conftest import Shell, govd  # noqa: F401 - a fixture
from tests.service.test_service import forget, published


def by_attack(leak: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["attack"]: one for one in leak["attacks"]}


def test_every_attack_is_told_with_its_state_and_each_forget_has_a_grade(
    service: Service,
) -> None:
    forget(service, "red")
    forget(service, "blue", domains=("dark",))
    service.reconciler.measure()
    leaks = published(service)["metrics"]["leaks"]
    assert len(leaks) == 2
    for leak in leaks:
        assert [one["attack"] for one in leak["attacks"]] == list(ATTACKS)
        assert [rung["rung"] for rung in leak["rungs"]] == list(RUNGS)
        assert 0 <= leak["grade"] <= len(RUNGS)
        for one in leak["attacks"]:
            assert (
                one["state"] == "unmeasured"
                or one["interval"][0] <= one["now"] <= one["interval"][1]
            )
    assert all(
        one["why"]
        for leak in leaks
        for one in leak["attacks"]
        if one["state"] == "unmeasured"
    )
    assert grades(published(service)["metrics"])[0].startswith("On ")


def test_the_claim_of_an_evaluation_is_that_of_the_revision(service: Service) -> None:
    forget(service, "red")
    service.reconciler.measure()
    (kept,), (now,) = (
        published(service)["metrics"]["leaks"],
        service.evaluate("m", None)["metrics"]["leaks"],
    )
    assert claim_of(kept) == claim_of(now)
    probe = by_attack(now)["probe"]
    assert probe["state"] == "found", (
        "an edit of rank one hides nothing from a probe of colours"
    )
    assert now["grade"] <= list(RUNGS).index("learned")


def test_other_words_are_tried_where_they_are_given(service: Service) -> None:
    forget(service, "red")
    (plain,) = service.evaluate("m", None)["metrics"]["leaks"]
    assert by_attack(plain)["translations"]["state"] == "unmeasured"
    (leak,) = service.evaluate(
        "m", None, words={"red": {"": ["crimson"], "de": ["rot"], "fr": ["rouge"]}}
    )["metrics"]["leaks"]
    assert by_attack(leak)["translations"]["needs"] == {"words": 2}
    assert (
        by_attack(leak)["synonyms"]["needs"]["words"]
        == 1 + by_attack(plain)["synonyms"].get("needs", {"words": 0})["words"]
    )
    with pytest.raises(Usage, match="not a label"):
        service.evaluate("m", None, words={"crimson": ["red"]})


def test_no_word_of_a_private_forget_is_kept(service: Service) -> None:
    forget(service, "red", private=True, reason="Ms Example asked")
    service.reconciler.measure()
    (leak,) = published(service)["metrics"]["leaks"]
    assert "worst" not in json.dumps(leak)
    assert leak["rungs"]


def test_an_alias_is_another_word(service: Service) -> None:
    forget(service, "red", aliases=("scarlet",))
    (leak,) = service.evaluate("m", None)["metrics"]["leaks"]
    words = by_attack(leak)["synonyms"]["needs"]["words"]
    forget(service, "blue")
    other = next(
        x
        for x in service.evaluate("m", None)["metrics"]["leaks"]
        if x["scope"]["concepts"][0]["name"] == "blue"
    )
    assert words == 1 + by_attack(other)["synonyms"].get("needs", {"words": 0})["words"]


def test_a_file_of_words_is_read_or_refused(govd: Shell, tmp_path: Path) -> None:  # noqa: F811
    govd("forget", "red", "--model", "m", "--reason", "r")
    file = tmp_path / "words.json"
    file.write_text('{"red": {"de": ["rot"]}}', encoding="utf-8")
    found: Any = govd.json("evaluate", "m", "--words", str(file))
    assert by_attack(found["metrics"]["leaks"][0])["translations"]["needs"] == {
        "words": 1
    }
    printed = govd("evaluate", "m", "--words", str(file)).output
    assert f"of {len(RUNGS)}:" in " ".join(printed.split())
    assert "attacks on red everywhere" in printed
    for text in ("[]", '{"red": "rot"}', '{"red": [1]}', '{"red": {"de": "rot"}}', "{"):
        file.write_text(text, encoding="utf-8")
        assert isinstance(govd.refused("evaluate", "m", "--words", str(file)), BadFile)
