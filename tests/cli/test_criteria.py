"""Acceptance criteria, previews of reverts and predictions, as they are typed."""

import json
from pathlib import Path

from govd.cli.show_criteria import compared
from tests.cli.conftest import Shell
from tests.cli.test_filings import rows


def test_a_forget_is_filed_with_criteria_and_shows_what_they_came_to(
    govd: Shell,
) -> None:
    request = govd.json(
        *(
            "forget",
            "red",
            "--model",
            "m",
            "--criterion",
            "named<=5%",
            "--criterion",
            "cost <= 0.2",
        )
    )
    assert request["criteria"] == [  # type: ignore[index]
        {"metric": "cost", "at_most": 0.2},
        {"metric": "named", "at_most": 0.05},
    ]
    shown = govd("request", "show", str(request["id"])).stdout  # type: ignore[index]
    assert "must keep, on the evaluation set" in shown
    kept = (
        "named<=0.05 kept in revision 1, on 144 labelled images: 0.0000 of 12 pictures"
    )
    assert kept in " ".join(shown.split())
    assert "measured in revision 1, on 144 labelled images:" in " ".join(shown.split())
    revision = govd("revision", "show", "m", "1").stdout
    assert "criteria of" in revision
    assert "and measured:" in revision


def test_a_row_has_criteria_and_a_typo_in_one_holds_up_no_other(
    govd: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "concept,criterion\nred,named<=0.5|cost<=1\norange,\ncyan,nmaed<=1\n"
    )
    words = ("--from", str(file), "--model", "m", "--criterion", "cost<=0.9")
    answers = rows(govd, *words, code=1)
    assert [answer["answer"] for answer in answers] == ["filed", "filed", "refused"]
    assert "Did you mean named" in answers[2]["reason"]
    of_row, of_command = (
        govd.json("request", "show", str(answer["id"]))["criteria"]  # type: ignore[index]
        for answer in answers[:2]
    )
    assert [c["at_most"] for c in of_row] == [1.0, 0.5]
    assert of_command == [{"metric": "cost", "at_most": 0.9}]


def test_criteria_are_changed_with_a_reason_and_what_is_not_kept_is_told(
    govd: Shell,
) -> None:
    request = govd.json("forget", "blue", "--model", "m", "--criterion", "named<=1")
    name = str(request["id"])  # type: ignore[index]
    change = ("request", "criteria", name, "--set", "named<=0.1")
    assert "reason" in str(govd.refused(*change))
    changed = govd(*change, "--reason", "stricter")
    assert changed.exit_code == 0
    text = " ".join(changed.stdout.split())
    assert "named<=0.1 not kept in revision 1" in text
    assert "no further revision is published until it is kept" in text
    assert "from named<=1 to named<=0.1: stricter" in text
    assert "nothing would change" in str(govd.refused("request", "criteria", name))
    dropped = govd.json(
        "request", "criteria", name, "--drop", "named", "--reason", "given up"
    )
    assert dropped["criteria"] == []  # type: ignore[index]


def test_the_preview_of_a_revert_and_the_predictions_are_asked(govd: Shell) -> None:
    request = str(govd.json("forget", "red", "--model", "m")["id"])  # type: ignore[index]
    preview = govd("preview", "--revert", request)
    assert preview.exit_code == 0
    for words in (
        "What comes back?",
        "What becomes of the other answers?",
        "Does it wait?",
    ):
        assert words in preview.stdout
    assert "concepts" in str(govd.refused("preview", "blue", "--revert", request))
    assert "no model" in str(govd.refused("preview", "blue"))
    table = govd("audit", "predictions", "--model", "m").stdout
    assert "intervals held" in " ".join(table.split())
    revert = govd("revert", request, "--reason", "licence").stdout
    assert "What comes back?" in revert


def test_a_preview_takes_what_a_forget_takes_and_files_nothing(
    govd: Shell, tmp_path: Path
) -> None:
    words = (
        "red",
        "--model",
        "m",
        "--reason",
        "case 7",
        "--basis",
        "contract",
        "--wait",
    )
    words += ("--ticket", "COURT-7", "--due", "2030-01-01", "--expires", "2031-01-01")
    preview = govd.json("preview", *words, "--idempotency-key", "k", "--private")
    assert "a court wants it" in str(preview["decision"])  # type: ignore[index]
    table = tmp_path / "rows.csv"
    table.write_text("concept,ticket,domain\nred,COURT-8,\nred,,nowhere\n")
    done = govd("preview", "--from", str(table), "--model", "m", "--json")
    first, second = json.loads(done.stdout)
    assert "a court wants it" in str(first["preview"]["decision"])
    assert (second["line"], second["preview"], done.exit_code) == (3, None, 1)
    shown = govd("preview", "--from", str(table), "--model", "m").stdout
    assert "Will it work?" in shown
    assert "line 3:" in shown
    assert govd.json("request", "list") == []


def test_a_preview_says_whether_criteria_would_be_kept(govd: Shell) -> None:
    words = (
        "--criterion",
        "cost<=1",
        "--criterion",
        "level<=0.1",
        "--criterion",
        "named<=0",
    )
    preview = govd.json("preview", "red", "--model", "m", *words)
    rows_of = {row["metric"]: row for row in preview["criteria"]}  # type: ignore[index]
    assert rows_of["cost"]["outcome"] == "kept"
    assert rows_of["level"]["outcome"] == "unknown"
    named, effect = rows_of["named"], preview["predicted"]["effect"]  # type: ignore[index]
    assert named["predicted"] == effect["after"] / effect["pictures"]
    assert named["outcome"] == ("broken" if named["low"] > 0 else "open")
    text = " ".join(govd("preview", "red", "--model", "m", *words).stdout.split())
    assert "criterion cost<=1: would be kept, predicted" in text
    assert "criterion level<=0.1: not predicted" in text


def test_what_was_not_measured_is_said_once() -> None:
    row = {"metric": "cost", "predicted": 0.02, "low": 0.0, "high": 0.04}
    line = compared({**row, "measured": None, "pictures": None, "held": None})
    assert line.endswith("predicted 2.0 % (0.0 to 4.0), not measured")
    line = compared({**row, "measured": 0.03, "pictures": 50, "held": True})
    assert line.endswith("measured 3.0 % of 50 pictures: held")


def test_on_which_side_of_its_interval_something_was_measured_is_said() -> None:
    row = {"metric": "own_shown_cost", "predicted": 0.04, "low": 0.02, "high": 0.06}
    sides = []
    for measured in (0.01, 0.03, 0.07):
        held = 0.02 <= measured <= 0.06
        error = measured - 0.04
        judged = {"measured": measured, "pictures": 90, "error": error, "held": held}
        line = compared({**row, **judged})
        assert line.startswith("of pictures that show a label: predicted 4.0 %")
        sides.append(line.rpartition(": ")[2])
    assert sides == ["less than that", "held", "[yellow]more than that[/]"]
