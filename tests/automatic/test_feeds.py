"""A feed files each row once, answers each, and holds for a person what nobody expects."""

import csv
import fcntl
import json
import os
import stat
from pathlib import Path

import pytest

from govd.automatic.feed_settings import FeedSettings
from govd.errors import Conflict, NotFound, Usage
from govd.requests import ForgetOptions
from govd.service.backup import backup
from govd.service.backup_format import FOREIGN
from govd.service.restore import restore
from govd.service.service import Service, open_service
from govd.verify.sentences import sentence_of
from govd_feeds import folder
from tests.automatic.conftest import NOW, Nightly, answers


def result(path: Path) -> list[list[str]]:
    with Path(f"{path}.result.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_each_row_is_a_request_and_is_answered(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    path = nightly.write(
        b"\xef\xbb\xbfConcept;domains;ticket;reason\r\n"
        b'red;;T-1;"a; b"\r\nblue|navy;dark;T-2;\r\nred;;T-3;\r\nred;moon;;\r\npink;;;;;\r\n'
    )
    run = nightly.run()
    assert answers(run) == [
        (2, "filed"),
        (3, "filed"),
        (4, "already"),
        (5, "refused"),
        (6, "refused"),
    ]
    assert run["counts"] == {
        "rows": 5,
        "missing": 0,
        "filed": 2,
        "already": 1,
        "refused": 2,
    }
    request = service.requests.show(run["rows"][0]["request"])
    assert (request.filed_by, request.ticket, request.reason) == (
        "feed:nightly",
        "T-1",
        "a; b",
    )
    assert request.source == {
        "feed": "nightly",
        "document": "names.csv",
        "digest": run["digest"],
        "row": 2,
    }
    header, *rows = result(path)
    assert header == ["row", "concepts", "domains", "answer", "request", "reason"]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("2", "red", "filed"),
        ("3", "blue|navy", "filed"),
        ("4", "red", "already"),
        ("5", "red", "refused"),
        ("6", "pink", "refused"),
    ]
    assert rows[0][4] == rows[2][4] == request.id
    assert "moon" in rows[3][5]
    nightly.settle()
    assert nightly.states()["red"] == "in_force"
    assert (
        service.audit.log(kind="feed.run", actor="feed:nightly")[0]["payload"]["run"]
        == 1
    )


def test_all_rows_are_one_append_and_one_revision(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    nightly.run("concept\nred\nblue\npink\n")
    entries = service.audit.log(kind="request.file") + service.audit.log(
        kind="feed.run"
    )
    assert [e["seq"] for e in entries] == list(
        range(entries[0]["seq"], entries[0]["seq"] + 4)
    )
    nightly.settle()
    (revision,) = service.revisions("m")
    assert len(revision["requests"]) == 3


def test_what_was_taken_is_not_taken_again(nightly: Nightly, service: Service) -> None:
    nightly.add()
    path = nightly.write("concept\nred\n")
    nightly.run()
    assert nightly.look() == []
    os.utime(path)
    assert nightly.look() == [], "touched, with the same bytes"
    service.feeds.runs.files(service.feeds.feed("nightly")).forget_look()
    assert nightly.look() == [], "the cursor is lost"
    assert answers(nightly.run("concept\nred\n# more\nblue\n")) == [
        (2, "already"),
        (3, "filed"),
        (4, "filed"),
    ]


def test_a_name_that_somebody_else_wants_is_no_fault(
    nightly: Nightly, service: Service
) -> None:
    other = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    nightly.add()
    run = nightly.run("red\n", "names.txt")
    assert run["rows"][0]["answer"] == "already"
    assert run["rows"][0]["request"] == other.id


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.json",
            json.dumps(
                [{"concept": "red", "domains": ["dark"]}, "blue", {"colour": 1}, 7]
            ),
        ),
        (
            "a.json",
            json.dumps(
                {"rows": [{"concept": "red", "domain": "dark"}, "blue", {}, None]}
            ),
        ),
        (
            "a.ndjson",
            '{"concept": "red", "domain": "dark"}\n"blue"\n{"concept": 7}\n{"x"\n',
        ),
        (
            "a.jsonl",
            '{"concept": ["red"], "domains": "dark"}\n"blue"\n\n{"strength": true}\n[]',
        ),
    ],
)
def test_rows_of_json_are_answered_in_a_line_each(
    nightly: Nightly, name: str, content: str
) -> None:
    nightly.add()
    run = nightly.run(content, name)
    assert [row["answer"] for row in run["rows"]] == [
        "filed",
        "filed",
        "refused",
        "refused",
    ]
    lines = (nightly.folder / f"{name}.result.ndjson").read_text().splitlines()
    assert [json.loads(line)["concepts"] for line in lines[:2]] == [["red"], ["blue"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"gr\xf6\xdfe\n", "UTF-8"),
        (b"concept,colour\nred,1\n", "'colour' is not an option"),
        (b"concept,concepts\nred,blue\n", "appears twice"),
        (b"concept\n" + b"red\n" * 10_001, "more than 10000 rows"),
    ],
)
def test_a_document_that_cannot_be_read_is_held_and_files_nothing(
    nightly: Nightly, service: Service, content: bytes, words: str
) -> None:
    nightly.add()
    run = nightly.run(content)
    assert run["state"] == "held"
    assert words in run["reason"]
    assert nightly.states() == {}
    assert service.feeds.show("nightly")["held"] == [1]
    with pytest.raises(Conflict, match="cannot be read"):
        service.feeds.release("nightly", 1, "seen", "ann")
    rejected = service.feeds.reject("nightly", 1, "mended at the source", "ann")
    assert rejected["state"] == "rejected"
    assert service.feeds.show("nightly")["held"] == []
    assert nightly.look() == []


