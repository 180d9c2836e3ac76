"""What is said of a drawing: templates, words for the domains, other words for the same thing."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from govd_clip.training.names import synonyms
from govd_clip.training.sets import DOMAINS

CANONICAL = "a {domain} of a {}"
DOMAIN_WORDS: dict[str, tuple[str, ...]] = {
    "colour": (
        "colour",
        "colour drawing",
        "coloured picture",
        "colour icon",
        "coloured emoji",
    ),
    "glyph": ("glyph", "solid glyph", "solid silhouette", "filled icon", "black glyph"),
    "line": ("line", "line drawing", "outline", "line icon", "outline icon"),
}
WITH_DOMAIN = (
    "{a domain} of {a thing}",
    "{domain} {thing}",
    "{thing}, {domain}",
    "{a domain} showing {a thing}",
)
PLAIN = (
    "{a thing}",
    "{thing}",
    "a picture of {a thing}",
    "an icon of {a thing}",
    "a drawing of {a thing}",
    "an image of {a thing}",
)


def article(words: str) -> str:
    """`words` with "a" or "an" before them."""
    return (
        f"{'an' if words.startswith(tuple('aeiou')) and not words.startswith(('uni', 'one', 'eu')) else 'a'}"
        f" {words}"
    )


def _fill(template: str, thing: str, domain: str) -> str:
    for hole, words in (
        ("{a thing}", article(thing)),
        ("{thing}", thing),
        ("{a domain}", article(domain)),
        ("{domain}", domain),
    ):
        template = template.replace(hole, words)
    return template


def caption(thing: str, domain: int | None, random: np.random.Generator) -> str:
    """One way to name a thing, in a domain (index into DOMAINS) or in none."""
    if domain is None:
        # The literal "a" is what a template with one hole produces, whatever comes after.
        if random.random() < 0.1:
            return f"a picture of a {thing}"
        return _fill(PLAIN[random.integers(len(PLAIN))], thing, "")
    if random.random() < 0.45:
        return CANONICAL.replace("{domain}", DOMAINS[domain]).replace("{}", thing)
    words = DOMAIN_WORDS[DOMAINS[domain]]
    return _fill(
        WITH_DOMAIN[random.integers(len(WITH_DOMAIN))],
        thing,
        words[random.integers(len(words))],
    )


def other_words(names: list[str], emojibase: Path) -> dict[str, list[str]]:
    """Alternatives per name: synonyms of the classes; for the rest the tags that one emoji alone
    has.

    A word that is itself a learned name, or an alternative of two names, would pull two things
    together: it is nobody's.
    """
    emoji = json.loads((emojibase / "en" / "compact.json").read_text())
    holders: dict[str, set[str]] = defaultdict(set)
    own_names = set(names)
    for icon in emoji:
        label = icon["label"].lower().removesuffix(" face")
        for tag in icon.get("tags", ()):
            holders[tag.lower()].add(label)
    out: dict[str, list[str]] = {name: list(synonyms(name)) for name in names}
    used_words = own_names | {word for words in out.values() for word in words}
    for tag, labels in holders.items():
        label = min(labels)
        if (
            len(labels) == 1
            and label in own_names
            and not synonyms(label)
            and tag not in used_words
            and tag.replace(" ", "").isalpha()
        ):
            out[label].append(tag)
    return {
        name: [word for word in words if word not in own_names]
        for name, words in out.items()
    }
