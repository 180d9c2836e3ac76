"""Forgets from a file, private names from standard input, requests found again, and texts destroyed
only where somebody says so.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govd.cli.show_requests import show_filings
from tests.cli.conftest import Shell


def rows(
    govd: Shell, *words: str, input: str | None = None, code: int = 0
) -> list[dict[str, Any]]:
    done = govd("forget", *words, "--json", input=input)
    assert done.exit_code == code, (done.stdout, done.exception)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_each_row_is_answered_and_a_bad_one_holds_up_no_other(
    govd: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(
        "\ufeffConcept;domains;ticket;strength\nred;;L-1;\nblue|navy;dark;L-2;0.9\nred;;L-3;\nred;moon;;\n\n".encode()
    )
    answers = rows(
        govd, "--from", str(file), "--model", "m", "--reason", "list of May", code=1
    )
    assert [(a["line"], a["answer"]) for a in answers] == [
        (2, "filed"),
        (3, "filed"),
        (4, "already"),
        (5, "refused"),
    ]
    assert answers[0]["state"] == "in_force"
    assert answers[2]["id"] == answers[0]["id"]
    assert "moon" in answers[3]["reason"]
    blue = govd.json("request", "show", answers[1]["id"])
    assert ([c["name"] for c in blue["concepts"]], blue["domains"]) == (
        ["blue", "navy"],
        ["dark"],
    )  # type: ignore[index]
    assert (blue["strength"], blue["ticket"], blue["reason"]) == (
        0.9,
        "L-2",
        "list of May",
    )  # type: ignore[index]
    again = rows(govd, "--from", str(file), "--model", "m", code=1)
    assert [a["answer"] for a in again] == ["already", "already", "already", "refused"]


def test_the_last_line_says_what_became_of_the_rows_that_were_filed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"id": "a", "concepts": ["red"], "domains": [], "reason": None}
    filed = [("filed", "in_force"), ("filed", "failed"), ("filed", "in_force")]
    outcomes = [*filed, ("refused", None)]
    show_filings(
        [
            {**row, "line": line, "answer": answer, "state": state}
            for line, (answer, state) in enumerate(outcomes, 1)
        ]
    )
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == ("4 rows: 3 filed (2 in_force, 1 failed), 0 already, 1 refused")


def test_a_forget_of_nothing_and_of_too_much_are_told_apart(govd: Shell) -> None:
    nothing = govd.refused("forget", "--model", "m").message
    both = govd.refused("forget", "red", "--all-concepts", "--model", "m").message
    assert "no concept" in nothing
    assert "both" not in nothing
    assert "both" in both


def test_a_list_of_names_comes_from_standard_input(govd: Shell) -> None:
    answers = rows(
        govd, "--from", "-", "--model", "m", input="# of May\nred\n\n  blue \n"
    )
    assert [(a["line"], a["concepts"], a["answer"]) for a in answers] == [
        (2, ["red"], "filed"),
        (4, ["blue"], "filed"),
    ]
    (revision,) = govd.json("revision", "list", "--model", "m")  # type: ignore[misc]
    assert len(revision["requests"]) == 2, "one revision for the whole file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("concept,colour\nred,1\n", "'colour' is not an option"),
        ("concept,concepts\nred,1\n", "appears twice"),
        ("# nothing\n\n  # at all\n", "nothing to forget"),
        ("name;reason\nred;letter\n", "line 1 is the head of a table, and no column"),
        ("sep=;\nname;colour\nred;1\n", "line 2 is the head of a table"),
        ('concept,reason\n"red,letter\n', "line 2 is not CSV"),
        ('"red"\n"green"\n', "every name in quotation marks"),
        ('["red", "green"]\n', "is a list of JSON or Python"),
    ],
)
def test_a_file_that_cannot_be_meant_files_nothing(
    govd: Shell, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text)
    fault = govd.refused("forget", "--from", str(file), "--model", "m")
    assert words in fault.message
    assert str(file) in fault.message
    assert govd.json("request", "list") == []
    (tmp_path / "latin").write_bytes("größe\n".encode("latin-1"))
    assert (
        "UTF-8"
        in govd.refused(
            "forget", "--from", str(tmp_path / "latin"), "--model", "m"
        ).message
    )


@pytest.mark.parametrize(
    "data",
    [
        "Concept\tReason\r\nred\tété\r\n".encode("utf-16"),
        b'\xef\xbb\xbfsep=;\r\n"concept";"reason"\r\n"red";"\xc3\xa9t\xc3\xa9"\r\n',
        "concept,reason\rred,été\r".encode(),
    ],
    ids=["unicode text", "sep", "cr"],
)
def test_rows_as_spreadsheets_save_them(
    govd: Shell, tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(data)
    (answer,) = rows(govd, "--from", str(file), "--model", "m")
    assert (answer["concepts"], answer["answer"]) == (["red"], "filed")
    request = govd.json("request", "show", answer["id"])
    assert request["reason"] == "été"  # type: ignore[index]


def test_a_cell_that_cannot_be_meant_refuses_its_row_alone(
    govd: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "concept,strength,private,example\nred,much,,\ngreen,,maybe,\nblue,,,\nred,,,none.png\n"
        "navy,1,,,one, too many\n"
    )
    answers = rows(govd, "--from", str(file), "--model", "m", code=1)
    assert [(a["line"], a["concepts"], a["answer"]) for a in answers] == [
        (2, ["red"], "refused"),
        (3, ["green"], "refused"),
        (4, ["blue"], "filed"),
        (5, ["red"], "refused"),
        (6, ["navy"], "refused"),
    ]
    for answer, words in zip(
        answers,
        (
            "strength is 'much'",
            "private is 'maybe'",
            "",
            "none.png cannot be read",
            "6 cells for 4 columns",
        ),
        strict=True,
    ):
        assert words in answer["reason"]


def test_private_names_need_not_be_typed_behind_the_command(govd: Shell) -> None:
    done = govd(
        "forget",
        "--private",
        "--model",
        "m",
        "--json",
        input="red\n\nher wish\nof May\n",
    )
    assert done.exit_code == 0, done.exception
    request = json.loads(done.stdout)
    assert '"red"' not in done.stdout
    revealed = govd.json("request", "show", request["id"], "--reveal")
    assert [c["name"] for c in revealed["concepts"]] == ["red"]  # type: ignore[index]
    assert revealed["reason"] == "her wish of May"  # type: ignore[index]
    assert "no concept" in govd.refused("forget", "--private", "--model", "m").message


def test_requests_are_found_by_ticket_reason_and_exact_private_name(
    govd: Shell,
) -> None:
    govd.json(
        "forget",
        "red",
        "--model",
        "m",
        "--ticket",
        "Legal-12",
        "--reason",
        "letter of 3 May",
        "--due",
        "2027-08-01",
    )
    govd.json(
        "forget", "blue", "--model", "m", "--private", "--reason", "letter of 4 May"
    )

    def found(*words: str) -> list[str]:
        records: Any = govd.json("request", "list", *words)
        return [record["concepts"][0]["name"] for record in records]

    assert (
        found("--ticket", "legal-12")
        == found("--ticket", "LEGAL-12")
        == found("--reason", "3 MAY")
        == found("--reason", "letter")
        == ["red"]
    )
    assert found("--ticket", "legal") == []
    (private,) = found("--concept", "Blue")
    assert private.startswith("private:")
    assert (
        found("--concept", "blu")
        == found("--concept", "blue", "--reason", "letter")
        == []
    )
    shown = govd("request", "list").stdout
    assert "Legal-12" in shown
    assert "2027-08-01" in shown


def test_a_text_is_destroyed_only_where_somebody_says_yes(govd: Shell) -> None:
    request: Any = govd.json("forget", "blue", "--model", "m", "--private")
    assert (
        "--yes"
        in govd.refused("request", "shred", request["id"], "--reason", "wish").message
    )
    assert (
        govd.json("request", "show", request["id"], "--reveal")["concepts"][0]["name"]
        == "blue"
    )  # type: ignore[index]
    gone: Any = govd.json(
        "request", "shred", request["id"], "--reason", "wish", "--yes"
    )
    assert gone["shredded_at"]


def test_a_forget_that_stands_after_its_date_is_told(govd: Shell) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    request: Any = govd.json("forget", "red", "--model", "m", "--expires", soon)
    later: Any = govd.json("forget", "blue", "--model", "m", "--expires", "2999-05-01")
    assert govd.json("status")["expired"] == []  # type: ignore[index]
    time.sleep(
        max(0.0, (datetime.fromisoformat(soon) - datetime.now(UTC)).total_seconds())
        + 0.05
    )
    assert [r["id"] for r in govd.json("status")["expired"]] == [request["id"]]  # type: ignore[index]
    shown = govd("status").stdout
    assert request["id"] in shown
    assert later["id"] not in shown
    rows: Any = govd.json("audit", "deadlines")["requests"]  # type: ignore[index]
    assert {r["id"]: r["expired"] for r in rows} == {
        request["id"]: True,
        later["id"]: False,
    }
    assert "still in force" in govd("request", "show", request["id"]).stdout
    govd.json("revert", request["id"], "--reason", "over")
    assert govd.json("status")["expired"] == []  # type: ignore[index]
