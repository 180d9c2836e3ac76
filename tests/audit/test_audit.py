"""The questions of auditors, lawyers, data-protection officers and the engineer on call, on the
model of twelve colours.
"""

import json
import re
import resource
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, Conflict, Denied, GovdError, NotFound, Usage
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.times import moment, now
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.rows import as_of_rows
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline
from govd.views import sql
from govd.views.sealed_tables import remove_tables
from tests.benchmarks.ledger import planned


def forget(service: Service, *concepts: str, **options: Any) -> dict[str, Any]:
    request = service.forget("m", ForgetOptions(concepts=concepts, **options), "ann")
    service.reconcile()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconcile()
    return dict(service.requests.show(request["id"]))


def revert(service: Service, request: dict[str, Any]) -> None:
    service.revert(request["id"], "taken back", "ann")
    service.reconcile()


def tick() -> str:
    """A moment with nothing else in its microsecond."""
    time.sleep(0.002)
    found = now()
    time.sleep(0.002)
    return found


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
    assert {a["principal"] for f in model["forgets"] for a in f["approvals"]} <= {"ann", "bob"}
    with pytest.raises(Usage, match="Write a time"):
        service.audit.as_of("yesterday-ish")
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
    assert moment(day, "since") == f"{day}T00:00:00.000000Z", "since and until: its first moment"
    for wrong in ("0001-01-01T00:00:00+14:00", "2027-13-01", ""):
        with pytest.raises(Usage, match="Write a time"):
            service.audit.as_of(wrong)


def test_as_of_knows_that_a_model_was_removed_and_came_back(service: Service, given: Given) -> None:
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

    said = LogCheckpoint.open(found["proof"]["checkpoint"], service.core.desk.ledger.signer.key)
    assert found["proof"]["entries"]
    for shown in found["proof"]["entries"]:
        path = [bytes.fromhex(h) for h in shown["inclusion"]]
        leaf = merkle.leaf_hash(canonical.encode(shown["entry"]))
        assert merkle.included(shown["entry"]["seq"], said.size, leaf, path, said.root)


def test_why_leads_from_a_revision_to_everything_that_made_it(service: Service) -> None:
    request = forget(service, "red", reason="court order", ticket="T-7")
    found = service.audit.why("m", 1)
    (wish,) = found["requests"]
    assert (wish["id"], wish["reason"], wish["ticket"]) == (request["id"], "court order", "T-7")
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
    with pytest.raises(NotFound):
        service.audit.why("m", 9)


def test_a_trail_tells_everything_of_one_request_and_nothing_of_others(service: Service) -> None:
    red = forget(service, "red")
    other = forget(service, "blue")
    revert(service, red)
    found = service.audit.trail(red["id"])
    kinds = [line["kind"] for line in found["timeline"]]
    assert kinds.count("request.file") == 2, "its own filing and its revert's"
    assert {"request.vote", "request.approve", "revision.publish", "request.revert"} <= set(kinds)
    assert other["id"] not in {e["subject"] for e in found["entries"]}
    assert all(line["what"] for line in found["timeline"])
    assert [e["seq"] for e in found["entries"]] == sorted(e["seq"] for e in found["entries"])


