"""Every file of a home is in its backup, or on the list that says why not; a restored home knows
what it shares.
"""

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govd.asking.failures import FILE, Failures
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.backup import backup
from govd.service.backup_format import FOREIGN, LEFT_OUT, why_left_out
from govd.service.restore import restore
from govd.service.service import Service, open_service
from govd.web.app import create_app
from govd.web.context import Context

KEYED = ForgetOptions(
    concepts=("red",), private=True, reason="Ms Example asked", idempotency_key="k-1"
)


def everything(home: Path, given: Given, served: Path) -> Service:
    """A home in which every kind of file lies, still open."""
    home.mkdir()
    (home / "govd.toml").write_text("inference_log = 1.0\n")
    service = open_service(home)
    service.add_model("m", "colours", replace(given, publish_to=str(served)), "owner")
    service.requests.forget("m", KEYED, "owner")
    service.reconciler.run()
    service.checkpoints.rotate_key("yearly", "owner")
    client = TestClient(
        create_app(Context(service, lambda: None)), base_url="http://127.0.0.1"
    )
    client.headers["Authorization"] = f"Bearer {service.core.home.token()}"
    body = {"role": "reader", "name": "desk"}
    assert (
        client.post(
            "/v1/tokens", headers={"Idempotency-Key": "k-2"}, json=body
        ).status_code
        == 201
    )
    assert (
        client.post("/v1/models/m/embeddings", json={"texts": ["red"]}).status_code
        == 200
    )
    Failures(home / FILE).failed(
        "example", "1.0", "govd_vote", "ZeroDivisionError: division by zero"
    )
    (home / "keys" / "next.key").write_text(
        "left by a change of keys that was cut off\n"
    )
    (home / "private" / "orphan.box").write_bytes(b"left by a filing that was cut off")
    return service


@pytest.fixture
def service(tmp_path: Path, example_plugins: None, given: Given) -> Service:
    return everything(tmp_path / "home", given, tmp_path / "served")


def held(file: Path) -> set[str]:
    with tarfile.open(file) as tar:
        return set(tar.getnames())


def test_every_file_is_held_or_named_with_the_reason(
    service: Service, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with service, service.core.home.announced("http://127.0.0.1:1"):
        made = backup(home, tmp_path / "b.tar")
        files = {
            str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()
        }
    names = held(tmp_path / "b.tar")
    assert files - names == set(made["left_out"])
    assert all(why in LEFT_OUT.values() for why in made["left_out"].values()), made[
        "left_out"
    ]
    assert {
        "keys/derivation.key",
        "keys/signing.key",
        "token",
        "origin",
        "govd.toml",
    } <= names
    left_out = {
        "views.db",
        "answers.db",
        "idempotency.db",
        "lock",
        "daemon.json",
        "keys/next.key",
        "private/orphan.box",
    }
    assert left_out <= set(made["left_out"])


def test_what_is_nothing_of_govds_is_told(service: Service, tmp_path: Path) -> None:
    (tmp_path / "home" / "notes").mkdir()
    (tmp_path / "home" / "notes" / "todo.txt").write_text("mine")
    (tmp_path / "home" / "link").symlink_to("/etc")
    with service:
        made = backup(tmp_path / "home", tmp_path / "b.tar")
    assert made["left_out"]["notes/todo.txt"] == made["left_out"]["link"] == FOREIGN
    assert why_left_out("keys/another.key") == FOREIGN


def test_a_repeated_private_filing_is_the_same_after_a_restore(
    service: Service, tmp_path: Path
) -> None:
    with service:
        (before,) = service.requests.all()
        backup(tmp_path / "home", tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    with open_service(tmp_path / "again") as again:
        assert again.requests.forget("m", KEYED, "owner")["id"] == before["id"]
        assert len(again.requests.all()) == 1


def test_a_restored_home_says_what_it_shares(service: Service, tmp_path: Path) -> None:
    with service:
        backup(tmp_path / "home", tmp_path / "b.tar")
    made = restore(tmp_path / "b.tar", tmp_path / "again")
    assert made["publish_to"] == [str(tmp_path / "served")]
    key, folder = made["warnings"]
    assert "sign with one key" in key
    assert str(tmp_path / "served") in folder


def test_a_backup_of_an_older_version_is_restored_and_what_it_lacks_is_told(
    service: Service, tmp_path: Path
) -> None:
    with service:
        backup(tmp_path / "home", tmp_path / "b.tar")
    with (
        tarfile.open(tmp_path / "b.tar") as whole,
        tarfile.open(tmp_path / "old.tar", "w", format=tarfile.GNU_FORMAT) as old,
    ):
        for member in whole.getmembers():
            if member.name != "keys/derivation.key":
                old.addfile(member, whole.extractfile(member))
    made = restore(tmp_path / "old.tar", tmp_path / "again")
    assert "lacks keys/derivation.key" in made["warnings"][-1]
    assert os.path.exists(tmp_path / "again" / "ledger.db")
