"""Keys, proofs for others, and what is not proven."""

import json
import sqlite3
from pathlib import Path

import pytest

from govd.errors import NotFound, Usage, VerificationFailed
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import LogCheckpoint, Signer, rotation_text
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.verify.claim import opened
from govd.verify.offline import verify_offline
from tests.audit.asking import forget
from tests.ledger.forging import unzipped, zipped


def test_the_key_that_is_shown_is_the_one_that_was_checked(
    service: Service, tmp_path: Path
) -> None:
    forget(service, "red")
    old = service.checkpoints.key()
    assert service.verification.verify(key=old)["key"] == old
    service.checkpoints.rotate_key("routine", "ann")
    found = service.verification.verify(key=old)
    assert (found["key"], found["keys"]) == (old, [old, service.checkpoints.key()])
    service.bundles.bundle(tmp_path / "b.zip")
    assert verify_offline(tmp_path / "b.zip", old)["keys"] == found["keys"]
    stranger = str(Signer.at(tmp_path / "k", service.core.desk.ledger.origin).key)
    for verdict in (
        service.verification.verify(key=stranger),
        verify_offline(tmp_path / "b.zip", stranger),
    ):
        assert "not signed by the key that is trusted" in verdict["faults"][0]


@pytest.mark.parametrize("signs", ["old", "new", "neither", "others"])
def test_a_changed_key_needs_both_signatures(
    service: Service, tmp_path: Path, signs: str
) -> None:
    """The row of the threat table: the key is changed without the old one's signature (or the new
    one's).
    """
    import base64

    forget(service, "red")
    ledger = service.core.desk.ledger
    old, new = ledger.signer, Signer.at(tmp_path / "new.key", ledger.origin)
    stranger = Signer.at(tmp_path / "stranger.key", ledger.origin)
    text = rotation_text(ledger.origin, old.key, new.key)
    by = {
        "old": old if signs == "old" else stranger,
        "new": new if signs == "new" else stranger,
    }
    message = (
        rotation_text("govd/other", old.key, new.key) if signs == "others" else text
    )
    by = {"old": old, "new": new} if signs == "others" else by
    payload = {"old": str(old.key), "new": str(new.key), "reason": "mine now"}
    payload |= {
        f"signature_{n}": base64.b64encode(s.raw(message)).decode()
        for n, s in by.items()
    }
    service.core.desk.append(
        [Draft("key.rotate", new.key.id.hex(), "eve", "", payload)]
    )
    ledger.signer = new
    ledger.checkpoint()
    found = service.verification.verify(key=str(old.key))
    assert "changes the key without the signatures of both keys" in found["faults"][0]
    service.bundles.bundle(tmp_path / "b.zip")
    for key in (str(old.key), str(new.key), None):
        assert not verify_offline(tmp_path / "b.zip", key)["holds"]


def test_a_stolen_old_key_deceives_only_who_knows_no_other(
    service: Service, tmp_path: Path
) -> None:
    """The row of the threat table: who has the key from before a rotation signs a log that leaves
    the rotation out.
    """
    forget(service, "red")
    thief = service.core.desk.ledger.signer
    before = service.checkpoints.checkpoint()
    service.checkpoints.rotate_key("it was stolen", "ann")
    kept, new = service.checkpoints.checkpoint(), service.checkpoints.key()
    from tests.ledger.forging import forged

    rows = [
        dict(e) for e in service.core.desk.ledger.entries() if e["kind"] != "key.rotate"
    ]
    artifacts = [
        service.core.artifacts.get(d) for d in service.core.artifacts.digests()
    ]
    named = json.dumps(rows)
    import hashlib

    files = forged(
        rows, [a for a in artifacts if hashlib.sha256(a).hexdigest() in named], thief
    )
    path = tmp_path / "forged.zip"
    path.write_bytes(zipped(files).getvalue())
    found = verify_offline(path, str(thief.key), kept=[before])
    assert found["holds"], found["faults"]
    assert not verify_offline(path, new)["holds"], "the new key finds it out"
    assert not verify_offline(path, str(thief.key), kept=[kept])["holds"], (
        "and so does a later checkpoint"
    )


def test_the_ledger_is_not_signed_while_its_key_is_changed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that is asked for between the entry and the swap waits, and is the new key's."""
    import threading

    found: list[str] = []
    asking = threading.Thread(
        target=lambda: found.append(service.checkpoints.checkpoint())
    )
    finish = service.checkpoints.rotation.finish

    def slowly() -> None:
        asking.start()
        asking.join(0.2)
        finish()

    monkeypatch.setattr(service.checkpoints.rotation, "finish", slowly)
    service.checkpoints.rotate_key("routine", "ann")
    asking.join(10)
    assert LogCheckpoint.open(found[0], service.core.desk.ledger.signer.key)
    assert service.verification.verify()["holds"]


def test_what_is_done_in_other_peoples_names_is_not_found(
    service: Service, tmp_path: Path
) -> None:
    """The row of the threat table that says so: the verdict holds, and says that names are only
    recorded.
    """
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "judge")
    service.reconciler.run()
    found = service.verification.verify()
    assert found["holds"]
    assert any("who acted is who held a token" in line for line in found["not_proven"])
    assert not any("judge" in line for line in found["proven"])
    service.bundles.bundle(tmp_path / "b.zip")
    found = verify_offline(tmp_path / "b.zip", service.checkpoints.key())
    assert any(
        "judge (legacy): asked to forget red" in line for line in found["recorded"]
    )
    assert not any("judge" in line for line in found["proven"])


