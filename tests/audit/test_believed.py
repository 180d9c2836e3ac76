"""What the daemon and the verifier believe, and from where: rows of the threat table, each with
somebody who can write one file.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, NotFound, Unauthenticated, VerificationFailed
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline

TOKEN = "a token that nobody made"


def forget(service: Service, concept: str, **options: Any) -> str:
    request = service.forget("m", ForgetOptions(concepts=(concept,), **options), "ann")
    service.reconcile()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconcile()
    return str(request["id"])


def changed(path: Path, *statements: str, **values: str) -> None:
    """The file as somebody leaves it who can write it and has no key."""
    with sqlite3.connect(path) as raw:
        for statement in statements:
            raw.execute(statement, values)
    raw.close()


def dropped_triggers(raw: sqlite3.Connection) -> list[str]:
    """Take the triggers away; the statements that make them again."""
    triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        raw.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in triggers]


def forged(home: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Entries changed in place with every Merkle node computed again; what was signed after the
    first change is deleted.
    """
    from govd.ledger import canonical

    with sqlite3.connect(home / "ledger.db") as raw:
        triggers = dropped_triggers(raw)
        bodies = [body for (body,) in raw.execute("SELECT body FROM entries ORDER BY seq")]
        rows = [json.loads(body) for body in bodies]
        change(rows)
        tree = merkle.Growing()
        first = len(rows)
        for seq, row in enumerate(rows):
            body = canonical.encode(row)
            first = min(first, seq) if body != bodies[seq] else first
            nodes = b"".join(value for _, _, value in tree.add(merkle.leaf_hash(body))[1:])
            raw.execute("UPDATE entries SET body = ?, nodes = ? WHERE seq = ?", (body, nodes, seq))
        raw.execute("DELETE FROM checkpoints WHERE size > ?", (first,))
        for statement in triggers:
            raw.execute(statement)
    raw.close()


# -- the views

REQUEST = "noun = 'request'"
VIEWS: dict[str, tuple[str, ...]] = {
    "a forget in force is said to be reverted": (
        (
            "UPDATE records SET state = 'reverted', live = 0, record = json_set(record, '$.state',"
            f" 'reverted') WHERE {REQUEST} AND key = :id"
        ),
    ),
    "a forget in force is dropped": (f"DELETE FROM records WHERE {REQUEST} AND key = :id",),
    "a forget in force is another's": (
        (
            f"UPDATE records SET record = json_set(record, '$.model', 'x') WHERE {REQUEST} AND key"
            " = :id"
        ),
    ),
    "the model serves nothing": (
        "UPDATE records SET record = json_set(record, '$.published', NULL) WHERE noun = 'head'",
    ),
    "the published revision is dropped": ("DELETE FROM records WHERE noun = 'revision'",),
    "a token that nobody made": (
        (
            "INSERT INTO records SELECT 'token', 'abcdef', '', '', 1, 0, NULL, :token, seal FROM"
            " records LIMIT 1"
        ),
    ),
    "a token that nobody made and no position": (
        (
            "INSERT INTO records SELECT 'token', 'abcdef', '', '', 1, 0, NULL, :token, seal FROM"
            " records LIMIT 1"
        ),
        "DELETE FROM position",
        "DELETE FROM log",
        "DELETE FROM spans",
        "DELETE FROM terms",
    ),
    "a token is taken back no more": (
        "UPDATE records SET record = json_set(record, '$.revoked_at', NULL) WHERE noun = 'token'",
    ),
    "entries are said to be read already": ("UPDATE position SET size = size + 1000",),
    "a trigger of somebody's": (
        (
            "CREATE TRIGGER x AFTER INSERT ON records BEGIN DELETE FROM records WHERE noun ="
            " 'token'; END"
        ),
    ),
    "an SQL view that says something else": (
        "DROP VIEW votes",
        "CREATE VIEW votes AS SELECT 1 AS request",
    ),
}


