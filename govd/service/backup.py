"""One file with everything of a home, and back: a plain tar of regular files, written while a
daemon works on the home.

What is in it belongs together. The ledger is copied first, in one piece; what lies beside it is
then compared with what that copy says: the signing key with its last change of keys, the texts of
private requests and the reasons for decisions on them with what its entries name and shred. Where
something has happened in between, the ledger is copied again. Artifacts are written before the
entries that name them, so they are taken last. A text whose shredding is an entry is left out,
whether or not its file is gone already. Every other file of a home is in `LEFT_OUT`, with the
reason.
"""

from __future__ import annotations

import io
import os
import re
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from govd.errors import BadFile, GovdError, MachineFault, Usage
from govd.home.artifacts import Artifacts
from govd.home.home import SIGNED, check_home
from govd.home.private import MARKS, Boxes
from govd.ledger.database import (
    copy_database,
    faults,
    make_database,
    marked,
    peek,
    rotations,
    schema_of,
)
from govd.ledger.signing import Key, LogCheckpoint, Signer
from govd.ledger.tables import REVISION
from govd.types import Json, Record

DERIVATION: Final = "keys/derivation.key"
SMALL: Final = ("origin", "token", "govd.toml", DERIVATION)
SMALL_BYTES: Final = 2**20
KEY: Final = "keys/signing.key"
NAMES: Final = re.compile(
    r"ledger\.db|origin|token|govd\.toml|keys/(?:signing\.key|derivation\.key|signed\.note)"
    r"|private/[0-9a-z]{1,64}(?:\.[0-9]{1,10})?\.(?:box|key)"
    r"|artifacts/([0-9a-f]{2})/\1[0-9a-f]{62}"
)
"""What a backup may hold."""
SIDE: Final = r"(?:-wal|-shm|-journal)?"
LEFT_OUT: Final = {
    r"ledger\.db" + SIDE: "what is in it is in the copy of ledger.db",
    r"views(?:\.new)?\.db" + SIDE: "made anew from the entries",
    r"answers\.db" + SIDE: "a sample of answers, which is no evidence",
    r"idempotency\.db" + SIDE: (
        "answers to repeats of the last two days; those of filings are in the ledger"
    ),
    r"plugin-failures\.json": "what plugins did wrong on this machine",
    r"lock|daemon\.json": "says which process works on the home",
    r"keys/next\.key": (
        "the key that the ledger was changed to is in the backup as keys/signing.key"
    ),
    r"private/.*": "no entry names it, or an entry destroyed it",
    r"(?:.*/)?\..*": "half-written, or hidden",
}
"""Files of a home that no backup holds, by their names (regular expressions), and why. What is not
even here is nothing of govd's.
"""
FOREIGN: Final = "nothing of govd's"
TRIES: Final = 10
PAUSE_SECONDS: Final = 0.2
BLOCK: Final = 512
CHUNK: Final = 2**20


@dataclass(frozen=True)
class _Said:
    """What a copy of a ledger says about what lies beside it."""

    size: int
    key: Key | None
    """The last one that it was changed to."""
    note: str | None
    """The last signed log checkpoint."""
    texts: frozenset[str]
    """Boxes of private requests that were not destroyed: with what was filed, and with each reason
    that was given.
    """


def backup(folder: Path, file: Path) -> Record:
    """Write a home into a tar file that is not there yet, readable by its owner alone; it contains
    the signing key.

    `lost_texts` are boxes of private requests that the home itself has no more, though they were
    not shredded: `<request>` with what was filed, `<request>.<n>` with a reason.

    Raises:
        Usage: no home, or the file exists. MachineFault: it cannot be written. BadFile: the home's
        key is not its ledger's.
    """
    check_home(folder)
    if file.exists():
        raise Usage(
            "this file exists",
            where=str(file),
            advice="Choose another name; nothing is overwritten.",
        )
    part = file.with_name(f".{file.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent) as temporary:
            copy = Path(temporary) / "ledger.db"
            said, signer, beside, lost = _consistent(folder, copy, Path(temporary))
            artifacts = Artifacts(folder / "artifacts")
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
                    _add(tar, "ledger.db", copy)
                    for name, data in beside.items():
                        _add(tar, name, data)
                    digests = artifacts.digests()
                    for digest in digests:
                        _add(tar, f"artifacts/{digest[:2]}/{digest}", artifacts.path(digest))
                raw.flush()
                os.fsync(raw.fileno())
        os.replace(part, file)
    except OSError as fault:
        raise MachineFault(
            f"the backup cannot be written ({fault.strerror})",
            where=str(file),
            advice="Nothing was changed.",
        ) from fault
    finally:
        part.unlink(missing_ok=True)
    found: dict[str, Json] = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "origin": signer.key.name,
        "key": str(signer.key),
        "entries": said.size,
    }
    found |= {
        "artifacts": len(digests),
        "texts": len(said.texts) - len(lost),
        "lost_texts": sorted(lost),
    }
    found |= {
        "left_out": _left_out(
            folder, {"ledger.db", *beside, *(f"artifacts/{d[:2]}/{d}" for d in digests)}
        )
    }
    found |= {"advice": "It holds the signing key and private texts: keep it as safe as the home."}
    return found


