"""What a home keeps of a feed beside the ledger, below `feeds/NAME`, for its owner alone: the
secret, where the last look ended, documents that are held for a person, and the inbox of what was
sent. Nothing of it is evidence: without it a feed is looked at from the beginning, and files
nothing twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.errors import BadFile, Conflict, MachineFault, reason_of
from govd.home.home import write_private
from govd.types import Document, Json, RowForm

FEEDS: Final = "feeds"
SECRET: Final = "secret"
LOOK: Final = "look.json"
MOST_LETTERS: Final = 1000
"""Documents that wait in an inbox at most."""


class FeedFiles:
    """The files of one feed."""

    def __init__(self, home: Path, name: str) -> None:
        self.folder = home / FEEDS / name

    @property
    def inbox(self) -> Path:
        """Where documents wait that were sent."""
        return self.folder / "inbox"

    def make(self) -> None:
        """Make the folders.

        Raises:
            MachineFault: they cannot be made.
        """
        try:
            for folder in (self.folder, self.inbox):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise MachineFault(
                f"the feed's folder cannot be made ({fault.strerror})",
                where=str(self.folder),
            ) from None

    def secret(self) -> str:
        """The secret; empty where there is none.

        Raises:
            BadFile: it cannot be read.
        """
        try:
            return (self.folder / SECRET).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as fault:
            raise BadFile(
                f"the feed's secret cannot be read ({reason_of(fault)})",
                where=str(self.folder / SECRET),
                advice="Add the feed again, with another secret.",
            ) from None

    def put_secret(self, secret: str) -> None:
        """Keep a secret, or none where it is empty."""
        if secret:
            write_private(self.folder / SECRET, f"{secret}\n")
        else:
            (self.folder / SECRET).unlink(missing_ok=True)

    def look(self) -> tuple[dict[str, Json], str | None]:
        """The cursor and the time of the last look; empty and None where there was none, or that is
        lost; None where it failed.
        """
        try:
            last_look = json.loads((self.folder / LOOK).read_bytes())
            return dict(last_look["cursor"]), last_look["at"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}, None

    def put_look(self, cursor: Mapping[str, Json], at: str | None) -> None:
        """Keep where a look ended; `at` None: it failed."""
        write_private(
            self.folder / LOOK, json.dumps({"cursor": dict(cursor), "at": at})
        )

    def forget_look(self) -> None:
        """Look at everything anew."""
        (self.folder / LOOK).unlink(missing_ok=True)

    # -- documents

    def _held(self, run: int) -> Path:
        return self.folder / f"held-{run}"

    def hold(self, run: int, document: Document) -> None:
        """Keep the document of a run that a person is to decide."""
        write_private(self._held(run), _letter(document))

    def held(self, run: int) -> Document | None:
        """The document of a held run; None where it is lost."""
        try:
            return _document(self._held(run).read_bytes())
        except (OSError, ValueError, KeyError):
            return None

    def drop(self, run: int) -> None:
        """Let go of the document of a run that was decided."""
        with contextlib.suppress(OSError):
            self._held(run).unlink(missing_ok=True)

    def receive(self, delivery: str, form: RowForm, body: bytes, at: str) -> None:
        """Put a document into the inbox: it is durable when this returns.

        Raises:
            Conflict: one of this id waits there already. MachineFault: the inbox is full, or cannot
            be written.
        """
        self.make()
        mark = hashlib.sha256(delivery.encode()).hexdigest()[:32]
        letters = list(self.inbox.glob("*.json"))
        if any(letter.stem.endswith(mark) for letter in letters):
            raise Conflict("a message of this id was taken already", where=delivery)
        if len(letters) >= MOST_LETTERS:
            raise MachineFault(
                f"{len(letters)} documents wait to be taken",
                advice="Send it again later; `govd status` says why nothing is taken.",
            )
        path = self.inbox / f"{at.replace(':', '')}-{mark}.json"
        write_private(path, _letter(Document("", body, form, delivery)))


def _letter(document: Document) -> bytes:
    """A document with what is known of it in a first line."""
    header = {"name": document.name, "form": document.form, "id": document.delivery}
    return json.dumps(header).encode() + b"\n" + document.data


def _document(letter: bytes) -> Document:
    header, _, data = letter.partition(b"\n")
    fields = json.loads(header)
    return Document(fields["name"], data, fields["form"], fields["id"])
