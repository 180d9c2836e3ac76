"""Keys and signed notes."""

import base64
import json
import string
from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadFile, MachineFault, VerificationFailed
from govd.ledger.signing import (
    COSIGNER,
    Key,
    LogCheckpoint,
    Signer,
    seen_at,
    signatures,
    split,
)
from tests.ledger.vectors import FILE, written

# The example of C2SP signed-note, section "Format" (verifier and note by the Go implementation's
# documentation).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_another_implementation() -> None:
    key = Key.parse(PETER)
    assert str(key) == PETER
    text, lines = split(NOTE)
    (signature,) = signatures(lines, key)
    assert key.signed(text.encode(), signature)
    assert not key.signed(text.replace("answer", "question").encode(), signature)


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first, again = Signer.at(path, "log"), Signer.at(path, "log")
    assert first.key == again.key
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(MachineFault, match="chmod 600"):
        Signer.at(path, "log")


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_text("nonsense\n")
    path.chmod(0o600)
    with pytest.raises(BadFile, match=r"signing\.key"):
        Signer.at(path, "log")


def test_checkpoints_open_with_their_key_alone(tmp_path: Path) -> None:
    signer, other = Signer.at(tmp_path / "a", "log"), Signer.at(tmp_path / "b", "log")
    checkpoint = LogCheckpoint("log", 7, b"\x01" * 32)
    note = signer.sign(checkpoint.text)
    assert LogCheckpoint.open(note, signer.key) == checkpoint
    assert LogCheckpoint.open(note + "— somebody AAAA\n", signer.key) == checkpoint, (
        "other signatures are allowed"
    )
    for wrong in (note.replace("\n7\n", "\n8\n"), note[:-8], "", "\n\n"):
        with pytest.raises(VerificationFailed):
            LogCheckpoint.open(wrong, signer.key)
    with pytest.raises(VerificationFailed):
        LogCheckpoint.open(note, other.key)


@pytest.mark.parametrize(
    "text", ["", "a+b", "log+00000000+AAAA", PETER.replace("c74f20a3", "c74f20a4")]
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadFile):
        Key.parse(text)


def test_our_vectors_are_what_we_publish() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), (
        "run python -m tests.ledger.vectors"
    )


@pytest.mark.parametrize(
    "vector",
    json.loads(FILE.read_text(encoding="utf-8"))["vectors"],
    ids=lambda v: v["name"],
)
def test_our_vectors(vector: dict[str, Any]) -> None:
    key = Key.parse(vector["verifier"])
    try:
        text, lines = split(vector["note"])
        if key.algorithm == COSIGNER:
            time = seen_at(text, lines, key)
            valid = time is not None
            assert not valid or time == vector["time"]
        else:
            valid = any(key.signed(text.encode(), s) for s in signatures(lines, key))
        said = (
            LogCheckpoint.read(vector["note"])
            if valid and vector["checkpoint"]
            else None
        )
    except VerificationFailed:
        valid, said = False, None
    assert valid == vector["valid"]
    if said:
        assert vector["checkpoint"] == {
            "origin": said.origin,
            "size": said.size,
            "root": base64.b64encode(said.root).decode(),
        }
    elif valid:
        with pytest.raises(VerificationFailed):
            LogCheckpoint.read(vector["note"])


def test_a_signature_has_one_spelling(tmp_path: Path) -> None:
    """Bits of the last base64 digit that mean nothing are noticed like any other."""
    signer = Signer.at(tmp_path / "key", "govd/x")
    note = signer.sign(LogCheckpoint("govd/x", 1, bytes(32)).text)
    assert LogCheckpoint.open(note, signer.key).size == 1
    assert note.endswith("=\n")
    digits = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    last = digits.index(note[-3])
    for other in (last ^ 1, last ^ 2, last ^ 3):
        with pytest.raises(VerificationFailed, match="not signed by this key"):
            LogCheckpoint.open(f"{note[:-3]}{digits[other]}=\n", signer.key)
