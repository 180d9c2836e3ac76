"""What a preview prints of votes, and of a label that no picture shows."""

import pytest

from govd.cli.show_preview import decision_lines, show_preview
from govd.cli.show_requests import show_request
from govd.cli.show_targets import target_lines
from govd.types import Json

BOUNDS = {"policy": "bounds", "decision": "wait", "reason": "7 % are over 5 %"}
NAMES = {"policy": "govd-names", "decision": "wait", "reason": "no such label"}
BOTH = f"bounds: {BOUNDS['reason']}; govd-names: {NAMES['reason']}"


def lines(reason: str, *votes: Json, event: str = "wait") -> list[str]:
    decision = {"event": event, "reason": reason, "waits_for": "a person"}
    return list(decision_lines({"decision": {**decision, "votes": list(votes)}}))


@pytest.mark.parametrize("event", ["wait", "deny"])
def test_what_each_vote_says_is_printed_once(event: str) -> None:
    text = "\n".join(lines(BOTH, BOUNDS, NAMES, event=event))
    assert text.count(BOUNDS["reason"]) == text.count(NAMES["reason"]) == 1


def test_a_vote_that_did_not_decide_is_printed_beside() -> None:
    first, *rest = lines(f"bounds: {BOUNDS['reason']}", BOUNDS, NAMES)
    assert first.endswith(BOUNDS["reason"])
    assert rest == [f"and govd-names says wait: {NAMES['reason']}"]


def test_a_label_that_no_picture_shows_goes_by_its_texts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    effect = {"pictures": 0, "on": "9 pool embeddings", "what": "concepts"}
    preview = {
        "concepts": [{"name": "owl", "aliases": []}],
        "domains": [],
        "model": "m",
        "method": "fitted",
        "strength": 1.0,
        "effect": effect,
        "predicted": {},
    }
    show_preview({**preview, "examples": []})
    assert "it goes by its texts alone" in " ".join(capsys.readouterr().out.split())
    show_preview({**preview, "examples": ["owl.png"]})
    assert "texts alone" not in " ".join(capsys.readouterr().out.split())


def test_what_asking_pictures_first_would_leave_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    effect = {"pictures": 50, "before": 47, "after": 20, "by_prompt": [], "prompt": ""}
    effect |= {"on": "99 pool embeddings", "what": "domains"}
    costs = {"all": {"share": 0.17, "pictures": 90, "low": None, "high": None}}
    asking = {"total_disagreement": 0.02, "effect": {**effect, "after": 4}}
    preview = {
        "concepts": [],
        "domains": ["line"],
        "model": "m",
        "method": "fitted",
        "strength": 1.0,
        "effect": effect,
        "costs": costs,
        "asking": asking,
        "predicted": {"total_disagreement": 0.17},
    }
    show_preview(preview)
    assert (
        "if pictures were asked first 2.0 % with all, before 47 → after 4 keep their answer"
        in " ".join(capsys.readouterr().out.split())
    )
    surer = {**asking, "total_disagreement": 0.17}
    show_preview({**preview, "asking": surer})
    assert "if pictures were asked first 17.0 %" in " ".join(
        capsys.readouterr().out.split()
    )
    no_better = {"total_disagreement": 0.17, "effect": effect}
    show_preview({**preview, "asking": no_better})
    assert "asked first" not in capsys.readouterr().out


SOLVED = {
    "about": "line",
    "strength_from": "99 pool embeddings",
    "alpha_hard": 0.4,
    "kept_inside_hard": 0.136,
    "kept_elsewhere_hard": 0.85,
    "target_reached_hard": False,
    "alpha_soft": 0.5,
    "target_reached_soft": True,
}


def test_a_target_that_is_not_reached_is_told() -> None:
    hard = {"targets": [SOLVED], "anchors": "hard"}
    (line,) = target_lines(hard)
    assert "is not reached: 13.6 % of them keep it at strength 1" in line
    assert "of which 85.0 % stay" in line
    assert list(target_lines({**hard, "anchors": "soft"})) == []
    (line,) = target_lines({**hard, "checkpoint": {"rank": 1}})
    assert line.startswith("[yellow]line: in a checkpoint the target")
    named = {"about": "owl", "alpha_soft": 3.0, "named_soft": 0.25, "warning": "few"}
    first, second = target_lines({"targets": [named], "anchors": "soft"})
    assert "few" in first
    assert "at most 2.0 % of its pictures" in second
    assert "25.0 % are" in second
    assert len(list(target_lines({"targets": [{**named, "named_soft": 0.02}]}))) == 1


def test_a_request_and_its_preview_tell_an_unreached_target(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = {
        "id": "a",
        "kind": "forget",
        "concepts": [],
        "domains": ["line"],
        "model": "m",
        "method": "fitted",
        "target": None,
        "strength": 1.0,
        "state": "in_force",
        "state_reason": "",
        "filed_by": "ann",
        "filed_at": "2026-05-03T00:00:00Z",
        "votes": [],
        "effect": None,
        "predicted": {"on": "pool", "targets": [SOLVED], "anchors": "hard"},
    }
    for show in (show_request, show_preview):
        show(record)
        printed = " ".join(capsys.readouterr().out.split())
        assert "is not reached: 13.6 % of them keep it" in printed, show
