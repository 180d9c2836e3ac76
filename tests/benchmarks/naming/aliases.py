"""Other words for a label: it is forgotten by its name alone, or with its aliases, and asked for by
each of them.

*By an alias not given*: of labels with several aliases, each is asked for where the name and only
the others were given. Where the name alone was, or nothing, those are all aliases of the same
labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from govd.edit import Basis, exact
from govd_clip.training.names import synonyms
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map, measure
from tests.benchmarks.forgetting.pairs import pairs
from tests.benchmarks.forgetting.sets import Split, Words
from tests.benchmarks.mini import Mini
from tests.benchmarks.naming.forgets import Forget, Table, nothing

COLUMNS = (
    "by its name",
    "by an alias",
    "by an alias not given",
    "unchanged",
    "unlisted",
    "neighbours",
)
HEADS = ("set", "forgotten")
Aliases = Mapping[str, np.ndarray]


def aliases_of(split: Split) -> dict[str, Aliases]:
    """For each label its synonyms with their unit texts; empty for a set whose texts have none."""
    words = {name: synonyms(name) for name in split.labels.names}
    if split.name == "mini":
        mini = Mini()
        flat = [word for listed in words.values() for word in listed]
        vectors = exact.unit(
            mini.encoder.averaged(flat, mini.templates).astype(np.float64)
        )
        known = dict(zip(flat, vectors, strict=True))
    elif split.name in pairs():
        texts = np.load(pairs()[split.name][0])
        rows = exact.unit(texts["text_vectors"].astype(np.float64))
        known = dict(
            zip((str(word) for word in texts["text_names"]), rows, strict=True)
        )
    else:
        return {}
    return {
        name: {word: known[word] for word in listed if word in known}
        for name, listed in words.items()
    }


def report(title: str, split: Split, table: Table) -> None:
    """Every label with a picture and an alias, each alone."""
    for name, aliases in aliases_of(split).items():
        label = split.labels.names.index(name)
        if aliases and (split.label == label).any():
            case = Case(split, "labels", np.array([label]))
            table.add((title, "nothing"), _figures(case, nothing, aliases))
            for forgotten, basis in (
                ("its name", split.basis),
                ("its name, conditionally", split.conditional_basis),
            ):
                edited = _forgotten(case, name, {}, basis)
                table.add((title, forgotten), _figures(case, edited, aliases))
            left_out = [
                _asked(case, edited, text)
                for text, edited in _each_left_out(case, name, aliases)
            ]
            not_given = (
                {"by an alias not given": float(np.mean(left_out))} if left_out else {}
            )
            table.add(
                (title, "its name and aliases"),
                _figures(case, _forgotten(case, name, aliases, split.basis), aliases)
                | not_given,
            )


def _each_left_out(
    case: Case, name: str, aliases: Aliases
) -> Iterator[tuple[np.ndarray, Map]]:
    """Each alias of those that have another, with the edit for the name and the others."""
    if len(aliases) > 1:
        for word, text in aliases.items():
            yield (
                text,
                _forgotten(
                    case,
                    name,
                    {other: rows for other, rows in aliases.items() if other != word},
                    case.split.basis,
                ),
            )


def _forgotten(case: Case, name: str, aliases: Aliases, basis: Basis) -> Map:
    texts = np.stack([case.texts[0], *aliases.values()])
    return Forget((name, *aliases), texts).edit(basis).move


def _figures(case: Case, edited: Map, aliases: Aliases) -> dict[str, float]:
    figures = measure(case, edited)
    by_alias = float(np.mean([_asked(case, edited, text) for text in aliases.values()]))
    not_given = {"by an alias not given": by_alias} if len(aliases) > 1 else {}
    return {
        "by its name": figures["named"],
        "by an alias": by_alias,
        **not_given,
        **figures,
    }


def _asked(case: Case, edited: Map, text: np.ndarray) -> float:
    """The share of the label's pictures that are named where a text `(d,)` stands in its place."""
    split = case.split
    vectors = split.labels.vectors.copy()
    vectors[case.forgotten[0]] = text
    asked = replace(split, labels=Words(split.labels.names, vectors))
    return measure(Case(asked, "labels", case.forgotten), edited)["named"]
