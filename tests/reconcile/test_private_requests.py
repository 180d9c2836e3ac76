"""Private requests while they are decided, kept, shredded and filed again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from govd.errors import (
    BadFile,
    Conflict,
    KeyReused,
    MachineFault,
    Usage,
)
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.reconcile.deciding import file, state
from tests.service.test_service import forget, published, revert


def test_a_private_forget_is_covered_by_a_wider_one_even_without_its_text(
    service: Service,
) -> None:
    private = forget(service, "red", domains=("dark",), private=True)
    wide = forget(service, "red")
    assert state(service, str(private["id"]))[0] == "subsumed"
    digest = published(service)["edit_digest"]
    service.requests.shred(str(private["id"]), "fulfilled", "dpo")
    service.reconciler.run()
    assert published(service)["edit_digest"] == digest
    revert(service, wide)
    assert state(service, str(private["id"]))[0] == "in_force"


def test_a_private_forget_of_several_names_is_covered_by_their_texts(
    service: Service,
) -> None:
    private = forget(service, "red", "blue", domains=("dark",), private=True)
    forget(service, "blue", "red")
    assert state(service, str(private["id"]))[0] == "subsumed"
    other = forget(service, "green", "yellow", domains=("dark",), private=True)
    assert state(service, str(other["id"]))[0] == "in_force"


def test_what_is_said_of_a_private_request_is_private(service: Service) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, approval="person"),
    )
    request = file(service, "red", private=True)
    service.reconciler.run()
    key = "Ms Example's key"
    service.requests.decide(request, "approve", "Ms Example consented", "bob")
    service.reconciler.run()
    undo = service.requests.revert(request, "Ms Example changed her mind", "ann", key)
    assert (
        service.requests.revert(request, "Ms Example changed her mind", "ann", key)[
            "id"
        ]
        == undo["id"]
    )
    service.reconciler.run()
    service.requests.decide(undo["id"], "approve", "Ms Example called", "bob")
    service.reconciler.run()
    assert service.requests.show(request)["state"] == "reverted"
    said = b"".join(body for _, body in service.core.desk.ledger.bodies())
    assert b"Example" not in said
    assert (
        service.requests.reveal(undo["id"], "dpo")["reason"]
        == "Ms Example changed her mind"
    )
    assert [s["reason"] for s in service.requests.reveal(request, "dpo")["said"]] == [
        "Ms Example consented"
    ]
    service.requests.shred(request, "fulfilled", "dpo")
    assert service.core.private.names() == []
    assert service.requests.show(undo["id"])["shredded_at"]


def test_a_lost_box_does_not_stop_filing(service: Service) -> None:
    request = forget(service, "red", private=True)
    (service.core.private.folder / f"{request['id']}.box").unlink()
    assert forget(service, "blue")["state"] == "in_force"


def test_shredding_again_finishes_what_a_fault_left(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.private,
            "shred",
            lambda name: (_ for _ in ()).throw(MachineFault("read-only")),
        )
        with pytest.raises(MachineFault):
            service.requests.shred(request, "fulfilled", "dpo")
    service.requests.shred(request, "fulfilled", "dpo")
    assert service.core.private.names() == []


def test_nothing_shredded_comes_back_by_a_retry(service: Service) -> None:
    private = str(forget(service, "red", private=True)["id"])
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model("m", Given(anchors=("wood",)), "ann")
    assert state(service, private)[0] == "waiting"
    with pytest.raises(Conflict, match="nothing left to look at again"):
        service.requests.decide(private, "retry", "", "bob")
    assert service.serving("m").edit.rank == 1
    forget(service, "blue")
    # and nothing new is published meanwhile
    assert service.revisions("m")[-1]["state"] == "waiting"


def test_the_ledger_does_not_say_what_a_private_forget_is_about(
    service: Service,
) -> None:
    private = forget(service, "red", private=True)
    cell = forget(service, "red", domains=("dark",))
    assert state(service, str(cell["id"]))[0] == "subsumed"
    for entry in service.core.desk.ledger.entries():
        if entry["kind"] in ("request.subsume", "revision.compose"):
            assert private["id"] not in json.dumps(
                entry["payload"].get("subsumed", {})
            ) + str(entry["payload"].get("reason"))
    with pytest.raises(Conflict, match="a private request already covers") as told:
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    assert private["id"] not in str(told.value)
    found = service.requests.preview("m", ForgetOptions(concepts=("red",)))
    assert found["same_scope"] == {"id": None, "state": "in_force", "private": True}
    assert private["id"] not in json.dumps(found)


def test_a_private_key_files_once_for_good(service: Service) -> None:
    options = ForgetOptions(
        concepts=("red",), private=True, idempotency_key="Ms Example's key"
    )
    first = service.requests.forget("m", options, "ann")["id"]
    service.reconciler.run()
    revert(service, {"id": first})
    assert service.requests.forget("m", options, "ann")["id"] == first
    service.requests.shred(first, "fulfilled", "dpo")
    assert service.requests.forget("m", options, "ann")["id"] == first
    assert b"Example" not in b"".join(
        body for _, body in service.core.desk.ledger.bodies()
    )


def test_a_reason_that_was_sealed_but_never_filed_is_in_nobodys_way(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.desk.ledger,
            "append",
            lambda *given: (_ for _ in ()).throw(MachineFault("full")),
        )
        with pytest.raises(MachineFault):
            service.requests.hold(private, "case 7", "legal")
    service.requests.hold(private, "case 7", "legal")
    assert service.requests.reveal(private, "dpo")["said"][0]["reason"] == "case 7"


@pytest.mark.parametrize("first", [True, False])
def test_no_entry_links_a_private_forget_to_a_public_one(
    service: Service, first: bool
) -> None:
    private = str(forget(service, "red", private=first)["id"])
    if first:
        service.requests.shred(private, "fulfilled", "dpo")
    other = forget(service, "red", domains=("dark",), private=not first)
    hidden, open_ = (
        (private, str(other["id"])) if first else (str(other["id"]), private)
    )
    for entry in service.core.desk.ledger.entries():
        said = json.dumps(entry["payload"])
        if entry["subject"] == open_:
            assert hidden not in said
        if entry["subject"] == hidden:
            assert open_ not in said
    assert (
        service.requests.show(str(other["id"]))["predicted"]["subsumed_by"]
        == "another forget"
    )


def test_a_key_of_a_shredded_request_does_not_swallow_another(service: Service) -> None:
    blue = str(forget(service, "blue")["id"])
    options = ForgetOptions(concepts=("red",), private=True, idempotency_key="k")
    private = service.requests.forget("m", options, "ann")["id"]
    service.reconciler.run()
    service.requests.shred(private, "fulfilled", "dpo")
    assert service.requests.forget("m", options, "ann")["id"] == private
    for other in (
        replace(options, domains=("dark",)),
        replace(options, concepts=("red", "green")),
        replace(options, strength=0.5),
    ):
        with pytest.raises(KeyReused):
            service.requests.forget("m", other, "ann")
    assert service.requests.revert(blue, "back", "ann", "k")["kind"] == "revert"
    with pytest.raises(Usage, match="cannot begin with private:"):
        service.requests.forget(
            "m",
            ForgetOptions(
                concepts=("green",), idempotency_key=service.requests.privacy.keyed("k")
            ),
            "ann",
        )


def test_a_reason_that_an_entry_names_is_never_written_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    private = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.desk.views.records,
            "put",
            lambda rows: (_ for _ in ()).throw(
                sqlite3.OperationalError("database or disk is full")
            ),
        )
        with pytest.raises((MachineFault, sqlite3.OperationalError)):
            service.requests.hold(private, "case 7", "legal")
    with pytest.raises(Conflict, match="held already"):
        service.requests.hold(private, "again", "legal")
    service.requests.release(private, "closed", "legal")
    assert [s["reason"] for s in service.requests.reveal(private, "dpo")["said"]] == [
        "case 7",
        "closed",
    ]


def test_a_key_that_was_never_changed_to_takes_no_place(
    service: Service, tmp_path: Path
) -> None:
    from govd.ledger.signing import Signer

    forget(service, "red")
    known = service.checkpoints.key()
    service.close()
    keys = tmp_path / "home" / "keys"
    (keys / "signing.key").rename(keys / "kept")
    Signer.at(keys / "next.key", service.core.desk.ledger.origin)
    with pytest.raises(BadFile, match="key that signs this ledger is missing"):
        open_service(tmp_path / "home")
    assert sorted(p.name for p in keys.glob("*.key")) in (
        ["derivation.key", "next.key"],
        ["next.key"],
    )
    (keys / "kept").rename(keys / "signing.key")
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == known
        rotated = again.checkpoints.rotate_key("routine", "ann")["new"]
    # cut off between the entry and the name
    (keys / "signing.key").rename(keys / "next.key")
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == rotated
        assert again.verification.verify()["holds"]
