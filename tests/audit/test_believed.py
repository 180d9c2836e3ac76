"""What the daemon and the verifier believe, and from where: rows of the threat table, each with
somebody who can write one file.
"""

import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from govd.errors import BadFile, Unauthenticated
from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline
from tests.audit.forging import changed, forget

TOKEN = "a token that nobody made"


REQUEST = "noun = 'request'"


VIEWS: dict[str, tuple[str, ...]] = {
    "a forget in force is said to be reverted": (
        (
            "UPDATE records SET state = 'reverted', live = 0, record = json_set(record, '$.state',"
            f" 'reverted') WHERE {REQUEST} AND key = :id"
        ),
    ),
    "a forget in force is dropped": (
        f"DELETE FROM records WHERE {REQUEST} AND key = :id",
    ),
    "a forget in force is another's": (
        (
            f"UPDATE records SET record = json_set(record, '$.model', 'x') WHERE {REQUEST} AND key"
            " = :id"
        ),
    ),
    "the model serves nothing": (
        "UPDATE records SET record = json_set(record, '$.published', NULL) WHERE noun = 'head'",
    ),
    "the published revision is dropped": (
        "DELETE FROM records WHERE noun = 'revision'",
    ),
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
    before, served = (
        list(service.core.desk.views.dump()),
        service.core.desk.views.published("m"),
    )
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
    changed(
        tmp_path / "home" / "views.db", *VIEWS[what], id=red, token=json.dumps(token)
    )
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
        found = again.verification.verify(recompute=True)
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
        raw.execute(
            f"INSERT OR REPLACE INTO records VALUES ({', '.join('?' * len(old))})", old
        )
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
    service.requests.revert(red, "taken back", "ann")
    service.reconciler.run()
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
    # somebody goes on: that is told
    with pytest.raises(BadFile, match="govd audit rebuild"):
        service.requests.show(red)
    assert service.verification.rebuild()["differences"] > 0
    assert service.requests.show(red)["filed_by"] == "ann"


HARM = {
    "a table is gone": ("DROP TABLE terms",),
    "records are others": (
        "UPDATE records SET record = replace(record, 'ann', 'eve')",
    ),
    "records are gone that something can happen to": (
        "DELETE FROM records WHERE live",
    ),
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
    service.requests.revert(requests[0], "taken back", "ann")
    service.reconciler.run()
    before = [service.requests.show(request)["filed_by"] for request in requests]
    changed(tmp_path / "home" / "views.db", *HARM[what])
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(service.requests.show, request)
            for request in requests * 4
            if what not in UNSEEN
        ]
        filed = pool.submit(forget, service, "green")
        assert [done.result()["filed_by"] for done in asked] == (before * 4)[
            : len(asked)
        ]
        green = filed.result()
    assert service.requests.show(green)["state"] == "in_force"
    service.verification.rebuild()
    assert service.verification.rebuild()["same"]
    assert [
        service.requests.show(request)["filed_by"] for request in requests
    ] == before
    assert service.verification.verify(recompute=True)["holds"]


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


def test_a_publish_without_what_is_in_force_is_found(
    service: Service, tmp_path: Path
) -> None:
    """A daemon that believed something else: here the views in its memory are made to leave a
    forget out.
    """
    red = forget(service, "red")
    left_out = service.core.desk.views.open.pop(red)
    forget(service, "blue")
    service.core.desk.views.open[red] = left_out
    found = service.verification.verify(recompute=True)
    assert (
        f"publishes m/2 without {red}, which was in force or approved then"
        in found["faults"][0]
    )
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
    service.core.desk.append(
        [Draft("request.approve", "v1", "ann", "m", {"reason": ""})]
    )
    service.core.desk.views.open.pop("v1")  # a daemon that does not see the revert
    forget(service, "green")
    assert (
        "of no request that was in force or approved then"
        in service.verification.verify()["faults"][0]
    )


def test_every_way_of_a_request_is_folded_as_the_views_fold_it(
    service: Service,
) -> None:
    from govd.records.in_force import InForce, event_of

    red, everywhere = forget(service, "red", domains=("dark",)), forget(service, "red")
    blue = forget(service, "blue")
    for taken_back in (everywhere, blue):
        service.requests.revert(taken_back, "no longer", "ann")
        service.reconciler.run()
    rejected = service.requests.forget("m", ForgetOptions(concepts=("green",)), "ann")
    service.requests.decide(rejected["id"], "withdraw", "a mistake", "ann")
    faults: list[str] = []
    in_force = InForce(faults.append)
    for entry in service.core.desk.ledger.entries():
        event = event_of(entry)
        if event is not None:
            in_force.take(event)
    in_force.finish()
    assert not faults
    assert (
        in_force.wanted("m")
        == {str(r["id"]) for r in service.core.desk.views.wanted("m")}
        == {red}
    )
    assert in_force.states() == {
        str(r["id"]): r["state"] for r in service.core.desk.views.open.values()
    }
