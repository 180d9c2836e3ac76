"""What a user gives at `model add`, and a model prepared from it: opened, encoded, its basis computed; nothing but artifacts is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from govd import phrases
from govd.core import Core, Opened
from govd.edit import EvaluationData, Ingredients, build, exact
from govd.embeddings import Encoder, Known
from govd.errors import Usage
from govd.models.evaluation_set import evaluation_bytes, of_classes, read_images
from govd.models.pool import read_pool
from govd.types import SIDES, USES, Floats, Json, ModelReference

PROMPTED: Final = 200
"""Concepts that domains are prompted with at most."""


@dataclass(frozen=True)
class Given:
    """The options of `govd model add`; None: what the checkpoint brings, else the default."""

    labels: Sequence[str] | None = None
    anchors: Sequence[str] | None = None
    templates: Sequence[str] | None = None
    domains: Sequence[str] = ()
    images: str | None = None
    pool: str | None = None
    use: str | None = None
    side: str = "image"
    publish_to: str | None = None
    hf_revision: str | None = None
    prototypes: int = 0
    from_scratch: bool = False


@dataclass(frozen=True)
class Words:
    """The texts of a registration, each list checked."""

    labels: list[str]
    vocabulary: list[str]
    templates: list[str]
    domains: list[str]


def prepared(core: Core, reference: str, given: Given, known_pool: tuple[Floats, str] | None = None) -> tuple[Opened, dict[str, Json]]:
    """A model opened and encoded, and what its entry says. `known_pool`: a pool that is at hand already, and its kind.

    Raises:
        Usage, BadFile, BadCheckpoint, Unsupported: something that was given is wrong.
    """
    if given.side not in SIDES or given.use not in (None, *USES):
        raise Usage(f"side is {given.side!r}, use is {given.use!r}", advice=f"Sides: {', '.join(SIDES)}; uses: {', '.join(USES)}.")
    path = Path(reference).expanduser()
    reference = str(path.absolute()) if path.exists() else reference  # whoever opens it again may be somewhere else
    model = core.ask_open(ModelReference(reference, given.hf_revision))
    facts, defaults = model.facts, model.facts.defaults
    known = defaults.get("embeddings")
    encoder = Encoder(model, Known.read(known, facts) if known and not given.from_scratch else None)
    words = _words(given, defaults)
    use = given.use or ("labels" if words.labels else "open")
    pool, pool_kind, unreadable = (*known_pool, 0) if known_pool else _pool(core, given, defaults, encoder, words)
    plain = encoder.averaged(words.labels or words.vocabulary, words.templates, core.progress)
    ingredients = Ingredients(
        facts.digest,
        use,
        given.side,
        words.labels,
        plain if words.labels else np.zeros((0, facts.dim)),
        words.vocabulary,
        encoder.averaged(words.vocabulary, words.templates, core.progress),
        words.domains,
        _domain_prompts(core, encoder, words),
        exact.mean(plain),
        words.templates,
        pool,
        pool_kind,
    )
    basis = build(ingredients)
    images = given.images or (str(defaults["images"]) if "images" in defaults else None)
    evaluation = _evaluation(core, images, given.images is None, encoder, words, defaults) if images else None
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
        "domains": words.domains,
        "templates": words.templates,
        "pool": 0 if pool is None else len(pool),
        "pool_kind": basis.pool_kind,
        "pool_unreadable": unreadable,
        "hard": basis.hard,
        "soft_because": basis.facts.get("hard_reason", ""),
        "basis": core.artifacts.put(basis.to_bytes()),
        "evaluation": core.artifacts.put(evaluation_bytes(evaluation)) if evaluation else None,
        "images": images if evaluation else None,
        "images_unreadable": evaluation.skipped if evaluation else 0,
        "publish_to": str(Path(given.publish_to).absolute()) if given.publish_to else None,
        "from_scratch": given.from_scratch,
    }
    return Opened(model, encoder, basis), payload


def _words(given: Given, defaults: Mapping[str, Path]) -> Words:
    labels = phrases.checked(phrases.lines(defaults.get("labels")) if given.labels is None else given.labels, "label")
    anchors = phrases.default_vocabulary() if given.anchors is None else phrases.checked(given.anchors, "anchor")
    taken = set(labels)
    return Words(
        labels,
        [word for word in anchors if word not in taken],
        phrases.templates(given.templates, defaults.get("templates")),
        phrases.checked(given.domains or phrases.lines(defaults.get("domains")), "domain"),
    )


def _pool(core: Core, given: Given, defaults: Mapping[str, Path], encoder: Encoder, words: Words) -> tuple[Floats | None, str, int]:
    """The pool, its kind, and how many of its pictures could not be read."""
    if given.pool is not None:
        found, unreadable = read_pool(Path(given.pool), encoder, core.progress)
        return found, "pool", unreadable
    if given.prototypes:
        if not words.labels:
            raise Usage("a synthesised pool needs a label set", advice="Give --labels or --pool.")
        prompts = [phrases.prompt(d, word) for d in (words.domains or [""]) for word in words.labels]
        made = [encoder.model.synthesise(prompts, seed=i, progress=core.progress).embeddings for i in range(given.prototypes)]
        return np.concatenate(made), "prototype", 0
    if "pool" in defaults:
        return read_pool(defaults["pool"], encoder, core.progress)[0], "pool", 0
    return None, "", 0


def _domain_prompts(core: Core, encoder: Encoder, words: Words) -> Floats | None:
    """`(S, n, d)`: prompts of the first labels (or anchors) in each domain."""
    if not words.domains:
        return None
    prompts = [phrases.prompt(d, word) for d in words.domains for word in (words.labels or words.vocabulary)[:PROMPTED]]
    rows: Floats = encoder.texts(prompts, core.progress).reshape(len(words.domains), -1, encoder.model.facts.dim)
    return rows


def _evaluation(
    core: Core, folder: str, default: bool, encoder: Encoder, words: Words, defaults: Mapping[str, Path]
) -> EvaluationData | None:
    """The labelled pictures; of a checkpoint's own (`default`) those whose classes are labels."""
    data: EvaluationData | None = read_images(Path(folder), encoder, words.domains, core.progress)
    assert data is not None
    if default and words.labels:
        data = of_classes(data, words.labels)
        if data is None:
            return None
    unknown = sorted(set(data.classes) - set(words.labels)) if words.labels else []
    if unknown:
        advice = "Name the folders as the labels are spelled."
        raise Usage(f"evaluation classes that are no labels: {', '.join(unknown[:5])}", where=folder, advice=advice)
    others = json.loads(defaults["paraphrases"].read_text(encoding="utf-8")) if "paraphrases" in defaults else {}
    said = {name: encoder.averaged(others[name], words.templates) for name in data.classes if others.get(name)}
    return replace(data, paraphrases=said)
