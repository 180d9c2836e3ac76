"""One file with everything of a home: a plain tar of regular files, written while a
daemon works on the home.

What is in it belongs together. The ledger is copied first, in one piece; what lies beside it is
then compared with what that copy says: the signing key with its last change of keys, the texts of
private requests and the reasons for decisions on them with what its entries name and shred. Where
something has happened in between, the ledger is copied again. Artifacts are written before the
entries that name them, so they are taken last. A text whose shredding is an entry is left out,
whether or not its file is gone already. Every other file of a home is in
`backup_format.LEFT_OUT`, with the reason.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from govd.errors import MachineFault, Usage
from govd.home.artifacts import Artifacts
from govd.home.home import check_home
from govd.home.whole import whole
from govd.service.backup_format import why_left_out
from govd.service.backup_parts import Parts, consistent_parts
from govd.types import Record


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
    _check_file(file)
    try:
        with (
            whole(file, 0o600) as part,
            tempfile.TemporaryDirectory(
                dir=file.parent, prefix=f"{part.name}."
            ) as temporary,
        ):
            copy = Path(temporary) / "ledger.db"
            parts = consistent_parts(folder, copy, Path(temporary))
            digests = _write(part, copy, parts, Artifacts(folder / "artifacts"))
    except OSError as fault:
        raise MachineFault(
            f"the backup cannot be written ({fault.strerror})",
            where=str(file),
            advice="Nothing was changed.",
        ) from fault
    listed = {"ledger.db", *parts.files, *map(_artifact_name, digests)}
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "origin": parts.signer.key.name,
        "key": str(parts.signer.key),
        "entries": parts.facts.size,
        "artifacts": len(digests),
        "texts": len(parts.facts.texts) - len(parts.lost),
        "lost_texts": sorted(parts.lost),
        "left_out": _left_out(folder, listed),
        "advice": "It holds the signing key and private texts: keep it as safe as the home.",
    }


def _check_file(file: Path) -> None:
    """Refuse what a backup is not written to.

    Raises:
        Usage: standard output, or a file that exists.
    """
    if str(file) == "-":
        raise Usage(
            "a backup is not written to standard output",
            advice="Name a file: it holds the signing key.",
        )
    if file.exists():
        raise Usage(
            "this file exists",
            where=str(file),
            advice="Choose another name; nothing is overwritten.",
        )


def _write(part: Path, copy: Path, parts: Parts, artifacts: Artifacts) -> list[str]:
    """The tar file; the digests of the artifacts in it, which are taken last."""
    with part.open("wb") as raw:
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
            _add(tar, "ledger.db", copy)
            for name, data in parts.files.items():
                _add(tar, name, data)
            digests = artifacts.digests()
            for digest in digests:
                _add(tar, _artifact_name(digest), artifacts.path(digest))
        raw.flush()
        os.fsync(raw.fileno())
    return list(digests)


def _artifact_name(digest: str) -> str:
    return f"artifacts/{digest[:2]}/{digest}"


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
