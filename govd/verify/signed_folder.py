"""A checkpoint that somebody was given, checked offline: its files by their signature, that by the
key that the statement names, and the statement by the log's key.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from govd.errors import BadFile, GovdError
from govd.ledger import canonical
from govd.ledger.model_signing import SIGNATURE, UNSIGNED, ModelKey, signed_files
from govd.ledger.signing import Key, base64_bytes
from govd.types import Json, Record
from govd.verify import claim
from govd.verify.honest import honest
from govd.verify.safe_text import safe

STATEMENT_FILE: Final = "statement.dsse.json"
LARGEST: Final = 1 << 24
"""Bytes of a statement or a signature at most."""
MOST: Final = 20
"""Faults that are told."""
NOT_PROVEN: Final = (
    "That the log has these entries: ask for a bundle of the revision (govd audit bundle --revision"
    " MODEL N) and compare the statement's edit_digest, or look for the entry that delivered it.",
    "That the figures are right: they are as the daemon measured them.",
)


def verify_folder(folder: Path, key: str | None) -> Record:
    """Check a signed checkpoint. `key`: the log's, from elsewhere; without it the one that the
    statement names is taken, and the record says so.

    Raises:
        BadFile: the folder has no statement or no signature, or the key is none.
    """
    data = {name: _read(folder, name) for name in (STATEMENT_FILE, SIGNATURE)}
    faults: list[str] = []
    predicate = _predicate(data[STATEMENT_FILE], folder)
    log_key = Key.parse(key if key else str(predicate.get("log_key")))
    sealed = claim.opened(data[STATEMENT_FILE], log_key)
    if sealed is None or not sealed.signed:
        faults.append(f"{STATEMENT_FILE} is not signed by the key {log_key}")
    model_key = ModelKey(str(predicate.get("model_key")))
    files: dict[str, str] = {}
    try:
        files = signed_files(data[SIGNATURE], model_key)
    except GovdError as error:
        faults.append(error.what)
    digests = _digests(folder, faults.append)
    _compare(files, digests, f"{SIGNATURE} was made over", faults.append)
    subjects = {} if sealed is None else _subjects(sealed.statement)
    file_digests = {
        name: digest for name, digest in digests.items() if name != STATEMENT_FILE
    }
    _compare(subjects, file_digests, f"{STATEMENT_FILE} speaks of", faults.append)
    record: dict[str, Json] = {
        "holds": not faults,
        "faults": faults[:MOST],
        "folder": str(folder),
    }
    record |= {
        name: predicate.get(name)
        for name in ("model", "revision", "edit_digest", "origin")
    }
    record |= {
        "key": str(log_key),
        "key_given": key is not None,
        "model_key": model_key.id,
    }
    return (
        record
        | {"files": len(digests) + 1}
        | _sentences(record, predicate, log_key, len(digests))
    )


def _sentences(
    record: Mapping[str, Json], predicate: Mapping[str, Any], key: Key, files: int
) -> dict[str, Json]:
    """The claim, what is proven, recorded and open; nothing where something is wrong."""
    if not record["holds"]:
        return {"claim": "", "proven": [], "recorded": [], "not_proven": []}
    revision_claim = claim.Claim(
        str(predicate["model"]), int(predicate["revision"]), dict(predicate)
    )
    requests = predicate.get("requests")
    revision_claim.requests = (
        [str(r.get("id")) for r in requests] if isinstance(requests, list) else []
    )
    open_ = list(NOT_PROVEN)
    if not record["key_given"]:
        open_.insert(
            0,
            "The key came with the folder: it says that one signer made all this, not who. Ask for"
            " the key elsewhere, and give --key.",
        )
    return {
        "claim": honest(revision_claim),
        "proven": [
            f"{files} files have the bytes that the key {str(record['model_key'])[:16]} signed, and"
            " there are no others.",
            safe(
                f"The log's key ({key.name}) signed that this key signs for revision"
                f" {revision_claim.number} of {revision_claim.model}, and which files it has."
            ),
        ],
        "recorded": [],
        "not_proven": open_,
    }


def _predicate(data: bytes, folder: Path) -> dict[str, Any]:
    """What a statement says, whoever signed it."""
    try:
        payload = base64_bytes(canonical.decode(data)["payload"])
        predicate: dict[str, Any] = canonical.decode(payload)["predicate"]
        if type(predicate["revision"]) is int and isinstance(predicate["model"], str):
            return predicate
    except (GovdError, KeyError, TypeError, ValueError):
        pass
    raise BadFile(
        "this is not a statement about a revision", where=str(folder / STATEMENT_FILE)
    )


def _subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {
            str(s["name"]): str(s["digest"]["sha256"]) for s in statement["subject"]
        }
    except (KeyError, TypeError):
        return {}


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise BadFile(
                f"has no {name}: it is not a checkpoint that govd signed",
                where=str(folder),
                advice="Give the folder that `govd export` or --publish-to wrote.",
            )
        return path.read_bytes()
    except OSError as fault:
        raise BadFile(f"cannot be read ({fault.strerror})", where=str(path)) from None


def _digests(folder: Path, fault: Callable[[str], None]) -> dict[str, str]:
    """The files of a folder with their SHA-256 (hex), but for those that no signature is over."""
    digests: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if name.partition("/")[0] in UNSIGNED or stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            fault(safe(f"{name} is not a regular file"))
            continue
        try:
            with path.open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            fault(safe(f"{name} cannot be read ({error.strerror})"))
    return digests


def _compare(
    signed: Mapping[str, str],
    digests: Mapping[str, str],
    by: str,
    fault: Callable[[str], None],
) -> None:
    for name in sorted(signed.keys() | digests.keys()):
        if name not in digests:
            fault(safe(f"{name} is missing: {by} it"))
        elif name not in signed:
            fault(safe(f"{name} was added: it is not among the files that {by}"))
        elif signed[name] != digests[name]:
            fault(safe(f"{name} has other bytes than those that {by}"))