def test_everything_brings_one_statement_for_each_published_model(
    service: Service, tmp_path: Path, given: Given
) -> None:
    service.add_model("n", "colours", given, "ann")
    forget(service, "red")
    forget(service, "blue", model="n")
    service.bundles.bundle(tmp_path / "all.zip")
    files = unzipped((tmp_path / "all.zip").read_bytes())
    names = [n for n in files if n.startswith("statements/")]
    assert names == ["statements/m-1.dsse.json", "statements/n-1.dsse.json"]
    assert all(
        opened(files[n], service.core.desk.ledger.signer.key).signed for n in names
    )  # type: ignore[union-attr]
    found = verify_offline(tmp_path / "all.zip", service.checkpoints.key())
    assert found["holds"]
    assert "revision 1 of m" in found["claim"]
    assert "revision 1 of n" in found["claim"]


def test_anybody_can_check_single_proofs(service: Service) -> None:
    forget(service, "red")
    old = LogCheckpoint.read(service.checkpoints.checkpoint())
    forget(service, "blue")
    key = service.core.desk.ledger.signer.key
    proof = service.proofs.proof(3)
    said = LogCheckpoint.open(proof["checkpoint"], key)
    assert (said.size, said.root.hex()) == (proof["size"], proof["root"])
    leaf = merkle.leaf_hash(proof["body"].encode())
    assert leaf.hex() == proof["leaf"]
    assert merkle.included(
        3, said.size, leaf, [bytes.fromhex(s) for s in proof["path"]], said.root
    )
    assert service.proofs.proof(3, old.size)["size"] == old.size
    grown = service.proofs.consistency(old.size)
    assert grown["old_root"] == old.root.hex()
    new = LogCheckpoint.open(grown["checkpoint"], key)
    assert merkle.consistent(
        old.size,
        new.size,
        old.root,
        new.root,
        [bytes.fromhex(s) for s in grown["path"]],
    )
    for wrong in (-1, 10**6):
        with pytest.raises(NotFound, match="there is no entry"):
            service.proofs.proof(wrong)
    with pytest.raises(Usage, match="out of range"):
        service.proofs.proof(2**70)
    with pytest.raises(NotFound, match="not among the first"):
        service.proofs.proof(old.size, old.size)
    for wrong in (0, 10**6):
        with pytest.raises(Usage, match="no proof from"):
            service.proofs.consistency(wrong)


def test_checking_a_bundle_loads_no_database_and_no_model(
    service: Service, tmp_path: Path
) -> None:
    import subprocess
    import sys

    forget(service, "red")
    service.bundles.bundle(tmp_path / "b.zip")
    code = (
        "import sys\nfrom govd.cli import main\nsys.argv = ['govd', 'audit', 'verify', sys.argv[1],"
        " '--json']\ntry:\n    main()\nexcept SystemExit as done:\n    assert not done.code,"
        " done.code\nheavy = ('sqlalchemy', 'alembic', 'fastapi', 'jax', 'govd.models.core',"
        " 'govd.requests', 'govd.models.given', 'govd.registering.registry')\n"
        "loaded = [m for m in heavy if m in sys.modules]\nassert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b.zip")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["holds"]


def test_a_bundle_of_a_day_is_of_its_end(service: Service, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    forget(service, "red")
    today = datetime.now(UTC).date().isoformat()
    said = service.bundles.bundle(tmp_path / "day.zip", as_of=today)
    assert said["about"]["as_of"] == f"{today}T23:59:59.999999Z"
    assert verify_offline(tmp_path / "day.zip", service.checkpoints.key())["holds"]


def test_nothing_is_proven_or_rebuilt_from_entries_that_were_changed(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    service.checkpoints.sign()
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        body = raw.execute(
            "SELECT body FROM entries WHERE seq = ?", (red["seq"],)
        ).fetchone()[0]
        raw.execute(
            "UPDATE entries SET body = ? WHERE seq = ?",
            (body.replace(b'"ann"', b'"bob"'), red["seq"]),
        )
    raw.close()
    with pytest.raises(VerificationFailed, match="not in the log as it was signed"):
        service.proofs.proof(red["seq"])
    with pytest.raises(VerificationFailed, match="The views were left as they are"):
        service.verification.rebuild()
    assert service.requests.show(red["id"])["filed_by"] == "ann"


def test_where_all_was_taken_back_nothing_is_claimed(
    service: Service, tmp_path: Path
) -> None:
    red = forget(service, "red")
    service.requests.revert(red["id"], "taken back", "ann")
    service.reconciler.run()
    service.bundles.bundle(tmp_path / "b.zip")
    found = verify_offline(tmp_path / "b.zip", service.checkpoints.key(), again=True)
    assert found["holds"]
    assert (
        "Nothing is claimed to be forgotten: revision 2 of m, which was published, is the unedited"
        " model." in found["claim"]
    )