def test_a_trail_says_where_it_does_not_tell_everything(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = service.forget("m", ForgetOptions(concepts=("blue",)), "ann")
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
    assert {e["kind"] for e in log(kind="revision")} >= {"revision.compose", "revision.publish"}
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
    assert {(e["kind"], e["payload"]["policy"]) for p in voted for e in log(policy=p)} == {
        ("request.vote", p) for p in voted
    }
    assert log(limit=0) == []
    for name in ("actor", "kind", "subject", "model", "concept", "domain", "state", "policy"):
        if name in ("kind", "model"):
            with pytest.raises(GovdError, match="nonsense"):
                log(**{name: "nonsense"})
        else:
            assert log(**{name: "nonsense"}) == []
    with pytest.raises(Usage, match="unknown filter"):
        log(colour="red")
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


def test_no_question_reads_a_table_from_end_to_end(service: Service, tmp_path: Path) -> None:
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


def test_deadlines_and_extensions(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    met = forget(service, "red")
    waiting = service.forget("m", ForgetOptions(concepts=("blue",)), "ann")
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


def test_what_is_late_is_told_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(service, "red")
    monkeypatch.setattr(
        "govd.requests.options.now", lambda: "2019-12-01T00:00:00.000000Z"
    )  # it was filed long ago
    service.forget("m", ForgetOptions(concepts=("blue",), due="2020-01-01"), "ann")
    found = service.audit.deadlines()
    assert [r["status"] for r in found["requests"]] == ["late", "met"]
    assert found["requests"][0]["left_days"] < 0


def test_sql_reads_and_does_nothing_else(service: Service) -> None:
    red = forget(service, "red")
    found = service.audit.sql("SELECT id, state, concepts FROM requests ORDER BY entry")
    assert found["columns"] == ["id", "state", "concepts"]
    assert found["rows"] == [[red["id"], "in_force", "red"]]
    assert service.audit.sql("SELECT count(*) FROM log")["rows"] == [
        [service.core.desk.ledger.size()]
    ]
    assert service.audit.sql("SELECT decision FROM votes")["rows"][0] in (["allow"], ["wait"])
    assert service.audit.sql("SELECT model, number, forget_acc FROM revisions")["rows"][0][:2] == [
        "m",
        1,
    ]
    assert service.audit.sql("SELECT seq FROM log", limit=2)["more"]
    for wrong in (
        "DELETE FROM records",
        "INSERT INTO log VALUES (99, '', '', '', '', '')",
        "ATTACH '/etc/passwd' AS x",
        "PRAGMA writable_schema = ON",
        "CREATE TABLE x (y)",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "nonsense",
    ):
        with pytest.raises(Usage, match="cannot be answered"):
            service.audit.sql(wrong)
    began = time.monotonic()
    with pytest.raises(Usage, match="longer than"):
        service.audit.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*)"
            " FROM n",
            seconds=0.2,
        )
    assert time.monotonic() - began < 20


def test_sql_that_takes_too_much_harms_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(service, "red")
    n = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT"
    many = "SELECT hex(zeroblob(400000)) FROM log, log AS b LIMIT 5000"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for text, why in (
        ("SELECT hex(zeroblob(15000000)) FROM log LIMIT 20", "too big"),
        (many, "larger than 8 MiB"),
        (f"{n} group_concat(i) FROM n", "too big|longer than|memory"),
        (f"{n} i FROM n ORDER BY -i", "memory|longer than"),
        ("SELECT printf('%.*c', 900000, 'x') || printf('%.*c', 900000, 'x')", "too big"),
        (f"SELECT {', '.join(['1'] * 500)}", "too many columns"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 200, "too many terms|compound"),
    ):
        with pytest.raises(Usage, match=why):
            service.audit.sql(text, seconds=2)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 100, f"the daemon grew by {grown:.0f} MiB"
    assert service.audit.sql("SELECT 1.5, 9e999, -9e999, NULL, x'00ff', 'é', 9007199254740993")[
        "rows"
    ] == [[1.5, "inf", "-inf", None, "00ff", "é", 9007199254740993]]
    assert service.audit.sql("SELECT CAST(x'ff61' AS TEXT)")["rows"] == [["\ufffda"]]
    for seconds in (0, -1, float("nan"), 1e9):
        with pytest.raises(Usage, match="may take up to"):
            service.audit.sql("SELECT 1", seconds=seconds)
    monkeypatch.setattr("govd.views.sql.PATIENCE_SECONDS", 0.05)
    with sql._turns, sql._turns, pytest.raises(Conflict, match="other questions"):
        service.audit.sql("SELECT 1")


def test_views_are_what_the_entries_say_and_are_replaced_where_they_are_not(
    service: Service,
) -> None:
    red = forget(service, "red")
    revert(service, red)
    assert service.verification.rebuild()["same"]
    path = service.core.desk.views.records.path
    assert path is not None
    with sqlite3.connect(path) as raw:
        raw.execute(
            "UPDATE records SET record = replace(record, 'ann', 'eve') WHERE noun = 'request'"
        )
    raw.close()
    found = service.verification.rebuild()
    assert (found["same"], found["differences"]) == (False, 2)
    assert service.requests.show(red["id"])["filed_by"] == "ann"
    assert service.verification.rebuild()["same"]


