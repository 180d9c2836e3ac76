"""The key that a home signs model checkpoints with: made when the first one is signed, and an entry
says so before anything bears its signature.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from govd.errors import BadFile
from govd.home.home import MODEL_KEY, NEXT_MODEL_KEY
from govd.ledger.entry import Draft
from govd.ledger.model_signing import ModelKey, ModelSigner, possession_text
from govd.models.core import Core
from govd.records.actors import GOVD
from govd.types import Json

ADDED: Final = "key.add"


class ModelKeys:
    """The key of one home, and what its ledger says of it."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def signer(self) -> ModelSigner:
        """The key that signs now; made, with its entry, where there is none yet.

        Raises:
            BadFile: the file is lost, or another than the ledger says. MachineFault: it cannot be
            written, or others can read it.
        """
        with self.core.desk.lock:
            self.finish()
            introduced = self.introduced()
            path = self._path(MODEL_KEY)
            if introduced is not None and not path.exists():
                raise self._lost("the key that signs models is missing", path)
            signer = ModelSigner.at(path)
            if introduced is None:
                self.core.desk.append(
                    [self.draft(signer, "to sign model checkpoints", GOVD)]
                )
            elif signer.key != introduced:
                raise self._lost(
                    "this is not the key that the ledger says signs models", path
                )
            return signer

    def introduced(self) -> ModelKey | None:
        """The key that the ledger was told of last, None where none was."""
        core = self.core
        last = None
        while page := core.desk.views.records.seqs(last, 1000, kind=ADDED):
            last = page[-1]
        if last is None:
            return None
        (entry,) = core.desk.ledger.some([last])
        return ModelKey(str(entry["payload"].get("public")))

    def draft(self, signer: ModelSigner, reason: str, actor: str) -> Draft:
        """The entry that introduces a key: its public half, and that whoever wrote this holds the
        private one.
        """
        origin = self.core.desk.ledger.origin
        before = self.introduced()
        proof = signer.raw(possession_text(origin, signer.key.pem))
        payload: dict[str, Json] = {
            "use": "models",
            "public": signer.key.pem,
            "key": signer.key.id,
            "signature": base64.b64encode(proof).decode(),
            "replaces": before.id if before else None,
            "reason": reason,
        }
        return Draft(
            kind=ADDED, subject=signer.key.id[:16], actor=actor, payload=payload
        )

    def following(self) -> ModelSigner | None:
        """A new key beside the one that signs, for a rotation; None in a home that never signed a
        model.
        """
        if self.introduced() is None:
            return None
        self._path(NEXT_MODEL_KEY).unlink(missing_ok=True)
        return ModelSigner.at(self._path(NEXT_MODEL_KEY))

    def finish(self) -> None:
        """Put the next key into place where its entry is in the ledger; the one before is
        destroyed.
        """
        following = self._path(NEXT_MODEL_KEY)
        if following.exists() and ModelSigner.at(following).key == self.introduced():
            os.replace(following, self._path(MODEL_KEY))

    def _path(self, name: str) -> Path:
        return self.core.home.folder / "keys" / name

    def _lost(self, what: str, path: Path) -> BadFile:
        advice = (
            "Restore it from a backup, or have a new one made: govd audit rotate-key --reason …"
            " Nothing was signed."
        )
        return BadFile(what, where=str(path), advice=advice)
