"""Edited models and edits as files, for deliveries and exports alike: what a backend wrote is
looked at before anybody gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from govd.errors import NoWeights, PluginFault
from govd.models.core import Core
from govd.models.embeddings import file_digest
from govd.models.served import Served
from govd.reconcile.signed import sign_checkpoint, sign_folder
from govd.types import LinearEdit

EDIT_FILE: Final = "edit.safetensors"


def write_edit(core: Core, served: Served, model: str, path: Path) -> Mapping[str, str]:
    """The edit alone, as one file; its name with its SHA-256.

    Args:
        core: of the home.
        served: the model with the edit.
        model: its name.
        path: of the file.
    """
    facts = {
        "origin": core.desk.ledger.origin,
        "model": model,
        "revision": served.number,
    }
    facts |= {
        "model_digest": served.opened.model.facts.digest,
        "edit_digest": served.edit.digest,
    }
    replace(served.edit, facts=facts).save(path)
    return {path.name: file_digest(path)}


def write_checkpoint(
    core: Core, served: Served, model: str, folder: Path
) -> Mapping[str, str]:
    """The edited model as its backend writes it, with its card and signature, or the edit alone
    where it exports no weights, or none that carry the edit (a server that follows the folder would
    serve what was forgotten, and not know it); files with their SHA-256. Weights cannot ask a
    picture anything: of a conditional edit they get the linear one.

    Args:
        core: of the home.
        served: the model with the edit.
        folder: an empty one.

    Raises:
        PluginFault: the backend raised something, or changed more than the edit does.
        BadCheckpoint: the base was replaced on disk.
    """
    # of factors or tensors, as the model's own
    edit = cast(LinearEdit, served.edit.linear)
    if served.edit.linear.rank and is_map(served):
        return _signed_edit(core, served, model, folder)
    try:
        files = served.opened.model.write_checkpoint(edit, folder)
    except NoWeights:
        return _signed_edit(core, served, model, folder)
    check_written(served, files)
    return sign_checkpoint(core, served, model, folder, files)


def _signed_edit(
    core: Core, served: Served, model: str, folder: Path
) -> Mapping[str, str]:
    files = write_edit(core, served, model, folder / EDIT_FILE)
    return sign_folder(core, served, model, folder, files)


def is_map(served: Served) -> bool:
    """Whether a checkpoint has an edit as a map beside weights that cannot carry it."""
    return served.opened.model.facts.card.get(f"{served.edit.side}:carries") == "map"


def check_written(served: Served, files: Mapping[str, str]) -> None:
    """Whether files under registered names are the registered ones, but for the one with the
    projection.

    Raises:
        PluginFault: more of them differ.
    """
    registered = served.opened.model.facts.files
    differ = sorted(
        name for name, digest in files.items() if registered.get(name, digest) != digest
    )
    if len(differ) > served.edit.files_changed:
        place = f"plugin {served.opened.model.facts.backend}, write_checkpoint"
        advice = (
            "Only files with what is edited may differ from what was registered. Nothing was"
            " published or exported."
        )
        raise PluginFault(
            f"{', '.join(differ[:5])} differ from the registered files",
            where=place,
            advice=advice,
        )