def _left_out(folder: Path, held: set[str]) -> dict[str, str]:
    """Files of a home that its backup does not hold, and why; a reason once for many files of one
    folder.
    """
    names = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
    return {name: why_left_out(name) for name in names if name not in held}


def why_left_out(name: str) -> str:
    """Why a backup does not hold a file of a home, by its name below the home."""
    return next((why for pattern, why in LEFT_OUT.items() if re.fullmatch(pattern, name)), FOREIGN)


def _consistent(
    folder: Path, copy: Path, work: Path
) -> tuple[_Said, Signer, dict[str, bytes], set[str]]:
    """A copy of the ledger with what belongs to it: what it says, its key, small files by name, and
    the texts that are lost.
    """
    origin = (folder / "origin").read_text(encoding="ascii").strip()
    absent: set[str] = set()
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        copy.unlink(missing_ok=True)
        noted = _signed(folder)  # before the ledger: the entries that it speaks of are in the copy
        copy_database(folder / "ledger.db", copy)
        said = _said(copy)
        keyed = _key(folder, said, origin, work)
        beside, missing = _texts(folder, said)
        if keyed is None or missing - absent:
            absent |= missing  # those that a shredding took will not be missed by the next copy
            continue
        signer, beside[KEY] = keyed
        beside |= noted
        beside |= {name: (folder / name).read_bytes() for name in SMALL if (folder / name).exists()}
        return said, signer, beside, missing
    raise BadFile(
        "the signing key is not the one that the ledger speaks of",
        where=str(folder),
        advice="`govd audit verify` tells more.",
    )


def _signed(folder: Path) -> dict[str, bytes]:
    """The log checkpoint that was signed last; nothing in a home that has signed none since it is
    kept beside the key.
    """
    path = folder / "keys" / SIGNED
    return {f"keys/{SIGNED}": path.read_bytes()} if path.exists() else {}


def _said(copy: Path) -> _Said:
    with faults(str(copy)), closing(sqlite3.connect(copy)) as ledger:
        (last,) = ledger.execute("SELECT max(seq) FROM entries").fetchone()
        noted = ledger.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    keys = [entry["payload"]["new"] for entry in rotations(copy)]
    key = Key.parse(keys[-1]) if keys else None
    texts = Boxes.of(marked(copy, MARKS)).living
    return _Said(0 if last is None else last + 1, key, noted[0] if noted else None, texts)


def _key(folder: Path, said: _Said, origin: str, work: Path) -> tuple[Signer, bytes] | None:
    """The private key that a copy of the ledger is signed with: the home's, or the one that is
    about to take its place.
    """
    for name in ("signing.key", "next.key"):
        try:
            data = (folder / "keys" / name).read_bytes()
        except FileNotFoundError:
            continue
        path = work / "candidate.key"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        signer = Signer.at(path, origin)
        if _fits(signer.key, said):
            return signer, data
    return None


def _fits(key: Key, said: _Said) -> bool:
    if said.key is not None or said.note is None:
        return said.key in (key, None)
    try:
        LogCheckpoint.open(said.note, key)
    except GovdError:
        return False
    return True


def _texts(folder: Path, said: _Said) -> tuple[dict[str, bytes], set[str]]:
    """The boxes that are not shredded, with their keys, and the names of those that are not
    there.
    """
    found: dict[str, bytes] = {}
    missing = set()
    for name in sorted(said.texts):
        try:
            found |= {
                f"private/{name}{end}": (folder / "private" / f"{name}{end}").read_bytes()
                for end in (".key", ".box")
            }
        except FileNotFoundError:
            missing.add(name)
    return found, missing


