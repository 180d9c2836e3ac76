"""From what somebody typed to what is computed, every option checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from govd.contributions.defaults import method_for, target_for
from govd.contributions.near import likeliest
from govd.contributions.texts import as_listed
from govd.edit import exact
from govd.errors import NotFound, Unsupported, Usage, instead
from govd.ledger.times import moment, now
from govd.methods import AUTO, EXTERNAL
from govd.models.core import Core
from govd.models.image_vectors import embedded, is_array, with_vectors
from govd.models.phrases import check_phrase, spelled
from govd.pictures import decoded
from govd.records.model import RegisteredModel
from govd.types import TARGETS, Concept, ForgetSpec, Json, Record, Scope

EXAMPLES: Final = 256
"""Pictures that one request may bring."""
PROTOTYPES: Final = 64
"""Prototypes of each concept that one request may ask for."""
NAMED: Final = 3
"""Names that are suggested for pictures that came without one."""


@dataclass(frozen=True)
class ForgetOptions:
    """What somebody asks to be forgotten, and how."""

    concepts: Sequence[str] = ()
    domains: Sequence[str] = ()
    aliases: Sequence[str] = ()
    all_concepts: bool = False
    target: str | None = None
    strength: float = 1.0
    method: str = AUTO
    prototypes: int = 0
    reason: str = ""
    basis: str = ""
    ticket: str = ""
    due: str | None = None
    expires: str | None = None
    idempotency_key: str | None = None
    private: bool = False
    examples: Sequence[bytes] = ()
    criteria: Sequence[str] = ()
    criterion_set: str | None = None


def _check_amounts(core: Core, options: ForgetOptions, method: str) -> None:
    """Refuse a strength, a target or a number of prototypes that does not exist."""
    limit = core.plugins.methods[method].max_strength
    if not 0 < options.strength <= limit:
        raise Usage(
            f"strength {options.strength:g} is out of range",
            advice=f"For {method} it is over 0 and at most {limit:g}.",
        )
    if options.target is not None and options.target not in TARGETS:
        raise Usage(
            f"unknown target {options.target!r}",
            advice=instead(options.target, TARGETS, "Targets"),
        )
    if options.prototypes < 0 or options.prototypes > PROTOTYPES:
        raise Usage(
            f"{options.prototypes} prototypes",
            advice=f"From 0 to {PROTOTYPES} for each concept.",
        )


def understood(
    core: Core, model: str, options: ForgetOptions
) -> tuple[ForgetSpec, dict[str, bytes]]:
    """The options as what is computed, every name checked; and the example pictures by their
    digests.

    Args:
        core: of the home.

    Raises:
        NotFound: unknown model or domain. Usage: something that cannot be meant. Unsupported: the
        model knows no such text. UnreadableImage: an example is no picture.
    """
    registered = core.desk.model(model)
    if options.examples and not options.concepts and not options.all_concepts:
        raise _nameless(core, model, options.examples)
    concepts = _concepts(core, registered, options)
    names = [concept.name for concept in concepts]
    domains = _domains(registered, options)
    labels = core.models.basis(registered).labels
    if domains and labels and set(labels) <= set(names):
        names, concepts = [], []  # every label there is: everything
    if domains and set(domains) == set(registered.domains):
        if not names:
            raise Usage(
                "all concepts in all domains is the whole model",
                advice="Name fewer domains.",
            )
        domains = []  # in every domain that there is: everywhere
    method = _method(core, registered, options)
    _check_space(registered, options, method)
    _check_amounts(core, options, method)
    _check_known(core, registered, [p for c in concepts for p in c.phrases])
    scope = Scope(tuple(sorted(concepts)), tuple(sorted(domains)))
    target: Any = target_for(core, registered, method, options.target)
    pictures = _examples(core, model, options, method)
    spec = ForgetSpec(
        scope=scope,
        method=method,
        target=target,
        strength=float(options.strength),
        prototypes=options.prototypes,
        examples=tuple(sorted(pictures)),
    )
    return spec, pictures


def _check_known(
    core: Core, registered: RegisteredModel, phrases: Sequence[str]
) -> None:
    """Refuse phrases that a model which lists its texts does not list. Others take whatever there
    is, and an encoder that cannot be asked now may be asked later.

    Raises:
        Unsupported: one has no vector.
    """
    if registered.texts_listed:
        basis = core.models.basis(registered)
        texts = {*basis.labels, *basis.vocabulary}
        strangers = [phrase for phrase in phrases if phrase not in texts]
        if strangers:
            opened = core.models.opened(registered.name)
            opened.encoder.averaged(strangers, basis.templates, keep=False)


def _nameless(core: Core, model: str, examples: Sequence[bytes]) -> Usage:
    """Why pictures alone are not filed, with the names that the model is likeliest to call them."""
    opened = core.models.opened(model)
    advice = "Say one; it may be made up."
    if opened.basis.has_space and len(examples) <= EXAMPLES:
        images = [(str(i + 1), data) for i, data in enumerate(examples)]
        rows = exact.unit(embedded(opened.encoder, images))
        near = [neighbour.name for neighbour in likeliest(opened.basis, rows)[:NAMED]]
        if near:
            advice = (
                f"Say one; it may be made up. To {model} they are likeliest"
                f" {', '.join(near)}."
            )
    return Usage("the pictures need a name to be filed under", advice=advice)


def _concepts(
    core: Core, registered: RegisteredModel, options: ForgetOptions
) -> list[Concept]:
    """The concepts, by names that the model lists where it reads those alike; none where everything
    in some domains is meant.
    """
    typed = _names(core, options)
    names = as_listed(core, registered, typed)
    if len(set(names)) < len(names):
        alike = [word for word, name in zip(typed, names, strict=True) if word != name]
        raise Usage(
            f"a concept is named twice: {', '.join(alike)}",
            advice=f"{registered.name} reads it as another of the names: leave it out.",
        )
    aliases = as_listed(core, registered, list(map(spelled, options.aliases)))
    return [Concept(name, tuple(sorted({*aliases} - {name}))) for name in names]


def _names(core: Core, options: ForgetOptions) -> list[str]:
    """The names of the concepts as they were typed, with aliases that can go with them."""
    for concept in options.concepts:
        check_phrase(spelled(concept), "concept")
    for alias in options.aliases:
        check_phrase(spelled(alias), "alias")
    names = [spelled(c) for c in options.concepts]
    limit = core.home.settings.max_concepts
    if len(set(names)) < len(names):
        raise Usage("a concept is named twice", advice="Name each once.")
    if len(names) > limit:
        raise Usage(
            f"{len(names)} concepts in one request",
            advice=f"At most {limit} (max_concepts in govd.toml); file several.",
        )
    if options.all_concepts == bool(names):
        fault = "concepts and --all-concepts are both given" if names else "no concept"
        raise Usage(
            fault,
            advice="Name concepts; or, for a whole domain, --all-concepts --domain D.",
        )
    if options.all_concepts and not options.domains:
        raise Usage(
            "all concepts in all domains is the whole model",
            advice="Name a domain (--domain D).",
        )
    if options.aliases and len(names) != 1:
        raise Usage(
            "an alias belongs to a single concept",
            advice="File one request for each concept with aliases.",
        )
    return names


def _domains(registered: RegisteredModel, options: ForgetOptions) -> list[str]:
    """The domains that are named, as the model's record spells them."""
    by_spelling = {spelled(domain): domain for domain in registered.domains}
    domains = list(dict.fromkeys(map(spelled, options.domains)))
    for domain in domains:
        if domain not in by_spelling:
            how = f"`govd model show {registered.name}` lists them."
            none = "Known domains: none (register the model with --domains)."
            raise NotFound(
                f"{registered.name} has no domain {domain!r}",
                advice=instead(
                    domain, registered.domains, "Known domains", how, none=none
                ),
            )
    return [by_spelling[domain] for domain in domains]


