"""Deliveries that fail, were cut off, or were changed: told, tried again, and in nobody's way."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from govd.errors import (
    Conflict,
    MachineFault,
)
from govd.models.given import Given
from govd.service.service import Service
from tests.reconcile.deciding import file, state


def test_a_folder_that_cannot_be_written_holds_up_nobody_and_is_not_littered(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    write, model = (
        service.core.models.opened("a").model.write_checkpoint,
        service.core.models.opened("a").model,
    )
    model.write_checkpoint = lambda edit, part: (
        (part / "half").write_text("x") and _full()
    )  # type: ignore[method-assign]
    red, blue = file(service, "red", model="a"), file(service, "blue")
    for _ in range(3):
        with pytest.raises(MachineFault, match="delivery is tried again"):
            service.reconciler.run()
    assert [state(service, r)[0] for r in (red, blue)] == ["in_force", "in_force"]
    assert list(folder.iterdir()) == []
    (failed,) = service.audit.log(kind="delivery")  # none for each attempt
    assert (failed["kind"], failed["subject"]) == ("delivery.fail", "a/1")
    assert "No space left" in failed["payload"]["reason"]
    model.write_checkpoint = write  # type: ignore[method-assign]
    service.reconciler.run()
    assert json.loads((folder / "current" / "revision.json").read_text())["number"] == 1
    service.reconciler.run()
    _, recovered = service.audit.log(kind="delivery")
    assert recovered["kind"] == "delivery.recover"
    assert recovered["payload"]["failed"] == failed["seq"]
    told = [line["what"] for line in service.audit.trail(red)["timeline"]]
    assert sum("could not be delivered" in sentence for sentence in told) == 1
    assert service.verification.verify()["holds"]


def _full() -> dict[str, str]:
    raise OSError(28, "No space left on device")


def test_what_was_delivered_and_changed_is_delivered_again(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    file(service, "red", model="a")
    service.reconciler.run()
    path = folder / "1" / "edit.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert service.reconciler.run()
    assert path.read_bytes() == good
    assert not list(folder.glob(".*"))
    shutil.rmtree(folder)
    service.reconciler.run()
    assert (folder / "current" / "edit.safetensors").read_bytes() == good


def test_two_models_are_not_published_to_one_folder(
    service: Service, given: Given, tmp_path: Path
) -> None:
    with_folder = replace(given, publish_to=str(tmp_path / "served"))
    service.add_model("a", "colours", with_folder, "ann")
    with pytest.raises(Conflict, match="a is published to this folder"):
        service.add_model("b", "colours", with_folder, "ann")
    with pytest.raises(Conflict, match="a is published to this folder"):
        service.update_model("m", Given(publish_to=str(tmp_path / "served")), "ann")


def test_a_delivery_whose_entry_was_lost_is_told(
    service: Service, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_model(
        "a", "colours", replace(given, publish_to=str(tmp_path / "served")), "ann"
    )
    file(service, "red", model="a")
    record = service.core.desk.append
    lost = "revision.deliver"
    monkeypatch.setattr(
        service.core.desk,
        "append",
        lambda drafts: [] if [d.kind for d in drafts] == [lost] else record(drafts),
    )
    service.reconciler.run()
    assert service.revision("a", 1)["files"] == {}
    monkeypatch.undo()
    service.reconciler.run()
    signed = {"README.md", "govd.json", "model.sig", "statement.dsse.json"}
    assert set(service.revision("a", 1)["files"]) == {"edit.safetensors", *signed}


def test_files_that_were_changed_with_what_is_said_of_them_are_written_again(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    file(service, "red", model="a")
    service.reconciler.run()
    good = service.revision("a", 1)["files"]
    (folder / "1" / "edit.safetensors").write_bytes(b"another")
    said = json.loads((folder / "1" / "revision.json").read_text())
    said["files"]["edit.safetensors"] = hashlib.sha256(b"another").hexdigest()
    (folder / "1" / "revision.json").write_text(json.dumps(said))
    assert not service.verification.verify()["holds"]
    service.reconciler.run()
    assert service.revision("a", 1)["files"] == good
    assert (
        hashlib.sha256(
            (folder / "current" / "edit.safetensors").read_bytes()
        ).hexdigest()
        == good["edit.safetensors"]
    )
    assert len(service.audit.log(kind="revision.deliver")) == 1
    assert service.verification.verify()["holds"]
