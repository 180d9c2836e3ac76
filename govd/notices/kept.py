"""What of a receiver does not belong into the ledger: its secrets, and a webhook's whole address,
whose path often is one. A file for each receiver, for the home's owner alone, in backups as the
keys are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from govd.errors import BadFile
from govd.home.home import write_private

OVERLAP: Final = timedelta(hours=24)
"""For which a secret that was replaced goes on signing, so that a receiver can change it when it
suits him (Standard Webhooks: "zero downtime secret rotation").
"""
FOLDER: Final = "notices"


@dataclass(frozen=True)
class Kept:
    """`address`: the whole one. `secrets`: each with the time until which it signs (RFC 3339; None:
    for good), the newest first; none for mail.
    """

    address: str
    secrets: tuple[tuple[str, str | None], ...]

    def signing(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [
            secret
            for secret, until in self.secrets
            if until is None or now < datetime.fromisoformat(until)
        ]

    def replaced(self, secret: str, now: datetime) -> Kept:
        """The same with a new secret; the one before signs on for a while, older ones no more."""
        until = (now + OVERLAP).isoformat()
        return Kept(
            self.address,
            ((secret, None), *((old, until) for old, _ in self.secrets[:1])),
        )


class KeptFiles:
    """The files of a home's receivers."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def path(self, name: str) -> Path:
        """The file of a receiver, by its checked name."""
        return self.folder / f"{name}.key"

    def write(self, name: str, kept: Kept) -> None:
        """Keep it, in place of what was kept before.

        Raises:
            MachineFault: it cannot be written; nothing was changed.
        """
        secrets = [{"secret": secret, "until": until} for secret, until in kept.secrets]
        self.folder.mkdir(mode=0o700, exist_ok=True)
        text = json.dumps({"address": kept.address, "secrets": secrets})
        write_private(self.path(name), text + "\n")

    def read(self, name: str) -> Kept:
        """What is kept of a receiver.

        Raises:
            BadFile: it is missing, or damaged.
        """
        path = self.path(name)
        advice = "Restore it from a backup, or remove the receiver and add it."
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            secrets = [(str(s["secret"]), s["until"]) for s in document["secrets"]]
            return Kept(str(document["address"]), tuple(secrets))
        except FileNotFoundError:
            fault = "the file with a receiver's address and secret is missing"
            raise BadFile(fault, where=str(path), advice=advice) from None
        except (OSError, ValueError, KeyError, TypeError):
            fault = "the file with a receiver's address and secret cannot be read"
            raise BadFile(fault, where=str(path), advice=advice) from None

    def remove(self, name: str) -> None:
        """Forget it."""
        self.path(name).unlink(missing_ok=True)