def _method(core: Core, record: Record, options: ForgetOptions) -> str:
    if options.method != AUTO:
        if options.method not in core.plugins.methods:
            raise NotFound(
                f"unknown method {options.method!r}",
                advice=instead(
                    options.method, [AUTO, *sorted(core.plugins.methods)], "Methods"
                ),
            )
        return options.method
    return method_for(record)


def _check_space(
    registered: RegisteredModel, options: ForgetOptions, method: str
) -> None:
    """Refuse options that need a joint space where the model has none, and the other way round.

    Raises:
        Unsupported: it is asked for.
    """
    if registered.dim:
        if method == EXTERNAL:
            raise Unsupported(
                "external is the method of models that have no joint space",
                advice="Leave --method out: this model's forgets are computed here.",
            )
        return
    named_options = {
        f"--method {options.method}": method != EXTERNAL,
        "--target": options.target,
        "--prototypes": options.prototypes,
        "--example": options.examples,
        "--criterion": options.criteria,
    }
    useless = [option for option, value in named_options.items() if value]
    if useless:
        raise Unsupported(
            f"{', '.join(useless)} needs a joint space, and this model has none",
            advice="Its forgets are computed by its external job; bounds on what is measured are"
            " gates = [...] under [unlearning.NAME] in govd.toml.",
        )


