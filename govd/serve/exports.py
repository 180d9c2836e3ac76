"""Edited models and edits, written for somebody; who got what is an entry."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from govd.errors import (
    Conflict,
    Denied,
    GovdError,
    MachineFault,
    NoWeights,
    Unsupported,
    Usage,
)
from govd.ledger.entry import Draft
from govd.ledger.model_signing import SIGNATURE
from govd.models.core import Core
from govd.models.paths import located
from govd.models.served import Served
from govd.reconcile.signed import (
    carries_linear,
    other_side,
    sign_checkpoint,
    sign_folder,
)
from govd.reconcile.writing import EDIT_FILE, check_written, is_map, write_edit
from govd.records.limits import bounded
from govd.serve.serving import Serving
from govd.serve.sides import sided
from govd.types import Json, Record
from govd.verify.carried import LINEAR

FORMATS: Final = ("hf", "open_clip")
"""In which plugins that come with govd write checkpoints."""


class Exports:
    """The noun of `govd export`."""

    def __init__(self, core: Core, serving: Serving) -> None:
        self.core = core
        self.serving = serving

    @bounded
    def write(
        self,
        model: str,
        folder: Path | str,
        actor: str,
        revision: int | None = None,
        format: str = "hf",
        disclose: bool = False,
        recipient: str = "",
        side: str | None = None,
    ) -> Record:
        """Write the edited model (`hf`, with its card) or its edit (`edit`), signed, into a folder
        that is empty or not there yet; the recipient is recorded, so that he can be told of
        later reverts.

        Raises:
            Usage: the folder is not empty, or nobody writes this format. MachineFault: it cannot be
            written; what was begun is taken away, and an entry says that it failed. BadCheckpoint:
            the base was replaced meanwhile; likewise. Denied: a private request is in it: beside
            its public base an edited model names what it forgot. `disclose` to a `recipient` who is
            named allows it, and the card then says it.
        """
        folder = located(str(folder))
        now = sided(self.core, model, self.serving.now(model, revision), side)
        private = self._allowed(model, now, disclose and bool(recipient.strip()))
        payload: dict[str, Json] = {
            "revision": now.number,
            "format": format,
            "folder": str(folder),
            "recipient": recipient or actor,
        }
        new_folders = _placed(folder)
        try:
            files = self._written(
                model, folder, format, now, self._texts(private), new_folders
            )
        except (Usage, NoWeights, Unsupported):
            raise
        except GovdError as error:
            self._fail(model, now.number, actor, payload, error)
            raise
        payload["files"] = dict(files)
        payload["edit_digest"], payload["side"] = now.edit.digest, now.edit.side
        payload["disclosed"] = private
        payload |= other_side(self.core, now, model)
        payload |= _carried(self.core, now, model, format != "edit")
        entry = _entry("write", model, now.number, actor, payload)
        self.core.desk.append([entry])
        return {"model": model, **payload}

    def _allowed(self, model: str, now: Served, disclosed: bool) -> list[str]:
        """The private requests that an export discloses.

        Raises:
            Denied: there are some, and nobody says that whoever gets it may know.
        """
        private = self._private(model, now)
        if private and not disclosed:
            raise Denied(
                f"an export would disclose what {', '.join(private)} keeps private",
                where=f"{model}/{now.number}",
                advice="Say --disclose --recipient WHO if whoever gets it may know.",
            )
        return private

    def _private(self, model: str, now: Served) -> list[str]:
        """The private requests that a revision is made of."""
        requests = (
            self.core.desk.revision(model, now.number)["requests"] if now.number else []
        )
        return [
            request
            for request in requests
            if self.core.desk.request(request).get("private")
        ]

    def _fail(
        self,
        model: str,
        number: int,
        actor: str,
        payload: dict[str, Json],
        error: GovdError,
    ) -> None:
        """Say in the ledger that nothing was exported, and why; as far as it can be written."""
        failure = {**payload, "reason": error.message}
        draft = _entry("fail", model, number, actor, failure)
        with contextlib.suppress(MachineFault):
            self.core.desk.append([draft])

    def _texts(self, requests: Sequence[str]) -> dict[str, Record]:
        """What private requests say, of those whose texts were not destroyed, by id."""
        texts: dict[str, Record] = {}
        for request in map(self.core.desk.request, requests):
            if not request.shredded_at and request.private is not None:
                texts[request.id] = self.core.private.open(
                    request.id, request.private.commitment
                )
        return texts

    def _written(
        self,
        model: str,
        folder: Path,
        format: str,
        now: Served,
        texts: Mapping[str, Record],
        new_folders: list[Path],
    ) -> Mapping[str, str]:
        """The files with their SHA-256; where that fails the folder is as it was, and
        `new_folders`, which were made for it, are not there.
        """
        part = folder / f".{secrets.token_hex(4)}.part"
        begun = [part]
        try:
            part.mkdir()
            files = self._files(model, part, format, now, texts)
            # the signature last: a process that is killed leaves nothing that looks whole
            for name in sorted(
                os.listdir(part), key=lambda name: (name == SIGNATURE, name)
            ):
                if os.path.lexists(folder / name):
                    raise Conflict(
                        f"somebody put {name} there meanwhile",
                        where=str(folder),
                        advice="Choose another folder; nothing of theirs was touched.",
                    )
                os.rename(part / name, folder / name)
                begun.append(folder / name)
            part.rmdir()
            return files
        except OSError as fault:
            _clear(begun, new_folders)
            advice = "Free some space, or choose another folder; nothing was changed."
            raise MachineFault(
                f"cannot be written ({fault.strerror})",
                where=str(folder),
                advice=advice,
            ) from fault
        except BaseException:
            _clear(begun, new_folders)
            raise

    def _files(
        self,
        model: str,
        folder: Path,
        format: str,
        now: Served,
        texts: Mapping[str, Record],
    ) -> Mapping[str, str]:
        if format == "edit":
            path = folder / f"{model}.{EDIT_FILE}"
            edit_files = write_edit(self.core, now, model, path)
            return sign_folder(self.core, now, model, folder, edit_files)
        try:
            files: Mapping[str, str] | None = self.core.plugins.first(
                "govd_export",
                model=now.opened.model,
                edit=now.edit.linear,
                format=format,
                folder=folder,
            )
        except NoWeights as error:
            raise NoWeights(
                error.what,
                where=error.where or model,
                advice="Export the edit alone: --format edit.",
            ) from None
        if files is None:
            raise _no_such_format(format, model)
        check_written(now, files)
        return sign_checkpoint(self.core, now, model, folder, files, format, texts)


def _entry(event: str, model: str, number: int, actor: str, payload: Json) -> Draft:
    """The entry that a revision was exported, or that this failed."""
    return Draft(
        kind=f"export.{event}",
        subject=f"{model}/{number}",
        actor=actor,
        model=model,
        payload=payload,
    )


def _carried(core: Core, now: Served, model: str, weights: bool) -> dict[str, Json]:
    """What is given away of a revision's edit, where it is not all of it, or not in `weights`."""
    if weights and now.edit.linear.rank and is_map(now):
        # beside weights that know everything: the card says how
        return {"carries": "map"}
    if carries_linear(core, now, model, weights):
        return {"carries": LINEAR}
    return {}


def _placed(folder: Path) -> list[Path]:
    """Make an empty folder where there is none; the folders that were made for it.

    Raises:
        Usage: something is in it. MachineFault: it cannot be made.
    """
    new_folders = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Usage(
                "the folder is not empty",
                where=str(folder),
                advice="Choose a new one; nothing is overwritten.",
            )
    except OSError as fault:
        advice = "Choose a folder that can be written; nothing was changed."
        raise MachineFault(
            f"cannot be written ({fault.strerror})", where=str(folder), advice=advice
        ) from None
    return new_folders


def _clear(begun: Sequence[Path], made: Sequence[Path]) -> None:
    """Take away what was begun, and the folders that were made for it; what somebody else put there
    meanwhile, or in their place, stays.
    """
    for path in begun:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        for path in made:
            path.rmdir()


def _no_such_format(format: str, model: str) -> Usage:
    """That nobody writes a format, or not of this model."""
    if format in FORMATS:
        return Usage(
            f"{model} has no checkpoint that could be written as {format}",
            advice="Export the edit alone: --format edit.",
        )
    return Usage(
        f"no plugin writes the format {format!r}",
        advice=f"Formats: {', '.join(FORMATS)}, edit.",
    )