@pytest.mark.parametrize("what", sorted(VIEWS))
def test_changed_views_are_made_anew_before_anybody_believes_them(
    service: Service, tmp_path: Path, what: str
) -> None:
    red, blue = forget(service, "red"), forget(service, "blue")
    made = service.tokens.create("owner", "eve", "ann")
    service.tokens.revoke(made["id"], "ann")
    before, served = list(service.core.desk.views.dump()), service.core.desk.views.published("m")
    service.close()
    sha256 = hashlib.sha256(TOKEN.encode()).hexdigest()
    token = {
        "id": "abcdef",
        "name": "eve",
        "role": "owner",
        "sha256": sha256,
        "revoked_at": None,
        "seq": 0,
        "created_at": "",
    }
    changed(tmp_path / "home" / "views.db", *VIEWS[what], id=red, token=json.dumps(token))
    with open_service(tmp_path / "home") as again:
        for said in (TOKEN, made["token"]):
            with pytest.raises(Unauthenticated):
                again.tokens.admit(said, "inference")
        assert list(again.core.desk.views.dump()) == before
        forget(again, "green")
        now = again.core.desk.views.published("m")
        assert served is not None
        assert now is not None
        assert {red, blue} < set(now["requests"])
        found = again.verification.verify(again=True)
        assert found["holds"], found["faults"]


def test_an_older_copy_of_a_row_is_no_row(service: Service, tmp_path: Path) -> None:
    """A sealed row of an earlier time, put back: a token from before it was revoked."""
    made = service.tokens.create("owner", "eve", "ann")
    path = tmp_path / "home" / "views.db"
    with sqlite3.connect(path) as raw:
        old = raw.execute("SELECT * FROM records WHERE noun = 'token'").fetchone()
    raw.close()
    service.tokens.revoke(made["id"], "ann")
    service.close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"INSERT OR REPLACE INTO records VALUES ({', '.join('?' * len(old))})", old)
    raw.close()
    with open_service(tmp_path / "home") as again, pytest.raises(Unauthenticated):
        again.tokens.admit(made["token"], "inference")


