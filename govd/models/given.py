"""What a user gives at `model add`, and a model prepared from it: opened, encoded, its basis
computed; nothing but artifacts is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit import EvaluationData, Ingredients, build, exact
from govd.edit.ingredients import some_prompts
from govd.errors import Unsupported, Usage
from govd.models import phrases
from govd.models.core import Core, Opened
from govd.models.embeddings import Encoder, Known
from govd.models.evaluation_set import evaluation_bytes, of_classes, read_images
from govd.models.folders import UNREADABLE
from govd.models.pool import Pool, read_pool
from govd.models.publish_folder import real
from govd.models.words import Words, read_apart, spellings, words_of
from govd.types import SIDES, USES, Floats, Json, ModelReference, Record

log = logging.getLogger("govd")

TOLD: Final = 100
"""Repeated anchors that a model's entry names at most."""
PROMPTED: Final = 200
"""Concepts that domains are prompted with at most."""


@dataclass(frozen=True)
class Given:
    """The options of `govd model add`; None: what the checkpoint brings, else the default."""

    labels: Sequence[str] | None = None
    anchors: Sequence[str] | None = None
    label_lines: Sequence[int] | None = None
    anchor_lines: Sequence[int] | None = None
    templates: Sequence[str] | None = None
    domains: Sequence[str] = ()
    images: str | None = None
    pool: str | None = None
    use: str | None = None
    side: str = "image"
    publish_to: str | None = None
    publish_base: bool | None = None
    hf_revision: str | None = None
    prototypes: int = 0
    from_scratch: bool = False
    conditional: bool | None = None
    merged: Sequence[Mapping[str, Json]] = ()
    """What an earlier registration said of labels that add nothing, where the labels stay."""


def prepared(
    core: Core,
    reference: str,
    given: Given,
    known_pool: Pool | None = None,
    registered: Record | None = None,
) -> tuple[Opened, dict[str, Json]]:
    """A model opened and encoded, and what its entry says. `known_pool`: a pool that is at hand
    already; `registered`: the record of the model whose checkpoint it must be.

    Raises:
        Usage, BadFile, BadCheckpoint, Unsupported: something that was given is wrong.
    """
    path = Path(reference).expanduser()
    reference = (
        str(path.absolute()) if path.exists() else reference
    )  # whoever opens it again may be somewhere else
    files = {} if registered is None else registered.get("files") or {}
    model = core.plugins.open_model(ModelReference(reference, given.hf_revision, files=files))
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
    facts, defaults = model.facts, model.facts.defaults
    anchors_told = (
        given.anchors is not None
    )  # what the model brings itself needs no account of its repeats
    given = _with_words(given, facts.words)
    if given.side not in SIDES or given.use not in (None, *USES):
        raise Usage(
            f"side is {given.side!r}, use is {given.use!r}",
            advice=f"Sides: {', '.join(SIDES)}; uses: {', '.join(USES)}.",
        )
    known = defaults.get("embeddings")
    encoder = Encoder(model, Known.read(known, facts) if known and not given.from_scratch else None)
    words = words_of(given, defaults)
    labels = read_apart(
        encoder, words.labels, words.label_places, words.templates, None, core.progress
    )
    anchors = read_apart(
        encoder, words.vocabulary, words.anchor_places, words.templates, labels, core.progress
    )
    words = replace(words, labels=labels.names, vocabulary=anchors.names)
    merged = [
        *given.merged,
        *(repeat.as_json() for repeat in (*words.label_repeats, *labels.repeats)),
    ]
    use = given.use or ("labels" if words.labels else "open")
    pool = known_pool or _pool(core, given, defaults, encoder, words)
    plain = labels.rows if words.labels else anchors.rows
    ingredients = Ingredients(
        facts.digest,
        use,
        given.side,
        words.labels,
        labels.rows,
        words.vocabulary,
        anchors.rows,
        words.domains,
        _domain_prompts(core, encoder, words),
        exact.mean(plain),
        words.templates,
        pool.rows if pool else None,
        pool.kind if pool else "",
        label_prompts=_label_prompts(core, encoder, words),
        conditional=bool(given.conditional),
    )
    if given.conditional and not (words.domains and given.side == "image"):
        what = "a conditional edit asks for a picture's domain, and edits pictures"
        raise Usage(
            what, advice="Give --domains, and leave --side as it is, or leave --conditional out."
        )
    basis = build(ingredients)
    if basis.facts.get("pool_reason"):
        log.warning("%s", basis.facts["pool_reason"])
    images = given.images or (str(defaults["images"]) if "images" in defaults else None)
    others = {**spellings(merged), **{phrases.spelled(name): name for name in words.labels}}
    evaluation, images_left_out = (
        _evaluation(core, images, given.images is None, encoder, words, defaults, others)
        if images
        else (None, {})
    )
    core.progress("storing", 0, 1)
    payload: dict[str, Json] = {
        "reference": reference,
        "hf_revision": facts.hf_revision,
        "digest": facts.digest,
        "files": dict(facts.files),
        "backend": facts.backend,
        "device": facts.device,
        "architecture": facts.architecture,
        "dim": facts.dim,
        "logit_scale": facts.logit_scale,
        "use": use,
        "side": given.side,
        "labels": len(words.labels),
        "anchors": len(words.vocabulary),
        "labels_merged": merged,
        "anchors_merged": (
            [repeat.as_json() for repeat in (*words.anchor_repeats, *anchors.repeats)][:TOLD]
            if anchors_told
            else []
        ),
        "domains": words.domains,
        "templates": words.templates,
        "pool": len(pool.rows) if pool and basis.has_pool else 0,
        "pool_because": basis.facts.get("pool_reason", ""),
        "pool_total": pool.total if pool else 0,
        "pool_kind": basis.pool_kind,
        "pool_unreadable": pool.left_out[UNREADABLE] if pool else 0,
        "pool_left_out": dict(pool.left_out) if pool else {},
        "hard": basis.hard,
        "soft_because": basis.facts.get("hard_reason", ""),
        "basis": core.artifacts.put(basis.to_bytes()),
        "evaluation": core.artifacts.put(evaluation_bytes(evaluation)) if evaluation else None,
        "images": images if evaluation else None,
        "images_unreadable": evaluation.skipped if evaluation else 0,
        "images_left_out": images_left_out,
        "publish_to": str(real(Path(given.publish_to))) if given.publish_to else None,
        "from_scratch": given.from_scratch,
    }
    if basis.conditional:
        payload["conditional"] = True
    if given.publish_base is not None:
        payload["publish_base"] = given.publish_base
    return Opened(model, encoder, basis), payload