def _add(tar: tarfile.TarFile, name: str, data: bytes | Path) -> None:
    info = tarfile.TarInfo(name)
    info.mode = 0o600
    if isinstance(data, bytes):
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
        return
    with data.open("rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        tar.addfile(info, file)


def restore(file: Path, folder: Path) -> Record:
    """Make a home from a backup and verify it: the whole ledger, and every artifact that it names.
    `warnings`: what original and copy share.

    Raises:
        Usage: the home exists. BadFile: no backup, a damaged one, or one that holds what no backup
        does. MachineFault: a full disk, say.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Usage(
            "there is something here already", where=str(folder), advice="Choose a new --home."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "home"
            names = _unpack(file, made)
            _is_ledger(made / "ledger.db", Path(temporary), file)
            from govd.service.service import open_service

            with open_service(made) as service:
                verdict = service.verification.verify()
                origin, key = (
                    service.core.desk.ledger.origin,
                    str(service.core.desk.ledger.signer.key),
                )
                shared = [
                    str(m["publish_to"])
                    for m in service.core.desk.views.models.values()
                    if m.get("publish_to")
                ]
            if not verdict["holds"]:
                raise BadFile(
                    f"the backup does not hold: {verdict['faults'][0]}",
                    where=str(file),
                    advice="Take another backup.",
                )
            if folder.exists():
                folder.rmdir()
            os.replace(made, folder)
    except OSError as fault:
        raise MachineFault(
            f"the home cannot be written ({fault.strerror})",
            where=str(folder),
            advice="Nothing was changed.",
        ) from fault
    found: dict[str, Json] = {
        "home": str(folder),
        "origin": origin,
        "key": key,
        "entries": verdict["size"],
        "verified": True,
    }
    found |= {"artifacts": sum(name.startswith("artifacts/") for name in names)}
    found |= {"texts": sum(name.startswith("private/") and name.endswith(".key") for name in names)}
    return found | {
        "publish_to": sorted(shared),
        "warnings": _warnings(shared, DERIVATION in names),
    }


def _warnings(shared: Sequence[str], derives: bool) -> list[str]:
    """What whoever restored a home must know. `shared`: the folders that its models publish to."""
    warnings = [
        "The home that was backed up and this one are one ledger and sign with one key: work on one"
        " of them alone. Two that both go on are two histories, and evidence of one contradicts the"
        " other's."
    ]
    if shared:
        warnings.append(
            f"Both publish to {', '.join(sorted(shared))}: where the other still runs, give this"
            " one's models another folder first (govd model update NAME --publish-to DIR)."
        )
    if not derives:
        warnings.append(
            "The backup is an older version's and lacks keys/derivation.key: a private filing that"
            " is repeated with its idempotency key is filed again."
        )
    return warnings


def _unpack(file: Path, made: Path) -> list[str]:
    """The files of a backup below a folder; their names. Nothing in it is larger than the backup
    itself: it is not compressed.
    """
    made.mkdir(mode=0o700)
    names = []
    try:
        with file.open("rb") as raw:
            for name, size in _members(raw, file):
                _write(made / name, raw, size, file)
                names.append(name)
    except OSError as fault:
        if fault.filename != str(file):
            raise
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(file)) from None
    if not {"ledger.db", "origin", KEY} <= set(names):
        raise BadFile("this is no backup of a govd home", where=str(file))
    return names


def _members(raw: IO[bytes], file: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files in a tar (POSIX.1-1988, ustar header blocks); whoever asks for
    the next has read this one's bytes.

    Regular files with the names of a backup alone: no links, no extensions, nothing twice.
    """
    seen: set[str] = set()
    while (head := raw.read(BLOCK)) != bytes(BLOCK):
        try:
            info = tarfile.TarInfo.frombuf(head, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise BadFile("this is no backup, or a damaged one", where=str(file)) from None
        if (
            info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE)
            or not NAMES.fullmatch(info.name)
            or info.name in seen
        ):
            raise BadFile(f"this is no backup of govd's: it holds {info.name!r}", where=str(file))
        if info.size < 0 or (
            info.name != "ledger.db"
            and not info.name.startswith("artifacts/")
            and info.size > SMALL_BYTES
        ):
            raise BadFile(f"{info.name} is {info.size} bytes", where=str(file))
        seen.add(info.name)
        yield info.name, info.size
        raw.read(-info.size % BLOCK)


def _write(path: Path, raw: IO[bytes], size: int, file: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while size:
            data = raw.read(min(CHUNK, size))
            if not data:
                raise BadFile("the backup is cut off", where=str(file), advice="Take another one.")
            out.write(data)
            size -= len(data)
        out.flush()
        os.fsync(out.fileno())


def _is_ledger(path: Path, work: Path, file: Path) -> None:
    """That a database is one that this govd would have made: no views, triggers or tables
    besides.
    """
    if peek(path)["schema"] == REVISION:
        made = Path(work) / "empty.db"
        make_database(made)
        if schema_of(path) != schema_of(made):
            raise BadFile(
                "its database is not laid out as a ledger",
                where=str(file),
                advice="Take another backup.",
            )
