"""Texts of policies: what is refused, with the line and column where it stands."""

import time

import pytest

from govd.errors import BadFile
from govd.policies.document import read
from govd.policies.effects import Effect
from govd.records.policy import Mode
from govd.types import Needs

TEXT = """name: two-people
version: 3
moments: [filed, approve]
when: predicted.cost == null || predicted.cost > 0.02
effect: {wait: {n: 2, role: legal, not: filer}}
message: over 2 % two people of legal approve
"""
BLOCK = """name: due
moments: [filed]
when: |
  request.basis == 'licence' &&
    predicted.const > 0.02
effect: {set: {due: 7d, expires: 90d}}
"""


def test_a_policy_is_read_whole() -> None:
    document = read(TEXT)
    assert document.name == "two-people"
    assert document.version == "3"
    assert document.moments == ("filed", "approve")
    assert document.effect == Effect("wait", Needs(2, "legal", True))
    assert document.mode is Mode.SHADOW, "what says nothing is tried first"
    assert read(BLOCK.replace("const", "cost")).effect == Effect(
        "set", due_seconds=7 * 86_400, expires_seconds=90 * 86_400
    )


def test_another_text_has_another_digest() -> None:
    assert read(TEXT).digest != read(TEXT.replace("0.02", "0.03")).digest


@pytest.mark.parametrize(
    ("was", "wrong", "place", "what"),
    [
        ("moments", "momets", "3:1", "Did you mean moments"),
        ("filed, ", "fild, ", "3:11", "Did you mean filed"),
        ("0.02", "2", "4:48", "write 1.0"),
        ("cost >", "costs >", "4:42", "Did you mean cost"),
        ("wait:", "wiat:", "5:10", "Did you mean wait"),
        ("n: 2", "n: two", "5:20", "whole number"),
        ("n: 2", "n: 0", "5:20", "whole number"),
        ("filer", "me", "5:41", "not is filer"),
        ("two-people", "Two People", "1:7", "hyphens"),
        ("effect: {", "effect: {{", "6:1", "no YAML"),
        ("version: 3", "version: 3\nversion: 4", "3:1", "said twice"),
        ("[filed", "[&a filed", "3:11", "anchors"),
        ("[filed, approve]", "[gate]", "5:9", "nobody approves a revision"),
        (
            "{wait: {n: 2, role: legal, not: filer}}",
            "{propose: revert}",
            "5:9",
            "moment propose",
        ),
        ("message", "mode: sometimes\nmessage", "6:7", "no mode"),
        ("effect", "efect", "5:1", "Did you mean effect"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(
    was: str, wrong: str, place: str, what: str
) -> None:
    with pytest.raises(BadFile) as error:
        read(TEXT.replace(was, wrong, 1), "rules.yaml")
    assert error.value.where == f"rules.yaml:{place}"
    assert what in error.value.message


def test_the_place_in_a_block_is_that_in_the_file() -> None:
    with pytest.raises(BadFile) as error:
        read(BLOCK, "rules.yaml")
    assert error.value.where == "rules.yaml:5:14"


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "{" * 60_000, "- " * 30_000, "? " * 30_000]
)
def test_what_is_brackets_in_brackets_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(BadFile, match="levels"):
        read(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "name: x\n", "\t", "a: " * 40, "x" * 70_000]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(BadFile):
        read(text)
