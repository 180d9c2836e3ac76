"""Ed25519 keys, and log checkpoints as signed notes.

Formats: C2SP signed-note (https://c2sp.org/signed-note), tlog-checkpoint
(https://c2sp.org/tlog-checkpoint) and tlog-cosignature (https://c2sp.org/tlog-cosignature); DSSE
(https://github.com/secure-systems-lab/dsse) for statements.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from govd.errors import BadFile, MachineFault, VerificationFailed

ALGORITHM = b"\x01"  # Ed25519 in signed-note
COSIGNER = b"\x04"  # Ed25519 over a time and a checkpoint, by a witness
DASH = "—"
LINES = 32
"""Signature lines of a note that are looked at; more than that no log and its witnesses have."""
LONGEST = 64 * 1024
"""Bytes of a note."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
"""Control characters but for the line break, which no note has."""


@dataclass(frozen=True)
class Key:
    """A public key with the name that it signs as: `name+hash+base64`, as signed-note writes
    verifiers.
    """

    name: str
    public: bytes
    algorithm: bytes = ALGORITHM

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key)."""
        return hashlib.sha256(
            self.name.encode() + b"\n" + self.algorithm + self.public
        ).digest()[:4]

    def __str__(self) -> str:
        public = base64.b64encode(self.algorithm + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{public}"

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @staticmethod
    def parse(text: str) -> Key:
        """Read a verifier.

        Raises:
            BadFile: it is none.
        """
        try:
            name, hashed, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
            key = Key(name, raw[1:], raw[:1])
        except (ValueError, binascii.Error):
            raise BadFile(
                "this is no key",
                advice="A key reads NAME+HASH+BASE64; `govd audit key` prints it.",
            ) from None
        plain = bool(name) and not any(c.isspace() or c == "+" for c in name)
        if (
            raw[:1] not in (ALGORITHM, COSIGNER)
            or len(raw) != 33
            or key.id.hex() != hashed
            or not plain
        ):
            raise BadFile(
                "this key is not an Ed25519 key, or its hash does not match", where=name
            )
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
            raise MachineFault(
                os.strerror(fault.errno or 0),
                where=str(path),
                advice="Choose a home that can be written.",
            ) from fault
        private = Ed25519PrivateKey.generate()
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(private.private_bytes_raw()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return Signer(name, private)

    def sign(self, text: str) -> str:
        """The text as a signed note."""
        signature = base64.b64encode(self.key.id + self.raw(text.encode())).decode()
        return f"{text}\n{DASH} {self.key.name} {signature}\n"

    def raw(self, message: bytes) -> bytes:
        """The 64 bytes of a signature."""
        return self._private.sign(message)

    def cosign(self, text: str, seconds: int) -> str:
        """A witness's line for the text of a checkpoint that it saw at that time (Unix seconds)."""
        key = Key(self.key.name, self.key.public, COSIGNER)
        signature = self._private.sign(_dated(text, seconds))
        return (
            f"{DASH} {key.name}"
            f" {base64.b64encode(key.id + seconds.to_bytes(8, 'big') + signature).decode()}"
        )


def _read(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise MachineFault(
            "the signing key can be read by others",
            where=str(path),
            advice=f"Run: chmod 600 {path}",
        )
    try:
        return Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(path.read_bytes().strip(), validate=True)
        )
    except (ValueError, binascii.Error):
        raise BadFile(
            "this is no signing key",
            where=str(path),
            advice="Restore it from a backup.",
        ) from None


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
    def read(note: str) -> LogCheckpoint:
        """What a note says, whoever signed it.

        Raises:
            VerificationFailed: it is no checkpoint.
        """
        text, _ = split(note)
        try:
            origin, size, root, *_ = text.splitlines()
            if (
                not size.isascii()
                or not size.isdigit()
                or len(size) > 18
                or str(int(size)) != size
                or not origin
            ):
                raise ValueError(size)
            checkpoint = LogCheckpoint(
                origin, int(size), base64.b64decode(root, validate=True)
            )
        except (ValueError, binascii.Error):
            raise VerificationFailed("a note that is no log checkpoint") from None
        if len(checkpoint.root) != 32 or checkpoint.text != text:
            raise VerificationFailed("a note that is no log checkpoint of this kind")
        return checkpoint

    @staticmethod
    def open(note: str, key: Key) -> LogCheckpoint:
        """Read a note and check that `key` signed it.

        Raises:
            VerificationFailed: it did not, or the note is no checkpoint.
        """
        text, lines = split(note)
        if not any(
            key.signed(text.encode(), signature) for signature in signatures(lines, key)
        ):
            raise VerificationFailed(
                "the log checkpoint is not signed by this key", where=key.name
            )
        return LogCheckpoint.read(note)


def split(note: str) -> tuple[str, list[str]]:
    """Text and signature lines of a signed note.

    Raises:
        VerificationFailed: it has no text or no signature, or control characters.
    """
    text, blank, below = note.rpartition("\n\n")
    lines = below.split("\n")
    if (
        not blank
        or not text
        or len(lines) < 2
        or lines.pop()
        or len(note) > LONGEST
        or CONTROL.search(note)
    ):
        raise VerificationFailed("this is no signed note")
    if len(lines) > LINES:
        raise VerificationFailed(
            f"this note has {len(lines)} signature lines; at most {LINES} are read"
        )
    return text + "\n", lines


def base64_bytes(text: str) -> bytes:
    """The bytes of a base64 text in its one spelling: bits that mean nothing must not be set (RFC
    4648, section 3.5).

    Raises:
        ValueError: it is no base64, or another spelling of it.
    """
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("bits are set that mean nothing")
    return raw


def signatures(lines: Iterable[str], key: Key) -> Iterator[bytes]:
    """The signatures of a note's lines that claim to be of this key; lines of other keys are passed
    over.

    So are other spellings of the same bytes: a signature has one spelling.
    """
    for line in lines:
        try:
            dash, name, data = line.split(" ")
            raw = base64_bytes(data)
        except ValueError:
            continue
        if dash == DASH and name == key.name and raw[:4] == key.id:
            yield raw[4:]


def seen_at(text: str, lines: Iterable[str], witness: Key) -> int | None:
    """When a witness cosigned the text of a checkpoint (Unix seconds), None where none of the lines
    is its own.
    """
    for raw in signatures(lines, witness):
        seconds = int.from_bytes(raw[:8], "big")
        if len(raw) == 72 and witness.signed(_dated(text, seconds), raw[8:]):
            return seconds
    return None


def _dated(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def rotation_text(origin: str, old: Key, new: Key) -> bytes:
    """What both keys sign when a log's key is changed."""
    return f"govd key rotation\n{origin}\n{old}\n{new}\n".encode()


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """What DSSE signs: the type and the payload with their lengths."""
    return b"DSSEv1 %d %b %d %b" % (
        len(kind.encode()),
        kind.encode(),
        len(payload),
        payload,
    )
