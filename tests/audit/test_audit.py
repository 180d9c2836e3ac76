"""The questions of auditors, lawyers, data-protection officers and the engineer on call, on the
model of twelve colours.
"""

import sqlite3
from pathlib import Path

import pytest

from govd.errors import BadFile, Conflict, GovdError, NotFound, Usage
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint
from govd.ledger.times import moment
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.rows import as_of_rows
from govd.service.service import Service
from tests.audit.asking import forget, revert, tick
from tests.benchmarks.ledger import planned


def test_as_of_tells_what_was_served_and_who_had_approved(service: Service) -> None:
    start = tick()
    red = forget(service, "red")
    first = tick()
    blue = forget(service, "blue")
    second = tick()
    revert(service, red)
    third = tick()

    def then(at: str) -> tuple[int, list[str]]:
        (model,) = service.audit.as_of(at, "m")["models"]
        return model["revision"], [f["id"] for f in model["forgets"]]

    assert then(start) == (0, [])
    assert then(first) == (1, [red["id"]])
    assert then(second) == (2, [red["id"], blue["id"]])
    assert then(third) == (3, [blue["id"]])
    assert then("now") == then(third)
    assert not service.audit.as_of("2020-01-01", "m")["models"][0]["registered"]
    (model,) = service.audit.as_of(second, "m")["models"]
    assert {a["principal"] for f in model["forgets"] for a in f["approvals"]} <= {
        "ann",
        "bob",
    }
    with pytest.raises(Usage, match="Write a time"):
        service.audit.as_of("yesterday-ish")
    lost = service.audit.as_of("2020-01-02T00:00:00 02:00")  # from an address
    assert lost["time"].startswith("2020-01-01T22:00:00")
    with pytest.raises(NotFound):
        service.audit.as_of("now", "other")


def test_as_of_a_day_means_its_end_and_says_so(service: Service) -> None:
    red = forget(service, "red")
    day = service.requests.show(red["id"])["served_at"][:10]
    found = service.audit.as_of(day)
    assert found["time"] == f"{day}T23:59:59.999999Z"
    assert [f["id"] for f in found["models"][0]["forgets"]] == [red["id"]]
    assert service.audit.as_of(f"{day}T00:00:00Z")["models"][0]["registered"] is (
        service.core.desk.model("m")["added_at"][11:19] == "00:00:00"
    )
    assert moment(day, "since") == f"{day}T00:00:00.000000Z", (
        "since and until: its first moment"
    )
    for wrong in ("0001-01-01T00:00:00+14:00", "2027-13-01", ""):
        with pytest.raises(Usage, match="Write a time"):
            service.audit.as_of(wrong)


def test_as_of_knows_that_a_model_was_removed_and_came_back(
    service: Service, given: Given
) -> None:
    red = forget(service, "red")
    served = tick()
    revert(service, red)
    service.models.remove("m", "ann")
    removed = tick()
    service.add_model("m", "colours", given, "ann")
    again = tick()

    def then(at: str) -> tuple[bool, bool, int | None]:
        (model,) = service.audit.as_of(at, "m")["models"]
        return model["registered"], model["removed"], model["revision"]

    assert then(served) == (True, False, 1)
    assert then(removed) == (False, True, None)
    assert then(again) == (
        True,
        False,
        0,
    ), "what was published before is not served by what was registered anew"
    found = service.audit.as_of(removed, "m")["models"][0]
    assert [e["kind"] for e in service.core.desk.ledger.some(found["entries"])] == [
        "model.add",
        "model.remove",
    ]


def test_as_of_as_a_table_has_a_row_for_each_model(service: Service) -> None:
    nothing = as_of_rows(service.audit.as_of("now"))
    assert [(r["model"], r["registered"], r["revision"], r["id"]) for r in nothing] == [
        ("m", True, 0, None)
    ]
    assert [
        (r["model"], r["registered"], r["revision"])
        for r in as_of_rows(service.audit.as_of("2020-01-01"))
    ] == [("m", False, None)]
    wishes = [forget(service, c) for c in ("red", "blue")]
    rows = as_of_rows(service.audit.as_of("now"))
    assert [(r["model"], r["revision"], r["id"]) for r in rows] == [
        ("m", 2, w["id"]) for w in wishes
    ]
    assert len({tuple(r) for r in (*nothing, *rows)}) == 1, "the same columns"


def test_as_of_brings_its_proof(service: Service) -> None:
    forget(service, "red")
    found = service.proofs.as_of("now", proof=True)
    from govd.ledger import canonical, merkle

    said = LogCheckpoint.open(
        found["proof"]["checkpoint"], service.core.desk.ledger.signer.key
    )
    assert found["proof"]["entries"]
    for shown in found["proof"]["entries"]:
        path = [bytes.fromhex(h) for h in shown["inclusion"]]
        leaf = merkle.leaf_hash(canonical.encode(shown["entry"]))
        assert merkle.included(shown["entry"]["seq"], said.size, leaf, path, said.root)


