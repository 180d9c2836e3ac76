"""The model card of an edited checkpoint (`README.md`, as the Hugging Face Hub reads it): what it
forgot as far as that may be told, what was measured, what it does not do, how it is checked.

Made of entries and of what the backend says, and of no clock: the same revision has the same card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from govd.types import PRIVATE, SINGLE, Json, ModelFacts
from govd.verify.honest import (
    CLAIMED,
    NOT_ERASURE,
    attacks,
    external_figures,
    is_number,
    json_dict,
    share,
)
from govd.verify.safe_text import safe

CARD: Final = "README.md"
FACTS: Final = "govd.json"
"""What of a card programs ask for, as JSON: no loader reads a file of this name, and the
checkpoint's own settings stay the base's to the byte.
"""
SHOWN: Final = 200
"""Forgets that a card lists."""
FIGURES: Final = (
    ("forget_acc", "pictures of what is forgotten, named right", "lower"),
    ("retain_acc", "all other pictures, named right", "as before"),
    ("accuracy", "all pictures, named right", "–"),
)
KEPT: Final = (
    ("base_false_positives", "how often the base gives a forgotten name by mistake"),
    ("retain_agreement", "answers about other pictures that stay the same"),
    ("unlisted_agreement", "the same, by words that nobody listed"),
    ("neighbour_agreement", "nearest neighbours among pictures that stay the same"),
    ("image_rank_overlap@10", "the ten best pictures for a word that stay the same"),
)
WEIGHTS: Final = "weights"
"""The side of an edit of tensors."""
NOT_TOLD: Final = "*kept private*"
OF_LINEAR: Final = (
    "Of the **linear** edit, which this checkpoint carries. The revision's conditional edit, by"
    " which govd itself answers and edits stored vectors, has other figures (`govd revision show`)."
)


@dataclass(frozen=True)
class CardSubject:
    """What a card is about. `predicate`: what the signed statement says (`govd.verify.claim`);
    `texts`: what private requests say, of those that the reader may know, by id; `format`: that the
    checkpoint is written in; `conditional`: the revision's edit is, so that the checkpoint carries
    the linear one, of which `metrics` are; `abstains_below`: the cosine below which an answer had
    better be none.
    """

    model: str
    number: int
    side: str
    facts: ModelFacts
    predicate: Mapping[str, Any]
    metrics: Mapping[str, Any]
    format: str = "hf"
    texts: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    conditional: bool = False
    abstains_below: float | None = None

    def note(self, name: str) -> str:
        """What the backend says about a checkpoint in this format, else in any."""
        notes = self.facts.card
        return notes.get(f"{self.format}:{name}", notes.get(name, ""))


def card(subject: CardSubject) -> str:
    """The card, as Markdown with its head as YAML."""
    name = f"{subject.model}, revision {subject.number}"
    sections = [
        *_head(subject),
        f"# {plain(name)}",
        "",
        *_what(subject),
        "## What was forgotten",
        "",
        *_forgotten(subject),
        "## Metrics",
        "",
        *_metrics(subject),
        *_abstention(subject),
        "## Limits",
        "",
        *(f"- {line}" for line in _limits(subject)),
        "",
        "## How to load it",
        "",
        subject.note("load")
        or "With the library that the unedited model is loaded with.",
        "",
        "## How to check it",
        "",
        *_checks(subject),
    ]
    return "\n".join(sections) + "\n"


def facts_of(subject: CardSubject) -> dict[str, Json]:
    """What of a card programs ask for; `abstain_below` where there is such a cosine."""
    predicate = subject.predicate
    names = ("model", "revision", "origin", "edit_digest", "carries")
    record = {name: predicate[name] for name in names if name in predicate}
    if subject.abstains_below is None:
        return record
    return {**record, "abstain_below": round(subject.abstains_below, 6)}


def plain(text: str) -> str:
    """A text on one line of Markdown, a cell of a table included, that means itself."""
    line = " ".join(safe(text).split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!" else c for c in line)


def _head(subject: CardSubject) -> Iterator[str]:
    """The metadata that the Hub reads (huggingface.co/docs/hub/model-cards)."""
    yield "---"
    if subject.facts.hf_revision:
        yield f"base_model: {subject.facts.reference}"
    if library := subject.note("library"):
        yield f"library_name: {library}"
    if subject.facts.image_size:
        yield "pipeline_tag: zero-shot-image-classification"
    if subject.abstains_below is not None:
        yield f"abstain_below: {subject.abstains_below:.3f}"
    yield "tags:"
    yield from ("- machine-unlearning", "- govd", "---", "")


def _what(subject: CardSubject) -> Iterator[str]:
    facts = subject.facts
    predicate = subject.predicate
    kind = f" ({plain(facts.architecture)})" if facts.architecture else ""
    of = (
        f"`{facts.reference}` at {facts.hf_revision}"
        if facts.hf_revision
        else "its base"
    )
    also = "" if facts.precision == SINGLE else f" and of {facts.precision}"
    digests = f"Digest of the base's files{also}: `{facts.digest}`"
    if not predicate.get("rank"):
        yield f"The unedited model{kind}, every file as it was registered. {digests}."
    elif subject.side == WEIGHTS:
        yield (
            f"An edited copy{kind} of {of}, made with [govd](https://github.com/govd/govd): deltas"
            f" of external jobs are added to {predicate['rank']} of its weights, each sum"
            f" rounded once to the weight's own type. {digests}; of the edit:"
            f" `{predicate.get('edit_digest')}`."
        )
    else:
        yield (
            f"An edited copy{kind} of {of}, made by [govd](https://github.com/govd/govd): a closed"
            f" form of rank {predicate['rank']} on the {subject.side} side, no training."
            f" {digests}; of the edit: `{predicate.get('edit_digest')}`."
        )
        if note := subject.note(subject.side):
            yield ""
            yield note
    if also and predicate.get("rank"):
        yield ""
        yield (
            f"Its edit was made for vectors that were computed in {facts.precision}, and its"
            " figures were measured on such: in another precision single answers may differ."
        )
    yield ""


def _forgotten(subject: CardSubject) -> Iterator[str]:
    requests: Sequence[Mapping[str, Any]] = subject.predicate.get("requests", ())
    if not requests:
        yield "Nothing."
        yield ""
        return
    yield "| concept | where | target | method | strength | request |"
    yield "|---|---|---|---|---|---|"
    for request in requests[:SHOWN]:
        cells = [_concepts(request, subject.texts.get(str(request["id"]), {}))]
        cells += [", ".join(map(plain, request.get("domains") or ())) or "everywhere"]
        cells += [plain(str(request.get(name) or "–")) for name in ("target", "method")]
        cells += [plain(str(request.get("strength", "–"))), f"`{request['id']}`"]
        yield f"| {' | '.join(cells)} |"
    if len(requests) > SHOWN:
        yield f"| and {len(requests) - SHOWN} more | | | | | |"
    yield ""
    if any(_is_hidden(request, subject.texts) for request in requests[:SHOWN]):
        yield (
            "What is kept private is a commitment in the ledger; who asked for it can prove what it"
            " says."
        )
        yield ""


def _is_hidden(request: Mapping[str, Any], texts: Mapping[str, Any]) -> bool:
    return bool(request.get("private")) and str(request["id"]) not in texts


def _concepts(request: Mapping[str, Any], text: Mapping[str, Json]) -> str:
    concepts = text.get("concepts") or request.get("concepts") or ()
    names = [str(json_dict(concept).get("name")) for concept in concepts]
    if any(name.startswith(PRIVATE) for name in names):
        return NOT_TOLD
    return ", ".join(map(plain, names)) or "everything"


def _metrics(subject: CardSubject) -> Iterator[str]:
    metrics = subject.metrics
    if subject.conditional:
        yield OF_LINEAR
        yield ""
    if words := external_figures(metrics):
        yield plain(words)
        yield ""
        return
    figures = {**json_dict(metrics.get("data_free")), **metrics}
    if not any(
        is_number(figures.get(name))
        for name, _ in (*((n, w) for n, w, _ in FIGURES), *KEPT)
    ):
        yield "None were measured."
        yield ""
        return
    yield f"On {plain(str(figures.get('on')))}, as the ledger has them."
    yield ""
    yield "| | before | after | wanted |"
    yield "|---|---|---|---|"
    for name, words, goal in FIGURES:
        if is_number(figures.get(name)):
            before = share(figures.get(f"{name}_before"))
            yield f"| {words} (`{name}`) | {before} | {share(figures[name])} | {goal} |"
    for name, words in KEPT:
        if is_number(figures.get(name)):
            yield f"| {words} (`{name}`) | | {share(figures[name])} | |"
    if is_number(figures.get("edit_norm")):
        yield f"| spectral norm of the edit (`edit_norm`) | | {figures['edit_norm']:.2f} | small |"
    yield ""
    if outcome := attacks(metrics):
        yield f"With examples it is still found {plain(outcome)}."
        yield ""


def _abstention(subject: CardSubject) -> Iterator[str]:
    if subject.abstains_below is None:
        return
    yield "## When to give no answer"
    yield ""
    yield (
        "A model that must choose a label calls forgotten pictures something else. An answer had"
        " better be none where the cosine of the best of its labels is below"
        f" {subject.abstains_below:.3f} (`abstain_below`, in the head of this file and in"
        f" `{FACTS}`), as it is for"
        " one in twenty of the unlabelled pictures that it was calibrated on, or where that label"
        " is forgotten for the picture."
    )
    yield ""


def _limits(subject: CardSubject) -> Iterator[str]:
    if subject.side == WEIGHTS:
        yield (
            "What a delta erases is what the method of its job erases, and nothing more is claimed;"
            " the figures are of the command that measured them."
        )
        yield "Beside its public base, the difference of both weights tells of what was forgotten."
    elif subject.predicate.get("rank"):
        yield f"{CLAIMED}. {NOT_ERASURE}"
        yield "Beside its public base, the difference of both weights names what was forgotten."
        yield (
            "The figures are of the labels, prompts and pictures that they were measured on; other"
            " label sets need an evaluation of their own."
        )
    if subject.side == "text" and subject.predicate.get("rank"):
        yield (
            "The texts are edited: pictures are found by pictures as before, and labels are to be"
            " compared before their vectors are brought to unit length."
        )
    if subject.conditional:
        yield (
            "The revision asks each picture whether what is forgotten names it, or for its domain,"
            " which weights cannot: this checkpoint carries its linear edit."
        )
    if rounding := subject.note("rounding"):
        yield rounding
    yield "It makes every mistake that the unedited model makes and that was not edited away."


def _checks(subject: CardSubject) -> Iterator[str]:
    yield (
        "Every file is signed (`model.sig`, OpenSSF model-signing), and `statement.dsse.json` is an"
        " in-toto statement about the revision, signed by the key of the ledger"
        f" `{subject.predicate.get('origin')}`. Ask for its keys where you trust the answer"
        " (`govd audit key`, `govd audit model-key`)."
    )
    yield ""
    yield "```bash"
    yield "govd audit verify . --key KEY"
    yield "model_signing verify key . --signature model.sig --public_key MODELS.pem"
    yield "```"