def test_a_home_opens_without_views_with_old_ones_and_with_those_of_another_ledger(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    home, views = tmp_path / "home", tmp_path / "home" / "views.db"
    before = list(service.core.desk.views.dump())
    service.close()

    def opened() -> list[tuple[str, ...]]:
        with open_service(home) as again:
            assert again.requests.show(red["id"])["state"] == "in_force"
            assert again.core.desk.views.published("m")["number"] == 1  # type: ignore[index]
            return list(again.core.desk.views.dump())

    assert opened() == before
    remove_tables(views)
    assert opened() == before
    views.write_bytes(b"no database" * 1000)
    assert opened() == before
    for change in (
        "size = size + 5",
        "size = 2",
        "origin = 'govd/other'",
        "version = '0'",
        "last = '00'",
    ):
        with sqlite3.connect(views) as raw:
            raw.execute(f"UPDATE position SET {change}")
        raw.close()
        assert opened() == before


def test_keys_rotate_and_what_the_old_one_signed_stays_verifiable(
    service: Service, tmp_path: Path
) -> None:
    forget(service, "red")
    kept, old = service.checkpoints.checkpoint(), service.checkpoints.key()
    with pytest.raises(Usage, match="needs a reason"):
        service.checkpoints.rotate_key(" ", "ann")
    said = service.checkpoints.rotate_key("the laptop was lost", "ann")
    assert said["old"] == old != service.checkpoints.key() == said["new"]
    forget(service, "blue")
    verdict = service.verification.verify(kept=[kept])
    assert verdict["holds"], verdict["faults"]
    assert verdict["keys"] == [said["old"], said["new"]]
    assert service.verification.verify(key=old)["holds"], (
        "who knows the old key is led to the new one"
    )
    service.bundles.bundle(tmp_path / "b.zip", request=service.requests.all()[0]["id"])
    for key in (said["old"], said["new"], None):
        found = verify_offline(tmp_path / "b.zip", key, again=True)
        assert found["holds"], found["faults"]
    service.close()
    assert not (tmp_path / "home" / "keys" / "next.key").exists()
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == said["new"]
        assert again.verification.verify()["holds"]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_rotation_that_was_cut_off_is_finished_or_undone(
    service: Service, tmp_path: Path, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = service.checkpoints.key()

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr(
            "govd.audit.key_rotation.os.replace" if recorded else "govd.views.desk.Desk.append",
            crash,
        )
        with pytest.raises(RuntimeError):
            service.checkpoints.rotate_key("routine", "ann")
    service.core.close()
    with open_service(tmp_path / "home") as again:
        assert (again.checkpoints.key() != old) is recorded
        assert again.verification.verify(key=old)["holds"]


def unsigned(home: Path) -> None:
    """A ledger without its log checkpoints, as somebody leaves it who means to sign it himself."""
    with sqlite3.connect(home / "ledger.db") as raw:
        for event in ("delete", "update"):
            raw.execute(f"DROP TRIGGER checkpoints_no_{event}")
        raw.execute("DELETE FROM checkpoints")
    raw.close()


def test_a_log_signed_anew_with_another_key_is_known_by_the_key(
    service: Service, tmp_path: Path
) -> None:
    """The row of the threat table that needs a key known from elsewhere: everything is signed
    again.
    """
    forget(service, "red")
    known, kept = service.checkpoints.key(), service.checkpoints.checkpoint()
    service.close()
    key = tmp_path / "home" / "keys" / "signing.key"
    key.unlink()
    with pytest.raises(
        BadFile, match="the key that signs this ledger is missing"
    ):  # none is made in its place
        open_service(tmp_path / "home")
    Signer.at(key, service.core.desk.ledger.origin)
    unsigned(tmp_path / "home")
    with open_service(tmp_path / "home") as again:
        again.checkpoints.sign()
        assert not again.verification.verify()["holds"], (
            "what was signed last lies beside the key, signed with the other one"
        )
    (tmp_path / "home" / "keys" / "signed.note").unlink()
    unsigned(tmp_path / "home")  # what lay beside the key was put back meanwhile
    with open_service(tmp_path / "home") as again:
        again.checkpoints.sign()
        assert again.verification.verify()["holds"], "alone it looks whole"
        assert not again.verification.verify(key=known)["holds"]
        assert not again.verification.verify(kept=[kept])["holds"]


def test_a_log_cut_off_with_all_that_speaks_of_it_is_known_by_a_kept_checkpoint(
    service: Service, tmp_path: Path
) -> None:
    at = service.core.desk.ledger.size()
    forget(service, "red")
    kept = service.checkpoints.checkpoint()
    service.close()
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("DELETE FROM entries WHERE seq >= ?", (at,))
        raw.execute("DELETE FROM checkpoints WHERE size > ?", (at,))
    raw.close()
    with open_service(tmp_path / "home") as again:
        assert "entries were cut off" in again.verification.verify()["faults"][0], (
            "what was signed last lies beside the key"
        )
    (tmp_path / "home" / "keys" / "signed.note").unlink()
    with open_service(tmp_path / "home") as again:
        assert again.verification.verify()["holds"], "alone it looks whole"
        found = again.verification.verify(kept=[kept])
        assert not found["holds"]
        assert "entries were cut off" in found["faults"][0]


def test_a_lost_or_changed_artifact_is_named(service: Service, tmp_path: Path) -> None:
    request = forget(service, "red")
    made = service.core.desk.views.contribution(request["contribution"])
    assert made is not None
    path = service.core.artifacts.path(made["artifact"])
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert made["artifact"] in service.verification.verify()["faults"][0]
    path.unlink()
    assert "not in the store" in service.verification.verify()["faults"][0]
    path.write_bytes(data)
    assert service.verification.verify()["holds"]


def test_a_key_that_is_not_the_logs_is_told(service: Service, tmp_path: Path) -> None:
    from govd.ledger.signing import Signer

    stranger = Signer.at(tmp_path / "k", service.core.desk.ledger.origin)
    verdict = service.verification.verify(key=str(stranger.key))
    assert not verdict["holds"]
    assert "not signed by this key" in verdict["faults"][0]


def test_checkpoints_are_made_with_news_and_by_the_hour(service: Service) -> None:
    forget(service, "red")
    ledger = service.core.desk.ledger
    assert ledger.last_checkpoint() is not None
    at = ledger.last_checkpoint()[0]  # type: ignore[index]
    service.core.desk.append([Draft("note", "x", "me")])
    service.vouch()
    assert ledger.last_checkpoint()[0] == at, "within the hour"  # type: ignore[index]
    service.checkpoints.sign()
    assert ledger.last_checkpoint()[0] == ledger.size()  # type: ignore[index]


# -- privacy


def everything(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def bodies(service: Service) -> bytes:
    return b"\n".join(body for _, body in service.core.desk.ledger.bodies())


def test_a_private_request_names_nothing_and_works_like_another(
    service: Service, tmp_path: Path
) -> None:
    open_one = forget(service, "red")
    revert(service, open_one)
    request = forget(service, "red", private=True, reason="Ms Example asked", ticket="case 11")
    service.measure()
    number = request["revision"]
    assert service.revision("m", number)["rank"] == 1
    metrics = service.revision("m", number)["metrics"]
    assert metrics["forget_acc"] == service.revision("m", 1)["metrics"]["forget_acc"]
    assert not {"cells", "concepts", "redirects", "spills_to", "base_diff"} & set(metrics)
    mine = [e for e in service.core.desk.ledger.entries() if e["seq"] >= request["seq"]]
    made = service.core.desk.views.contribution(request["contribution"])
    assert made is not None
    for said in (
        json.dumps(mine),
        service.core.artifacts.get(made["artifact"]).decode("utf-8", "replace"),
    ):
        assert not re.search(r"\bred\b", said)
        assert "Example" not in said
        assert "case 11" not in said
    assert service.requests.reveal(request["id"], "dpo")["reason"] == "Ms Example asked"
    assert service.audit.trail(request["id"])["entries"][-1]["kind"] == "request.read"
    with pytest.raises(Conflict, match="same scope"):
        service.forget("m", ForgetOptions(concepts=("red",)), "ann")


def test_shredding_leaves_every_proof_and_no_text(service: Service, tmp_path: Path) -> None:
    request = forget(service, "red", private=True, reason="Ms Example asked")
    service.bundles.bundle(tmp_path / "before.zip", request=request["id"])
    with pytest.raises(Usage, match="needs a reason"):
        service.requests.shred(request["id"], "", "dpo")
    shredded = service.requests.shred(request["id"], "the purpose is fulfilled", "dpo")
    assert shredded["state"] == "in_force"
    assert b"Example" not in everything(tmp_path / "home")
    with pytest.raises(NotFound, match="destroyed"):
        service.requests.reveal(request["id"], "dpo")
    with pytest.raises(Conflict, match="destroyed"):
        service.requests.shred(request["id"], "again", "dpo")
    assert service.verification.verify(again=True)["holds"]
    assert verify_offline(tmp_path / "before.zip", service.checkpoints.key(), again=True)["holds"]
    revert(service, request)
    assert service.requests.show(request["id"])["state"] == "reverted"
    other = forget(service, "blue")
    with pytest.raises(Conflict, match="not private"):
        service.requests.shred(other["id"], "please", "dpo")


def test_a_text_is_destroyed_even_where_a_crash_came_between(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = forget(service, "red", private=True, reason="Ms Example asked")
    monkeypatch.setattr(service.core.private, "shred", lambda name: None)
    service.requests.shred(request["id"], "cut off", "dpo")
    service.core.private.folder.joinpath("orphan.key").write_bytes(b"filed, but never recorded")
    service.close()
    with open_service(tmp_path / "home") as again:
        assert again.core.private.names() == ["orphan"], "no entry says that it is to be destroyed"


def test_an_export_of_private_forgets_must_be_meant(service: Service, tmp_path: Path) -> None:
    request = forget(service, "red", private=True)
    with pytest.raises(Denied, match="--disclose"):
        service.export("m", tmp_path / "out", "ann", format="edit")
    service.export(
        "m", tmp_path / "out", "ann", format="edit", disclose=True, recipient="partner@example.org"
    )
    (export,) = service.audit.why("m", request["revision"])["exports"]
    assert (export["recipient"], export["disclosed"]) == ("partner@example.org", [request["id"]])


def test_a_private_request_is_filed_once_with_its_key(service: Service) -> None:
    first = service.forget(
        "m", ForgetOptions(concepts=("red",), private=True, idempotency_key="k"), "ann"
    )
    again = service.forget(
        "m", ForgetOptions(concepts=("red",), private=True, idempotency_key="k"), "ann"
    )
    assert first["id"] == again["id"]
    from govd.errors import KeyReused

    with pytest.raises(KeyReused):
        service.forget(
            "m", ForgetOptions(concepts=("blue",), private=True, idempotency_key="k"), "ann"
        )


def test_dates_alone_are_whole_days(service: Service) -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC).date().isoformat()
    red = forget(service, "red", due=today)
    assert service.audit.deadlines()["requests"][0]["status"] == "met"
    assert [r["id"] for r in service.requests.all(since=today, until=today)] == [red["id"]]
    assert service.audit.log(since=today, until=today)
    assert service.audit.deadlines(since=today, until=today)["summary"]["requests"] == 1


def test_of_two_forgets_the_slower_is_the_ninetieth_percentile(service: Service) -> None:
    for name in ("red", "blue"):
        forget(service, name)
    summary = service.audit.deadlines()["summary"]
    assert summary["median_days"] <= summary["p90_days"] == summary["longest_days"]
    with pytest.raises(Usage, match="From 1 to"):
        service.audit.deadlines(days=3_000_000)


def test_an_entry_that_somebody_stored_as_text_is_told(service: Service, tmp_path: Path) -> None:
    red = forget(service, "red")
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE entries SET body = CAST(body AS TEXT) WHERE seq = ?", (red["seq"],))
    raw.close()
    with pytest.raises(BadFile, match="not stored as bytes"):
        service.audit.trail(red["id"])
    assert not service.verification.verify()["holds"]


def test_sql_tells_what_is_private_shredded_and_held(service: Service) -> None:
    private = forget(service, "red", private=True)
    service.requests.hold(private["id"], "case 7", "legal")
    rows = service.audit.sql("SELECT private, shredded_at, held_since FROM requests")["rows"]
    assert (rows[0][:2], rows[0][2][:2]) == ([1, None], "20")


def test_concepts_are_found_however_they_are_spelled(service: Service) -> None:
    red = forget(service, "Red")
    assert [r["id"] for r in service.requests.all(concept="rED")] == [red["id"]]
    assert {e["subject"] for e in service.audit.log(concept="RED", kind="request.file")} == {
        red["id"]
    }