def _examples(
    core: Core, model: str, options: ForgetOptions, method: str
) -> dict[str, bytes]:
    """The pictures that were given, by their SHA-256; a `.npy` of unedited vectors stands for as
    many as it has rows.
    """
    if not options.examples:
        return {}
    if len(options.concepts) != 1:
        raise Usage(
            "examples belong to a single concept",
            advice="File one request for each concept with examples.",
        )
    if not getattr(core.plugins.methods[method], "learns_from_pictures", False):
        raise Usage(
            f"{method} takes no examples",
            advice="Give the model a pool, or leave --example out.",
        )
    if options.private:
        raise Usage(
            "examples of a private request would be kept as pictures",
            advice="Leave --example out, or file it openly.",
        )
    count = len(options.examples)
    if count <= EXAMPLES:
        count = 0
        for i, data in enumerate(options.examples):
            count += _checked(core, model, data, f"example {i + 1}")
    if count > EXAMPLES:
        raise Usage(f"{count} examples", advice=f"At most {EXAMPLES}.")
    return {hashlib.sha256(data).hexdigest(): bytes(data) for data in options.examples}


def _checked(core: Core, model: str, data: bytes, name: str) -> int:
    """How many pictures a file stands for, which can be read.

    Raises:
        UnreadableImage: it cannot.
    """
    if is_array(data):
        dim = core.models.opened(model).model.facts.dim
        return len(with_vectors([(name, data)], dim)[0])
    decoded(data, name)
    return 1


def fields_of(spec: ForgetSpec) -> dict[str, Json]:
    """A spec as requests' records spell it."""
    scope = spec.scope.as_json()
    fields: dict[str, Json] = {
        "concepts": scope["concepts"],
        "domains": scope["domains"],
        "strength": spec.strength,
    }
    return fields | {
        "method": spec.method,
        "target": spec.target,
        "prototypes": spec.prototypes,
        "examples": list(spec.examples),
    }


def date_of(text: str | None, what: str) -> str | None:
    """A date (to its end) or time to come, as records have it: UTC.

    Raises:
        Usage: it is none, or past.
    """
    if text is None:
        return None
    try:
        date = str(moment(text, what, end=True))
    except Usage:
        raise Usage(
            f"{what} is {text!r}", advice="Write a date as 2027-01-31."
        ) from None
    if date <= now():
        raise Usage(
            f"{what} is {text!r}, which is past", advice="Give a date in the future."
        )
    return date