def _with_words(given: Given, words: Mapping[str, tuple[str, ...]]) -> Given:
    """What was given, and what the model brings as words where nothing was given."""
    texts = (*words.get("labels", ()), *words.get("anchors", ()))
    chosen = set(words.get("labels", ()) if given.labels is None else given.labels)
    return replace(
        given,
        labels=words.get("labels") if given.labels is None else given.labels,
        anchors=(
            tuple(text for text in texts if text not in chosen)
            if given.anchors is None and texts
            else given.anchors
        ),
        templates=words.get("templates") if given.templates is None else given.templates,
        domains=given.domains or words.get("domains", ()),
    )


def _pool(
    core: Core, given: Given, defaults: Mapping[str, Path], encoder: Encoder, words: Words
) -> Pool | None:
    """The pool that is given, synthesised or the checkpoint's own."""
    if given.pool is not None:
        return read_pool(given.pool, encoder, core.progress)
    if given.prototypes:
        if not words.labels:
            raise Usage("a synthesised pool needs a label set", advice="Give --labels or --pool.")
        prompts = [phrases.prompt(d, word) for d in words.domains or [""] for word in words.labels]
        drawn = [
            encoder.model.synthesise(prompts, seed=i, progress=core.progress).embeddings
            for i in range(given.prototypes)
        ]
        rows = np.concatenate(drawn)
        return Pool(rows, "prototype", len(rows))
    return read_pool(str(defaults["pool"]), encoder, core.progress) if "pool" in defaults else None


def _label_prompts(core: Core, encoder: Encoder, words: Words) -> Floats | None:
    """The labels in some of the single templates `(p, n, d)`; None where there is one template, or
    so many labels that two are too many.
    """
    templates = some_prompts(words.templates, len(words.labels))
    if len(templates) < 2:
        return None
    return np.stack(
        [encoder.averaged(words.labels, [template], core.progress) for template in templates]
    )


def _domain_prompts(core: Core, encoder: Encoder, words: Words) -> Floats | None:
    """`(S, n, d)`: prompts of the first labels (or anchors) in each domain."""
    if not words.domains:
        return None
    prompts = [
        phrases.prompt(d, word)
        for d in words.domains
        for word in (words.labels or words.vocabulary)[:PROMPTED]
    ]
    rows: Floats = encoder.texts(prompts, core.progress).reshape(
        len(words.domains), -1, encoder.model.facts.dim
    )
    return rows


def _evaluation(
    core: Core,
    folder: str,
    default: bool,
    encoder: Encoder,
    words: Words,
    defaults: Mapping[str, Path],
    others: Mapping[str, str],
) -> tuple[EvaluationData | None, dict[str, int]]:
    """The labelled pictures, and what was left out of the folder; of a checkpoint's own (`default`)
    those whose classes are labels.

    `others`: labels by other spellings.
    """
    data: EvaluationData | None
    data, left_out = read_images(
        Path(folder), encoder, words.domains, core.progress, words.labels, others
    )
    assert data is not None
    if default and words.labels:
        data = of_classes(data, words.labels)
        if data is None:
            return None, {}
    unknown = sorted(set(data.classes) - set(words.labels)) if words.labels else []
    if unknown:
        advice = "Name the folders as the labels are spelled."
        raise Usage(
            f"evaluation classes that are no labels: {', '.join(unknown[:5])}",
            where=folder,
            advice=advice,
        )
    known = (
        json.loads(phrases.text_of(defaults["paraphrases"])) if "paraphrases" in defaults else {}
    )
    said = {
        name: encoder.averaged(known[name], words.templates)
        for name in data.classes
        if known.get(name)
    }
    return replace(data, paraphrases=said), dict(left_out)
