"""Signed log checkpoints against entries, and claims in envelopes: what each must say."""

import base64
from pathlib import Path
from typing import Any

import pytest

from govd.ledger import canonical
from govd.ledger.signing import LogCheckpoint, Signer
from govd.verify import claim
from govd.verify.kept_notes import check_notes
from govd.verify.keys import Keys
from govd.verify.verdict import Verdict

ROOT = bytes(32)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.at(tmp_path / "key", "g")


def faults(
    signer: Signer, filed_as: int, origin: str, size: int, root: bytes = ROOT
) -> list[str]:
    """Of a note of a log with four entries, whose root is `ROOT` at each size."""
    verdict = Verdict(size=4)
    note = signer.sign(LogCheckpoint(origin, size, root).text)
    keys = Keys(signer.key, "g", [], verdict.fault)
    roots = dict.fromkeys(range(5), ROOT)
    check_notes([(filed_as, note, LogCheckpoint.read(note))], roots, keys, 3, verdict)
    return verdict.faults


def test_a_note_is_of_its_log_and_of_its_size(signer: Signer) -> None:
    assert faults(signer, 2, "g", 2) == []
    assert faults(signer, 2, "g", 3) == ["log checkpoint 2 speaks of g at 3"]
    assert faults(signer, 2, "other", 2) != []
    assert (
        "are not those that were signed"
        in faults(signer, 2, "g", 2, bytes([1]) * 32)[0]
    )
    assert faults(signer, 5, "g", 5) == [
        "a signed log checkpoint of 5 entries exists, but the ledger has 4: entries were cut off"
    ]
    assert "another log" in faults(signer, 5, "other", 5)[0]


def test_so_many_changes_of_the_key_are_followed(signer: Signer) -> None:
    for count, told in ((1000, False), (1001, True)):
        faults: list[str] = []
        Keys(signer.key, "g", [(seq, {}) for seq in range(count)], faults.append)
        assert any(f"changed {count} times" in fault for fault in faults) is told
        assert sum("without the signatures" in fault for fault in faults) == 1000


@pytest.mark.parametrize(
    ("model", "revision", "is_claim"),
    [
        ("m", 1, True),
        (5, 1, False),
        (None, 1, False),
        ("m", True, False),
        ("m", "1", False),
    ],
)
def test_a_claim_is_about_a_revision_by_its_number(
    signer: Signer, model: Any, revision: Any, is_claim: bool
) -> None:
    statement = claim.Claim("m", 1, {"model": model, "revision": revision})
    envelope = claim.sealed(statement, str(signer.key), signer.raw)
    opened = claim.opened(envelope, signer.key)
    assert (opened is not None) is is_claim
    if opened is not None:
        assert (opened.revision, opened.signed) == (("m", 1), True)


def test_what_another_key_signed_is_said_to_be_unsigned(
    signer: Signer, tmp_path: Path
) -> None:
    other = Signer.at(tmp_path / "other", "g")
    statement = claim.Claim("m", 1, {"model": "m", "revision": 1})
    opened = claim.opened(claim.sealed(statement, "k", signer.raw), other.key)
    assert opened is not None
    assert not opened.signed
    payload = base64.b64encode(canonical.encode([1, 2])).decode()
    listed = {
        "payload": payload,
        "payloadType": claim.PAYLOAD,
        "signatures": [{"sig": ""}],
    }
    assert claim.opened(canonical.encode(listed), signer.key) is None
