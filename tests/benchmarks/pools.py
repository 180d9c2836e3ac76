"""`python -m tests.benchmarks.pools --vectors FOLDER SET[:POOL] …`: what single forgets leave where
a pool shows little of a label, or is of other things.

Every label of a set that judging pictures show is forgotten alone, by `oblique`, which needs no
pool, and by the default. `POOL` is another set, half of whose pictures are the pool, or a number:
then the pool has two to so many pictures with each label's name. Without it the pool is half of the
set's own pictures. Labels are told apart by how many pictures of the pool get their name.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from govd.edit import compose
from tests.benchmarks.forgetting.cases import Case
from tests.benchmarks.forgetting.rows import DEFAULT, METHODS, contribution
from tests.benchmarks.forgetting.sets import (
    Pictures,
    Split,
    folder_set,
    registered_on,
)

SEED = 16
FEWEST = 2
JUDGING = 4
"""Judging pictures that a label must have."""
COUNTS = ((0, 2), (3, 9), (10, 29), (30, None))
"""How many pictures of the pool get a label's name, from and to."""
ROWS = ("oblique", DEFAULT)
EVERY = 12
"""One in so many of the other pictures is asked for its best unlisted word."""


def with_pool(own: Pictures, pool: np.ndarray) -> Split:
    """A set's judging half, beside a pool `(n, d)` of any pictures."""
    split = own.split(SEED)
    basis = registered_on(own.name, own.labels, own.anchors, pool)
    return replace(split, registered=lambda: basis, kept={})


def thinned(own: Pictures, most: int) -> np.ndarray:
    """Rows of a set's own pool, `FEWEST` to `most` with each label's name."""
    pool = own.split(SEED).basis.tensors["pool"]
    named = (pool @ own.labels.vectors.T).argmax(1)
    draw = np.random.default_rng(SEED)
    kept = [
        draw.permutation(np.flatnonzero(named == label))[
            : draw.integers(FEWEST, most + 1)
        ]
        for label in range(len(own.labels.names))
    ]
    rows: np.ndarray = pool[np.sort(np.concatenate(kept))]
    return rows


def split_of(folder: Path, name: str) -> Split:
    """What `SET[:POOL]` names."""
    own_name, _, other = name.partition(":")
    own = folder_set(folder / own_name, folder)
    if not other:
        return own.split(SEED)
    if other.isdigit():
        return with_pool(own, thinned(own, int(other)))
    return with_pool(own, folder_set(folder / other, folder).x[::2])


@dataclass(frozen=True)
class Left:
    """One label forgotten alone: the pictures of the pool with its name, of its judging pictures
    those that are still named so, the share of other answers that changed, and that of best
    unlisted words that did not.
    """

    shown: int
    judging: int
    named: int
    changed: float
    unlisted: float


def forgotten(split: Split, row: str) -> Iterator[Left]:
    """Each label that enough judging pictures show."""
    basis, method = split.basis, METHODS[row]
    texts = split.labels.vectors
    guessed = (basis.tensors["pool"] @ texts.T).argmax(1)
    for label in split.crowd:
        case = Case(split, "labels", np.array([label]))
        if case.inside.sum() < JUDGING:
            continue
        part = contribution(basis, int(label), None, method, "unnamed", 1.0)
        edit = compose(basis, [part], {row: method})
        moved = edit.move(split.x)
        answer = (moved @ texts.T).argmax(1)
        asked = np.flatnonzero(case.others)[::EVERY]
        words = split.unlisted.vectors.T
        kept = (moved[asked] @ words).argmax(1) == (split.x[asked] @ words).argmax(1)
        yield Left(
            int((guessed == label).sum()),
            int(case.inside.sum()),
            int((answer[case.inside] == label).sum()),
            float((answer != split.base)[case.others].mean()),
            float(kept.mean()),
        )


def lines(name: str, split: Split) -> Iterator[str]:
    """A line for each row and each part of the labels."""
    for row in ROWS:
        every = list(forgotten(split, row))
        for least, most in COUNTS:
            part = [
                one
                for one in every
                if least <= one.shown and (most is None or one.shown <= most)
            ]
            if not part:
                continue
            count = f"{least} to {most}" if most is not None else f"{least} and more"
            named = sum(one.named for one in part) / sum(one.judging for one in part)
            worst = max(one.named / one.judging for one in part)
            changed, unlisted = (
                np.mean([getattr(one, which) for one in part])
                for which in ("changed", "unlisted")
            )
            yield (
                f"| {name} | {row} | {count} | {len(part)} | {100 * named:.1f} % |"
                f" {100 * worst:.0f} % | {100 * changed:.2f} % | {unlisted:.3f} |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", metavar="SET[:POOL]")
    parser.add_argument("--vectors", type=Path, required=True)
    arguments = parser.parse_args()
    print(
        "| set | row | pictures in the pool | labels | named | the worst of them |"
        " others changed | unlisted |\n|---|---|---|---|---|---|---|---|"
    )
    for name in arguments.sets:
        for line in lines(name, split_of(arguments.vectors, name)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
