"""Time stamps of an authority: what they bound, and which are refused."""

import base64
import datetime
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.errors import BadFile, VerificationFailed
from govd.ledger.entry import Draft
from govd.service.service import open_service
from govd.verify import stamps
from govd.verify.offline import verify_offline
from tests.plugins.answering import Answer, news, served, settings

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
            ["openssl", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=60,
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
        run(
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-queryfile",
            "query.tsq",
            "-out",
            "reply.tsr",
        )
        return 200, (tmp_path / "reply.tsr").read_bytes()

    with served(answer) as url:
        yield url, tmp_path / "root.pem"


def test_a_time_stamp_bounds_what_came_before(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
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
        assert (
            abs((datetime.datetime.fromisoformat(bound["at"]) - now).total_seconds())
            < 60
        )
        service.core.desk.ledger.checkpoint()
        known = service.audit.log(kind="witness.stamp")[0]["payload"]
        assert known["verified"], "against the root that the setting names"
        (looked_at,) = service.proofs.checked_bounds([{"entry": 1}])
        assert looked_at["verified"] is True
        service.core.desk.append(
            [
                Draft(
                    "witness.stamp",
                    known["name"],
                    "govd",
                    "",
                    known | {"verified": False},
                )
            ]
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
        subprocess.run(
            verify, cwd=tmp_path / "out", check=True, capture_output=True, timeout=60
        )
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
                f"no later than {year}" in line and "CN=tsa" in line
                for line in found["proven"]
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
    subprocess.run(
        ["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60
    )
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
        bent = base64.b64encode(
            token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        ).decode()
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
            for b in service.proofs.checked_bounds(
                [{"entry": n} for n in range(1, 7) if n != 2]
            )
        ] == [1]
        service.bundles.bundle(tmp_path / "all.zip")
        assert (
            len(
                verify_offline(tmp_path / "all.zip", service.checkpoints.key())[
                    "faults"
                ]
            )
            >= 4
        )


@given(st.binary(max_size=300))
def test_noise_is_no_time_stamp(noise: bytes) -> None:
    for data in (noise, b"\x30" + bytes([len(noise) % 128]) + noise):
        with pytest.raises(VerificationFailed):
            stamps.read(data)


def test_a_bent_time_stamp_is_another_or_none(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    pytest.importorskip("rfc3161_client")
    url, root = authority
    home = tmp_path / "home"
    settings(home, timestamp_authorities=[f"{url} {root}"])
    with open_service(home) as service:
        news(service)
        service.checkpoints.witness()
        token = base64.b64decode(
            service.audit.log(kind="witness.stamp")[0]["payload"]["token"]
        )
        note = service.core.desk.ledger.checkpoint_of(1)
        assert note is not None
        assert stamps.trusted(token, note.encode(), [root.read_bytes()])
        assert stamps.trusted(token, b"another message", [root.read_bytes()]) is None
        for length in (len(token) - 1, len(token) - 100, 5, 2, 1, 0):
            with pytest.raises(VerificationFailed):
                stamps.read(token[:length])
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
