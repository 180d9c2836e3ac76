"""Receivers of notices, and what they were told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from govd.service.api.question import Asked, question

if TYPE_CHECKING:
    from govd.types import Record


class Notices(Asked):
    """Receivers of notices, and what they were told."""

    @question(
        "notices",
        "notices.all",
        kind="list",
        cursor="name",
    )
    def notices(self) -> list[Record]:
        """Receivers by name: `to`, `on`, `state`, what is `due` and what was `sent`, the `trouble`
        with it; never with a secret.
        """
        raise NotImplementedError

    @abstractmethod
    def add_notice(self, address: str, on: Sequence[str], **options: Any) -> Record:
        """Tell a webhook (`https://…`) or a mailbox (`mailto:ADDRESS`), its `address`, of entries
        from now `on`: kinds with `*`, also `deadline` and `expiry`. A `secret` that govd made is in
        the answer this once.

        `options`: a `name` of one's own; the `secret` (`whsec_…`) where there is one; the `format`
        of a webhook, `json` or `cloudevents`; `days` before a date, when it is told; `plain_http`:
        without TLS to another machine, too.

        Raises:
            Usage: one of them cannot be meant. Conflict: the name is taken, or the same is told
            there already.
        """

    @abstractmethod
    def remove_notice(self, name: str) -> Record:
        """Tell a receiver nothing more."""

    @abstractmethod
    def renew_notice_secret(self, name: str, secret: str | None = None) -> Record:
        """Another secret for a webhook; the one before signs beside it for a day."""

    @abstractmethod
    def test_notice(self, name: str) -> Record:
        """Send a receiver one notice that is about nothing; whether it was `sent`, else the
        `reason`.
        """

    @abstractmethod
    def retry_notice(self, notice: str) -> Record:
        """Send again what was given up: a notice by its id, or by a receiver's name all that is
        due to it.

        Raises:
            Conflict: it was sent, or nothing has failed.
        """

    @abstractmethod
    def notice_history(self, name: str | None = None, limit: int = 100) -> list[Record]:
        """What became of notices, the newest first; to one receiver by its `name`, at most
        `limit`.
        """
