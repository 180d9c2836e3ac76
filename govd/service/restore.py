"""A home from a backup, verified before it stands there."""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from govd.errors import BadFile, MachineFault, Usage
from govd.ledger.database import (
    make_database,
    peek,
    schema_of,
)
from govd.ledger.tables import REVISION
from govd.service.backup_format import DERIVATION, KEY, NAMES
from govd.types import Json, Record

SMALL_BYTES: Final = 2**20
BLOCK: Final = 512
CHUNK: Final = 2**20
PACKED: Final = (b"\x1f\x8b", b"PK", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh")
"""How compressed files begin."""
LEDGER: Final = "ledger.db"
VOLUME: Final = "lost+found"
"""What an empty volume has."""


def restore(file: Path, folder: Path) -> Record:
    """Make a home from a backup and verify it: the whole ledger, and every artifact that it names.
    `warnings`: what original and copy share.

    Raises:
        Usage: the home exists. BadFile: no backup, a damaged one, or one that holds what no backup
        does. MachineFault: a full disk, say.
    """
    try:
        is_there = _is_empty_folder(folder)
        place = folder if is_there else folder.parent
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix=".restore-") as temporary:
            home = Path(temporary) / "home"
            names = _unpack(file, home)
            _check_layout(home / LEDGER, Path(temporary), file)
            try:
                record, shared, notes = _verified(home, file)
            except ValueError as fault:  # a small file in it: text or JSON
                raise BadFile(
                    f"the backup is damaged ({fault})",
                    where=str(file),
                    advice="Take another one.",
                ) from fault
            if is_there:
                _move_into(home, folder)
            else:
                os.replace(home, folder)
    except OSError as fault:
        raise MachineFault(
            f"the home cannot be written ({fault.strerror})",
            where=str(folder),
            advice="Nothing was changed.",
        ) from fault
    texts = [
        name for name in names if name.startswith("private/") and name.endswith(".key")
    ]
    return {
        "home": str(folder),
        **record,
        "artifacts": sum(name.startswith("artifacts/") for name in names),
        "texts": len(texts),
        "publish_to": sorted(shared),
        "warnings": _warnings(shared, notes, DERIVATION in names),
    }


def _is_empty_folder(folder: Path) -> bool:
    """Whether a folder is there; it may be the root of a volume, or a link to one.

    Raises:
        Usage: something is in it, or it is no folder.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise Usage(
            "this is no folder", where=str(folder), advice="Choose a new --home."
        )
    if any(entry.name != VOLUME for entry in folder.iterdir()):
        raise Usage(
            "there is something here already",
            where=str(folder),
            advice="Choose a new --home.",
        )
    return True


def _move_into(home: Path, folder: Path) -> None:
    """Move a home into a folder that stays; its ledger, without which it is none, is the last."""
    with contextlib.suppress(OSError):  # somebody else's folder, and so his choice
        folder.chmod(0o700)
    for entry in sorted(home.iterdir(), key=lambda entry: entry.name == LEDGER):
        os.replace(entry, folder / entry.name)


def _verified(home: Path, file: Path) -> tuple[dict[str, Json], list[str], list[str]]:
    """What a restored home's ledger is, the folders that its models publish to, and the receivers
    of its notices.

    Raises:
        BadFile: it does not hold.
    """
    from govd.service.service import open_service

    with open_service(home) as service:
        verdict = service.verification.verify()
        ledger = service.core.desk.ledger
        origin = ledger.origin
        key = str(ledger.signer.key)
        models = service.core.desk.views.models.values()
        shared = [
            str(model["publish_to"]) for model in models if model.get("publish_to")
        ]
        receivers = [str(receiver["name"]) for receiver in service.notices.all()]
    if not verdict["holds"]:
        raise BadFile(
            f"the backup does not hold: {verdict['faults'][0]}",
            where=str(file),
            advice="Take another backup.",
        )
    record: dict[str, Json] = {"origin": origin, "key": key, "entries": verdict["size"]}
    return record | {"verified": True}, shared, receivers


def _warnings(
    shared: Sequence[str], receivers: Sequence[str], derives: bool
) -> list[str]:
    """What whoever restored a home must know. `shared`: the folders that its models publish to;
    `receivers`: who is told of entries; `derives`: whether the backup has the derivation key.
    """
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
    if receivers:
        warnings.append(
            f"Both tell {', '.join(receivers)}: what was not sent when it was backed up"
            " is sent from here, too. Where that is not meant, remove them first (govd"
            " notice remove NAME)."
        )
    if not derives:
        warnings.append(
            "The backup is an older version's and lacks keys/derivation.key: a private filing that"
            " is repeated with its idempotency key is filed again."
        )
    return warnings


def _unpack(file: Path, folder: Path) -> list[str]:
    """The files of a backup below a folder; their names. Nothing in it is larger than the backup
    itself: it is not compressed.
    """
    folder.mkdir(mode=0o700)
    names = []
    try:
        with file.open("rb") as raw:
            for name, size in _members(raw, file):
                _write(folder / name, raw, size, file)
                names.append(name)
    except OSError as fault:
        if fault.filename != str(file):
            raise
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(file)) from None
    if not {LEDGER, "origin", KEY} <= set(names):
        raise BadFile("this is no backup of a govd home", where=str(file))
    return names


def _members(raw: IO[bytes], file: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files in a tar (POSIX.1-1988, ustar header blocks); whoever asks for
    the next has read this one's bytes.

    Regular files with the names of a backup alone: no links, no extensions, nothing twice.
    """
    names: set[str] = set()
    while (head := raw.read(BLOCK)) != bytes(BLOCK):
        try:
            info = tarfile.TarInfo.frombuf(head, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            packed = any(head.startswith(begin) for begin in PACKED)
            raise BadFile(
                "this is no backup, or a damaged one",
                where=str(file),
                advice="It is compressed: unpack it first." if packed else "",
            ) from None
        is_regular = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if not is_regular or not NAMES.fullmatch(info.name) or info.name in names:
            raise BadFile(
                f"this is no backup of govd's: it holds {info.name!r}", where=str(file)
            )
        is_large = info.name == LEDGER or info.name.startswith("artifacts/")
        if info.size < 0 or (info.size > SMALL_BYTES and not is_large):
            raise BadFile(f"{info.name} is {info.size} bytes", where=str(file))
        names.add(info.name)
        yield info.name, info.size
        raw.read(-info.size % BLOCK)


def _write(path: Path, raw: IO[bytes], size: int, file: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
    ) as out:
        while size:
            data = raw.read(min(CHUNK, size))
            if not data:
                raise BadFile(
                    "the backup is cut off", where=str(file), advice="Take another one."
                )
            out.write(data)
            size -= len(data)
        out.flush()
        os.fsync(out.fileno())


def _check_layout(path: Path, work: Path, file: Path) -> None:
    """That a database is one that this govd would have made: no views, triggers or tables
    besides.
    """
    if peek(path)["schema"] == REVISION:
        empty = Path(work) / "empty.db"
        make_database(empty)
        if schema_of(path) != schema_of(empty):
            raise BadFile(
                "its database is not laid out as a ledger",
                where=str(file),
                advice="Take another backup.",
            )
