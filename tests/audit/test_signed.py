"""What was signed and what stands in the database, against whoever changes it."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, NotFound, VerificationFailed
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.audit.forging import changed, forget


def dropped_triggers(raw: sqlite3.Connection) -> list[str]:
    """Take the triggers away; the statements that make them again."""
    triggers = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
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
        bodies = [
            body for (body,) in raw.execute("SELECT body FROM entries ORDER BY seq")
        ]
        rows = [json.loads(body) for body in bodies]
        change(rows)
        tree = merkle.Growing()
        first = len(rows)
        for seq, row in enumerate(rows):
            body = canonical.encode(row)
            first = min(first, seq) if body != bodies[seq] else first
            nodes = b"".join(
                value for _, _, value in tree.add(merkle.leaf_hash(body))[1:]
            )
            raw.execute(
                "UPDATE entries SET body = ?, nodes = ? WHERE seq = ?",
                (body, nodes, seq),
            )
        raw.execute("DELETE FROM checkpoints WHERE size > ?", (first,))
        for statement in triggers:
            raw.execute(statement)
    raw.close()


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
        assert (
            f"the first {size} entries are not those that were signed"
            in found["faults"][0]
        )
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.core.desk.ledger.checkpoint()
    else:
        assert "m/1 was published by entry" in found["faults"][0]
        assert "which no signed log checkpoint covers" in found["faults"][0]
    again.close()
    if kept:
        with sqlite3.connect(home / "ledger.db") as raw:
            assert (
                raw.execute("SELECT max(size) FROM checkpoints").fetchone()[0] < size
            ), "the forgery is not signed"
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
        assert (
            "are not those that were signed" in again.verification.verify()["faults"][0]
        )
        with pytest.raises(VerificationFailed, match="are not those that were signed"):
            again.core.desk.ledger.checkpoint()


def test_a_forgery_under_a_running_daemon_is_never_signed(
    service: Service, tmp_path: Path
) -> None:
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
            again.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")


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
        with pytest.raises(
            BadFile, match=r"what no ledger has: (trigger|view|index) 'x'"
        ):
            again.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
        assert again.core.desk.ledger.size() == size
        assert not again.verification.verify()["holds"]
        assert "what no ledger has" in again.status()["ledger"]["fault"]


@pytest.mark.parametrize(
    "what", ["an insert that is ignored", "an insert that is changed"]
)
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
        service.core.desk.append(
            [Draft("note", "x", "ann", "", {"reason": "one"})] * many
        )
    assert service.core.desk.ledger.size() == size, (
        "what was read back wrong was not committed"
    )
    assert "not stored as they were written" in service.status()["ledger"]["fault"], (
        "and nothing is appended from here on"
    )


def test_triggers_that_were_taken_away_are_made_again(
    service: Service, tmp_path: Path
) -> None:
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
