"""Log checkpoints: the ledger as it is, signed and handed to witnesses; the key that signs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from govd.audit.key_rotation import KeyRotation
from govd.audit.witnesses import Witnesses
from govd.errors import NotFound
from govd.ledger.signing import LogCheckpoint
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Record

HOUR_SECONDS: Final = 3600.0


class LogCheckpoints:
    """Signs one ledger, and keeps its key and its witnesses."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.rotation = KeyRotation(core)
        self.witnesses = Witnesses(core, self.of_size)

    @bounded
    def checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """A signed log checkpoint with the witnesses' lines that are known for it: of the ledger as
        it is, of `size`, or the newest that a witness has cosigned.

        Raises:
            NotFound: there is none of that size, or none that was cosigned.
        """
        if witnessed:
            newest = list(self.core.desk.views.witnessed.values())
            cosigned = [record for record in newest if record["kind"] == "cosign"]
            if not cosigned:
                raise NotFound(
                    "no witness has cosigned yet",
                    advice="List some under witnesses in govd.toml.",
                )
            size = max(int(record["size"]) for record in cosigned)
        note = self.signed_now() if size is None else self.of_size(size)
        return note + "".join(
            f"{line}\n" for line in self.witnesses.lines(LogCheckpoint.read(note).size)
        )

    def signed_now(self) -> str:
        """The ledger as it is, signed: never while the key is changed."""
        return self.core.desk.ledger.checkpoint()

    def of_size(self, size: int) -> str:
        """The bare signed note of `size` entries, without the witnesses' lines.

        Raises:
            NotFound: there is none.
        """
        note = self.core.desk.ledger.checkpoint_of(size)
        if note is None:
            advice = "`govd audit checkpoint` makes one of the ledger as it is."
            raise NotFound(
                f"there is no log checkpoint of {size} entries", advice=advice
            )
        return note

    def sign(self) -> None:
        """Sign the ledger as it is, where there is news."""
        last = self.core.desk.ledger.last_checkpoint()
        size = self.core.desk.ledger.size()
        if size and (last is None or self.witnesses.news(last[0], size)):
            self.signed_now()

    def hourly(self) -> None:
        """Sign the ledger where there is news and the last checkpoint is an hour old, or there is
        none.
        """
        last = self.core.desk.ledger.last_checkpoint()
        age_seconds = HOUR_SECONDS
        if last:
            signed_at = datetime.fromisoformat(last[1])
            age_seconds = (datetime.now(UTC) - signed_at).total_seconds()
        # below zero: the clock was set back since
        if not 0 <= age_seconds < HOUR_SECONDS:
            self.sign()

    def key(self) -> str:
        """The public key that log checkpoints are signed with."""
        return str(self.core.desk.ledger.signer.key)

    def model_key(self) -> str:
        """The public key that model checkpoints are signed with, as PEM.

        Raises:
            NotFound: none was signed yet.
        """
        key = self.rotation.model_keys.introduced()
        if key is None:
            raise NotFound(
                "no model checkpoint was signed yet",
                advice="The key is made with the first: govd export, or --publish-to.",
            )
        return key.pem

    @bounded
    def rotate_key(self, reason: str, actor: str) -> Record:
        """A new signing key; the change is an entry that both keys sign, and the old private key is
        destroyed.

        Raises:
            Usage: no reason.
        """
        return self.rotation.rotate(reason, actor)

    def witness(self, patient: bool = False) -> list[Record]:
        """Hand the newest log checkpoint to each configured witness and time stamp authority that
        has not seen it; what they answered.

        `patient`: leave alone for a while who did not answer.
        """
        return self.witnesses.ask(patient)
