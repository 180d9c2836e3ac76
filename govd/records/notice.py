"""Receivers of notices, and the notices that they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from govd.records.record import StoredRecord
from govd.types import Json


class ReceiverState(StrEnum):
    """Whether a receiver is sent notices. One that failed is sent none until somebody says
    `notice.retry`; one that was removed may be added anew.
    """

    ACTIVE = "active"
    FAILED = "failed"
    REMOVED = "removed"


@dataclass(frozen=True, eq=False)
class Receiver(StoredRecord):
    """Who is told of entries, as `notice.add` says, and how far he was told."""

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return str(self._json["name"])

    @property
    def to(self) -> str:
        """A webhook's scheme, host and port (its path may be a secret and is kept beside the
        ledger), or a mail address as `mailto:ADDRESS`.
        """
        return str(self._json["to"])

    @property
    def is_mail(self) -> bool:
        """Whether it is a mail address."""
        return self.to.startswith("mailto:")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of entries that it is told of, with `*`, and the made-up `deadline` and
        `expiry`.
        """
        return tuple(self._json["on"])

    @property
    def format(self) -> str:
        """What a webhook is sent: `json` or `cloudevents`."""
        return str(self._json.get("format", "json"))

    @property
    def days(self) -> tuple[int, ...]:
        """How many days before a date it is told of it."""
        return tuple(self._json.get("days", ()))

    @property
    def state(self) -> ReceiverState:
        """Whether it is sent notices."""
        return ReceiverState(self._json["state"])

    @property
    def seq(self) -> int:
        """The entry that added it: it is told of those after it."""
        return int(self._json["seq"])

    @property
    def position(self) -> int:
        """The last entry about which it was told, or about which telling it was given up."""
        return int(self._json["position"])

    @property
    def again(self) -> tuple[str, ...]:
        """Ids of notices that were given up and that somebody wants to be sent once more."""
        return tuple(self._json["again"])

    @property
    def failed(self) -> Mapping[str, Json] | None:
        """Why it is sent nothing any more: `at`, `id` of the notice, `reason`, `entry`; None while
        it is.
        """
        failed: Mapping[str, Json] | None = self._json["failed"]
        return failed


@dataclass(frozen=True, eq=False)
class Notice(StoredRecord):
    """One notice to one receiver: sent, or given up."""

    @property
    def id(self) -> str:
        """The same for each attempt: the `webhook-id` of a webhook, the `Message-ID` of a mail."""
        return str(self._json["id"])

    @property
    def receiver(self) -> str:
        """To whom."""
        return str(self._json["receiver"])

    @property
    def about(self) -> Mapping[str, Json]:
        """What it told: `kind`, `subject`, and of an entry its number `entry`; of a date `due_at`
        and `days`.
        """
        event: Mapping[str, Json] = self._json["about"]
        return event

    @property
    def is_settled(self) -> bool:
        """Whether nothing is still to be done: it was sent, or given up while its receiver goes
        on.
        """
        return not self._json["stops"]
