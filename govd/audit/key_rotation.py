"""A new signing key: an entry that the old and the new key sign, then the swap; whatever moment a
crash comes, one key is the log's.
"""

from __future__ import annotations

import base64
import os

from govd.errors import Usage
from govd.ledger.database import rotations
from govd.ledger.entry import Draft
from govd.ledger.signing import Signer, rotation_text
from govd.models.core import Core
from govd.types import Json, Record


class KeyRotation:
    """Changes the key of one log: under the ledger's own lock, so that nothing is signed in
    between.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.finish()

    def rotate(self, reason: str, actor: str) -> Record:
        """A new signing key; the old private key is destroyed.

        Raises:
            Usage: no reason.
        """
        if not reason.strip():
            raise Usage("a new key needs a reason", advice="Say --reason TEXT.")
        core = self.core
        folder = core.home.folder / "keys"
        with core.desk.lock:
            old = core.desk.ledger.signer
            core.desk.ledger.checkpoint()
            (folder / "next.key").unlink(missing_ok=True)
            new = Signer.at(folder / "next.key", old.key.name)
            text = rotation_text(core.desk.ledger.origin, old.key, new.key)
            payload: dict[str, Json] = {"old": str(old.key), "new": str(new.key), "reason": reason}
            payload |= {
                f"signature_{n}": base64.b64encode(s.raw(text)).decode()
                for n, s in (("old", old), ("new", new))
            }
            (entry,) = core.desk.append(
                [Draft("key.rotate", new.key.id.hex(), actor, "", payload)], signer=new
            )
            self.finish()
            core.desk.ledger.checkpoint()
        return {"old": str(old.key), "new": str(new.key), "entry": entry["seq"], "reason": reason}

    def finish(self) -> None:
        """Put the next key into place where its entry is in the ledger. Where it is not the key is
        left: another ledger may need it.
        """
        folder = self.core.home.folder / "keys"
        if not (folder / "next.key").exists():
            return
        new = Signer.at(folder / "next.key", self.core.desk.ledger.origin)
        entries = rotations(self.core.home.folder / "ledger.db")
        if entries and entries[-1]["payload"]["new"] == str(new.key):
            os.replace(folder / "next.key", folder / "signing.key")
            self.core.desk.ledger.signer = new
