"""A small witness (`govd_witness`) and a local time stamp authority (`govd_timestamp`): what they
are handed, and what comes of their answers.
"""

import base64
import shutil
from pathlib import Path

import pytest

from govd.audit.bundle_questions import Question
from govd.errors import BadFile, GovdError
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import COSIGNER, Key, LogCheckpoint, Signer
from govd.service.service import open_service
from govd.verify.bounds import Trust
from govd.verify.bundle import verify_bundle
from govd.verify.offline import verify_offline
from tests.ledger.forging import unzipped, zipped
from tests.plugins.answering import Answer, news, served, settings


class Witness:
    """C2SP tlog-witness, as far as one log needs it."""

    def __init__(self, folder: Path) -> None:
        self.signer = Signer.at(folder / "witness.key", "witness.example/w1")
        self.key = Key(self.signer.key.name, self.signer.key.public, COSIGNER)
        self.log: Key | None = None
        self.seen = LogCheckpoint("", 0, merkle.EMPTY)
        self.clock = 1_800_000_000

    def __call__(self, path: str, body: bytes) -> Answer:
        assert path == "/add-checkpoint"
        head, _, note = body.decode().partition("\n\n")
        first, *proof = head.split("\n")
        said = LogCheckpoint.read(note)
        if self.log is None or said.origin != self.log.name:
            return 404, b""
        try:
            LogCheckpoint.open(note, self.log)
        except GovdError:
            return 403, b""
        old = int(first.removeprefix("old "))
        if old != self.seen.size:
            return 409, f"{self.seen.size}\n".encode()
        steps = [base64.b64decode(step) for step in proof]
        if old and not merkle.consistent(
            old, said.size, self.seen.root, said.root, steps
        ):
            return 422, b""
        self.seen, self.clock = said, self.clock + 60
        return 200, (self.signer.cosign(said.text, self.clock) + "\n").encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def test_a_witness_cosigns_what_has_grown(tmp_path: Path, witness: Witness) -> None:
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            news(service)
            (said,) = service.checkpoints.witness()
            assert "does not know this log" in said["fault"]
            witness.log = service.core.desk.ledger.signer.key
            (said,) = service.checkpoints.witness()
            assert (said["fault"], said["size"]) == (None, 1)
            assert service.checkpoints.witness() == [], (
                "there is no news but the cosignature itself"
            )
            service.checkpoints.sign()
            assert service.core.desk.ledger.last_checkpoint()[0] == 1, (
                "a cosignature is no news to sign"
            )  # type: ignore[index]
            news(service)
            (said,) = service.checkpoints.witness()
            assert said["size"] == 3
            note = service.checkpoints.checkpoint(witnessed=True)
            assert LogCheckpoint.read(note).size == 3
            assert f"— {witness.key.name} " in note
            then = service.audit.bounds(0)
            assert [(b["by"], b["at"][:4]) for b in then] == [
                ("witness.example/w1", "2027")
            ]
            assert service.verification.verify(since=[note])["holds"]
            service.bundles.bundle(tmp_path / "all.zip")
            found = verify_offline(
                tmp_path / "all.zip", service.checkpoints.key(), [str(witness.key)]
            )
            assert found["holds"]
            assert any("no later than 2027" in line for line in found["proven"])
            found = verify_offline(tmp_path / "all.zip", None)
            assert not any("no later than" in line for line in found["proven"])
            assert any(
                "no later than 2027" in line and "was not checked" in line
                for line in found["recorded"]
            )
            stranger = Key(
                witness.key.name,
                Signer.at(tmp_path / "x.key", "x").key.public,
                COSIGNER,
            )
            idle = Key("other.example/w", witness.key.public, COSIGNER)
            for verify in (
                lambda *keys: verify_offline(
                    tmp_path / "all.zip", service.checkpoints.key(), keys
                ),
                lambda *keys: service.verification.verify(witnesses=keys),
            ):
                assert any(
                    "no later than 2027" in line
                    for line in verify(str(witness.key))["proven"]
                )
                assert (
                    "by another key than the one that is known"
                    in verify(str(stranger))["faults"][0]
                )
                assert verify(str(witness.key), str(idle))["faults"] == [
                    "the witness other.example/w has cosigned nothing here"
                ]


