"""Ed25519 keys, and log checkpoints as signed notes.

Formats: C2SP signed-note (https://c2sp.org/signed-note) and tlog-checkpoint (https://c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from govd.errors import BadFile, MachineFault, VerificationFailed

ALGORITHM = b"\x01"  # Ed25519 in signed-note
DASH = "—"


@dataclass(frozen=True)
class Key:
    """A public key with the name that it signs as: `name+hash+base64`, as signed-note writes verifiers."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + ALGORITHM + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ALGORITHM + self.public).decode()}"

    @staticmethod
    def parse(text: str) -> Key:
        """Read a verifier.

        Raises:
            BadFile: it is none.
        """
        try:
            name, hashed, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
            key = Key(name, raw[1:])
        except (ValueError, binascii.Error):
            raise BadFile("this is no key", advice="A key reads NAME+HASH+BASE64; `govd audit key` prints it.") from None
        if raw[:1] != ALGORITHM or len(raw) != 33 or key.id.hex() != hashed:
            raise BadFile("this key is not an Ed25519 key, or its hash does not match", where=name)
        return key


class Signer:
    """A private key that signs notes."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key = Key(name, private.public_key().public_bytes_raw())

    @staticmethod
    def at(path: Path, name: str) -> Signer:
        """The key in a file, made on first use, readable by its owner alone.

        Raises:
            BadFile: the file is no key. MachineFault: others can read it, or it cannot be written.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return Signer(name, _read(path))
        except OSError as fault:
            raise MachineFault(os.strerror(fault.errno or 0), where=str(path), advice="Choose a home that can be written.") from fault
        private = Ed25519PrivateKey.generate()
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(private.private_bytes_raw()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return Signer(name, private)

    def sign(self, text: str) -> str:
        """The text as a signed note."""
        signature = base64.b64encode(self.key.id + self._private.sign(text.encode())).decode()
        return f"{text}\n{DASH} {self.key.name} {signature}\n"


def _read(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise MachineFault("the signing key can be read by others", where=str(path), advice=f"Run: chmod 600 {path}")
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes().strip(), validate=True))
    except (ValueError, binascii.Error):
        raise BadFile("this is no signing key", where=str(path), advice="Restore it from a backup.") from None


@dataclass(frozen=True)
class LogCheckpoint:
    """What a log checkpoint says: this log had this size and this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The signed text: origin, size, root, a line each."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @staticmethod
    def open(note: str, key: Key) -> LogCheckpoint:
        """Read a note and check that `key` signed it.

        Raises:
            VerificationFailed: it did not, or the note is no checkpoint.
        """
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        if not any(_signed(line, text, key) for line in signatures.splitlines()):
            raise VerificationFailed("the log checkpoint is not signed by this key", where=key.name)
        try:
            origin, size, root, *_ = text.splitlines()
            if not size.isascii() or not size.isdigit() or str(int(size)) != size:
                raise ValueError(size)
            return LogCheckpoint(origin, int(size), base64.b64decode(root, validate=True))
        except (ValueError, binascii.Error):
            raise VerificationFailed("a signed note that is no log checkpoint", where=key.name) from None


def _signed(line: str, text: str, key: Key) -> bool:
    try:
        dash, name, data = line.split(" ")
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        return False
    if dash != DASH or name != key.name or raw[:4] != key.id:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
    except InvalidSignature:
        return False
    return True
