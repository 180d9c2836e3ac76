"""On which side an edit is given away: pictures, or the queries of stores whose vectors stay as
they are. Never both on one pair.
"""

from __future__ import annotations

from dataclasses import replace

from govd.edit import Edit
from govd.edit.tensors import factors_of
from govd.errors import Conflict, Unsupported, Usage
from govd.models.core import Core
from govd.models.served import Served
from govd.records.store import StoreState
from govd.types import SIDES


def sided(core: Core, model: str, served: Served, side: str | None) -> Served:
    """What is given away where `side` is asked for (None: the model's own). The scores of pairs are
    the same from either side; a conditional edit asks pictures, so queries get the linear one.

    Raises:
        Usage: there is no such side. Unsupported: an edit of texts does not exist for pictures.
        Conflict: a store of this model is edited, or about to be.
    """
    edit_side = served.edit.side
    if side is None or side == edit_side:
        return served
    if side not in SIDES:
        raise Usage(f"--side {side!r}", advice="Say image or text.")
    if edit_side == "text":
        raise Unsupported(
            f"{model} is edited on the text side",
            advice="Register the model with --side image for an edit of pictures.",
        )
    check_unpatched(core, model)
    linear = factors_of(served.edit).linear
    return replace(served, edit=Edit(linear.L, linear.B, "text", linear.facts))


def check_unpatched(core: Core, model: str) -> None:
    """Whether no store of a model has edited vectors: an edit of queries would come twice.

    Raises:
        Conflict: one has, or will have.
    """
    for name, store in sorted(core.desk.refresh().stores.items()):
        if store.model != model or store.state is StoreState.REMOVED:
            continue
        patch = store.wanted
        if store.stamp["edit_digest"] or patch:
            state = (
                f"is being patched to revision {(patch or {})['revision']}"
                if patch
                else f"has vectors of revision {store.revision}"
            )
            raise Conflict(
                f"the store {name} {state}: with edited queries its pairs would be edited twice",
                advice=f"`govd store patch {name} --base` first, or leave queries as they are.",
            )
