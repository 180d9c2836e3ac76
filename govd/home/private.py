"""Texts that the ledger commits to without holding them: encrypted beside it, each with a key of
its own that can be destroyed.

A commitment is SHA-256(salt ‖ canonical JSON of the text) with 32 random bytes of salt; the salt is
encrypted with the text (AES-256-GCM), so that once the key is gone neither the text nor a guess of
it can be checked. Whoever may read the files may read the texts: they are the owner's alone (0600).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govd.errors import BadFile, MachineFault, NotFound
from govd.ledger import canonical
from govd.types import Json, Record

SALT = 32
READ_BY: Final = {
    "requests/privacy.py": "`reveal` shows it to the role owner (without a daemon: to the account"
    " that owns the home), which is an entry `request.read`; filings are compared with it",
    "requests/finding.py": "the owner's search for a concept",
    "contributions/computing.py": "its contribution is computed, in memory",
    "contributions/predicting.py": "what it would do is predicted, in memory",
    "contributions/predicting_reverts.py": "what a revert would bring back, in memory",
    "contributions/naming.py": "whether the model knows its words",
    "serve/exports.py": "`govd export --disclose`, which is an entry that says so",
}
"""Who opens a box, and what for; nobody else does (`tests/style/test_map.py`). One is destroyed by
`requests/privacy.py` (`shred`, for the role owner), and by `models/core.py` where a crash cut that
off.
"""
MARKS: Final = (b'"kind":"request.shred"', b'"private":{')
"""What entries have in them that speak of boxes: they are found by these without reading the others
as JSON.
"""


@dataclass(frozen=True)
class Boxes:
    """What the entries of a ledger say of private texts. Nothing else says that one is to be
    destroyed.

    `living`: boxes that entries name and none destroys. `destroyed`: boxes that an entry names and
    a later `request.shred` of the same request destroys. `shredded`: requests of which there is
    such an entry.
    """

    living: frozenset[str]
    destroyed: frozenset[str]
    shredded: frozenset[str]

    @staticmethod
    def of(entries: Iterable[Record]) -> Boxes:
        """What these entries of requests say, in their order; those without one of `MARKS` may be
        left out.
        """
        living: dict[str, set[str]] = {}  # request → boxes
        destroyed: set[str] = set()
        shredded: set[str] = set()
        for entry in entries:
            request = str(entry["subject"])
            hidden = entry["payload"].get("private")
            if entry["kind"] == "request.shred":
                shredded.add(request)
                destroyed |= living.pop(request, set())
            elif isinstance(hidden, dict):
                box = str(hidden.get("box", request))
                living.setdefault(request, set()).add(box)
                destroyed.discard(box)
        return Boxes(
            frozenset().union(*living.values()),
            frozenset(destroyed),
            frozenset(shredded),
        )


class Private:
    """Boxes and keys below a folder of the home, a pair for each private request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.box", self.folder / f"{name}.key"

    def seal(self, name: str, text: dict[str, Json]) -> str:
        """Keep a text under a name that is free; its commitment in hex. Durable when this returns.

        Raises:
            MachineFault: it cannot be written, or there is something of this name.
        """
        plaintext = canonical.encode(text)
        salt = secrets.token_bytes(SALT)
        key = AESGCM.generate_key(256)
        nonce = secrets.token_bytes(12)
        box, key_file = self._paths(name)
        written: list[Path] = []
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for path, data in (
                (key_file, key),
                (
                    box,
                    nonce + AESGCM(key).encrypt(nonce, salt + plaintext, name.encode()),
                ),
            ):
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                written.append(path)
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            folder = os.open(self.folder, os.O_RDONLY)  # their names must last, too
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as fault:
            for path in written:
                path.unlink(missing_ok=True)
            raise MachineFault(
                os.strerror(fault.errno or 0),
                where=str(self.folder),
                advice="Nothing was changed.",
            ) from fault
        return hashlib.sha256(salt + plaintext).hexdigest()

    def open(self, name: str, commitment: str) -> dict[str, Json]:
        """The text, checked against its commitment.

        Raises:
            NotFound: its key was destroyed. BadFile: it is not what was committed to.
        """
        box, key_file = self._paths(name)
        try:
            data = box.read_bytes()
            key = key_file.read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"the text of {name} was destroyed", advice="Nobody can bring it back."
            ) from None
        try:
            plaintext = AESGCM(key).decrypt(data[:12], data[12:], name.encode())
        except (InvalidTag, ValueError):
            raise BadFile(
                "the text is damaged",
                where=str(box),
                advice="Restore it from a backup.",
            ) from None
        if hashlib.sha256(plaintext).hexdigest() != commitment:
            raise BadFile(
                "the text is not the one that the ledger speaks of",
                where=str(box),
                advice="Restore it from a backup.",
            )
        text: dict[str, Json] = canonical.decode(plaintext[SALT:])
        return text

    def revealed(self, request: Record) -> dict[str, Json]:
        """A request's record with what the ledger only commits to, as long as that is there.

        Raises:
            NotFound, BadFile: its text is lost or damaged, though nobody destroyed it.
        """
        hidden = request.get("private")
        if not hidden or request.get("shredded_at"):
            return dict(request)
        text = self.open(str(request["id"]), str(hidden["commitment"]))
        return {**request, **text}

    def shred(self, name: str) -> None:
        """Destroy the key, then the box. What a disk or a backup still holds is beyond a program's
        reach.

        Raises:
            MachineFault: the disk refuses it.
        """
        box, key_file = self._paths(name)
        try:
            if key_file.exists():
                with key_file.open("r+b") as file:
                    file.write(secrets.token_bytes(32))
                    file.flush()
                    os.fsync(file.fileno())
                key_file.unlink()
            box.unlink(missing_ok=True)
        except OSError as fault:
            raise MachineFault(
                os.strerror(fault.errno or 0),
                where=str(self.folder),
                advice="Destroy it by hand.",
            ) from fault

    def free(self, request: str, number: int) -> str:
        """A name for something said about a request: `<request>.<n>`, n from `number` on, that
        nothing lies under.
        """
        while any(path.exists() for path in self._paths(f"{request}.{number}")):
            number += 1
        return f"{request}.{number}"

    def is_whole(self, name: str) -> bool:
        """Whether a box and its key are both here."""
        return all(path.exists() for path in self._paths(name))

    def names(self) -> list[str]:
        """Boxes of which something is here: the text, its key, or both."""
        return sorted(
            {
                p.name.removesuffix(p.suffix)
                for p in self.folder.glob("*")
                if p.suffix in (".key", ".box")
            }
        )
