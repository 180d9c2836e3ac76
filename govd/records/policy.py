"""Policies as they were added, and the freeze that stops what acts by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from govd.records.record import StoredRecord
from govd.types import Json

SHOWN_DIGITS = 12
"""Hexadecimal digits of a policy's digest in the name of its actor."""


FROZEN = "nothing acts by itself"
"""How the reason begins for which a request waits while there is a freeze."""


class Mode(StrEnum):
    """What comes of what a policy says."""

    ENFORCE = "enforce"
    """It counts."""
    SHADOW = "shadow"
    """It is recorded and counts for nothing."""
    OFF = "off"
    """It is not asked."""


@dataclass(frozen=True, eq=False)
class Policy(StoredRecord):
    """One text of a policy. Texts of the same name stand side by side, told apart by their digests:
    a new one is tried while the one before it is enforced, until it takes its place.
    """

    @staticmethod
    def key_of(name: str, digest: str) -> str:
        """How a text is told apart: `two-people@5d0c2f1e9a7b`."""
        return f"{name}@{digest[:SHOWN_DIGITS]}"

    @property
    def key(self) -> str:
        """Its name with the beginning of its digest."""
        return self.key_of(self.name, self.digest)

    @property
    def name(self) -> str:
        """How people call it, `two-people`."""
        return str(self._json["name"])

    @property
    def digest(self) -> str:
        """SHA-256 of its text."""
        return str(self._json["digest"])

    @property
    def actor(self) -> str:
        """As which it acts and votes: `policy:two-people@5d0c2f1e9a7b`."""
        return f"policy:{self.key}"

    @property
    def version(self) -> str:
        """What its text says of its version."""
        return str(self._json["version"])

    @property
    def text(self) -> str:
        """The YAML file, whole."""
        return str(self._json["text"])

    @property
    def mode(self) -> Mode:
        """Whether it counts."""
        return Mode(self._json["mode"])

    @property
    def moments(self) -> tuple[str, ...]:
        """When it is asked, `("filed", "approve")`."""
        return tuple(self._json["moments"])

    @property
    def ready(self) -> Mapping[str, Json] | None:
        """Of one that came with a plugin: `name` and the `values` that were set."""
        return self._json.get("ready")

    @property
    def setting(self) -> str | None:
        """Of one that counts because `govd.toml` says so: the setting, `four_eyes`."""
        return self._json.get("setting")

    @property
    def added_at(self) -> str:
        """When this text was added, RFC 3339 in UTC."""
        return str(self._json["added_at"])

    @property
    def added_by(self) -> str:
        """Who added it."""
        return str(self._json["added_by"])

    @property
    def seq(self) -> int:
        """The number of the entry that added this text."""
        return int(self._json["seq"])


@dataclass(frozen=True, eq=False)
class Freeze(StoredRecord):
    """That nothing acts by itself: no feed, no expiry, no policy that proposes or approves."""

    @property
    def since(self) -> str | None:
        """Since when, RFC 3339 in UTC; None where it was ended."""
        return self._json.get("at")

    @property
    def by(self) -> str:
        """Who froze it."""
        return str(self._json.get("by", ""))

    @property
    def reason(self) -> str:
        """Why."""
        return str(self._json.get("reason", ""))

    @property
    def seq(self) -> int:
        """The number of the entry that began or ended it."""
        return int(self._json["seq"])
