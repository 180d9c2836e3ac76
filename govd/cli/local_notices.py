"""Notices of a home without a daemon; what is due is sent by `govd reconcile`, not by every
command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govd.notices.options import ReceiverOptions
from govd.service.api.notices import Notices
from govd.service.service import Service
from govd.types import Record


class LocalNotices(Notices):
    """The calls about notices that are not declared as questions."""

    service: Service
    actor: str

    def add_notice(self, address: str, on: Sequence[str], **options: Any) -> Record:
        return self.service.notices.add(
            ReceiverOptions(address, on, **options), self.actor
        )

    def remove_notice(self, name: str) -> Record:
        return self.service.notices.remove(name, self.actor)

    def renew_notice_secret(self, name: str, secret: str | None = None) -> Record:
        return self.service.notices.renew_secret(name, self.actor, secret)

    def test_notice(self, name: str) -> Record:
        return self.service.notices.test(name, self.actor)

    def retry_notice(self, notice: str) -> Record:
        return self.service.notices.retry(notice, self.actor)

    def notice_history(self, name: str | None = None, limit: int = 100) -> list[Record]:
        return self.service.notices.history(name, limit)
