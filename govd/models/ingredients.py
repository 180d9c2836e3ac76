"""What a basis is made of: words encoded, a pool, prompts of labels and domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit import Ingredients, exact
from govd.edit.ingredients import some_prompts
from govd.errors import Usage
from govd.models import phrases
from govd.models.core import Core
from govd.models.embeddings import Encoder
from govd.models.given import Given
from govd.models.pool import Pool, read_pool
from govd.models.words import Words, read_apart, words_of
from govd.types import (
    Floats,
    Json,
    Side,
    Use,
)

MAX_PROMPTED: Final = 200
"""Concepts that domains are prompted with at most."""


@dataclass(frozen=True)
class Texts:
    """Words with their embeddings: of labels `(n, d)`, of anchors `(m, d)`; what was merged."""

    words: Words
    label_rows: Floats
    anchor_rows: Floats
    merged: Sequence[Mapping[str, Json]]
    anchors_merged: Sequence[Mapping[str, Json]]


def read_texts(core: Core, encoder: Encoder, given: Given) -> Texts:
    """The labels and anchors that are given, encoded, those that are alike merged.

    Args:
        core: is told how far encoding is.
        encoder: of the model.

    Raises:
        Usage, BadFile: something that was given is wrong.
    """
    words = words_of(given, encoder.model.facts.defaults)
    labels = read_apart(
        encoder, words.labels, words.label_places, words.templates, None, core.progress
    )
    anchors = read_apart(
        encoder,
        words.vocabulary,
        words.anchor_places,
        words.templates,
        labels,
        core.progress,
    )
    label_repeats = [
        repeat.as_json() for repeat in (*words.label_repeats, *labels.repeats)
    ]
    anchor_repeats = [
        repeat.as_json() for repeat in (*words.anchor_repeats, *anchors.repeats)
    ]
    return Texts(
        words=replace(words, labels=labels.names, vocabulary=anchors.names),
        label_rows=labels.rows,
        anchor_rows=anchors.rows,
        merged=[*given.merged, *label_repeats],
        anchors_merged=anchor_repeats,
    )


def ingredients_of(
    core: Core,
    encoder: Encoder,
    texts: Texts,
    pool: Pool | None,
    side: Side,
    use: Use,
    conditional: bool,
) -> Ingredients:
    """What a basis is built of: `texts` with their prompts, the `pool`, which `side` is edited, for
    what `use`, and whether the edit is `conditional`.

    Args:
        core: has the settings of the home.
        encoder: of the model.

    Raises:
        Usage: a conditional edit of texts.
    """
    words = texts.words
    ingredients = Ingredients(
        model=encoder.model.facts.digest,
        use=use,
        side=side,
        labels=words.labels,
        label_vectors=texts.label_rows,
        vocabulary=words.vocabulary,
        vocabulary_vectors=texts.anchor_rows,
        domains=words.domains,
        domain_vectors=_domain_prompts(core, encoder, words),
        plain_vector=exact.mean(
            texts.label_rows if words.labels else texts.anchor_rows
        ),
        templates=words.templates,
        pool=pool.rows if pool else None,
        pool_kind=pool.kind if pool else "",
        label_prompts=_label_prompts(core, encoder, words),
        conditional=conditional,
    )
    if conditional and side != "image":
        raise Usage(
            "a conditional edit asks pictures, and edits them",
            advice="Leave --side as it is, or leave --conditional out.",
        )
    return ingredients


def pool_of(
    core: Core,
    given: Given,
    defaults: Mapping[str, Path],
    encoder: Encoder,
    words: Words,
) -> Pool | None:
    """The pool that is given, synthesised or the checkpoint's own (`defaults`).

    Args:
        core: has plugins that synthesise, and where their pictures are kept.
        encoder: of the model.
        words: labels and anchors, which pictures are synthesised of.

    Raises:
        Usage: there is nothing to synthesise. BadFile: the pool cannot be read.
    """
    if given.pool is not None:
        return read_pool(given.pool, encoder, core.progress)
    if given.prototypes:
        if not words.labels:
            raise Usage(
                "a synthesised pool needs a label set",
                advice="Give --labels or --pool.",
            )
        prompts = [
            phrases.prompt(domain, word)
            for domain in words.domains or [""]
            for word in words.labels
        ]
        draws = [
            encoder.model.synthesise(
                prompts, seed=seed, progress=core.progress
            ).embeddings
            for seed in range(given.prototypes)
        ]
        rows = np.concatenate(draws)
        return Pool(rows, "prototype", len(rows))
    if "pool" in defaults:
        return read_pool(str(defaults["pool"]), encoder, core.progress)
    return None


def _label_prompts(core: Core, encoder: Encoder, words: Words) -> Floats | None:
    """The labels in some of the single templates `(p, n, d)`; None where there is one template, or
    so many labels that two are too many.
    """
    templates = some_prompts(words.templates, len(words.labels))
    if len(templates) < 2:
        return None
    return np.stack(
        [
            encoder.averaged(words.labels, [template], core.progress)
            for template in templates
        ]
    )


def _domain_prompts(core: Core, encoder: Encoder, words: Words) -> Floats | None:
    """`(S, n, d)`: prompts of the first labels (or anchors) in each domain."""
    if not words.domains:
        return None
    concepts = (words.labels or words.vocabulary)[:MAX_PROMPTED]
    prompts = [
        phrases.prompt(domain, concept)
        for domain in words.domains
        for concept in concepts
    ]
    rows: Floats = encoder.texts(prompts, core.progress).reshape(
        len(words.domains), -1, encoder.model.facts.dim
    )
    return rows
