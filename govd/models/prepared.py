"""A model prepared from what was given: opened, encoded, its basis computed; nothing but artifacts
is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from govd.edit import Basis, EvaluationData, build
from govd.errors import Unsupported, Usage, instead
from govd.models import phrases
from govd.models.core import Core, Opened
from govd.models.embeddings import Encoder, Known
from govd.models.encoding import ahead_of
from govd.models.evaluation_set import evaluation_bytes, of_classes, read_images
from govd.models.folders import UNREADABLE
from govd.models.given import Given
from govd.models.ingredients import Texts, ingredients_of, pool_of, read_texts
from govd.models.meaning import nearest_in_meaning
from govd.models.paths import located
from govd.models.pool import Pool
from govd.models.spaceless import model_facts, publishing, spaceless
from govd.models.words import Words, spellings
from govd.types import (
    PRECISIONS,
    SIDES,
    SINGLE,
    USES,
    Json,
    Model,
    ModelReference,
    Precision,
    Record,
    Side,
    Use,
)

log = logging.getLogger("govd")
MAX_MERGED_ANCHORS: Final = 100
"""Repeated anchors that a model's entry names at most."""


def prepared(
    core: Core,
    reference: str,
    given: Given,
    known_pool: Pool | None = None,
    registered: Record | None = None,
) -> tuple[Opened, dict[str, Json]]:
    """A model opened by `core` and encoded, and what its entry says. `reference`: a folder, a file
    or a Hugging Face id; `known_pool`: a pool that is at hand already; `registered`: the record of
    the model whose checkpoint it must be.

    Raises:
        Usage, BadFile, BadCheckpoint, Unsupported: something that was given is wrong.
    """
    # the model's own need no account of repeats
    names_anchors = given.anchors is not None
    model, reference = _opened(core, reference, given, registered)
    facts = model.facts
    if not facts.dim:
        return spaceless(core, model, given)
    given = _with_words(given, facts.words)
    side, chosen_use = _checked(given)
    embeddings = None if given.from_scratch else facts.defaults.get("embeddings")
    encoder = Encoder(model, Known.of(embeddings, facts), ahead_of(core.plugins, model))
    texts = read_texts(core, encoder, given)
    words = texts.words
    use: Use = chosen_use or ("labels" if words.labels else "open")
    pool = known_pool or pool_of(core, given, facts.defaults, encoder, words)
    basis = build(
        ingredients_of(core, encoder, texts, pool, side, use, bool(given.conditional))
    )
    if basis.facts.get("pool_reason"):
        log.warning("%s", basis.facts["pool_reason"])
    evaluation_facts = _evaluation_facts(core, given, encoder, texts)
    core.progress("storing", 0, 1)
    payload: dict[str, Json] = {
        "reference": reference,
        **model_facts(facts),
        "use": use,
        "side": side,
        **_text_facts(texts, names_anchors),
        **_pool_facts(basis, pool),
        **_basis_facts(core, basis),
        **evaluation_facts,
        "from_scratch": given.from_scratch,
        **publishing(given),
    }
    return Opened(model, encoder, basis), payload


def _opened(
    core: Core, reference: str, given: Given, registered: Record | None
) -> tuple[Model, str]:
    """The model, which has the digest that was `registered`, and its reference from anywhere."""
    path = located(reference)
    if path.exists():  # whoever opens it again may be somewhere else
        reference = str(path)
    files = {} if registered is None else registered.get("files") or {}
    model = core.plugins.open_model(
        ModelReference(
            reference, given.hf_revision, files=files, precision=precision_of(given)
        )
    )
    _check_precision(model, given)
    if registered is not None and model.facts.digest != str(registered["digest"]):
        advice = (
            "Restore the files, or put what is there now in their place with `govd model rebase`."
            " Nothing was changed."
        )
        raise Unsupported(
            "this is not the checkpoint that was registered: its files were changed since",
            where=reference,
            advice=advice,
        )
    return model, reference


def precision_of(given: Given) -> Precision:
    """What a model is to encode in.

    Raises:
        Usage: there is no such precision.
    """
    precision = given.precision or SINGLE
    if precision not in PRECISIONS:
        raise Usage(
            f"precision is {precision!r}", advice=f"There are {', '.join(PRECISIONS)}."
        )
    return precision


def _check_precision(model: Model, given: Given) -> None:
    """Refuse a model that encodes in another precision than it was asked to."""
    facts = model.facts
    if facts.precision != precision_of(given):
        raise Usage(
            f"--precision {given.precision} is nothing that the backend {facts.backend} knows for"
            " this model",
            where=facts.reference,
            advice=f"Give --precision {facts.precision}: there is no other for it.",
        )


def _checked(given: Given) -> tuple[Side, Use | None]:
    """Which side is edited, and what for, where that is given.

    Raises:
        Usage: what is given is neither of those that there are.
    """
    side = given.side
    use = given.use
    if side not in SIDES or (use is not None and use not in USES):
        raise Usage(
            f"side is {side!r}, use is {use!r}",
            advice=f"Sides: {', '.join(SIDES)}; uses: {', '.join(USES)}.",
        )
    return side, use


