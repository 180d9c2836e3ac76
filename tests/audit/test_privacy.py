"""Private requests: nothing names them, and their texts can be destroyed."""

import json
import re
from pathlib import Path

import pytest

from govd.errors import Conflict, Denied, NotFound, Usage
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline
from tests.audit.asking import forget, revert


def everything(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def bodies(service: Service) -> bytes:
    return b"\n".join(body for _, body in service.core.desk.ledger.bodies())


def test_a_private_request_names_nothing_and_works_like_another(
    service: Service, tmp_path: Path
) -> None:
    open_one = forget(service, "red")
    revert(service, open_one)
    request = forget(
        service, "red", private=True, reason="Ms Example asked", ticket="case 11"
    )
    service.reconciler.measure()
    number = request["revision"]
    assert service.revision("m", number)["rank"] == 1
    metrics = service.revision("m", number)["metrics"]
    assert metrics["forget_acc"] == service.revision("m", 1)["metrics"]["forget_acc"]
    assert not {"cells", "concepts", "redirects", "spills_to", "base_diff"} & set(
        metrics
    )
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
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")


def test_shredding_leaves_every_proof_and_no_text(
    service: Service, tmp_path: Path
) -> None:
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
    assert service.verification.verify(recompute=True)["holds"]
    assert verify_offline(
        tmp_path / "before.zip", service.checkpoints.key(), again=True
    )["holds"]
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
    service.core.private.folder.joinpath("orphan.key").write_bytes(
        b"filed, but never recorded"
    )
    service.close()
    with open_service(tmp_path / "home") as again:
        assert again.core.private.names() == ["orphan"], (
            "no entry says that it is to be destroyed"
        )


def test_an_export_of_private_forgets_must_be_meant(
    service: Service, tmp_path: Path
) -> None:
    request = forget(service, "red", private=True)
    with pytest.raises(Denied, match="--disclose"):
        service.export("m", tmp_path / "out", "ann", format="edit")
    service.export(
        "m",
        tmp_path / "out",
        "ann",
        format="edit",
        disclose=True,
        recipient="partner@example.org",
    )
    (export,) = service.audit.why("m", request["revision"])["exports"]
    assert (export["recipient"], export["disclosed"]) == (
        "partner@example.org",
        [request["id"]],
    )


def test_a_private_request_is_filed_once_with_its_key(service: Service) -> None:
    first = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), private=True, idempotency_key="k"), "ann"
    )
    again = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), private=True, idempotency_key="k"), "ann"
    )
    assert first["id"] == again["id"]
    from govd.errors import KeyReused

    with pytest.raises(KeyReused):
        service.requests.forget(
            "m",
            ForgetOptions(concepts=("blue",), private=True, idempotency_key="k"),
            "ann",
        )
