"""SQL over the views, views made anew, keys that change, and what is lost or cut off."""

import resource
import sqlite3
import time
from pathlib import Path

import pytest

from govd.errors import BadFile, Conflict, Usage
from govd.ledger.entry import Draft
from govd.ledger.signing import Signer
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline
from govd.views import sql
from govd.views.sealed_tables import remove_tables
from tests.audit.asking import forget, revert


def test_sql_reads_and_does_nothing_else(service: Service) -> None:
    red = forget(service, "red")
    found = service.audit.sql("SELECT id, state, concepts FROM requests ORDER BY entry")
    assert found["columns"] == ["id", "state", "concepts"]
    assert found["rows"] == [[red["id"], "in_force", "red"]]
    assert service.audit.sql("SELECT count(*) FROM log")["rows"] == [
        [service.core.desk.ledger.size()]
    ]
    assert service.audit.sql("SELECT decision FROM votes")["rows"][0] in (
        ["allow"],
        ["wait"],
    )
    assert service.audit.sql("SELECT model, number, forget_acc FROM revisions")["rows"][
        0
    ][:2] == [
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
        (
            "SELECT printf('%.*c', 900000, 'x') || printf('%.*c', 900000, 'x')",
            "too big",
        ),
        (f"SELECT {', '.join(['1'] * 500)}", "too many columns"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 200, "too many terms|compound"),
    ):
        with pytest.raises(Usage, match=why):
            service.audit.sql(text, seconds=2)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 100, f"the daemon grew by {grown:.0f} MiB"
    assert service.audit.sql(
        "SELECT 1.5, 9e999, -9e999, NULL, x'00ff', 'é', 9007199254740993"
    )["rows"] == [[1.5, "inf", "-inf", None, "00ff", "é", 9007199254740993]]
    assert service.audit.sql("SELECT CAST(x'ff61' AS TEXT)")["rows"] == [["\ufffda"]]
    for seconds in (0, -1, float("nan"), 1e9):
        with pytest.raises(Usage, match="may take up to"):
            service.audit.sql("SELECT 1", seconds=seconds)
    monkeypatch.setattr("govd.views.sql.PATIENCE_SECONDS", 0.05)
    with sql._turns, sql._turns, pytest.raises(Conflict, match="other SQL questions"):
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
    verdict = service.verification.verify(since=[kept])
    both = service.verification.verify(since=[kept, kept])
    assert both["holds"] == verdict["holds"], "several may be given"
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
            "govd.audit.key_rotation.os.replace"
            if recorded
            else "govd.views.desk.Desk.append",
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
    # none is made in its place
    with pytest.raises(BadFile, match="the key that signs this ledger is missing"):
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
        assert not again.verification.verify(since=[kept])["holds"]


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
        found = again.verification.verify(since=[kept])
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