def _text_facts(texts: Texts, names_anchors: bool) -> dict[str, Json]:
    """What a model's entry says of its texts; `names_anchors`: of repeated anchors, too."""
    words = texts.words
    merged_anchors = texts.anchors_merged[:MAX_MERGED_ANCHORS]
    return {
        "labels": len(words.labels),
        "anchors": len(words.vocabulary),
        "labels_merged": list(texts.merged),
        "anchors_merged": merged_anchors if names_anchors else [],
        "domains": words.domains,
        "templates": words.templates,
    }


def _basis_facts(core: Core, basis: Basis) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "hard": basis.hard,
        "soft_because": basis.facts.get("hard_reason", ""),
        "basis": core.artifacts.put(basis.to_bytes()),
    }
    return facts | ({"conditional": True} if basis.conditional else {})


def _pool_facts(basis: Basis, pool: Pool | None) -> dict[str, Json]:
    return {
        "pool": len(pool.rows) if pool and basis.has_pool else 0,
        "pool_because": basis.facts.get("pool_reason", ""),
        "pool_total": pool.total if pool else 0,
        "pool_kind": basis.pool_kind,
        "pool_unreadable": pool.left_out[UNREADABLE] if pool else 0,
        "pool_left_out": dict(pool.left_out) if pool else {},
    }


def _evaluation_facts(
    core: Core, given: Given, encoder: Encoder, texts: Texts
) -> dict[str, Json]:
    """The evaluation set that is given, or the checkpoint's own, kept as an artifact."""
    words = texts.words
    defaults = encoder.model.facts.defaults
    own_images = defaults.get("images")
    images = given.images or (str(own_images) if own_images is not None else None)
    evaluation: EvaluationData | None = None
    left_out: dict[str, int] = {}
    if images:
        label_of = {
            **spellings(texts.merged),
            **{phrases.spelled(name): name for name in words.labels},
        }
        is_chosen = given.images is not None and not given.images_kept
        evaluation, left_out = _evaluation(
            core, images, is_chosen, encoder, words, defaults, label_of
        )
    return {
        "evaluation": core.artifacts.put(evaluation_bytes(evaluation))
        if evaluation
        else None,
        "images": images if evaluation else None,
        "images_unreadable": evaluation.skipped if evaluation else 0,
        "images_left_out": left_out,
    }


def _with_words(given: Given, words: Mapping[str, tuple[str, ...]]) -> Given:
    """What was given, and what the model brings as words where nothing was given."""
    texts = (*words.get("labels", ()), *words.get("anchors", ()))
    labels = set(words.get("labels", ()) if given.labels is None else given.labels)
    return replace(
        given,
        labels=words.get("labels") if given.labels is None else given.labels,
        anchors=(
            tuple(text for text in texts if text not in labels)
            if given.anchors is None and texts
            else given.anchors
        ),
        templates=words.get("templates")
        if given.templates is None
        else given.templates,
        domains=given.domains or words.get("domains", ()),
    )


def _evaluation(
    core: Core,
    folder: str,
    chosen: bool,
    encoder: Encoder,
    words: Words,
    defaults: Mapping[str, Path],
    others: Mapping[str, str],
) -> tuple[EvaluationData | None, dict[str, int]]:
    """The labelled pictures, and what was left out of the folder. Unless somebody chose it for
    these labels (`chosen`), as nobody does the checkpoint's own, classes may be no labels: their
    pictures are left out.

    `others`: labels by other spellings.

    Raises:
        Usage: classes of a chosen folder are no labels.
    """
    data, left_out = read_images(
        Path(folder), encoder, words.domains, core.progress, words.labels, others
    )
    if not chosen and words.labels:
        of_labels = of_classes(data, words.labels)
        if of_labels is None:
            return None, {}
        if of_labels is not data:
            left_out["of no label"] = len(data.class_of) - len(of_labels.class_of)
        data = of_labels
    unknown = sorted(set(data.classes) - set(words.labels)) if words.labels else []
    if unknown:
        near = nearest_in_meaning(encoder, unknown[0], words.labels, words.templates)
        labels = instead(unknown[0], words.labels, "Labels", near=near)
        advice = f"Name the folders as the labels are spelled. {labels}"
        raise Usage(
            f"evaluation classes that are no labels: {', '.join(unknown[:5])}",
            where=folder,
            advice=advice,
        )
    paraphrases: Mapping[str, Sequence[str]] = {}
    if "paraphrases" in defaults:
        paraphrases = json.loads(phrases.text_of(defaults["paraphrases"]))
    rows = {
        name: encoder.averaged(paraphrases[name], words.templates)
        for name in data.classes
        if paraphrases.get(name)
    }
    return replace(data, paraphrases=rows), dict(left_out)