def test_a_bundle_brings_the_earliest_cosignature_after_its_entries(
    tmp_path: Path, witness: Witness
) -> None:
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            witness.log = service.core.desk.ledger.signer.key
            for _ in range(3):
                news(service)
                service.checkpoints.witness()
            first = service.audit.bounds(0)[0]
            service.bundles.write(tmp_path / "one.zip", Question({"request": "x"}, {0}))
            files = unzipped((tmp_path / "one.zip").read_bytes())
            assert sorted(n for n in files if n.startswith("cosigned/")) == [
                "cosigned/1.note",
                "cosigned/5.note",
            ]
            note = files["cosigned/1.note"].decode()
            assert note.startswith(files["checkpoints/1.note"].decode())
            assert first["at"][:4] == "2027"
            opened = verify_bundle(
                zipped(files),
                service.core.desk.ledger.signer.key,
                Trust((witness.key,)),
            )
            assert opened.verdict.faults == [
                "the manifest says that the bundle is about something that its entries do not show"
            ]


FORGED = {
    "a line that is none": lambda p: p | {"line": "— forged AAAA"},
    "another time": lambda p: p | {"at": "2019-01-01T00:00:00.000000Z"},
    "another size": lambda p: p | {"size": 3},
    "no key": lambda p: {k: v for k, v in p.items() if k != "key"},
    "a key of another kind": lambda p: p | {"key": p["key"].replace("+", "x+", 1)},
    "a size that nothing has": lambda p: p | {"size": 2},
    "a size that is no number": lambda p: p | {"size": "1"},
}


@pytest.mark.parametrize("name", sorted(FORGED))
def test_cosignatures_that_entries_only_claim_are_faults(
    tmp_path: Path, witness: Witness, name: str
) -> None:
    """The row of the threat table: an entry says that a witness cosigned."""
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            witness.log = service.core.desk.ledger.signer.key
            news(service)
            service.checkpoints.witness()
            news(service)
            real = service.audit.log(kind="witness.cosign")[0]
            service.core.desk.append(
                [
                    Draft(
                        "witness.cosign",
                        real["subject"],
                        "govd",
                        "",
                        FORGED[name](real["payload"]),
                    )
                ]
            )
            service.checkpoints.sign()
            service.core.desk.ledger.checkpoint()
            assert any(
                "entry 3" in fault for fault in service.verification.verify()["faults"]
            )
            service.bundles.bundle(tmp_path / "all.zip")
            found = verify_offline(tmp_path / "all.zip", service.checkpoints.key())
            assert any(
                "entry 3" in fault for fault in found["faults"]
            ) or "not in this bundle" in " ".join(found["not_proven"])


def test_a_witness_that_knows_more_is_asked_from_there(
    tmp_path: Path, witness: Witness
) -> None:
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            for _ in range(5):
                news(service)
            witness.log = service.core.desk.ledger.signer.key
            witness.seen = LogCheckpoint.read(service.checkpoints.checkpoint(3))
            (said,) = service.checkpoints.witness()
            assert (said["fault"], said["size"]) == (None, 5)


def test_an_operator_who_shows_another_history_is_refused(
    tmp_path: Path, witness: Witness
) -> None:
    """The row of the threat table that needs a witness: an old backup is restored and the log goes
    another way.
    """
    home, old = tmp_path / "home", tmp_path / "old"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            news(service)
            witness.log = service.core.desk.ledger.signer.key
        shutil.copytree(home, old)
        with open_service(home) as service:
            news(service)
            assert service.checkpoints.witness()[0]["fault"] is None
            kept = service.checkpoints.checkpoint(witnessed=True)
        with open_service(old) as service:
            service.core.desk.append([Draft("note", "another history", "me")])
            news(service)
            assert service.verification.verify()["holds"], "alone it looks whole"
            (said,) = service.checkpoints.witness()
            assert "another history" in said["fault"]
            verdict = service.verification.verify(since=[kept])
            assert not verdict["holds"]
            assert "not those that were signed" in " ".join(verdict["faults"])


def test_what_is_not_a_cosignature_of_the_witness_is_not_kept(
    tmp_path: Path, witness: Witness
) -> None:
    home = tmp_path / "home"
    other = Signer.at(tmp_path / "other.key", witness.key.name)
    with served(
        lambda path, body: (
            200,
            (other.cosign(body.decode().partition("\n\n")[2], 5) + "\n").encode(),
        )
    ) as url:
        settings(
            home,
            witnesses=[f"{url} {witness.key}", f"http://127.0.0.1:9 {witness.key}"],
        )
        with open_service(home) as service:
            news(service)
            first, second = service.checkpoints.witness()
            assert "not with a cosignature by its key" in first["fault"]
            assert "does not answer" in second["fault"]
            assert service.checkpoints.witness(patient=True) == [], (
                "who failed is left alone for a while"
            )
            assert service.core.desk.ledger.size() == 1


def test_a_witness_without_a_key_is_a_setting_that_is_refused(tmp_path: Path) -> None:
    settings(tmp_path / "home", witnesses=["https://witness.example"])
    with pytest.raises(BadFile, match="NAME\\+HASH\\+KEY"):
        open_service(tmp_path / "home")
