"""A part of a class goes, the class stays: breeds of Pets while "cat" and "dog" stay, "wine bottle"
of LVIS while "bottle" stays.

What has a colour or another attribute cannot be measured: no set has pictures of both a "red apple"
and other apples. A label in one domain, which is such a part as well, is measured by
`tests.benchmarks.forgetting --kinds cells`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.figures import Map, measure, share
from tests.benchmarks.forgetting.sets import Split
from tests.benchmarks.naming.forgets import Forget, Table, nothing, registered, unit

KINDS = ("cat", "dog")
"""The classes that the breeds of `oxford-pets` are parts of."""
COMPOUNDS = 40
BY = ("oblique", "bilateral", "fitted")
COLUMNS = (
    "named",
    "part still in the class",
    "rest of the class",
    "unchanged",
    "unlisted",
    "neighbours",
)
HEADS = ("set", "forgotten")


def breeds(
    title: str, splits: Sequence[Split], kinds: np.ndarray, table: Table
) -> None:
    """Each breed alone. `kinds` `(2, d)`, texts of `KINDS`, which stay in the vocabulary or are
    nowhere listed.

    A breed's class is what most of its pictures are unedited. *Part still in the class*: of its
    pictures that were told to be of that class, how many still are; *rest of the class*: the same
    of the other breeds' pictures.
    """
    for split in splits:
        listed = {
            "a breed": registered(
                split, "labels", words=list(zip(KINDS, kinds, strict=True))
            ),
            "a breed, its class nowhere listed": registered(
                split, "labels", without=KINDS
            ),
        }
        before = (split.x @ kinds.T).argmax(1)
        for label in split.crowd:
            case = Case(split, "labels", np.array([label]))
            own = int(
                np.bincount(before[split.label == label], minlength=len(KINDS)).argmax()
            )
            of_class = before == own
            table.add((title, "nothing"), _of_breed(case, nothing, kinds, of_class))
            for row, basis in listed.items():
                forget = Forget((split.labels.names[label],), case.texts)
                table.add(
                    (title, row),
                    _of_breed(case, forget.edit(basis).move, kinds, of_class),
                )


def _of_breed(
    case: Case, edited: Map, kinds: np.ndarray, of_class: np.ndarray
) -> dict[str, float]:
    before = (case.split.x @ kinds.T).argmax(1)
    same = before == (unit(edited(case.split.x)) @ kinds.T).argmax(1)
    rest = {
        "part still in the class": share(same[case.inside & of_class]),
        "rest of the class": share(same[~case.inside & of_class]),
    }
    return measure(case, edited) | rest


def compounds(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places: a name of two words, and the name that its last word is. As a rule the first
    is a part of what the second names.
    """
    place = {name: i for i, name in enumerate(names)}
    words = [name.split(" ") for name in names]
    return [
        (i, place[w[1]]) for i, w in enumerate(words) if len(w) == 2 and w[1] in place
    ]


def heads(title: str, split: Split, table: Table) -> None:
    """Some compounds, each alone. *Part still in the class*: its pictures that are answered with
    the class' name; *rest of the class*: pictures of the class that were named with it, how many
    still are.
    """
    pairs = compounds(split.labels.names)
    chosen = np.random.default_rng(split.seed).permutation(len(pairs))[:COMPOUNDS]
    for part, whole in (pairs[i] for i in chosen):
        case = Case(split, "labels", np.array([part]))
        table.add((title, "nothing"), _of_compound(case, nothing, whole))
        deleted = _of_compound(case, nothing, whole, without=True)
        table.add((title, "nothing, a compound no answer any more"), deleted)
        for method in BY:
            forget = Forget((split.labels.names[part],), case.texts, method=method)
            figures = _of_compound(case, forget.edit(split.basis).move, whole)
            table.add((title, f"a compound, by {method}"), figures)


def _of_compound(
    case: Case, edited: Map, whole: int, *, without: bool = False
) -> dict[str, float]:
    """`without`: the compound is no answer any more, either."""
    split = case.split
    scores = unit(edited(split.x)) @ split.labels.vectors.T
    if without:
        scores[:, case.forgotten] = -np.inf
    answers = scores.argmax(1)
    right = (split.label == whole) & (split.base == whole)
    in_class, rest = (
        share(answers[case.inside] == whole),
        share(answers[right] == whole),
    )
    figures = measure(case, edited, without=without)
    return figures | {"part still in the class": in_class, "rest of the class": rest}
