"""A new signing key: an entry that the old and the new key sign, then the swap; whatever moment a
crash comes, one key is the log's. The key that signs models, where there is one, is changed in the
same append.
"""

from __future__ import annotations

import base64
import os

from govd.errors import Usage
from govd.ledger.database import rotations
from govd.ledger.entry import Draft
from govd.ledger.signing import Signer, rotation_text
from govd.models.core import Core
from govd.models.model_key import ModelKeys
from govd.types import Json, Record


class KeyRotation:
    """Changes the key of one log: under the ledger's own lock, so that nothing is signed in
    between.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.model_keys = ModelKeys(core)
        self.finish()

    def rotate(self, reason: str, actor: str) -> Record:
        """A new signing key, and a new one for models where they were signed; the old private keys
        are destroyed. `model_key`: the id of the new one, null where no model was signed yet.

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
            payload: dict[str, Json] = {
                "old": str(old.key),
                "new": str(new.key),
                "reason": reason,
            }
            payload |= {
                f"signature_{n}": base64.b64encode(s.raw(text)).decode()
                for n, s in (("old", old), ("new", new))
            }
            drafts = [
                Draft(
                    kind="key.rotate",
                    subject=new.key.id.hex(),
                    actor=actor,
                    payload=payload,
                )
            ]
            models = self.model_keys.following()
            if models is not None:
                drafts.append(self.model_keys.draft(models, reason, actor))
            entry, *_ = core.desk.append(drafts, signer=new)
            self.finish()
            core.desk.ledger.checkpoint()
        record: dict[str, Json] = {
            "old": str(old.key),
            "new": str(new.key),
            "entry": entry["seq"],
        }
        return record | {
            "reason": reason,
            "model_key": models.key.id if models else None,
        }

    def finish(self) -> None:
        """Put the next keys into place where their entries are in the ledger. Where one is not the
        key is left: another ledger may need it.
        """
        self.model_keys.finish()
        folder = self.core.home.folder / "keys"
        if not (folder / "next.key").exists():
            return
        new = Signer.at(folder / "next.key", self.core.desk.ledger.origin)
        entries = rotations(self.core.home.folder / "ledger.db")
        if entries and entries[-1]["payload"]["new"] == str(new.key):
            os.replace(folder / "next.key", folder / "signing.key")
            self.core.desk.ledger.signer = new
