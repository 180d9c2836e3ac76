"""A copy of a ledger, and what belongs to it: its key, small files, private texts."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govd.automatic.feed_files import FEEDS
from govd.errors import BadFile, GovdError
from govd.home.home import MODEL_KEY, NEXT_MODEL_KEY, SIGNED
from govd.home.private import MARKS, Boxes
from govd.ledger.database import (
    copy_database,
    faults,
    marked,
    rotations,
)
from govd.ledger.model_signing import ModelSigner
from govd.ledger.signing import Key, LogCheckpoint, Signer
from govd.notices.kept import FOLDER
from govd.service.backup_format import KEY, MODELS, SMALL
from govd.service.signed_log import check_signed, last_signed
from govd.stores.journal import STORES

TRIES: Final = 10
PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True)
class LedgerFacts:
    """What a copy of a ledger says about what lies beside it."""

    size: int
    key: Key | None
    """The last one that it was changed to."""
    note: str | None
    """The last signed log checkpoint."""
    model_key: str | None
    """The id of the last one that was to sign models."""
    texts: frozenset[str]
    """Boxes of private requests that were not destroyed: with what was filed, and with each reason
    that was given.
    """


@dataclass(frozen=True)
class Parts:
    """What a backup is made of, beside the copy of the ledger and artifacts.

    `facts`: what the copy says. `signer`: its key. `files`: small files by name. `lost`: boxes that
    are not there, though no entry destroyed them.
    """

    facts: LedgerFacts
    signer: Signer
    files: dict[str, bytes]
    lost: set[str]


def consistent_parts(folder: Path, copy: Path, work: Path) -> Parts:
    """Write a copy of the ledger of the home in `folder` to `copy`, and read what belongs to it.
    `work`: a folder for files that are needed meanwhile.

    Raises:
        OSError: no space for the copy. BadFile: the home's key is not its ledger's, or its ledger
        not the one that was signed.
    """
    origin = (folder / "origin").read_text(encoding="ascii").strip()
    absent: set[str] = set()
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        copy.unlink(missing_ok=True)
        # before the ledger: the entries that it speaks of are in the copy
        signed_note = _signed(folder)
        signed = last_signed(folder)
        copy_database(folder / "ledger.db", copy)
        facts = _facts(copy)
        check_signed(signed, origin, facts.size, folder / "ledger.db")
        key = _key(folder, facts, origin, work)
        model_key = _model_key(folder, facts)
        files, missing = _texts(folder, facts)
        if key is None or model_key is None or missing - absent:
            absent |= missing  # those that a shredding took will not be missed by the next copy
            continue
        signer, files[KEY] = key
        files |= model_key
        small = [name for name in SMALL if (folder / name).exists()]
        files |= _receivers(folder) | _kept_of(folder, FEEDS, ("secret", "held-*"))
        files |= _kept_of(folder, STORES, ("secret",))
        files |= signed_note | {name: (folder / name).read_bytes() for name in small}
        return Parts(facts, signer, files, missing)
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


def _receivers(folder: Path) -> dict[str, bytes]:
    """Addresses and secrets of the receivers of notices; one that is removed meanwhile is left
    out.
    """
    files: dict[str, bytes] = {}
    for path in sorted((folder / FOLDER).glob("*.key")):
        with suppress(FileNotFoundError):
            files[f"{FOLDER}/{path.name}"] = path.read_bytes()
    return files


def _kept_of(folder: Path, noun: str, kinds: Sequence[str]) -> dict[str, bytes]:
    """Files of feeds or stores: secrets, and documents that are held for a person; what is decided
    meanwhile is left out.
    """
    files: dict[str, bytes] = {}
    for pattern in kinds:
        for path in sorted((folder / noun).glob(f"*/{pattern}")):
            with suppress(FileNotFoundError):
                files[str(path.relative_to(folder))] = path.read_bytes()
    return files


def _facts(copy: Path) -> LedgerFacts:
    with faults(str(copy)), closing(sqlite3.connect(copy)) as ledger:
        (last,) = ledger.execute("SELECT max(seq) FROM entries").fetchone()
        newest = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
        note = ledger.execute(newest).fetchone()
    keys = [entry["payload"]["new"] for entry in rotations(copy)]
    key = Key.parse(keys[-1]) if keys else None
    added = [e for e in marked(copy, [b'"kind":"key.add"']) if e["kind"] == "key.add"]
    model_key = str(added[-1]["payload"].get("key")) if added else None
    texts = Boxes.of(marked(copy, MARKS)).living
    size = 0 if last is None else last + 1
    return LedgerFacts(size, key, note[0] if note else None, model_key, texts)


def _key(
    folder: Path, facts: LedgerFacts, origin: str, work: Path
) -> tuple[Signer, bytes] | None:
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
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(data)
        signer = Signer.at(path, origin)
        if _fits(signer.key, facts):
            return signer, data
    return None


def _model_key(folder: Path, facts: LedgerFacts) -> dict[str, bytes] | None:
    """The private key that the copy of the ledger says signs models, in its place; nothing where it
    says none, or the home has lost it. None: it is being changed at this moment.
    """
    if facts.model_key is None:
        return {}
    is_there = False
    for name in (MODEL_KEY, NEXT_MODEL_KEY):
        try:
            data = (folder / "keys" / name).read_bytes()
        except FileNotFoundError:
            continue
        is_there = True
        if (
            ModelSigner.parse(data, str(folder / "keys" / name)).key.id
            == facts.model_key
        ):
            return {MODELS: data}
    return None if is_there else {}


def _fits(key: Key, facts: LedgerFacts) -> bool:
    if facts.key is not None or facts.note is None:
        return facts.key in (key, None)
    try:
        LogCheckpoint.open(facts.note, key)
    except GovdError:
        return False
    return True


def _texts(folder: Path, facts: LedgerFacts) -> tuple[dict[str, bytes], set[str]]:
    """The boxes that are not shredded, with their keys, and the names of those that are not
    there.
    """
    boxes: dict[str, bytes] = {}
    missing = set()
    for name in sorted(facts.texts):
        try:
            boxes |= {
                f"private/{name}{end}": (
                    folder / "private" / f"{name}{end}"
                ).read_bytes()
                for end in (".key", ".box")
            }
        except FileNotFoundError:
            missing.add(name)
    return boxes, missing
