"""Receivers of notices, and what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

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

    @action(
        "notices",
        "notices.add",
        status=201,
        settings="options",
        creates="name",
        secret=True,
        limits={"on": {"max_length": 100}, "days": {"max_length": 100}},
    )
    def add_notice(
        self,
        address: str,
        on: Sequence[str],
        name: str = "",
        secret: str | None = None,
        format: str = "json",
        days: Sequence[int] = (),
        plain_http: bool = False,
    ) -> Record:
        """Tell somebody of entries from now on. A secret that govd made is shown this once.

        Args:
            address: a webhook (`https://…`) or a mailbox (`mailto:ADDRESS`).
            on: kinds of entries, with `*`, also `deadline` and `expiry`.
            name: of one's own.
            secret: `whsec_…`, where there is one.
            format: of a webhook, `json` or `cloudevents`.
            days: before a date, when it is told.
            plain_http: without TLS to another machine, too.

        Raises:
            Usage: one of them cannot be meant. Conflict: the name is taken, or the same is told
            there already.
        """
        raise NotImplementedError

    @action("notices/{name}", "notices.remove", verb="DELETE")
    def remove_notice(self, name: str) -> Record:
        """Tell a receiver nothing more."""
        raise NotImplementedError

    @action("notices/{name}/secret", "notices.renew_secret", secret=True)
    def renew_notice_secret(self, name: str, secret: str | None = None) -> Record:
        """Another secret for a webhook; the one before signs beside it for a day."""
        raise NotImplementedError

    @action("notices/{name}/test", "notices.test")
    def test_notice(self, name: str) -> Record:
        """Send a receiver one notice that is about nothing; whether it was `sent`, else the
        `reason`.
        """
        raise NotImplementedError

    @action("notices/{notice}/retry", "notices.retry")
    def retry_notice(self, notice: str) -> Record:
        """Send again what was given up: a notice by its id, or by a receiver's name all that is
        due to it.

        Raises:
            Conflict: it was sent, or nothing has failed.
        """
        raise NotImplementedError

    @question("notices/history", "notices.history", kind="pages", cursor="entry")
    def notice_history(
        self, name: str | None = None, limit: int = 100, after: int | None = None
    ) -> list[Record]:
        """What became of notices, the newest first.

        Args:
            name: to this receiver alone.
            limit: at most so many.
            after: older than this entry.
        """
        raise NotImplementedError
