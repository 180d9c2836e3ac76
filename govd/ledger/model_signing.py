"""The P-256 key that model checkpoints are signed with, and their signature as OpenSSF
model-signing writes it: beside the log's Ed25519 key, since that tool verifies NIST curves alone.

Formats: model signing v1.0 (https://github.com/sigstore/model-transparency), an in-toto Statement
v1 in a DSSE envelope in a Sigstore bundle v0.3. The files of a folder are the predicate's
resources; the subject's digest is SHA-256 over their digests in the order of their names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from govd.errors import BadFile, MachineFault, VerificationFailed
from govd.ledger import canonical
from govd.ledger.owner_files import write_owned
from govd.ledger.signing import base64_bytes, pre_authentication

SIGNATURE: Final = "model.sig"
"""What model-signing calls the file unless it is told otherwise."""
UNSIGNED: Final = (
    SIGNATURE,
    "revision.json",
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
)
"""Names in a folder that its signature leaves out: itself, what delivery writes about it, and what
Git keeps there.
"""
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PAYLOAD: Final = "application/vnd.in-toto+json"
PREDICATE: Final = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class ModelKey:
    """A public P-256 key, as PEM (SubjectPublicKeyInfo, RFC 5480)."""

    pem: str

    @property
    def id(self) -> str:
        """SHA-256 of the PEM text, hex: the hint by which a signature names its key."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature (DER, ECDSA with SHA-256) is this key's."""
        try:
            key = serialization.load_pem_public_key(self.pem.encode())
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True


class ModelSigner:
    """A private P-256 key that signs model checkpoints."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.key = ModelKey(public.decode("ascii"))

    @staticmethod
    def at(path: Path) -> ModelSigner:
        """The key in a file (PEM, PKCS #8), made on first use, readable by its owner alone.

        Raises:
            BadFile: the file is no such key. MachineFault: others can read it, or it cannot be
            written.
        """
        if path.exists():
            return _read(path)
        private = ec.generate_private_key(ec.SECP256R1())
        data = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            write_owned(path, data)
        except OSError as fault:
            raise MachineFault(
                os.strerror(fault.errno or 0),
                where=str(path),
                advice="Choose a home that can be written.",
            ) from fault
        return ModelSigner(private)

    @staticmethod
    def parse(data: bytes, where: str) -> ModelSigner:
        """A key from its PEM text (PKCS #8).

        Raises:
            BadFile: it is no P-256 key.
        """
        try:
            key = serialization.load_pem_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if (
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or key.curve.name != "secp256r1"
        ):
            advice = (
                "Restore it from a backup, or make a new one: govd audit rotate-key."
            )
            raise BadFile("this is no P-256 key", where=where, advice=advice)
        return ModelSigner(key)

    def raw(self, message: bytes) -> bytes:
        """A signature (DER). The same for the same message (RFC 6979) wherever OpenSSL is new
        enough (3.2), so that a folder that is written twice has the same bytes.
        """
        try:
            algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
            return self._private.sign(message, algorithm)
        except UnsupportedAlgorithm:
            return self._private.sign(message, ec.ECDSA(hashes.SHA256()))


def _read(path: Path) -> ModelSigner:
    if path.stat().st_mode & 0o077:
        raise MachineFault(
            "the key that signs models can be read by others",
            where=str(path),
            advice=f"Run: chmod 600 {path}",
        )
    return ModelSigner.parse(path.read_bytes(), str(path))


def possession_text(origin: str, pem: str) -> bytes:
    """What a new key signs in the entry that introduces it: that its holder made the entry."""
    return f"govd model signing key\n{origin}\n{pem}".encode()


def signature(name: str, files: Mapping[str, str], signer: ModelSigner) -> bytes:
    """The signature of a folder.

    Args:
        name: of the model, for people.
        files: names in the folder with their SHA-256 (hex); those of `UNSIGNED` are left out.
        signer: whose signature it is.
    """
    signed = sorted(
        (file, digest) for file, digest in files.items() if file not in UNSIGNED
    )
    together = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in signed))
    resources = [
        {"name": file, "algorithm": "sha256", "digest": digest}
        for file, digest in signed
    ]
    serialized = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": together.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {**serialized, "ignore_paths": list(UNSIGNED)},
            "resources": resources,
        },
    }
    payload = canonical.encode(statement)
    raw = signer.raw(pre_authentication(PAYLOAD, payload))
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": signer.key.id},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(raw).decode(), "keyid": ""}],
        },
    }
    return canonical.encode(bundle) + b"\n"


def signed_files(data: bytes, key: ModelKey) -> dict[str, str]:
    """The names that a signature is over, with their SHA-256 (hex).

    Raises:
        VerificationFailed: it is no signature of this form, or not this key's.
    """
    try:
        bundle: Any = json.loads(data)
        envelope = bundle["dsseEnvelope"]
        payload = base64_bytes(envelope["payload"])
        (entry,) = envelope["signatures"]
        raw = base64_bytes(entry["sig"])
        is_signed = envelope["payloadType"] == PAYLOAD and key.signed(
            pre_authentication(PAYLOAD, payload), raw
        )
        statement: Any = json.loads(payload)
        predicate = statement["predicate"]
        is_known = (
            statement["predicateType"] == PREDICATE
            and predicate["serialization"]["method"] == "files"
        )
        files = {str(r["name"]): str(r["digest"]) for r in predicate["resources"]}
        is_known &= all(r["algorithm"] == "sha256" for r in predicate["resources"])
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        binascii.Error,
    ):
        raise VerificationFailed(
            f"{SIGNATURE} is no signature of a model's files"
        ) from None
    if not is_signed:
        raise VerificationFailed(f"{SIGNATURE} is not signed by the key {key.id[:16]}")
    if not is_known or len(files) != len(predicate["resources"]):
        raise VerificationFailed(f"{SIGNATURE} is of a form that is not known here")
    return files
