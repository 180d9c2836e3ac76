"""The home: one folder with ledger, artifacts, keys and settings, worked on by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import os
import secrets
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from govd.artifacts import Artifacts
from govd.errors import BadFile, HomeLocked, MachineFault, Usage
from govd.ledger.signing import Key, Signer
from govd.ledger.store import Ledger
from govd.ledger.verify import Stored
from govd.types import Json

ENVIRONMENT = "GOVD_HOME"
SECONDS = ("plugin_seconds", "plugin_work_seconds")
LONGEST_SECONDS = 604_800.0
SHARES = ("inference_log",)
SIGNED = "signed.note"
"""The newest log checkpoint that was signed, below `keys/`."""
COUNTS = ("max_concepts", "deadline_days", "extended_days")


def default_home() -> Path:
    """`$GOVD_HOME`, else the user's data folder."""
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT])
    import platformdirs

    return Path(platformdirs.user_data_path("govd"))


@dataclass(frozen=True)
class Settings:
    """`govd.toml`.

    `approval`: `self` (a request that no policy holds back is approved in the name of who filed it) or `person` (somebody must approve).
    `deadline_days`, `extended_days`: when a forget without a date of its own is due, and how far that may be extended. `witnesses`: "URL
    KEY" of each witness that cosigns log checkpoints; `timestamp_authorities`: addresses of RFC 3161 services. `inference_log`: the share
    of answers that is noted with its revision.
    `compose_on`: `host` (the same bytes on any machine) or `device` (a backend composes what is published on its accelerator, equal to
    1e-6). `max_predicted_disagreement`: a request that changes more than this share of answers waits for a person, and so does one with
    which all that is in force would change more than `max_total_disagreement`; `max_scope_share` bounds how much is asked for: the share
    of pictures that a request, or all in force with it, is about. `disabled_plugins`: names not to load.
    `text_encoders`: "FILE HOW" for each model of vectors that lacks texts: its file's name (or `*`), and the address or command that is
    asked for them.
    `keep_published`: how many revisions before the published one stay in the folder of `--publish-to`.
    `plugin_seconds`: how long a plugin's vote, gate or notice is waited for; `plugin_work_seconds`: the same of what computes: opening a
    model, a method, an evaluation.
    `allowed_hosts`: names besides loopback under which the daemon may be asked for (`govd serve --allow-host`).
    """

    approval: str = "self"
    max_predicted_disagreement: float = 0.05
    max_total_disagreement: float = 0.2
    max_scope_share: float = 0.2
    max_concepts: int = 1000
    deadline_days: int = 30
    extended_days: int = 45
    witnesses: tuple[str, ...] = ()
    timestamp_authorities: tuple[str, ...] = ()
    inference_log: float = 0.0
    disabled_plugins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    text_encoders: tuple[str, ...] = ()
    compose_on: str = "host"
    keep_published: int = 3
    plugin_seconds: float = 10.0
    plugin_work_seconds: float = 3600.0

    def text_encoder(self, reference: str) -> str | None:
        """The address or command that is asked for texts of a model of vectors; None where none is configured."""
        pairs = dict(encoder.split(maxsplit=1) for encoder in self.text_encoders)
        return pairs.get(Path(reference).name, pairs.get("*"))

    @staticmethod
    def read(path: Path) -> Settings:
        """The settings in a file; the defaults where there is none.

        Raises:
            BadFile: not TOML, an unknown key or a value of another type.
        """
        if not path.exists():
            return Settings()
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadFile(f"not TOML: {error}", where=str(path)) from None
        known = {name: type(value) for name, value in vars(Settings()).items()}
        for name, value in found.items():
            if name not in known:
                raise BadFile(f"unknown setting {name}", where=str(path), advice=f"Known: {', '.join(sorted(known))}.")
            wanted = list if known[name] is tuple else (int, float) if known[name] is float else known[name]
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise BadFile(f"{name} is {value!r}", where=str(path), advice=f"It must be a {known[name].__name__}.")
            if isinstance(value, list) and not all(isinstance(item, str) for item in value):
                raise BadFile(f"{name} is {value!r}", where=str(path), advice="It must be a list of texts.")
        values: dict[str, Json] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        settings = Settings(**values)
        if settings.approval not in ("self", "person"):
            raise BadFile(f"approval is {settings.approval!r}", where=str(path), advice="It is self or person.")
        if settings.compose_on not in ("host", "device"):
            raise BadFile(f"compose_on is {settings.compose_on!r}", where=str(path), advice="It is host or device.")
        for name in SECONDS:
            if not 0 < getattr(settings, name) < LONGEST_SECONDS:
                raise BadFile(f"{name} is {getattr(settings, name)!r}", where=str(path), advice="It is over 0, and a week at most.")
        for name in SHARES:
            if not 0 <= getattr(settings, name) <= 1:
                raise BadFile(f"{name} is {getattr(settings, name)!r}", where=str(path), advice="It is a share, from 0 to 1.")
        for name in COUNTS:
            if getattr(settings, name) < 1:
                raise BadFile(f"{name} is {getattr(settings, name)!r}", where=str(path), advice="It is at least 1.")
        for encoder in settings.text_encoders:
            if len(encoder.split(maxsplit=1)) < 2:
                advice = 'Write "FILE ADDRESS" or "FILE COMMAND"; * stands for any file.'
                raise BadFile(f"the text encoder {encoder!r} says no address or command", where=str(path), advice=advice)
        if settings.keep_published < 0:
            raise BadFile(f"keep_published is {settings.keep_published!r}", where=str(path), advice="It is at least 0.")
        for witness in settings.witnesses:
            try:
                Key.parse(witness.strip().partition(" ")[2])
            except BadFile as error:
                raise BadFile(
                    f"the witness {witness!r} has no key: {error.what}", where=str(path), advice='Write "URL NAME+HASH+KEY".'
                ) from None
        return settings