def test_older_views_as_a_whole_go_on_from_where_they_were(
    service: Service, tmp_path: Path
) -> None:
    """Their own seal holds: they are what the ledger said then, and the entries since are read."""
    made = service.tokens.create("owner", "eve", "ann")
    old = list(service.core.desk.ledger.entries())[-1]["seq"] + 1
    with sqlite3.connect(tmp_path / "home" / "views.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    before = (tmp_path / "home" / "views.db").read_bytes()
    service.tokens.revoke(made["id"], "ann")
    service.close()
    for end in ("-wal", "-shm"):
        (tmp_path / "home" / f"views.db{end}").unlink(missing_ok=True)
    (tmp_path / "home" / "views.db").write_bytes(before)
    with open_service(tmp_path / "home") as again:
        assert again.core.desk.views.size > old
        with pytest.raises(Unauthenticated):
            again.tokens.admit(made["token"], "inference")


def test_a_record_that_is_changed_while_the_daemon_runs_is_made_anew_once(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    red = forget(service, "red")
    service.revert(red, "taken back", "ann")
    service.reconcile()
    changed(
        tmp_path / "home" / "views.db",
        f"UPDATE records SET record = replace(record, 'ann', 'eve') WHERE {REQUEST}",
    )
    with caplog.at_level("WARNING", "govd"):
        assert service.requests.show(red)["filed_by"] == "ann", (
            "they are made anew, and the call goes on"
        )
    assert caplog.text.count("changed by somebody else while they were in use") == 1
    assert service.verification.rebuild()["same"]
    blue = forget(service, "blue")
    assert service.requests.show(blue)["state"] == "in_force"
    changed(
        tmp_path / "home" / "views.db",
        f"UPDATE records SET record = replace(record, 'ann', 'eve') WHERE {REQUEST}",
    )
    with pytest.raises(BadFile, match="govd audit rebuild"):  # somebody goes on: that is told
        service.requests.show(red)
    assert service.verification.rebuild()["differences"] > 0
    assert service.requests.show(red)["filed_by"] == "ann"


HARM = {
    "a table is gone": ("DROP TABLE terms",),
    "records are others": ("UPDATE records SET record = replace(record, 'ann', 'eve')",),
    "records are gone that something can happen to": ("DELETE FROM records WHERE live",),
    "seals are gone": ("UPDATE records SET seal = x'00'",),
    "no row of anything": (
        "DELETE FROM records",
        "DELETE FROM log",
        "DELETE FROM position",
        "DELETE FROM terms",
        "DELETE FROM spans",
    ),
}


UNSEEN = ("no row of anything", "records are gone that something can happen to")
"""Harm that no single row shows to who reads it: it is seen when entries are folded, or the home is
opened.
"""


@pytest.mark.parametrize("what", sorted(HARM))
def test_work_goes_on_over_views_that_are_harmed_while_it_runs(
    service: Service, tmp_path: Path, what: str
) -> None:
    """Reads from several threads, and appends, as soon as the harm is done."""
    requests = [forget(service, "red"), forget(service, "blue")]
    service.revert(requests[0], "taken back", "ann")
    service.reconcile()
    before = [service.requests.show(request)["filed_by"] for request in requests]
    changed(tmp_path / "home" / "views.db", *HARM[what])
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(service.requests.show, request)
            for request in requests * 4
            if what not in UNSEEN
        ]
        filed = pool.submit(forget, service, "green")
        assert [done.result()["filed_by"] for done in asked] == (before * 4)[: len(asked)]
        green = filed.result()
    assert service.requests.show(green)["state"] == "in_force"
    service.verification.rebuild()
    assert service.verification.rebuild()["same"]
    assert [service.requests.show(request)["filed_by"] for request in requests] == before
    assert service.verification.verify(again=True)["holds"]


def test_a_token_counts_as_far_as_its_entry_says_so(service: Service) -> None:
    """Even where the views in memory say otherwise."""
    made = service.tokens.create("inference", "eve", "ann")
    assert service.tokens.admit(made["token"], "inference") == "principal:eve"
    tokens = service.core.desk.views.tokens
    tokens[made["id"]] = tokens[made["id"]].with_(role="owner")
    with pytest.raises(Unauthenticated):
        service.tokens.admit(made["token"], "owner")
    tokens[made["id"]] = tokens[made["id"]].with_(role="inference", seq=0)
    service.tokens._looked_at.clear()
    with pytest.raises(Unauthenticated):
        service.tokens.admit(made["token"], "inference")


def test_a_new_key_is_thrown_away_by_no_view(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation that a crash cut off is finished by the entries."""
    old = service.checkpoints.key()

    def crash(*_: object) -> None:
        raise RuntimeError("the power fails")

    with monkeypatch.context() as broken:
        broken.setattr("govd.audit.key_rotation.os.replace", crash)
        with pytest.raises(RuntimeError):
            service.checkpoints.rotate_key("routine", "ann")
    service.core.close()
    changed(
        tmp_path / "home" / "views.db",
        "UPDATE log SET kind = 'note', noun = 'note' WHERE kind = 'key.rotate'",
    )
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() != old
        assert again.verification.verify(key=old)["holds"]


# -- what was in force


def test_a_publish_without_what_is_in_force_is_found(service: Service, tmp_path: Path) -> None:
    """A daemon that believed something else: here the views in its memory are made to leave a
    forget out.
    """
    red = forget(service, "red")
    left_out = service.core.desk.views.open.pop(red)
    forget(service, "blue")
    service.core.desk.views.open[red] = left_out
    found = service.verification.verify(again=True)
    assert f"publishes m/2 without {red}, which was in force or approved then" in found["faults"][0]
    service.bundles.bundle(tmp_path / "b.zip")
    assert (
        f"without {red}"
        in verify_offline(tmp_path / "b.zip", service.checkpoints.key())["faults"][0]
    )


def test_a_publish_with_what_was_taken_back_is_found(service: Service) -> None:
    red = forget(service, "red")
    forget(service, "blue")
    service.core.desk.append(
        [
            Draft(
                "request.file",
                "v1",
                "ann",
                "m",
                {"kind": "revert", "model": "m", "reverts": red, "concepts": []},
            )
        ]
    )
    service.core.desk.append([Draft("request.approve", "v1", "ann", "m", {"reason": ""})])
    service.core.desk.views.open.pop("v1")  # a daemon that does not see the revert
    forget(service, "green")
    assert (
        "of no request that was in force or approved then"
        in service.verification.verify()["faults"][0]
    )


def test_every_way_of_a_request_is_folded_as_the_views_fold_it(service: Service) -> None:
    from govd.records.standing import Standing, event_of

    red, everywhere = forget(service, "red", domains=("dark",)), forget(service, "red")
    blue = forget(service, "blue")
    for taken_back in (everywhere, blue):
        service.revert(taken_back, "no longer", "ann")
        service.reconcile()
    rejected = service.forget("m", ForgetOptions(concepts=("green",)), "ann")
    service.requests.decide(rejected["id"], "withdraw", "a mistake", "ann")
    faults: list[str] = []
    standing = Standing(faults.append)
    for entry in service.core.desk.ledger.entries():
        event = event_of(entry)
        if event is not None:
            standing.take(event)
    standing.finish()
    assert not faults
    assert (
        standing.wanted("m") == {str(r["id"]) for r in service.core.desk.views.wanted("m")} == {red}
    )
    assert standing.states() == {
        str(r["id"]): r["state"] for r in service.core.desk.views.open.values()
    }


# -- what was signed


def renamed(rows: list[dict[str, Any]]) -> None:
    filed = next(row for row in rows if row["kind"] == "request.file")
    filed["actor"] = "judge"


@pytest.mark.parametrize("kept", [True, False])
def test_a_forged_tail_is_found_and_never_signed(
    service: Service, tmp_path: Path, kept: bool
) -> None:
    """An entry is changed in place, the nodes are computed again, the log checkpoints since are
    deleted.
    """
    forget(service, "red")
    size = service.core.desk.ledger.size()
    service.close()
    home = tmp_path / "home"
    forged(home, renamed)
    # by somebody who can write the folder of the keys, or in a home that was made before the file
    # was
    if not kept:
        (home / "keys" / "signed.note").unlink()
    again = open_service(home)
    found = again.verification.verify()
    assert not found["holds"]
    if kept:
        assert f"the first {size} entries are not those that were signed" in found["faults"][0]
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.forget("m", ForgetOptions(concepts=("blue",)), "ann")
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.core.desk.ledger.checkpoint()
    else:
        assert "m/1 was published by entry" in found["faults"][0]
        assert "which no signed log checkpoint covers" in found["faults"][0]
    again.close()
    if kept:
        with sqlite3.connect(home / "ledger.db") as raw:
            assert raw.execute("SELECT max(size) FROM checkpoints").fetchone()[0] < size, (
                "the forgery is not signed"
            )
        raw.close()


def test_a_home_of_an_earlier_version_keeps_what_was_signed_from_its_first_opening_on(
    service: Service, tmp_path: Path
) -> None:
    forget(service, "red")
    service.close()
    home = tmp_path / "home"
    (home / "keys" / "signed.note").unlink()
    open_service(home).close()
    forged(home, renamed)
    with open_service(home) as again:
        assert "are not those that were signed" in again.verification.verify()["faults"][0]
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.core.desk.ledger.checkpoint()


def test_a_forgery_under_a_running_daemon_is_never_signed(service: Service, tmp_path: Path) -> None:
    """Entries that were not signed yet are those that this process wrote."""
    service.core.desk.append(
        [
            Draft("note", "x", "ann", "", {"reason": "one"}),
            Draft("note", "y", "ann", "", {"reason": "two"}),
        ]
    )

    def change(rows: list[dict[str, Any]]) -> None:
        rows[-2]["actor"] = "judge"

    forged(tmp_path / "home", change)
    with pytest.raises(VerificationFailed, match="are not those that were written"):
        service.core.desk.ledger.checkpoint()


def test_entries_that_are_not_signed_yet_are_told_first(service: Service) -> None:
    forget(service, "red")
    assert service.verification.verify()["unsigned"] == 0
    service.core.desk.append([Draft("note", "x", "ann", "", {"reason": "one"})])
    assert service.verification.verify()["unsigned"] == 1


def test_what_a_crash_left_unsigned_is_signed_when_the_home_is_opened(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_: object) -> str:
        raise RuntimeError("the power fails")

    with monkeypatch.context() as broken:
        broken.setattr("govd.ledger.store.Ledger.checkpoint", crash)
        with pytest.raises(RuntimeError):
            forget(service, "red")
    service.core.close()
    with open_service(tmp_path / "home") as again:
        assert again.core.desk.views.published("m") is not None
        assert again.verification.verify()["holds"]


def test_a_checkpoint_that_only_lies_beside_the_key_is_put_into_the_database(
    service: Service, tmp_path: Path
) -> None:
    """A crash between the file and the row."""
    size = service.core.desk.ledger.size()
    service.close()
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as raw:
        triggers = dropped_triggers(raw)
        raw.execute("DELETE FROM checkpoints WHERE size = ?", (size,))
        for statement in triggers:
            raw.execute(statement)
    raw.close()
    with open_service(tmp_path / "home") as again:
        assert again.core.desk.ledger.checkpoint_of(size) is not None
        assert again.verification.verify()["holds"]


def test_an_older_ledger_in_its_place_is_read_and_not_continued(
    service: Service, tmp_path: Path
) -> None:
    from govd.ledger.database import copy_database

    copy_database(tmp_path / "home" / "ledger.db", tmp_path / "old.db")
    red = forget(service, "red")
    service.close()
    for end in ("", "-wal", "-shm"):
        (tmp_path / "home" / f"ledger.db{end}").unlink(missing_ok=True)
    (tmp_path / "old.db").rename(tmp_path / "home" / "ledger.db")
    with open_service(tmp_path / "home") as again:
        assert again.requests.all() == []
        with pytest.raises(NotFound):
            again.requests.show(red)
        with pytest.raises(VerificationFailed, match="an older file put there"):
            again.forget("m", ForgetOptions(concepts=("blue",)), "ann")


# -- what stands in the database

STRANGERS = {
    "an insert that is ignored": (
        "CREATE TRIGGER x BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END"
    ),
    "an insert that is changed": (
        "CREATE TRIGGER x AFTER INSERT ON entries BEGIN UPDATE entries SET body = x'00' WHERE seq ="
        " NEW.seq; END"
    ),
    "a view": "CREATE VIEW x AS SELECT * FROM entries",
    "an index": "CREATE INDEX x ON entries (body)",
}


@pytest.mark.parametrize("what", sorted(STRANGERS))
def test_what_no_ledger_has_is_found_when_it_is_opened_and_verified(
    service: Service, tmp_path: Path, what: str
) -> None:
    size = service.core.desk.ledger.size()
    changed(tmp_path / "home" / "ledger.db", STRANGERS[what])
    assert "what no ledger has" in service.verification.verify()["faults"][0]
    service.close()
    with open_service(tmp_path / "home") as again:
        with pytest.raises(BadFile, match=r"what no ledger has: (trigger|view|index) 'x'"):
            again.forget("m", ForgetOptions(concepts=("red",)), "ann")
        assert again.core.desk.ledger.size() == size
        assert not again.verification.verify()["holds"]
        assert "what no ledger has" in again.status()["ledger"]["fault"]


@pytest.mark.parametrize("what", ["an insert that is ignored", "an insert that is changed"])
@pytest.mark.parametrize("many", [1, 3])
def test_an_entry_that_was_not_stored_was_not_filed(
    service: Service, tmp_path: Path, what: str, many: int
) -> None:
    """Somebody puts the trigger there while the daemon runs."""
    if "changed" in what:
        changed(tmp_path / "home" / "ledger.db", "DROP TRIGGER entries_no_update")
    changed(tmp_path / "home" / "ledger.db", STRANGERS[what])
    size = service.core.desk.ledger.size()
    with pytest.raises(BadFile, match="not stored as they were written"):
        service.core.desk.append([Draft("note", "x", "ann", "", {"reason": "one"})] * many)
    assert service.core.desk.ledger.size() == size, "what was read back wrong was not committed"
    assert "not stored as they were written" in service.status()["ledger"]["fault"], (
        "and nothing is appended from here on"
    )


def test_triggers_that_were_taken_away_are_made_again(service: Service, tmp_path: Path) -> None:
    service.close()
    changed(
        tmp_path / "home" / "ledger.db",
        "DROP TRIGGER entries_no_update",
        "DROP TRIGGER checkpoints_no_delete",
    )
    with open_service(tmp_path / "home") as again:
        assert again.verification.verify()["holds"]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        changed(tmp_path / "home" / "ledger.db", "UPDATE entries SET body = x'00'")
