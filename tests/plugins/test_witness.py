"""A small witness and a local time stamp authority: what they are handed, and what comes of their answers."""

import base64
import datetime
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from govd.errors import BadFile, GovdError
from govd.ledger import merkle
from govd.ledger.entry import Draft
from govd.ledger.signing import COSIGNER, Key, LogCheckpoint, Signer
from govd.service import Service, open_service

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
    (folder / "govd.toml").write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in lines.items()), encoding="utf-8")


def news(service: Service) -> None:
    service.core.record([Draft("note", "x", "me")])
    service.evidence.sign()


def test_a_witness_cosigns_what_has_grown(tmp_path: Path, witness: Witness) -> None:
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            news(service)
            (said,) = service.evidence.witness()
            assert "does not know this log" in said["fault"]
            witness.log = service.core.ledger.signer.key
            (said,) = service.evidence.witness()
            assert (said["fault"], said["size"]) == (None, 1)
            assert service.evidence.witness() == [], "there is no news but the cosignature itself"
            service.evidence.sign()
            assert service.core.ledger.last_checkpoint()[0] == 1, "a cosignature is no news to sign"  # type: ignore[index]
            news(service)
            (said,) = service.evidence.witness()
            assert said["size"] == 3
            note = service.evidence.checkpoint(witnessed=True)
            assert LogCheckpoint.read(note).size == 3
            assert f"— {witness.key.name} " in note
            then = service.audit.bounds(0)
            assert [(b["by"], b["at"][:4]) for b in then] == [("witness.example/w1", "2027")]
            assert service.evidence.verify(kept=[note])["holds"]
            service.evidence.bundle(tmp_path / "all.zip")
            from govd.offline import verify_offline

            found = verify_offline(tmp_path / "all.zip", service.evidence.key(), [str(witness.key)])
            assert found["holds"]
            assert any("no later than 2027" in line for line in found["proven"])
            assert not any("no later than" in line for line in verify_offline(tmp_path / "all.zip", None)["proven"])


def test_a_witness_that_knows_more_is_asked_from_there(tmp_path: Path, witness: Witness) -> None:
    home = tmp_path / "home"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            for _ in range(5):
                news(service)
            witness.log = service.core.ledger.signer.key
            witness.seen = LogCheckpoint.read(service.evidence.checkpoint(3))
            (said,) = service.evidence.witness()
            assert (said["fault"], said["size"]) == (None, 5)


def test_an_operator_who_shows_another_history_is_refused(tmp_path: Path, witness: Witness) -> None:
    """The row of the threat table that needs a witness: an old backup is restored and the log goes another way."""
    home, old = tmp_path / "home", tmp_path / "old"
    with served(witness) as url:
        settings(home, witnesses=[f"{url} {witness.key}"])
        with open_service(home) as service:
            news(service)
            witness.log = service.core.ledger.signer.key
        shutil.copytree(home, old)
        with open_service(home) as service:
            news(service)
            assert service.evidence.witness()[0]["fault"] is None
            kept = service.evidence.checkpoint(witnessed=True)
        with open_service(old) as service:
            service.core.record([Draft("note", "another history", "me")])
            news(service)
            assert service.evidence.verify()["holds"], "alone it looks whole"
            (said,) = service.evidence.witness()
            assert "another history" in said["fault"]
            verdict = service.evidence.verify(kept=[kept])
            assert not verdict["holds"]
            assert "not those that were signed" in " ".join(verdict["faults"])


def test_what_is_not_a_cosignature_of_the_witness_is_not_kept(tmp_path: Path, witness: Witness) -> None:
    home = tmp_path / "home"
    other = Signer.at(tmp_path / "other.key", witness.key.name)
    with served(lambda path, body: (200, (other.cosign(body.decode().partition("\n\n")[2], 5) + "\n").encode())) as url:
        settings(home, witnesses=[f"{url} {witness.key}", f"http://127.0.0.1:9 {witness.key}"])
        with open_service(home) as service:
            news(service)
            first, second = service.evidence.witness()
            assert "not with a cosignature of its key" in first["fault"]
            assert "does not answer" in second["fault"]
            assert service.evidence.witness(patient=True) == [], "who failed is left alone for a while"
            assert service.core.ledger.size() == 1


def test_a_witness_without_a_key_is_a_setting_that_is_refused(tmp_path: Path) -> None:
    settings(tmp_path / "home", witnesses=["https://witness.example"])
    with open_service(tmp_path / "home") as service:
        news(service)
        with pytest.raises(BadFile, match="NAME\\+HASH\\+KEY"):
            service.evidence.witness()


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
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-days", "30", "-subj", "/CN=root")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa")
    (tmp_path / "ext").write_text("extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n")
    run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-out", "tsa.pem", "-days", "30", "-extfile", "ext")
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
        (said,) = service.evidence.witness()
        assert said["fault"] is None
        (bound,) = service.audit.bounds(0)
        now = datetime.datetime.now(datetime.UTC)
        assert abs((datetime.datetime.fromisoformat(bound["at"]) - now).total_seconds()) < 60
        entry = next(e for e in service.audit.log(kind="witness.stamp"))
        (tmp_path / "token.tsr").write_bytes(base64.b64decode(entry["payload"]["token"]))
        (tmp_path / "note").write_text(service.core.ledger.checkpoints()[0][1], encoding="utf-8")
        verify = ["openssl", "ts", "-verify", "-data", "note", "-in", "token.tsr", "-CAfile", "root.pem"]
        subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True, timeout=60)


def test_a_time_stamp_of_another_authority_is_refused(tmp_path: Path, authority: tuple[str, Path]) -> None:
    pytest.importorskip("rfc3161_client")
    url, _ = authority
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key", "-out", "x.pem", "-subj", "/CN=other"]
    subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    settings(tmp_path / "home", timestamp_authorities=[f"{url} {tmp_path / 'x.pem'}"])
    with open_service(tmp_path / "home") as service:
        news(service)
        (said,) = service.evidence.witness()
        assert "not signed by its authority" in said["fault"]
