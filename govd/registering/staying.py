"""What a model that is changed keeps of what it was registered with.

Proven by `tests/registering/test_changes.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from govd.models.given import Given
from govd.models.paths import same
from govd.models.pool import Pool
from govd.types import Record

if TYPE_CHECKING:
    from govd.edit import Basis


def options_then(given: Given, old: Record, basis: Basis, rebased: bool) -> Given:
    """What was given, and for the rest what the model (`old`, with its `basis`) has; a model that
    is rebased keeps no revision of its repository.
    """
    conditional = given.conditional
    if conditional is None:
        conditional = bool(old.get("conditional"))
    return replace(
        given,
        labels=list(basis.labels) if given.labels is None else given.labels,
        anchors=list(basis.vocabulary) if given.anchors is None else given.anchors,
        templates=list(basis.templates) if given.templates is None else given.templates,
        domains=given.domains or list(basis.domains),
        images=given.images or old["images"],
        images_kept=not given.images,
        use=given.use or old["use"],
        side=old["side"],
        publish_to=given.publish_to or old["publish_to"],
        publish_base=_publish_base(given, old),
        hf_revision=given.hf_revision if rebased else old["hf_revision"],
        precision=given.precision or old.get("precision"),
        from_scratch=given.from_scratch or bool(old["from_scratch"]),
        conditional=conditional,
        merged=old.get("labels_merged", []) if given.labels is None else [],
    )


def kept_pool(basis: Basis, record: Record) -> Pool:
    """The pool that a model has, with what was said of it when it was read."""
    rows = basis.tensors["pool"]
    left_out = Counter[str](record.get("pool_left_out", {}))
    return Pool(
        rows, basis.pool_kind, int(record.get("pool_total", len(rows))), left_out
    )


def _publish_base(given: Given, old: Record) -> bool | None:
    """Whether the base is published: as is said, else as it was; None where it was said to an early
    version, which always did.
    """
    if given.publish_base is not None:
        return given.publish_base
    stays = old["publish_to"] and (
        not given.publish_to or same(Path(given.publish_to), Path(old["publish_to"]))
    )
    if stays or "publish_base" in old:
        return old.get("publish_base")
    return False
