"""The freeze: everything that acts by itself stands still, people decide as before."""

from __future__ import annotations

from govd.errors import Conflict, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Record


class Freezing:
    """`govd policy freeze` and `unfreeze`."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def freeze(self, reason: str, actor: str) -> Record:
        """Stop everything that acts by itself: feeds, expiries, policies that propose or approve.

        Raises:
            Usage: no reason. Conflict: it is frozen already.
        """
        if not reason.strip():
            raise Usage("a freeze needs a reason", advice="Say --reason TEXT.")
        with self.core.desk.lock:
            frozen = self.core.desk.views.frozen
            if frozen is not None:
                raise Conflict(
                    f"it is frozen since {str(frozen.since)[:16]} by {frozen.by}: {frozen.reason}",
                    advice="`govd policy unfreeze` ends it.",
                )
            self.core.desk.append(
                [
                    Draft(
                        kind="policy.freeze",
                        subject="",
                        actor=actor,
                        payload={"reason": reason},
                    )
                ]
            )
        return self.core.desk.views.frozen or {}

    @bounded
    def unfreeze(self, actor: str, reason: str = "") -> Record:
        """End the freeze; the freeze that it ended.

        Raises:
            Conflict: nothing is frozen.
        """
        with self.core.desk.lock:
            frozen = self.core.desk.views.frozen
            if frozen is None:
                raise Conflict(
                    "nothing is frozen",
                    advice="`govd status` shows what waits and why.",
                )
            payload = {
                "reason": reason,
                "frozen_at": frozen.since,
                "frozen_by": frozen.by,
            }
            self.core.desk.append(
                [
                    Draft(
                        kind="policy.unfreeze", subject="", actor=actor, payload=payload
                    )
                ]
            )
        return frozen
