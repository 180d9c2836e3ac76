"""The home: one folder with ledger, artifacts, keys and settings, worked on by one process at a
time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import os
import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from govd.errors import BadFile, HomeLocked, MachineFault, Usage
from govd.home.artifacts import Artifacts
from govd.home.settings import Settings
from govd.ledger.database import rotations
from govd.ledger.owner_files import write_owned
from govd.ledger.signing import Signer
from govd.ledger.store import Ledger
from govd.types import Json

ENVIRONMENT = "GOVD_HOME"
SERVER = "GOVD_DATABASE_URL"
"""A variable that would put the ledger elsewhere, which no version does: it is not passed over."""
SIGNED = "signed.note"
"""The newest log checkpoint that was signed, below `keys/`."""
MODEL_KEY, NEXT_MODEL_KEY = "models.key", "next-models.key"
"""What model checkpoints are signed with, below `keys/`, and what takes its place in a rotation."""


def _check_database() -> None:
    """That nobody expects the ledger on a database server.

    Raises:
        Usage: somebody does.
    """
    url = os.environ.get(SERVER, "")
    if url and not url.startswith("sqlite"):
        raise Usage(
            "the ledger is kept in SQLite in the home, not on a database server",
            where=SERVER,
            advice="Unset it. Nothing was changed.",
        )


def default_home() -> Path:
    """`$GOVD_HOME`, else the user's data folder.

    Raises:
        Usage: nothing says where that is: an account without an entry, as containers have, and no
            `HOME`.
    """
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT])
    import platformdirs

    try:
        return Path(platformdirs.user_data_path("govd"))
    except RuntimeError:
        raise Usage(
            "this account has no home folder, and HOME is not set",
            advice=f"Give --home DIR, or set {ENVIRONMENT}.",
        ) from None


class Home:
    """An opened home. Use as a context: the lock is held until it ends.

    Raises:
        HomeLocked: another process works on it. MachineFault: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self._lock: IO[str] | None = None
        _check_database()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "keys").mkdir(exist_ok=True, mode=0o700)
            self._lock = (self.folder / "lock").open("a+")
        except OSError as fault:
            advice = (
                "Choose a folder that can be written (--home DIR or GOVD_HOME). Nothing was"
                " changed."
            )
            raise MachineFault(
                f"the home cannot be written ({fault.strerror})",
                where=str(self.folder),
                advice=advice,
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            advice = "Stop it, talk to it (GOVD_URL), or choose another --home."
            raise HomeLocked(
                "another process works on this home",
                where=str(self.folder),
                advice=advice,
            ) from None
        except OSError as fault:  # a network's file system without locks
            self._lock.close()
            raise MachineFault(
                f"the home cannot be locked ({fault.strerror})",
                where=str(self.folder),
                advice="Choose a folder on a disk of this machine. Nothing was changed.",
            ) from None
        try:
            self.settings = Settings.read(self.folder / "govd.toml")
            self.origin = self._origin()
            self.signer = self._signer()
            self.artifacts = Artifacts(self.folder / "artifacts")
            self.ledger = Ledger.at(
                self.folder / "ledger.db",
                self.signer,
                self.origin,
                self.folder / "keys" / SIGNED,
            )
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ledger and the lock."""
        self.ledger.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _origin(self) -> str:
        path = self.folder / "origin"
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        if (self.folder / "ledger.db").exists():
            raise BadFile(
                "the file that names the ledger is missing",
                where=str(path),
                advice="Restore it from a backup.",
            )
        write_private(path, f"govd/{uuid.uuid4()}\n")
        return path.read_text(encoding="ascii").strip()

    def _signer(self) -> Signer:
        """The signing key, made with the ledger; never beside one that was signed with another."""
        path = self.folder / "keys" / "signing.key"
        following = self.folder / "keys" / "next.key"
        if not path.exists() and (self.folder / "ledger.db").exists():
            if (
                following.exists()
                and str(Signer.at(following, self.origin).key) == self._rotated_to()
            ):
                # a rotation that was cut off; it is finished when evidence is opened
                return Signer.at(following, self.origin)
            advice = (
                "Restore it from a backup. Nothing was changed: another key would break the log for"
                " good."
            )
            raise BadFile(
                "the key that signs this ledger is missing",
                where=str(path),
                advice=advice,
            )
        return Signer.at(path, self.origin)

    def _rotated_to(self) -> str:
        """The key that the ledger was changed to last, empty where it never was."""
        changes = rotations(self.folder / "ledger.db")
        if changes:
            return str(changes[-1]["payload"].get("new", ""))
        return ""

    def token(self) -> str:
        """The home's own token, made on first use, readable by its owner alone."""
        path = self.folder / "token"
        try:
            # at each call: looked at once
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            write_private(path, secrets.token_urlsafe(32) + "\n")
        return path.read_text(encoding="ascii").strip()

    def secret(self) -> bytes:
        """A secret of this home alone, made on first use: what is derived with it tells nothing to
        others.
        """
        path = self.folder / "keys" / "derivation.key"
        if not path.exists():
            write_private(path, secrets.token_hex(32) + "\n")
        return bytes.fromhex(path.read_text(encoding="ascii").strip())

    def views_key(self) -> bytes:
        """What the views are sealed with: who can write them alone cannot."""
        return hmac.digest(self.secret(), b"govd views", "sha256")

    @contextlib.contextmanager
    def announced(self, url: str) -> Iterator[None]:
        """While this lasts `daemon.json` says where the daemon is, and is locked: that lock, not
        the file, is what says that it runs.
        """
        path = self.folder / "daemon.json"
        part = path.with_name(f".daemon.json.{secrets.token_hex(4)}")
        write_private(part, json.dumps({"url": url, "pid": os.getpid()}) + "\n")
        with part.open() as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            # locked before it is there: nobody finds it unlocked while this process lives
            os.replace(part, path)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)


def announced(folder: Path) -> tuple[str, str] | None:
    """Address and token of the daemon that runs on a home, None where none does: a file that a
    killed daemon left is not locked.
    """
    try:
        with (folder / "daemon.json").open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                announcement: dict[str, Json] = json.load(file)
                return str(announcement["url"]), (folder / "token").read_text(
                    encoding="ascii"
                ).strip()
    except (OSError, ValueError, KeyError):
        pass
    return None


def write_private(path: Path, content: str | bytes) -> None:
    """Write a small file for its owner alone, whole or not at all.

    Raises:
        MachineFault: it cannot be written.
    """
    try:
        write_owned(path, content.encode() if isinstance(content, str) else content)
    except OSError as fault:
        raise MachineFault(
            os.strerror(fault.errno or 0),
            where=str(path),
            advice="Nothing was changed.",
        ) from None


def check_home(folder: Path) -> Path:
    """A home that exists.

    Raises:
        Usage: it does not. MachineFault: it may not be looked into.
    """
    try:
        has_ledger = (folder / "ledger.db").exists()
    except OSError as fault:
        advice = "Work as its owner, or choose another --home."
        raise MachineFault(
            f"the home cannot be read ({fault.strerror})",
            where=str(folder),
            advice=advice,
        ) from None
    if not has_ledger:
        raise Usage(
            "there is no govd home here",
            where=str(folder),
            advice="Give --home DIR, or start with govd model add.",
        )
    return folder