@pytest.mark.parametrize("content", ["", "\n# nothing yet\n", "concept,ticket\n"])
def test_a_document_without_rows_asks_for_nothing(
    nightly: Nightly, content: str
) -> None:
    nightly.add()
    assert nightly.run(content)["counts"] == {"rows": 0, "missing": 0}


def test_a_file_that_is_being_written_is_not_read(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    path = nightly.folder / "names.csv"
    with path.open("w") as file:
        file.write("concept\nred\nbl")
        file.flush()
        os.utime(path, (1, 1))
        look = service.feeds.run("nightly", NOW)
        if hasattr(fcntl, "F_SETLEASE"):
            assert look["runs"] == []
            assert look["waiting"] == ["names.csv is still being written"]
        file.write("ue\n")
    os.utime(path)
    by_itself = service.feeds.looks.look("nightly", NOW, by_hand=False)
    assert by_itself.runs == ()
    assert by_itself.waiting == ("names.csv was changed a moment ago",)
    os.utime(path, (1, 1))
    (run,) = service.feeds.looks.look("nightly", NOW, by_hand=False).runs
    assert [row["answer"] for row in run["rows"]] == ["filed", "filed"]


def test_a_look_brings_no_more_than_memory_has_room_for(
    nightly: Nightly, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOOK_BYTES", 8)
    nightly.add()
    for name, colour in (
        ("a.txt", "red\n"),
        ("b.txt", "orange\n"),
        ("c.txt", "pink\n"),
    ):
        nightly.write(colour, name)
    look = service.feeds.run("nightly", NOW)
    assert [run["document"] for run in look["runs"]] == ["a.txt", "b.txt"]
    assert look["waiting"] == ["c.txt is read at the next look"]
    assert [run["document"] for run in nightly.look()] == ["c.txt"]


def test_links_hidden_files_and_results_are_not_read(
    nightly: Nightly, tmp_path: Path
) -> None:
    nightly.add()
    (tmp_path / "elsewhere.csv").write_text("red\n")
    (nightly.folder / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    for name in ("~$x.csv", ".hidden.csv", "x.csv.part", "y.result.csv", "notes.md"):
        (nightly.folder / name).write_text("blue\n")
    (nightly.folder / "folder.csv").mkdir()
    assert nightly.look() == []
    assert nightly.states() == {}


def test_a_result_that_cannot_be_written_is_told_and_written_later(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    path = nightly.write("red\n", "names.txt")
    blocked = Path(f"{path}.result.csv")
    blocked.mkdir()
    with pytest.raises(Exception, match="cannot be written"):
        nightly.look()
    assert nightly.states() == {"red": "filed"}
    assert "cannot be written" in service.feeds.show("nightly")["fault"]
    blocked.rmdir()
    assert nightly.look() == [], "the same run"
    assert result(path)[1][:4] == ["1", "red", "", "filed"]
    assert service.feeds.show("nightly")["fault"] == ""


def test_what_no_file_can_hold_is_refused_and_answered(nightly: Nightly) -> None:
    nightly.add()
    run = nightly.run(
        b'["\\ud800", "red", {"concept": "blue", "domain": "\\udfff"}]', "a.json"
    )
    assert [row["answer"] for row in run["rows"]] == ["refused", "filed", "refused"]
    lines = (nightly.folder / "a.json.result.ndjson").read_text().splitlines()
    assert json.loads(lines[0])["concepts"] == ["?"]


def test_what_looks_like_a_formula_is_none_in_the_result(nightly: Nightly) -> None:
    nightly.add()
    path = nightly.write('=HYPERLINK("x")\n', "names.txt")
    nightly.look()
    assert result(path)[1][1].startswith("'=")


@pytest.mark.parametrize("name", ["names.csv", "names.ndjson"])
def test_a_result_has_no_character_that_a_terminal_obeys(
    nightly: Nightly, name: str
) -> None:
    nightly.add()
    body = "re\x1b[2Jd\x9b31m\u202e"
    if name.endswith("csv"):
        path = nightly.write(f"concept,domain\n{body},line\x07\n", name)
    else:
        path = nightly.write(json.dumps({"concept": body, "domain": "line\x07"}), name)
    nightly.look()
    suffix = ".csv" if name.endswith("csv") else ".ndjson"
    written = Path(f"{path}.result{suffix}").read_text()
    spelled = [r"re\x1b[2Jd\x9b31m\u202e", r"line\x07"]
    if suffix == ".ndjson":
        row = json.loads(written)
        assert [*row["concepts"], *row["domains"]] == spelled
    else:
        assert result(path)[1][1:3] == spelled
    assert all(c.isprintable() or c == "\n" for c in written)


# -- once is enough


def test_a_row_that_people_ended_is_not_asked_for_again(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    first = nightly.run("navy\n", "names.txt")
    nightly.settle()
    request = first["rows"][0]["request"]
    assert nightly.states() == {"navy": "waiting"}
    service.requests.decide(request, "reject", "it stays", "ann")
    again = nightly.run("navy\nred\n", "names.txt")
    assert [row["answer"] for row in again["rows"]] == ["ended", "filed"]
    assert again["rows"][0]["request"] == request
    assert "rejected" in again["rows"][0]["reason"]


def test_a_row_with_a_key_of_its_own_cannot_become_another(nightly: Nightly) -> None:
    nightly.add()
    head = "concept,idempotency_key,ticket\n"
    first = nightly.run(f"{head}red,K-1,T-1\n")
    assert answers(nightly.run(f"{head}red,K-1,T-1\n\n")) == [(2, "already")]
    other = nightly.run(f"{head}blue,K-1,T-1\n")
    assert other["rows"][0]["answer"] == "refused"
    assert first["rows"][0]["request"] in other["rows"][0]["reason"]


def test_private_rows_leave_no_name_in_the_ledger(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    run = nightly.run(
        "concept,private,reason\nred,yes,her wish\nmagenta,yes,\nred,yes,\n"
    )
    assert [row["answer"] for row in run["rows"]] == ["filed", "filed", "already"]
    assert run["digest"].startswith("private:")
    text = json.dumps([dict(e) for e in service.audit.log(limit=1000)])
    assert "magenta" not in text
    assert "her wish" not in text
    assert answers(nightly.run("concept,private,reason\nred,yes,her wish\n")) == [
        (2, "already")
    ]


# -- held


def test_a_run_of_a_hundred_times_the_usual_is_held(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    nightly.run("red\n", "a.txt")
    many = "".join(f"colour {n}\n" for n in range(100))
    run = nightly.run(many, "b.txt")
    assert run["state"] == "held"
    assert "asks for 100 forgets" in run["reason"]
    assert nightly.states() == {"red": "filed"}
    assert "held" in (nightly.folder / "b.txt.result.csv").read_text()
    assert nightly.look() == [], "once is enough"
    assert nightly.run(many.partition("\n")[2], "c.txt")["state"] == "done", (
        "99 are not 100"
    )
    with pytest.raises(Usage, match="reason"):
        service.feeds.release("nightly", 2, " ", "ann")
    released = service.feeds.release("nightly", 2, "a whole catalogue", "ann")
    assert released["state"] == "released"
    assert released["decided"]["by"] == "ann"
    assert released["counts"]["filed"] == 1
    assert released["counts"]["already"] == 99
    text = (nightly.folder / "b.txt.result.csv").read_text()
    assert "held" not in text
    with pytest.raises(Conflict, match="released"):
        service.feeds.reject("nightly", 2, "late", "ann")
    with pytest.raises(NotFound, match="no run 9"):
        service.feeds.reject("nightly", 9, "never", "ann")


def test_while_everything_is_frozen_nothing_is_taken(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    nightly.write("red\n", "a.txt")
    service.freezing.freeze("a drill", "ann")
    with pytest.raises(Conflict, match="frozen: a drill"):
        nightly.look()
    assert not service.automatic.step(NOW)
    service.freezing.unfreeze("over", "ann")
    assert nightly.states() == {}
    os.utime(nightly.folder / "a.txt", (1, 1))
    assert service.automatic.step(NOW)
    assert nightly.states() == {"red": "filed"}
    assert not service.automatic.step(NOW), "it is not due"


def test_views_made_anew_say_the_same_of_feeds(
    nightly: Nightly, service: Service
) -> None:
    nightly.add("revert")
    nightly.run("red\nblue\n", "a.txt")
    nightly.run(b"\xff", "b.txt")
    service.feeds.reject("nightly", 2, "broken", "ann")
    before = service.feeds.all(), service.feeds.history("nightly")
    with service.core.desk.fold:
        fresh = service.core.desk.views_anew()
    assert dict(fresh.feeds["nightly"]) == dict(
        service.core.desk.views.feeds["nightly"]
    )
    fresh.records.close()
    assert [run["state"] for run in before[1]] == ["done", "rejected"]


def test_a_backup_has_secrets_and_what_is_held(
    nightly: Nightly, service: Service, tmp_path: Path
) -> None:
    nightly.add()
    service.feeds.add(FeedSettings("hook", "webhook:", "m"), "ann", NOW)
    nightly.run(b"\xff")
    left_out = backup(service.core.home.folder, tmp_path / "backup.tar")["left_out"]
    assert not [name for name, why in left_out.items() if why == FOREIGN]
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    with open_service(tmp_path / "restored") as other:
        assert other.feeds.all()[1]["held"] == [1]
        kept, secret = (
            other.feeds.runs.files(other.feeds.feed("nightly")),
            "feeds/hook/secret",
        )
        assert kept.held(1) is not None
        assert (tmp_path / "restored" / secret).read_text().startswith("whsec_")


def test_what_entries_about_feeds_say(nightly: Nightly, service: Service) -> None:
    nightly.add()
    nightly.run("concept\nred\nred\n")
    nightly.run(b"\xff")
    service.feeds.reject("nightly", 2, "broken", "ann")
    service.feeds.disable("nightly", "ann")
    service.feeds.enable("nightly", "ann")
    said = [sentence_of(entry) for entry in service.audit.log(kind="feed")]
    assert said[0] == f"the feed nightly was added: {nightly.folder.as_uri()}"
    assert (
        said[1] == "run 1 of the feed nightly (names.csv): 2 rows, 1 filed, 1 already"
    )
    assert said[2].startswith(
        "run 2 of the feed nightly (names.csv) is held for a person: names.csv"
    )
    assert said[3:] == [
        "run 2 of the feed nightly was rejected: broken",
        "the feed nightly is looked at no more",
        "the feed nightly is looked at again",
    ]


def test_what_a_home_keeps_of_a_feed_is_its_owners_alone(
    nightly: Nightly, service: Service
) -> None:
    nightly.add()
    nightly.run(b"\xff")
    for path in (service.core.home.folder / "feeds").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