def test_why_leads_from_a_revision_to_everything_that_made_it(
    service: Service, tmp_path: Path
) -> None:
    request = forget(service, "red", reason="court order", ticket="T-7")
    found = service.audit.why("m", 1)
    (wish,) = found["requests"]
    assert (wish["id"], wish["reason"], wish["ticket"]) == (
        request["id"],
        "court order",
        "T-7",
    )
    assert wish["votes"][0]["policy"]
    assert "version" in wish["votes"][0]
    assert service.core.artifacts.get(wish["artifact"])
    assert found["edit"]["digest"] == service.revision("m", 1)["edit_digest"]
    assert {"govd", "numpy", "python"} <= set(found["computed_by"]["software"])
    assert [line["kind"] for line in found["entries"]][:3] == [
        "revision.compose",
        "revision.evaluate",
        "revision.publish",
    ]
    with pytest.raises(NotFound, match="m has no revision 9"):
        service.audit.why("m", 9)
    with pytest.raises(NotFound, match="no model is called 'other'"):
        service.audit.why("other", 1)
    with pytest.raises(NotFound, match="no model is called 'other'"):
        service.bundles.bundle(tmp_path / "b.zip", revision=("other", 1))


def test_a_trail_tells_everything_of_one_request_and_nothing_of_others(
    service: Service,
) -> None:
    red = forget(service, "red")
    other = forget(service, "blue")
    revert(service, red)
    found = service.audit.trail(red["id"])
    kinds = [line["kind"] for line in found["timeline"]]
    assert kinds.count("request.file") == 2, "its own filing and its revert's"
    assert {
        "request.vote",
        "request.approve",
        "revision.publish",
        "request.revert",
    } <= set(kinds)
    assert other["id"] not in {e["subject"] for e in found["entries"]}
    assert all(line["what"] for line in found["timeline"])
    assert [e["seq"] for e in found["entries"]] == sorted(
        e["seq"] for e in found["entries"]
    )


