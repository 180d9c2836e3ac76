"""Private texts are destroyed where an entry says so, and for no other reason."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from govd.errors import MachineFault
from govd.ledger.signing import Signer
from govd.requests import ForgetOptions
from govd.service.doctor import examine
from govd.service.service import Service, open_service


def private(service: Service, concept: str = "red") -> str:
    request = service.requests.forget(
        "m",
        ForgetOptions(concepts=(concept,), private=True, reason="Ms Example asked"),
        "ann",
    )
    service.reconciler.run()
    return str(request["id"])


def texts(home: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (home / "private").iterdir()}


def read_by_command(home: Path) -> None:
    """What `govd status` does."""
    with open_service(home) as service:
        service.status()


def without_row(home: Path, request: str) -> None:
    with sqlite3.connect(home / "views.db") as raw:
        raw.execute("DELETE FROM records WHERE key = ?", (request,))
    raw.close()


def shredded_in_views(home: Path, request: str) -> None:
    with sqlite3.connect(home / "views.db") as raw:
        raw.execute(
            "UPDATE records SET record = json_set(record, '$.shredded_at', '2026-01-01') WHERE"
            " key = ?",
            (request,),
        )
    raw.close()


@pytest.mark.parametrize("change", [without_row, shredded_in_views])
def test_what_the_views_say_destroys_nothing(
    service: Service, tmp_path: Path, change: Callable[[Path, str], None]
) -> None:
    home = tmp_path / "home"
    request = private(service)
    service.requests.hold(request, "Ms Example sues", "dpo")
    service.close()
    before = texts(home)
    assert len(before) == 4
    change(home, request)
    read_by_command(home)
    assert texts(home) == before


def test_an_older_ledger_in_its_place_destroys_nothing(
    service: Service, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first = private(service)
    service.close()
    shutil.copytree(home, tmp_path / "older")
    with open_service(home) as newer:
        second = private(newer, "blue")
        newer.requests.hold(first, "Ms Example sues", "dpo")
        size = newer.core.desk.ledger.size()
    before, ledger = texts(home), (home / "ledger.db").read_bytes()
    signed = home / "keys" / "signed.note"
    note = signed.read_text()
    shutil.copy(tmp_path / "older" / "ledger.db", home / "ledger.db")
    signed.unlink()  # else it is read and not continued
    with open_service(home) as rolled_back:
        assert rolled_back.core.desk.ledger.size() < size
        # said under a name that is free
        rolled_back.requests.hold(first, "another reason", "dpo")
        assert [
            s["reason"] for s in rolled_back.requests.reveal(first, "dpo")["said"]
        ] == ["another reason"]
    assert before.items() <= texts(home).items()
    told = [f for f in examine(home)["faults"] if "private texts" in f]
    assert len(told) == 1
    assert all(f"{name}" in told[0] for name in (second, f"{first}."))
    (home / "ledger.db").write_bytes(ledger)
    signed.write_text(note)
    with open_service(home) as again:
        assert again.requests.reveal(second, "dpo")["reason"] == "Ms Example asked"
        assert (
            again.requests.reveal(first, "dpo")["said"][0]["reason"]
            == "Ms Example sues"
        )


def test_what_an_entry_destroys_is_gone_after_a_crash(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    gone, kept = private(service), private(service, "blue")
    with monkeypatch.context() as cut:
        cut.setattr(service.core.private, "shred", lambda name: None)
        service.requests.shred(gone, "fulfilled", "dpo")
    service.close()
    assert gone in {name.partition(".")[0] for name in texts(home)}
    without_row(home, gone)  # the entry counts, whatever the views say
    read_by_command(home)
    assert {name.partition(".")[0] for name in texts(home)} == {kept}


def test_what_is_said_after_a_destruction_stays_until_it_is_destroyed_itself(
    service: Service, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    request = private(service)
    service.requests.shred(request, "fulfilled", "dpo")
    service.requests.hold(request, "Ms Example sues", "dpo")
    service.close()
    (box,) = {name.rpartition(".")[0] for name in texts(home)}
    with open_service(home) as again:
        assert again.core.private.names() == [box]
        first = again.requests.show(request)["shredded_at"]
        again.requests.release(request, "over", "dpo")
        again.requests.shred(request, "fulfilled as well", "dpo")
        assert again.core.private.names() == []
        assert again.requests.show(request)["shredded_at"] == first
        assert again.verification.rebuild()["same"]
        assert [
            e["payload"]["reason"] for e in again.audit.log(kind="request.shred")
        ] == [
            "fulfilled",
            "fulfilled as well",
        ]


def test_what_a_cut_off_filing_left_is_told_and_left(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MachineFault("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(service.core.desk, "append", full)
        with pytest.raises(MachineFault, match="full"):
            private(service)
    service.close()
    before = texts(tmp_path / "home")
    read_by_command(tmp_path / "home")
    assert texts(tmp_path / "home") == before != {}
    assert any(
        "no entry names these private texts" in fault
        for fault in examine(tmp_path / "home")["faults"]
    )


def test_a_text_that_is_lost_is_told(service: Service, tmp_path: Path) -> None:
    request = private(service)
    service.close()
    assert examine(tmp_path / "home")["faults"] == []
    (tmp_path / "home" / "private" / f"{request}.box").unlink()
    (fault,) = examine(tmp_path / "home")["faults"]
    assert (
        f"these private texts are lost, though no entry destroys them: {request}. "
        in fault
    )


def test_a_new_key_follows_the_ledger_alone(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of keys is cut off before the new one has its name, and the views lack its entry."""
    keys = tmp_path / "home" / "keys"
    with monkeypatch.context() as cut:
        cut.setattr("govd.audit.key_rotation.KeyRotation.finish", lambda self: None)
        new = service.checkpoints.rotate_key("routine", "ann")["new"]
        service.close()
    with sqlite3.connect(tmp_path / "home" / "views.db") as raw:
        raw.execute("DELETE FROM log WHERE kind = 'key.rotate'")
    raw.close()
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == new
    assert (
        str(Signer.at(keys / "signing.key", again.core.desk.ledger.origin).key) == new
    )


def test_a_ledger_that_somebody_changed_destroys_nothing(
    service: Service, tmp_path: Path
) -> None:
    """Its entries say that a text is to be destroyed, but it is another history than the one that
    was signed.
    """
    home = tmp_path / "home"
    request = private(service)
    service.close()
    shutil.copytree(home, tmp_path / "kept")
    with open_service(home) as other:
        other.requests.shred(request, "in another history", "dpo")
    with open_service(tmp_path / "kept") as longer:
        for concept in ("blue", "green"):
            private(longer, concept)
    shutil.copy(home / "ledger.db", tmp_path / "kept" / "ledger.db")
    before = texts(tmp_path / "kept")
    read_by_command(tmp_path / "kept")
    assert texts(tmp_path / "kept") == before
