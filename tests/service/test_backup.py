"""Backups of a home that is at work belong together, and what is no backup becomes no home."""

import io
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import govd.service.backup_parts as module
from govd.errors import BadFile, MachineFault, NotFound, Usage
from govd.requests import ForgetOptions
from govd.service.backup import backup
from govd.service.doctor import examine
from govd.service.restore import restore
from govd.service.service import Service, open_service

Change = Callable[[dict[str, bytes]], Any]


def private(service: Service, concept: str = "red") -> str:
    request = service.requests.forget(
        "m",
        ForgetOptions(concepts=(concept,), private=True, reason="Ms Example asked"),
        "ann",
    )
    service.reconciler.run()
    return str(request["id"])


def between(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Something happens once, right after the ledger was copied."""
    copy, done = module.copy_database, []

    def copied(source: Path, target: Path) -> None:
        copy(source, target)
        if not done:
            done.append(True)
            deed()

    monkeypatch.setattr(module, "copy_database", copied)


def test_a_home_comes_back_as_it_was(service: Service, tmp_path: Path) -> None:
    request = private(service)
    service.checkpoints.rotate_key("routine", "ann")
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert (said["entries"], said["key"], said["texts"], said["lost_texts"]) == (
        service.core.desk.ledger.size(),
        service.checkpoints.key(),
        1,
        [],
    )
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    with pytest.raises(Usage, match="exists"):
        backup(tmp_path / "home", tmp_path / "b.tar")
    found = restore(tmp_path / "b.tar", tmp_path / "again")
    assert (found["entries"], found["key"], found["artifacts"], found["verified"]) == (
        said["entries"],
        said["key"],
        said["artifacts"],
        True,
    )
    with open_service(tmp_path / "again") as again:
        assert again.requests.reveal(request, "dpo")["reason"] == "Ms Example asked"
        assert again.verification.verify()["holds"]
    with pytest.raises(Usage, match="something here already"):
        restore(tmp_path / "b.tar", tmp_path / "again")


def test_a_home_comes_back_into_an_empty_folder_that_stays(
    service: Service, tmp_path: Path
) -> None:
    """As the root of a volume must, and where nothing may be made beside it."""
    backup(tmp_path / "home", tmp_path / "b.tar")
    volume = tmp_path / "above" / "volume"
    (volume / "lost+found").mkdir(parents=True)
    node = volume.stat().st_ino
    (tmp_path / "link").symlink_to(volume)
    volume.parent.chmod(0o555)
    try:
        restore(tmp_path / "b.tar", tmp_path / "link")
    finally:
        volume.parent.chmod(0o755)
    assert (volume.stat().st_ino, volume.stat().st_mode & 0o077) == (node, 0)
    assert not [entry.name for entry in volume.iterdir() if "restore" in entry.name]
    with open_service(volume) as again:
        assert again.verification.verify()["holds"]
    with pytest.raises(Usage, match="no folder"):
        restore(tmp_path / "b.tar", tmp_path / "b.tar")


def test_a_backup_is_a_file_as_it_was_written(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Usage, match="standard output"):
        backup(tmp_path / "home", Path("-"))
    (tmp_path / "b.tar.gz").write_bytes(b"\x1f\x8b" + bytes(600))
    with pytest.raises(BadFile, match="compressed: unpack it"):
        restore(tmp_path / "b.tar.gz", tmp_path / "again")


def test_a_ledger_that_lost_what_was_signed_is_no_backup_and_is_told(
    service: Service, tmp_path: Path
) -> None:
    """A backup each night would take the place of the last whole one."""
    home = tmp_path / "home"
    module.copy_database(home / "ledger.db", tmp_path / "older.db")
    private(service)
    service.checkpoints.sign()
    service.close()
    for entry in home.glob("ledger.db*"):
        entry.unlink()
    shutil.copy(tmp_path / "older.db", home / "ledger.db")
    with pytest.raises(BadFile, match=r"entries, and \d+ were signed"):
        backup(home, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    assert any("were signed" in fault for fault in examine(home)["faults"])


def test_a_key_that_is_changed_meanwhile(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, lambda: service.checkpoints.rotate_key("routine", "ann"))
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert said["key"] == service.checkpoints.key()
    assert restore(tmp_path / "b.tar", tmp_path / "again")["key"] == said["key"]


def test_a_key_that_is_not_yet_in_its_place(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry is written, its file still has the other name."""
    monkeypatch.setattr("govd.audit.key_rotation.KeyRotation.finish", lambda self: None)
    service.checkpoints.rotate_key("routine", "ann")
    monkeypatch.undo()
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert said["key"] == str(service.core.desk.ledger.signer.key)
    assert not (tmp_path / ".b.tar.part").exists()


def test_a_text_that_is_destroyed_meanwhile_is_destroyed_in_the_backup(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = private(service)
    between(
        monkeypatch,
        lambda: service.requests.shred(request, "the purpose is fulfilled", "dpo"),
    )
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert (said["texts"], said["lost_texts"]) == (0, [])
    restore(tmp_path / "b.tar", tmp_path / "again")
    with open_service(tmp_path / "again") as again:
        assert again.requests.show(request)["shredded_at"]
        with pytest.raises(NotFound, match="destroyed"):
            again.requests.reveal(request, "dpo")


def test_a_text_whose_shredding_is_an_entry_is_left_out(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = private(service)
    monkeypatch.setattr(service.core.private, "shred", lambda name: None)
    service.requests.shred(request, "cut off before the deed", "dpo")
    assert service.core.private.names() == [request]
    backup(tmp_path / "home", tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert not [n for n in tar.getnames() if n.startswith("private/")]


def test_a_text_that_the_home_has_lost_is_named(
    service: Service, tmp_path: Path
) -> None:
    request = private(service)
    (tmp_path / "home" / "private" / f"{request}.key").unlink()
    assert backup(tmp_path / "home", tmp_path / "b.tar")["lost_texts"] == [request]


def decided(service: Service) -> tuple[str, str]:
    """A private request on which reasons were given, and its revert."""
    request = private(service)
    service.requests.hold(request, "Ms Example sues", "dpo")
    service.requests.release(request, "Ms Example lost", "dpo")
    revert = str(
        service.requests.revert(request, "Ms Example asked again", "ann")["id"]
    )
    service.requests.decide(
        revert, "withdraw", "Ms Example thought better of it", "ann"
    )
    return request, revert


def test_what_was_said_about_a_private_request_comes_back(
    service: Service, tmp_path: Path
) -> None:
    request, revert = decided(service)
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert (said["texts"], said["lost_texts"]) == (5, [])
    assert restore(tmp_path / "b.tar", tmp_path / "again")["texts"] == 5
    with open_service(tmp_path / "again") as again:
        found = again.requests.reveal(request, "dpo")
        assert [s["reason"] for s in found["said"]] == [
            "Ms Example sues",
            "Ms Example lost",
        ]
        assert (
            again.requests.reveal(revert, "dpo")["said"][0]["reason"]
            == "Ms Example thought better of it"
        )
    service.requests.shred(request, "the purpose is fulfilled", "dpo")
    assert backup(tmp_path / "home", tmp_path / "later.tar")["texts"] == 0
    with tarfile.open(tmp_path / "later.tar") as tar:
        assert not [n for n in tar.getnames() if n.startswith("private/")]


def test_a_reason_that_came_to_no_entry_is_in_nobodys_way(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text lies there, the entry could not be written; the same is asked for again."""
    request = private(service)

    def full(*_: object) -> None:
        raise MachineFault("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(service.core.desk, "append", full)
        with pytest.raises(MachineFault, match="full"):
            service.requests.hold(request, "Ms Example sues", "dpo")
    assert backup(tmp_path / "home", tmp_path / "b.tar")["texts"] == 1
    service.requests.hold(request, "Ms Example sues again", "dpo")
    assert [s["reason"] for s in service.requests.reveal(request, "dpo")["said"]] == [
        "Ms Example sues again"
    ]


def test_a_reason_that_the_home_has_lost_is_named(
    service: Service, tmp_path: Path
) -> None:
    request, _ = decided(service)
    lost = next(n for n in service.core.private.names() if n.startswith(f"{request}."))
    (tmp_path / "home" / "private" / f"{lost}.box").unlink()
    said = backup(tmp_path / "home", tmp_path / "b.tar")
    assert (said["texts"], said["lost_texts"]) == (4, [lost])
    assert restore(tmp_path / "b.tar", tmp_path / "again")["texts"] == 4


def test_a_key_that_is_not_the_ledgers_is_told(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.checkpoints.sign()
    (tmp_path / "home" / "keys" / "signing.key").write_bytes(
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    )
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    with pytest.raises(BadFile, match="not the one that the ledger speaks of"):
        backup(tmp_path / "home", tmp_path / "b.tar")
    assert not list(tmp_path.glob("*.tar*"))


@pytest.mark.slow
def test_backups_of_a_home_at_work(service: Service, tmp_path: Path) -> None:
    """Filings, shreddings and changes of keys go on all the while; each backup holds."""
    ending, faults = threading.Event(), []

    def work() -> None:
        try:
            while not ending.is_set():
                request = private(service)
                service.checkpoints.rotate_key("routine", "ann")
                service.requests.shred(request, "over", "dpo")
                service.requests.revert(request, "back", "ann")
                service.reconciler.run()
        except BaseException as error:  # noqa: BLE001 - told below
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for n in range(6):
            backup(tmp_path / "home", tmp_path / f"{n}.tar")
            assert restore(tmp_path / f"{n}.tar", tmp_path / f"home{n}")["verified"]
    finally:
        ending.set()
        thread.join(60)
    assert not faults, faults


def tar_of(path: Path, files: dict[str, bytes], **special: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files.items():
            info = special.get(name) or tarfile.TarInfo(name)
            info.size = (
                0
                if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE)
                else len(data)
            )
            tar.addfile(info, io.BytesIO(data))
    return path


def with_trigger(data: bytes, work: Path) -> bytes:
    """A ledger whose database does something when it is used."""
    (work / "evil.db").write_bytes(data)
    with sqlite3.connect(work / "evil.db") as raw:
        raw.execute(
            "CREATE TRIGGER evil AFTER INSERT ON entries BEGIN SELECT abs(1); END"
        )
    raw.close()
    return (work / "evil.db").read_bytes()


def linked(kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo("govd.toml")
    info.type, info.linkname = kind, target
    return info


HOSTILE: dict[str, Change] = {
    "a path out of the home": lambda files: files | {"../outside": b"x"},
    "an absolute path": lambda files: files | {"/tmp/govd-outside": b"x"},
    "a file that no home has": lambda files: files | {"keys/authorized_keys": b"x"},
    "a name that is too long": lambda files: (
        files | {"private/" + "a" * 300 + ".key": b"x"}
    ),
    "a large key": lambda files: files | {"token": bytes(2**21)},
    "an artifact below another name": lambda files: (
        files | {"artifacts/00/" + "1" * 64: b"x"}
    ),
    "no key": lambda files: {k: v for k, v in files.items() if k != "keys/signing.key"},
    "no name": lambda files: {k: v for k, v in files.items() if k != "origin"},
    "another key": lambda files: (
        files | {"keys/signing.key": b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"}
    ),
    "a name that is no text": lambda files: files | {"origin": b"govd/\xc4\xff\n"},
    "a signing key that is no text": lambda files: (
        files | {"keys/signing.key": b"\xc4\xff"}
    ),
    "no ledger at all": lambda files: files | {"ledger.db": b"no database" * 1000},
    "an artifact that is not what its name says": lambda files: {
        k: v + b"x" if k.startswith("artifacts/") else v for k, v in files.items()
    },
}


@pytest.fixture
def files(service: Service, tmp_path: Path) -> dict[str, bytes]:
    service.checkpoints.sign()
    backup(tmp_path / "home", tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]


def refused(file: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(BadFile):
        restore(file, tmp_path / "made")
    assert sorted(os.listdir(tmp_path)) == before, "nothing is left behind"


@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_what_is_no_backup_becomes_no_home(
    files: dict[str, bytes], tmp_path: Path, what: str
) -> None:
    refused(tar_of(tmp_path / "evil.tar", HOSTILE[what](files)), tmp_path)
    assert not (tmp_path.parent / "outside").exists()


def test_links_sparse_files_and_things_twice_are_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    for kind, target in (
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "origin"),
        (tarfile.DIRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ):
        refused(
            tar_of(
                tmp_path / "evil.tar",
                files | {"govd.toml": b""},
                **{"govd.toml": linked(kind, target)},
            ),
            tmp_path,
        )
    data = (tmp_path / "b.tar").read_bytes().rstrip(b"\0")
    data += bytes(-len(data) % 512)
    (tmp_path / "evil.tar").write_bytes(
        data + tar_of(tmp_path / "more.tar", {"origin": b"govd/other"}).read_bytes()
    )
    refused(tmp_path / "evil.tar", tmp_path)
    with tarfile.open(
        tmp_path / "evil.tar",
        "w",
        format=tarfile.PAX_FORMAT,
        pax_headers={"comment": "x" * 5000},
    ) as tar:
        for name, said in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(said)
            tar.addfile(info, io.BytesIO(said))
    refused(tmp_path / "evil.tar", tmp_path)


def test_a_database_with_something_besides_is_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    files["ledger.db"] = with_trigger(files["ledger.db"], tmp_path)
    refused(tar_of(tmp_path / "evil.tar", files), tmp_path)


def test_a_backup_that_is_cut_off_anywhere_is_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    data = (tmp_path / "b.tar").read_bytes()
    for share in (0, 100, 511, 600, len(data) // 3, len(data) // 2):
        (tmp_path / "cut.tar").write_bytes(data[:share])
        refused(tmp_path / "cut.tar", tmp_path)
    refused(tmp_path / "not there.tar", tmp_path)
