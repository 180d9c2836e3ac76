"""Forget requests and reverts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from govd.service.api.action import action
from govd.service.api.declared import Asked

if TYPE_CHECKING:
    from govd.types import Record


class Requests(Asked):
    """Forget requests and reverts. `wait`: return when it is decided and served."""

    @abstractmethod
    def forget(
        self, *concepts: str, model: str, wait: bool = False, **options: Any
    ) -> Record:
        """File a forget: `domains`, `aliases`, `all_concepts`, `target`, `strength`, `method`,
        `reason`, `idempotency_key`, …

        Raises:
            Conflict: the same scope is wanted already. KeyReused: the key came with another body.
        """

    @abstractmethod
    def settled(self, request_ids: Sequence[str]) -> list[Record]:
        """Those requests once they are decided and served, or as they are when the time is over."""

    @abstractmethod
    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        """What a forget would do; nothing is filed."""

    @abstractmethod
    def preview_revert(self, request_id: str) -> Record:
        """What the revert of a forget would bring back (names, and forgets that it covers), what
        improves, and whether it waits; nothing is filed. By the id of the forget, or of its revert
        that is filed.

        Raises:
            Conflict: it is not in force. Denied: it is under a legal hold.
        """

    @abstractmethod
    def requests(self, **filters: Any) -> list[Record]:
        """Requests in the order of their filing: `state`, `model`, `concept`, `domain`, `policy`,
        `filed_by`, `ticket`, `reason` (a part of it), `since`, `until`, `after`, `limit`.
        """

    @abstractmethod
    def request(self, request_id: str) -> Record:
        """One request, by its id or an unambiguous beginning of it."""

    @abstractmethod
    def pictures(self, request_id: str) -> list[tuple[str, bytes]]:
        """The prototypes that were synthesised for a request, as `(prompt, PNG)`; empty where there
        are none.
        """

    @action(
        "requests/{request_id}/approve",
        "requests.decide",
        role="operator",
        fixed={"event": "approve"},
        waits=True,
        reconciles="at once",
    )
    def approve(self, request_id: str, reason: str = "") -> Record:
        """Approve a request that waits, and return when it is served.

        Raises:
            Conflict: its state does not allow that (this goes for every decision).
        """
        raise NotImplementedError

    @action(
        "requests/{request_id}/reject",
        "requests.decide",
        role="operator",
        fixed={"event": "reject"},
        waits=True,
        reconciles="at once",
    )
    def reject(self, request_id: str, reason: str = "") -> Record:
        """Refuse a request that waits; needs a reason."""
        raise NotImplementedError

    @action(
        "requests/{request_id}/withdraw",
        "requests.decide",
        role="operator",
        fixed={"event": "withdraw"},
        waits=True,
        reconciles="at once",
    )
    def withdraw(self, request_id: str, reason: str = "") -> Record:
        """Take back a request that is not in force."""
        raise NotImplementedError

    @action(
        "requests/{request_id}/retry",
        "requests.decide",
        role="operator",
        fixed={"event": "retry"},
        waits=True,
        reconciles="at once",
    )
    def retry(self, request_id: str, reason: str = "") -> Record:
        """Try a failed request again."""
        raise NotImplementedError

    @abstractmethod
    def revert(
        self,
        request_id: str,
        reason: str = "",
        idempotency_key: str | None = None,
        wait: bool = False,
    ) -> Record:
        """Take a forget back.

        Args:
            request_id: of the forget, or an unambiguous beginning of it.
            reason: stands in the ledger, and policies read it.
            idempotency_key: the same call with the same key files one revert.
            wait: return when it is decided and served.

        Raises:
            Conflict: it is not in force, or its revert is filed already.
        """

    @action(
        "requests/{request_id}/hold",
        "requests.hold",
        role="operator",
        reconciles="after",
    )
    def hold(self, request_id: str, reason: str) -> Record:
        """A legal hold: neither reverted, withdrawn, rejected nor shredded until it is released."""
        raise NotImplementedError

    @action(
        "requests/{request_id}/release",
        "requests.release",
        role="operator",
        reconciles="after",
    )
    def release(self, request_id: str, reason: str) -> Record:
        """End a legal hold."""
        raise NotImplementedError

    @action(
        "requests/{request_id}/extend",
        "requests.extend",
        role="operator",
        reconciles="after",
    )
    def extend(self, request_id: str, due: str, reason: str) -> Record:
        """More time for an open forget.

        Args:
            request_id: of the forget, or an unambiguous beginning of it.
            due: a date, or a time with its offset, later than when it is due already.
            reason: stands in the ledger; there must be one.
        """
        raise NotImplementedError

    @action(
        "requests/{request_id}/criteria",
        "requests.criteria",
        role="operator",
        reconciles="at once",
    )
    def criteria(
        self,
        request_id: str,
        criteria: Sequence[str] = (),
        drop: Sequence[str] = (),
        reason: str = "",
        criterion_set: str | None = None,
    ) -> Record:
        """Change what a forget must keep: `criteria` that are set (`named<=0.01`), metrics to
        `drop`, and the digest of the evaluation set that they are bound to; needs a reason.

        Raises:
            Usage: nothing would change, no reason, or no criterion. Denied: a legal hold. Conflict:
            the forget has ended.
        """
        raise NotImplementedError

    @action(
        "requests/{request_id}/reveal",
        "requests.reveal",
        secret=True,
        reconciles="after",
    )
    def reveal(self, request_id: str) -> Record:
        """A private request with its text (for the role owner); that it was read is an entry."""
        raise NotImplementedError

    @action("requests/{request_id}/shred", "requests.shred", reconciles="after")
    def shred(self, request_id: str, reason: str) -> Record:
        """Destroy the text of a private request; needs a reason."""
        raise NotImplementedError
