"""One file with everything of a home, and back."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

from govd.artifacts import Artifacts
from govd.errors import BadFile, MachineFault, Usage
from govd.home import check_home
from govd.ledger.signing import Signer
from govd.ledger.store import Ledger
from govd.types import Record

SMALL = ("origin", "token", "govd.toml", "keys/signing.key")
NOT_MORE = 200 * 2**30


def backup(folder: Path, file: Path) -> Record:
    """Write a home into a tar file that is not there yet, readable by its owner alone; it contains the signing key.

    Raises:
        Usage: no home, or the file exists. MachineFault: it cannot be written.
    """
    check_home(folder)
    if file.exists():
        raise Usage("this file exists", where=str(file), advice="Choose another name; nothing is overwritten.")
    origin = (folder / "origin").read_text(encoding="ascii").strip()
    part = file.with_name(f".{file.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent) as temporary:
            copy = Path(temporary) / "ledger.db"
            ledger = Ledger.at(folder / "ledger.db", Signer.at(folder / "keys" / "signing.key", origin), origin)
            ledger.copy_to(copy)
            size = ledger.size()
            ledger.close()
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as tar:
                tar.add(copy, "ledger.db")
                for name in SMALL:
                    if (folder / name).exists():
                        tar.add(folder / name, name)
                for path in sorted((folder / "private").glob("*.*")):
                    tar.add(path, f"private/{path.name}")
                for digest in Artifacts(folder / "artifacts").digests():
                    tar.add(folder / "artifacts" / digest[:2] / digest, f"artifacts/{digest[:2]}/{digest}")
        os.replace(part, file)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise MachineFault(f"the backup cannot be written ({fault.strerror})", where=str(file), advice="Nothing was changed.") from fault
    return {"file": str(file), "entries": size, "origin": origin, "bytes": file.stat().st_size}


def restore(file: Path, folder: Path) -> Record:
    """Make a home from a backup and check it.

    Raises:
        Usage: the home exists. BadFile: no backup, or damaged.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Usage("there is something here already", where=str(folder), advice="Choose a new --home.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "home"
        try:
            with tarfile.open(file, "r:") as tar:
                if sum(member.size for member in tar.getmembers()) > NOT_MORE:
                    raise BadFile("larger than any backup", where=str(file))
                tar.extractall(made, filter="data")
        except (OSError, tarfile.TarError) as fault:
            raise BadFile(f"this is no backup, or a damaged one ({fault})", where=str(file)) from None
        if not (made / "ledger.db").exists() or not (made / "keys" / "signing.key").exists():
            raise BadFile("this is no backup of a govd home", where=str(file))
        made.chmod(0o700)
        (made / "keys").chmod(0o700)
        from govd.service import open_service

        with open_service(made) as service:
            verdict = service.evidence.verify()
        if not verdict["holds"]:
            raise BadFile(f"the backup does not hold: {verdict['faults'][0]}", where=str(file), advice="Take another backup.")
        folder.rmdir() if folder.exists() else None
        os.replace(made, folder)
    return {"home": str(folder), "entries": verdict["size"], "origin": verdict["origin"]}
