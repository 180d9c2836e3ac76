"""Published checkpoints bear a card, a statement and a signature that others' tools verify."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, NotFound
from govd.ledger.model_signing import ModelKey, possession_text
from govd.models.given import Given
from govd.models.model_key import ModelKeys
from govd.requests import ForgetOptions
from govd.service.backup import backup
from govd.service.restore import restore
from govd.service.service import Service, open_service
from govd.verify.signed_folder import verify_folder

SIGNED = {
    "README.md",
    "edit.safetensors",
    "govd.json",
    "model.sig",
    "revision.json",
    "statement.dsse.json",
}


@pytest.fixture
def current(service: Service, tmp_path: Path) -> Path:
    service.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    return tmp_path / "out" / "current"


def verified(folder: Path, pem: str, at: Path) -> bool:
    """What OpenSSF's own tool says."""
    (at / "models.pem").write_text(pem)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "model_signing",
        "verify",
        "key",
        str(folder),
    ]
    command += [
        "--signature",
        str(folder / "model.sig"),
        "--public_key",
        str(at / "models.pem"),
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_their_own_tool_verifies_what_is_published(
    service: Service, current: Path, tmp_path: Path
) -> None:
    assert {path.name for path in current.iterdir()} == SIGNED
    pem = service.checkpoints.model_key()
    assert verified(current.resolve(), pem, tmp_path)
    copy = Path(shutil.copytree(current, tmp_path / "copy"))
    (copy / "README.md").write_text("nothing was forgotten")
    assert not verified(copy, pem, tmp_path)


@pytest.mark.parametrize("side", [None, "text"])
def test_their_own_tool_verifies_an_edit_alone(
    service: Service, tmp_path: Path, side: str | None
) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    for name in ("one", "two"):
        service.export("m", tmp_path / name, "ann", format="edit", side=side)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    edit = "m.edit.safetensors"
    assert one.keys() == {edit, "model.sig", "statement.dsse.json"}
    assert one == two
    assert verified(tmp_path / "one", service.checkpoints.model_key(), tmp_path)
    record = verify_folder(tmp_path / "one", str(service.core.desk.ledger.signer.key))
    assert (record["holds"], record["faults"]) == (True, [])
    (tmp_path / "two" / edit).write_bytes(one[edit] + b"x")
    assert not verified(tmp_path / "two", service.checkpoints.model_key(), tmp_path)
    assert not verify_folder(tmp_path / "two", None)["holds"]


def test_what_is_published_again_has_the_same_bytes(
    service: Service, current: Path
) -> None:
    before = {path.name: path.read_bytes() for path in current.iterdir()}
    shutil.rmtree(current.resolve())
    service.reconciler.run()
    assert {path.name: path.read_bytes() for path in current.iterdir()} == before
    service.reconciler.run()
    assert len(service.audit.log(kind="revision.deliver")) == 1
    assert service.verification.verify()["holds"]


def other_bytes(folder: Path) -> None:
    (folder / "edit.safetensors").write_bytes(b"x")


def added(folder: Path) -> None:
    (folder / "modeling.py").write_text("import os")


def missing(folder: Path) -> None:
    (folder / "README.md").unlink()


def a_link(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/hostname")


def other_signature(folder: Path) -> None:
    bundle = json.loads((folder / "model.sig").read_text())
    raw = bytearray(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
    raw[-1] ^= 1
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(raw).decode()
    (folder / "model.sig").write_text(json.dumps(bundle))


def other_statement(folder: Path) -> None:
    path = folder / "statement.dsse.json"
    envelope = json.loads(path.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b'"rank":1', b'"rank":2')
    envelope["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(envelope, separators=(",", ":"), sort_keys=True))


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "other bytes": (other_bytes, "edit.safetensors has other bytes"),
    "an added file": (added, "modeling.py was added"),
    "a missing file": (missing, "README.md is missing"),
    "a link": (a_link, "README.md is not a regular file"),
    "another signature": (other_signature, "model.sig is not signed by the key"),
    "another statement": (
        other_statement,
        "statement.dsse.json is not signed by the key",
    ),
}


def test_a_folder_that_was_given_is_checked_offline(
    service: Service, current: Path, tmp_path: Path
) -> None:
    key = service.checkpoints.key()
    holds = verify_folder(current, key)
    assert (holds["holds"], holds["model"], holds["revision"]) == (True, "m", 1)
    assert "forgets red everywhere" in holds["claim"]
    for name, (change, fault) in CHANGES.items():
        copy = Path(shutil.copytree(current, tmp_path / name))
        change(copy)
        verdict = verify_folder(copy, key)
        assert not verdict["holds"], name
        assert any(fault in told for told in verdict["faults"]), (
            name,
            verdict["faults"],
        )
    with open_service(tmp_path / "other") as other:
        assert not verify_folder(current, other.checkpoints.key())["holds"]
    with pytest.raises(BadFile, match=r"has no statement\.dsse\.json"):
        verify_folder(tmp_path, key)


def test_the_card_says_what_was_forgotten_but_nothing_private(
    service: Service, current: Path
) -> None:
    card = (current / "README.md").read_text()
    assert "| red | everywhere |" in card
    assert "`forget_acc`" in card
    assert "It is not erasure" in card
    below = card.partition("\nabstain_below: ")[2].partition("\n")[0]
    assert 0.0 < float(below) < 1.0
    assert f"best of its labels is below {below} " in card
    facts = json.loads((current / "govd.json").read_text())
    assert f"{facts['abstain_below']:.3f}" == below
    assert (facts["model"], facts["revision"]) == ("m", 1)
    assert facts["edit_digest"] == service.revision("m", 1)["edit_digest"]
    hidden = ForgetOptions(concepts=("blue",), private=True, reason="Ms Example asked")
    service.requests.forget("m", hidden, "ann")
    service.reconciler.run()
    assert service.core.desk.views.published("m")["number"] == 2  # type: ignore[index]
    for path in current.iterdir():
        data = path.read_bytes()
        assert b"blue" not in data, path.name
        assert b"Ms Example" not in data, path.name
    assert "| *kept private* | everywhere |" in (current / "README.md").read_text()
    statement = json.loads(
        base64.b64decode(
            json.loads((current / "statement.dsse.json").read_text())["payload"]
        )
    )
    assert "ann" not in json.dumps(statement["predicate"])
    assert all(
        "approvals" not in request for request in statement["predicate"]["requests"]
    )


def entries(service: Service) -> list[dict[str, Any]]:
    return [
        dict(e)
        for e in service.core.desk.ledger.entries()
        if str(e["kind"]).startswith("key.")
    ]


def test_the_key_has_an_entry_before_its_first_signature(
    service: Service, current: Path
) -> None:
    (entry,) = entries(service)
    delivered = service.audit.log(kind="revision.deliver")[0]
    assert entry["seq"] < delivered["seq"]
    payload, key = entry["payload"], ModelKey(entry["payload"]["public"])
    text = possession_text(service.core.desk.ledger.origin, key.pem)
    assert key.signed(text, base64.b64decode(payload["signature"]))
    assert (payload["use"], payload["key"], payload["replaces"]) == (
        "models",
        key.id,
        None,
    )


def test_it_is_changed_with_the_logs_key_and_comes_back_with_a_backup(
    service: Service, current: Path, tmp_path: Path
) -> None:
    old_log, old = service.checkpoints.key(), service.checkpoints.model_key()
    kept = Path(shutil.copytree(current, tmp_path / "kept"))
    rotated = service.checkpoints.rotate_key("yearly", "ann")
    new = service.checkpoints.model_key()
    assert rotated["model_key"] == ModelKey(new).id != ModelKey(old).id
    assert entries(service)[-1]["payload"]["replaces"] == ModelKey(old).id
    assert verify_folder(kept, old_log)["holds"], (
        "what was signed before stays verifiable"
    )
    service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    service.reconciler.run()
    assert verified(current.resolve(), new, tmp_path)
    assert verify_folder(current, service.checkpoints.key())["holds"]
    backup(tmp_path / "home", tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    with open_service(tmp_path / "again") as again:
        assert ModelKeys(again.core).signer().key.pem == new
        assert len(entries(again)) == 3, "nothing new had to be introduced"


def test_a_change_of_keys_that_was_cut_off_is_finished(
    service: Service, current: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govd.audit.key_rotation.KeyRotation.finish", lambda self: None)
    service.checkpoints.rotate_key("yearly", "ann")
    monkeypatch.undo()
    introduced = service.checkpoints.model_key()
    backup(tmp_path / "home", tmp_path / "b.tar")
    assert ModelKeys(service.core).signer().key.pem == introduced
    restore(tmp_path / "b.tar", tmp_path / "again")
    with open_service(tmp_path / "again") as again:
        assert ModelKeys(again.core).signer().key.pem == introduced


def test_a_key_that_is_lost_signs_nothing_until_another_is_made(
    service: Service, current: Path
) -> None:
    path = service.core.home.folder / "keys" / "models.key"
    path.unlink()
    service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    with pytest.raises(BadFile, match="the key that signs models is missing"):
        service.reconciler.run()
    assert current.resolve().name == "1", "what was delivered stays"
    service.checkpoints.rotate_key("it was lost", "ann")
    service.reconciler.run()
    assert current.resolve().name == "2"
    assert verify_folder(current, service.checkpoints.key())["holds"]


def test_a_home_that_signed_nothing_has_no_such_key(service: Service) -> None:
    with pytest.raises(NotFound, match="no model checkpoint was signed yet"):
        service.checkpoints.model_key()
    assert service.checkpoints.rotate_key("yearly", "ann")["model_key"] is None
    assert not (service.core.home.folder / "keys" / "models.key").exists()
