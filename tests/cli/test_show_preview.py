"""What a preview prints of votes, and of a label that no picture shows."""

import pytest

from govd.cli.show_preview import decision_lines, show_preview
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
