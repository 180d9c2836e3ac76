"""A small witness (`govd_witness`) and a local time stamp authority (`govd_timestamp`): what they
are handed, and what comes of their answers.
"""

import base64
import datetime
import http.server
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.audit.bundle_questions import Question
from govd.errors import BadFile, GovdError, VerificationFailed
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import COSIGNER, Key, LogCheckpoint, Signer
from govd.service.service import Service, open_service
from govd.verify import stamps
from govd.verify.bounds import Trust
from govd.verify.bundle import verify_bundle
from govd.verify.offline import verify_offline
from tests.ledger.forging import unzipped, zipped

Answer = tuple[int, bytes]


@contextmanager
def served(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    """A local HTTP server that answers POSTs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


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
        if old and not merkle.consistent(old, said.size, self.seen.root, said.root, steps):
            return 422, b""
        self.seen, self.clock = said, self.clock + 60
        return 200, (self.signer.cosign(said.text, self.clock) + "\n").encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def settings(folder: Path, **lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "govd.toml").write_text(
        "".join(f"{k} = {json.dumps(v)}\n" for k, v in lines.items()), encoding="utf-8"
    )


def news(service: Service) -> None:
    service.core.desk.append([Draft("note", "x", "me")])
    service.checkpoints.sign()


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
            assert [(b["by"], b["at"][:4]) for b in then] == [("witness.example/w1", "2027")]
            assert service.verification.verify(kept=[note])["holds"]
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
                witness.key.name, Signer.at(tmp_path / "x.key", "x").key.public, COSIGNER
            )
            idle = Key("other.example/w", witness.key.public, COSIGNER)
            for verify in (
                lambda *keys: verify_offline(tmp_path / "all.zip", service.checkpoints.key(), keys),
                lambda *keys: service.verification.verify(witnesses=keys),
            ):
                assert any(
                    "no later than 2027" in line for line in verify(str(witness.key))["proven"]
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
                zipped(files), service.core.desk.ledger.signer.key, Trust((witness.key,))
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
                        "witness.cosign", real["subject"], "govd", "", FORGED[name](real["payload"])
                    )
                ]
            )
            service.checkpoints.sign()
            service.core.desk.ledger.checkpoint()
            assert any("entry 3" in fault for fault in service.verification.verify()["faults"])
            service.bundles.bundle(tmp_path / "all.zip")
            found = verify_offline(tmp_path / "all.zip", service.checkpoints.key())
            assert any(
                "entry 3" in fault for fault in found["faults"]
            ) or "not in this bundle" in " ".join(found["not_proven"])


def test_a_witness_that_knows_more_is_asked_from_there(tmp_path: Path, witness: Witness) -> None:
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


def test_an_operator_who_shows_another_history_is_refused(tmp_path: Path, witness: Witness) -> None:
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
            verdict = service.verification.verify(kept=[kept])
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
        settings(home, witnesses=[f"{url} {witness.key}", f"http://127.0.0.1:9 {witness.key}"])
        with open_service(home) as service:
            news(service)
            first, second = service.checkpoints.witness()
            assert "not with a cosignature of its key" in first["fault"]
            assert "does not answer" in second["fault"]
            assert service.checkpoints.witness(patient=True) == [], (
                "who failed is left alone for a while"
            )
            assert service.core.desk.ledger.size() == 1


def test_a_witness_without_a_key_is_a_setting_that_is_refused(tmp_path: Path) -> None:
    settings(tmp_path / "home", witnesses=["https://witness.example"])
    with pytest.raises(BadFile, match="NAME\\+HASH\\+KEY"):
        open_service(tmp_path / "home")


CONFIG = """
[tsa]
default_tsa = here
[here]
dir = {dir}
serial = {dir}/serial
crypto_device = builtin
signer_cert = {dir}/tsa.pem
signer_key = {dir}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """OpenSSL as a time stamp authority, and its root certificate."""
    if shutil.which("openssl") is None:
        assert "CI" not in os.environ, "CI installs openssl"
        pytest.skip("openssl is not installed")

    def run(*words: str) -> None:
        subprocess.run(
            ["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=60
        )

    run(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        "-days",
        "30",
        "-subj",
        "/CN=root",
    )
    run(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "tsa.key",
        "-out",
        "tsa.csr",
        "-subj",
        "/CN=tsa",
    )
    (tmp_path / "ext").write_text(
        "extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    )
    run(
        "x509",
        "-req",
        "-in",
        "tsa.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-out",
        "tsa.pem",
        "-days",
        "30",
        "-extfile",
        "ext",
    )
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "tsa.cnf").write_text(CONFIG.format(dir=tmp_path))

    def answer(path: str, body: bytes) -> Answer:
        (tmp_path / "query.tsq").write_bytes(body)
        run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr")
        return 200, (tmp_path / "reply.tsr").read_bytes()

    with served(answer) as url:
        yield url, tmp_path / "root.pem"


def test_a_time_stamp_bounds_what_came_before(tmp_path: Path, authority: tuple[str, Path]) -> None:
    pytest.importorskip("rfc3161_client")
    url, root = authority
    home = tmp_path / "home"
    settings(home, timestamp_authorities=[f"{url} {root}"])
    with open_service(home) as service:
        news(service)
        (said,) = service.checkpoints.witness()
        assert said["fault"] is None
        (bound,) = service.audit.bounds(0)
        now = datetime.datetime.now(datetime.UTC)
        assert abs((datetime.datetime.fromisoformat(bound["at"]) - now).total_seconds()) < 60
        service.core.desk.ledger.checkpoint()
        known = service.audit.log(kind="witness.stamp")[0]["payload"]
        assert known["verified"], "against the root that the setting names"
        (looked_at,) = service.proofs.checked_bounds([{"entry": 1}])
        assert looked_at["verified"] is True
        service.core.desk.append(
            [Draft("witness.stamp", known["name"], "govd", "", known | {"verified": False})]
        )
        (looked_at,) = service.proofs.checked_bounds([{"entry": 2}])
        assert looked_at["verified"] is False, "as of an authority without a root"
        service.core.desk.ledger.checkpoint()
        service.bundles.bundle(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as files:
            files.extractall(tmp_path / "out")
        verify = [
            "openssl",
            "ts",
            "-verify",
            "-data",
            "checkpoints/1.note",
            "-in",
            "stamps/1.tsr",
            "-CAfile",
            str(root),
        ]
        subprocess.run(verify, cwd=tmp_path / "out", check=True, capture_output=True, timeout=60)
        subprocess.run(
            ["sha256sum", "-c", "SHA256SUMS"],
            cwd=tmp_path / "out",
            check=True,
            capture_output=True,
            timeout=60,
        )
        checks = (
            lambda roots: verify_offline(
                tmp_path / "all.zip", service.checkpoints.key(), roots=roots
            ),
            lambda roots: service.verification.verify(roots=roots),
        )
        year = str(now.year)
        for check in checks:
            found = check([root.read_text()])
            assert found["holds"], found["faults"]
            assert any(
                f"no later than {year}" in line and "CN=tsa" in line for line in found["proven"]
            )
            found = check([])
            assert any(
                "as entry 1 records: who signed it was not checked" in line
                for line in found["recorded"]
            )
            assert not any("no later than" in line for line in found["proven"])
            other = check([foreign(tmp_path).read_text()])
            assert other["faults"] == [
                "no time stamp here is by an authority that the given root certificates vouch for"
            ]
            with pytest.raises(BadFile, match="no certificate"):
                check(["nonsense"])


def foreign(folder: Path) -> Path:
    """A root certificate that vouched for nothing."""
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "x.key",
        "-out",
        "x.pem",
        "-subj",
        "/CN=other",
    ]
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "x.pem"


def test_time_stamps_that_entries_only_claim_are_faults(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    """The row of the threat table: an entry has a time stamp that is none, of another checkpoint,
    or of another time.
    """
    pytest.importorskip("rfc3161_client")
    url, root = authority
    home = tmp_path / "home"
    settings(home, timestamp_authorities=[f"{url} {root}"])
    with open_service(home) as service:
        news(service)
        service.checkpoints.witness()
        news(service)
        real = service.audit.log(kind="witness.stamp")[0]["payload"]
        token = base64.b64decode(real["token"])
        at = token.index(stamps.read(token).imprint)
        bent = base64.b64encode(token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]).decode()
        lies = [
            {"token": "AAAA"},
            {"token": bent},
            {"size": 3},
            {"at": "2019-01-01T00:00:00.000000Z"},
        ]
        service.core.desk.append(
            [Draft("witness.stamp", url, "govd", "", real | lie) for lie in lies]
        )
        service.core.desk.ledger.checkpoint()
        faults = service.verification.verify()["faults"]
        assert [f.partition(":")[0] for f in faults] == [
            "entry 3 is no time stamp",
            "entry 4",
            "entry 5",
            "entry 6 is no time stamp",
        ]
        assert "of something else than the log checkpoint of 3 entries" in faults[2]
        assert [
            b["entry"]
            for b in service.proofs.checked_bounds([{"entry": n} for n in range(1, 7) if n != 2])
        ] == [1]
        service.bundles.bundle(tmp_path / "all.zip")
        assert len(verify_offline(tmp_path / "all.zip", service.checkpoints.key())["faults"]) >= 4


@given(st.binary(max_size=300))
def test_noise_is_no_time_stamp(noise: bytes) -> None:
    for data in (noise, b"\x30" + bytes([len(noise) % 128]) + noise):
        with pytest.raises(VerificationFailed):
            stamps.read(data)


def test_a_bent_time_stamp_is_another_or_none(tmp_path: Path, authority: tuple[str, Path]) -> None:
    pytest.importorskip("rfc3161_client")
    url, root = authority
    home = tmp_path / "home"
    settings(home, timestamp_authorities=[f"{url} {root}"])
    with open_service(home) as service:
        news(service)
        service.checkpoints.witness()
        token = base64.b64decode(service.audit.log(kind="witness.stamp")[0]["payload"]["token"])
        note = service.core.desk.ledger.checkpoint_of(1)
        assert note is not None
        assert stamps.trusted(token, note.encode(), [root.read_bytes()])
        assert stamps.trusted(token, b"another message", [root.read_bytes()]) is None
        for at in range(0, len(token), 7):
            bent = token[:at] + bytes([token[at] ^ 4]) + token[at + 1 :]
            try:
                stamps.read(bent)
            except VerificationFailed:
                continue


def test_a_time_stamp_of_another_authority_is_refused(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    pytest.importorskip("rfc3161_client")
    url, _ = authority
    settings(tmp_path / "home", timestamp_authorities=[f"{url} {foreign(tmp_path)}"])
    with open_service(tmp_path / "home") as service:
        news(service)
        (said,) = service.checkpoints.witness()
        assert "not signed by its authority" in said["fault"]
