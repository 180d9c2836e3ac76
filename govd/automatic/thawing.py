"""The end of a freeze: what would have happened meanwhile is listed, and what waited for it alone
goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from govd.automatic.clock import spelled
from govd.models.core import Core
from govd.policies.freezing import Freezing
from govd.records.actors import GOVD
from govd.records.drafts import request_draft
from govd.records.lifecycle import RequestState, has_expired
from govd.records.policy import FROZEN
from govd.records.request import Request
from govd.types import Record


class Thawing:
    """`govd policy unfreeze`."""

    def __init__(self, core: Core, freezing: Freezing) -> None:
        self.core = core
        self.freezing = freezing

    def unfreeze(
        self, actor: str, reason: str = "", now: datetime | None = None
    ) -> Record:
        """End the freeze. `meanwhile` of the answer: what would have happened since it began, a
        line each, and happens now. `now`: another moment than this one.

        Raises:
            Conflict: nothing is frozen.
        """
        waiting = self._waiting()
        with self.core.desk.lock:
            freeze = self.freezing.unfreeze(actor, reason)
            because = {"reason": "the freeze was ended"}
            self.core.desk.append(
                [request_draft(request, "retry", GOVD, because) for request in waiting]
            )
        return {
            **freeze,
            "meanwhile": self._meanwhile(
                str(freeze["at"]), waiting, now or datetime.now(UTC)
            ),
        }

    def _waiting(self) -> list[Request]:
        """Requests that nothing but the freeze held back."""
        return [
            request
            for request in list(self.core.desk.views.open.values())
            if request.state is RequestState.WAITING
            and request.state_reason.startswith(FROZEN)
        ]

    def _meanwhile(
        self, since: str, waiting: Sequence[Request], now: datetime
    ) -> list[str]:
        lines = [
            f"{request.id} of {request.filed_by} is decided now" for request in waiting
        ]
        lines += [
            f"{request.id} expired on {str(request.expires_at)[:10]}"
            for request in list(self.core.desk.views.open.values())
            if has_expired(request, now)
        ]
        for feed in list(self.core.desk.views.feeds.values()):
            if feed.is_enabled:
                lines.append(f"the feed {feed.name} is looked at again")
        lines += [
            f"the policy {policy.name} is asked again"
            for policy in list(self.core.desk.views.policies.values())
            if "propose" in policy.moments and policy.mode != "off"
        ]
        lines.append(
            f"nothing acted by itself from {since[:16]} to {spelled(now)[:16]} (UTC)"
        )
        return lines