def test_a_trail_says_where_it_does_not_tell_everything(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    assert service.audit.trail(wish["id"])["complete"]
    for color in ("red", "green"):
        forget(service, color)
    waited = service.requests.show(wish["id"])
    assert service.audit.trail(waited["id"])["complete"]
    monkeypatch.setattr("govd.audit.questions.ATTEMPTS", 0)
    assert not service.audit.trail(waited["id"])["complete"]


def test_a_trail_says_that_a_reason_is_kept_private(service: Service) -> None:
    said = [
        forget(service, "red", private=True, reason="Ms Example asked"),
        forget(service, "blue"),
    ]
    lines = [service.audit.trail(r["id"])["timeline"][0]["what"] for r in said]
    assert "reason kept private" in lines[0]
    assert "no reason given" in lines[1]


def test_the_log_filters_and_goes_on_from_a_cursor(service: Service) -> None:
    red = forget(service, "red")
    forget(service, "blue", domains=("dark",))
    log = service.audit.log
    assert {e["subject"] for e in log(concept="red")} == {red["id"]}
    assert {e["kind"] for e in log(kind="revision")} >= {
        "revision.compose",
        "revision.publish",
    }
    assert {e["payload"]["policy"] for e in log(policy="bounds")} == {"bounds"}
    vote = {
        "moment": "filed",
        "policy": "other",
        "version": "1",
        "decision": "allow",
        "reason": "",
        "inputs": {},
    }
    service.core.desk.append([Draft("request.vote", red["id"], "govd", "m", vote)])
    voted = ("bounds", "other")
    assert {
        (e["kind"], e["payload"]["policy"]) for p in voted for e in log(policy=p)
    } == {("request.vote", p) for p in voted}
    assert log(limit=0) == []
    for name in (
        "actor",
        "kind",
        "subject",
        "model",
        "concept",
        "domain",
        "state",
        "policy",
    ):
        if name in ("kind", "model", "state"):
            with pytest.raises(GovdError, match="nonsense"):
                log(**{name: "nonsense"})
        else:
            assert log(**{name: "nonsense"}) == []
    with pytest.raises(Usage, match="unknown filter"):
        service.core.desk.views.records.seqs(colour="red")
    assert {e["subject"] for e in log(state="in_force", kind="request.file")} == {
        r["id"] for r in service.requests.all(state="in_force")
    }
    assert [e["subject"] for e in log(domain="dark", kind="request.file")] == [
        r["id"] for r in service.requests.all(domain="dark")
    ]
    pages, after = [], None
    while page := log(after, 3):
        pages += [e["seq"] for e in page]
        after = page[-1]["seq"]
    assert pages == list(range(service.core.desk.ledger.size()))
    assert log(since="9999-01-01") == []
    assert [r["id"] for r in service.requests.all(limit=1)] == [red["id"]]
    assert len(service.requests.all(after=red["seq"])) == 1


def test_no_question_reads_a_table_from_end_to_end(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    revert(service, red)
    blue = forget(service, "blue", domains=("dark",))
    with planned(service.core.desk.views.records):
        for wish in (red, blue):
            service.audit.trail(wish["id"])
            service.requests.show(wish["id"][:4])
        service.proofs.as_of("now", proof=True)
        service.audit.why("m", 1)
        service.audit.deadlines(since="2020-01-01", until="9999-01-01")
        service.requests.all(
            concept="red",
            domain="dark",
            state="in_force",
            policy="bounds",
            model="m",
            filed_by="ann",
        )
        service.audit.log(
            actor="ann",
            kind="request",
            concept="red",
            domain="dark",
            state="in_force",
            model="m",
            since="2020-01-01",
        )
        service.audit.log(policy="bounds", until="now")
        service.bundles.bundle(tmp_path / "b.zip", request=red["id"])
        service.bundles.bundle(tmp_path / "r.zip", revision=("m", 1))
        service.status()


def test_deadlines_and_extensions(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = forget(service, "red")
    waiting = service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    found = service.audit.deadlines()
    by = {r["id"]: r for r in found["requests"]}
    assert (by[met["id"]]["status"], by[waiting["id"]]["status"]) == ("met", "open")
    assert 29 < by[waiting["id"]]["left_days"] <= 30
    filed = by[waiting["id"]]["filed_at"][:10]
    from datetime import date, timedelta

    def day(n: int) -> str:
        return (date.fromisoformat(filed) + timedelta(days=n)).isoformat()

    with pytest.raises(Usage, match="needs a reason"):
        service.requests.extend(waiting["id"], day(40), "", "ann")
    with pytest.raises(Usage, match="no later than"):
        service.requests.extend(waiting["id"], day(10), "complex", "ann")
    with pytest.raises(Usage, match="more than 45 days"):
        service.requests.extend(waiting["id"], day(80), "complex", "ann")
    with pytest.raises(Conflict, match="nothing is due"):
        service.requests.extend(met["id"], day(40), "complex", "ann")
    extended = service.requests.extend(waiting["id"], day(40), "a complex case", "ann")
    assert extended["due_at"].startswith(day(40))
    found = service.audit.deadlines()
    assert found["summary"]["extended"] == 1
    assert found["requests"][0]["extensions"][0]["reason"] == "a complex case"
    assert service.audit.deadlines(days=1)["summary"]["met"] == 1


def test_what_is_late_is_told_first(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(service, "red")
    # it was filed long ago
    monkeypatch.setattr(
        "govd.requests.options.now", lambda: "2019-12-01T00:00:00.000000Z"
    )
    service.requests.forget(
        "m", ForgetOptions(concepts=("blue",), due="2020-01-01"), "ann"
    )
    found = service.audit.deadlines()
    assert [r["status"] for r in found["requests"]] == ["late", "met"]
    assert found["requests"][0]["left_days"] < 0


def test_dates_alone_are_whole_days(service: Service) -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC).date().isoformat()
    red = forget(service, "red", due=today)
    assert service.audit.deadlines()["requests"][0]["status"] == "met"
    assert [r["id"] for r in service.requests.all(since=today, until=today)] == [
        red["id"]
    ]
    assert service.audit.log(since=today, until=today)
    assert service.audit.deadlines(since=today, until=today)["summary"]["requests"] == 1


def test_of_two_forgets_the_slower_is_the_ninetieth_percentile(
    service: Service,
) -> None:
    for name in ("red", "blue"):
        forget(service, name)
    summary = service.audit.deadlines()["summary"]
    assert summary["median_days"] <= summary["p90_days"] == summary["longest_days"]
    with pytest.raises(Usage, match="From 1 to"):
        service.audit.deadlines(days=3_000_000)


def test_an_entry_that_somebody_stored_as_text_is_told(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(
            "UPDATE entries SET body = CAST(body AS TEXT) WHERE seq = ?", (red["seq"],)
        )
    raw.close()
    with pytest.raises(BadFile, match="not stored as bytes"):
        service.audit.trail(red["id"])
    assert not service.verification.verify()["holds"]


def test_sql_tells_what_is_private_shredded_and_held(service: Service) -> None:
    private = forget(service, "red", private=True)
    service.requests.hold(private["id"], "case 7", "legal")
    rows = service.audit.sql("SELECT private, shredded_at, held_since FROM requests")[
        "rows"
    ]
    assert (rows[0][:2], rows[0][2][:2]) == ([1, None], "20")


def test_an_empty_question_is_refused(service: Service) -> None:
    with pytest.raises(Usage, match="an empty question"):
        service.audit.sql(" \n")


def test_concepts_are_found_however_they_are_spelled(service: Service) -> None:
    red = forget(service, "Red")
    assert [r["id"] for r in service.requests.all(concept="rED")] == [red["id"]]
    assert {
        e["subject"] for e in service.audit.log(concept="RED", kind="request.file")
    } == {red["id"]}