class Home:
    """An opened home. Use as a context: the lock is held until it ends.

    Raises:
        HomeLocked: another process works on it. MachineFault: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self._lock: IO[str] | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "keys").mkdir(exist_ok=True, mode=0o700)
            self._lock = (self.folder / "lock").open("a+")
        except OSError as fault:
            advice = "Choose a folder that can be written (--home DIR or GOVD_HOME). Nothing was changed."
            raise MachineFault(f"the home cannot be written ({fault.strerror})", where=str(self.folder), advice=advice) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            advice = "Stop it, talk to it (GOVD_URL), or choose another --home."
            raise HomeLocked("another process works on this home", where=str(self.folder), advice=advice) from None
        try:
            self.settings = Settings.read(self.folder / "govd.toml")
            self.origin = self._origin()
            self.signer = self._signer()
            self.artifacts = Artifacts(self.folder / "artifacts")
            self.ledger = Ledger.at(self.folder / "ledger.db", self.signer, self.origin, self.folder / "keys" / SIGNED)
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
            raise BadFile("the file that names the ledger is missing", where=str(path), advice="Restore it from a backup.")
        write_private(path, f"govd/{uuid.uuid4()}\n")
        return path.read_text(encoding="ascii").strip()

    def _signer(self) -> Signer:
        """The signing key, made with the ledger; never beside one that was signed with another."""
        path, following = self.folder / "keys" / "signing.key", self.folder / "keys" / "next.key"
        if not path.exists() and (self.folder / "ledger.db").exists():
            if following.exists() and str(Signer.at(following, self.origin).key) == self._rotated_to():
                return Signer.at(following, self.origin)  # a rotation that was cut off; it is finished when evidence is opened
            advice = "Restore it from a backup. Nothing was changed: another key would break the log for good."
            raise BadFile("the key that signs this ledger is missing", where=str(path), advice=advice)
        return Signer.at(path, self.origin)

    def _rotated_to(self) -> str:
        """The key that the ledger was changed to last, empty where it never was."""
        found = ""
        for _, body, _ in Stored(self.folder / "ledger.db").entries(0, 2**62):
            if b'"kind":"key.rotate"' in body:
                found = str(json.loads(body)["payload"].get("new", ""))
        return found

    def token(self) -> str:
        """The home's own token, made on first use, readable by its owner alone."""
        path = self.folder / "token"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32) + "\n")
        return path.read_text(encoding="ascii").strip()

    def secret(self) -> bytes:
        """A secret of this home alone, made on first use: what is derived with it tells nothing to others."""
        path = self.folder / "keys" / "derivation.key"
        if not path.exists():
            write_private(path, secrets.token_hex(32) + "\n")
        return bytes.fromhex(path.read_text(encoding="ascii").strip())

    def views_key(self) -> bytes:
        """What the views are sealed with: who can write them alone cannot."""
        return hmac.digest(self.secret(), b"govd views", "sha256")

    @contextlib.contextmanager
    def announced(self, url: str) -> Iterator[None]:
        """While this lasts `daemon.json` says where the daemon is, and is locked: that lock, not the file, is what says that it runs."""
        path = self.folder / "daemon.json"
        part = path.with_name(f".daemon.json.{secrets.token_hex(4)}")
        write_private(part, json.dumps({"url": url, "pid": os.getpid()}) + "\n")
        with part.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            os.replace(part, path)  # locked before it is there: nobody finds it unlocked while this process lives
            try:
                yield
            finally:
                path.unlink(missing_ok=True)


def announced(folder: Path) -> tuple[str, str] | None:
    """Address and token of the daemon that runs on a home, None where none does: a file that a killed daemon left is not locked."""
    try:
        with (folder / "daemon.json").open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said: dict[str, Json] = json.load(file)
                return str(said["url"]), (folder / "token").read_text(encoding="ascii").strip()
    except (OSError, ValueError, KeyError):
        pass
    return None


def write_private(path: Path, text: str) -> None:
    """Write a small file for its owner alone, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise MachineFault(os.strerror(fault.errno or 0), where=str(path), advice="Nothing was changed.") from None


def check_home(folder: Path) -> Path:
    """A home that exists.

    Raises:
        Usage: it does not. MachineFault: it may not be looked into.
    """
    try:
        there = (folder / "ledger.db").exists()
    except OSError as fault:
        advice = "Work as its owner, or choose another --home."
        raise MachineFault(f"the home cannot be read ({fault.strerror})", where=str(folder), advice=advice) from None
    if not there:
        raise Usage("there is no govd home here", where=str(folder), advice="Give --home DIR, or start with govd model add.")
    return folder
