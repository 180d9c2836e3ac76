"""`python -m tests.benchmarks.paired FOLDER`: retrieval on real pictures and captions that are
vectors alone, before and after captions are forgotten.

FOLDER has `images.npy` and `captions.npy` `(n, d)`, row by row of one pair (500 of COCO by
ViT-B/16: `Weixin-Liang/Modality-Gap`). A random half of the captions is what a model is registered
with, for `search`; the pictures of the other half are its pool, so that no fit sees a picture of
what is forgotten. Forgets are captions of the first half, each by a request of its own. Recall is
over all pictures, and over all captions: of the forgotten pairs (low is wanted, for `level` what
any others find), of those that were registered too, and of those whose captions nobody named (both
as before is wanted). The words of the captions are not published, so there is no reference without
a word as `tests.benchmarks.captions` has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit import Basis, Edit, Material, Problem, compose, exact
from govd.edit.contribution import sealed
from govd.edit.ingredients import Ingredients, build
from govd.edit.retrieval import DEPTHS
from govd.methods import builtin
from govd.types import Concept, ForgetSpec, Scope

METHODS = builtin()
ROWS: Final = {
    "nullspace": ("nullspace", "unnamed", False),
    "ccup": ("ccup", "unnamed", False),
    "oblique": ("oblique", "unnamed", False),
    "bilateral": ("bilateral", "unnamed", False),
    "fitted": ("fitted", "unnamed", False),
    "fitted, level": ("fitted", "level", False),
    "fitted, conditional": ("fitted", "unnamed", True),
}
"""Method, target, and whether edits ask each vector first."""
FORGETS: Final = (1, 10, 30)
ALONE: Final = 6
"""Single forgets of each draw."""


@dataclass(frozen=True)
class Pairs:
    """Unit vectors `(n, d)` of pictures and of their captions, and the places `(m,)` of the
    captions that are registered.
    """

    images: np.ndarray
    captions: np.ndarray
    registered: np.ndarray

    @staticmethod
    def drawn(folder: Path, seed: int) -> Pairs:
        """Both halves, drawn by the seed."""
        images, captions = (
            exact.unit(np.load(folder / f"{name}.npy").astype(np.float64))
            for name in ("images", "captions")
        )
        order = np.random.default_rng(seed).permutation(len(images))
        return Pairs(images, captions, np.sort(order[: len(order) // 2]))

    def basis(self, conditional: bool) -> Basis:
        """Of a model that is registered with these captions."""
        others = np.setdiff1d(np.arange(len(self.images)), self.registered)
        dim = self.captions.shape[1]
        return build(
            Ingredients(
                "pairs",
                "search",
                "image",
                (),
                np.zeros((0, dim)),
                [f"caption {at}" for at in self.registered],
                self.captions[self.registered],
                pool=self.images[others],
                pool_kind="pool",
                conditional=conditional,
            )
        )

    def recalls(
        self, moved: np.ndarray, groups: Mapping[str, np.ndarray]
    ) -> dict[tuple[str, str, int], float]:
        """By group, way (`t2i`, `i2t`) and depth: the share of pairs that find each other, with
        the pictures as they are `moved` `(n, d)`.
        """
        scores = exact.unit(moved) @ self.captions.T
        own = np.diag(scores)
        ahead = {
            "t2i": (scores > own[None, :]).sum(0),
            "i2t": (scores > own[:, None]).sum(1),
        }
        return {
            (group, way, depth): float((ranks[places] < depth).mean())
            for group, places in groups.items()
            for way, ranks in ahead.items()
            for depth in DEPTHS
        }


def edit_of(basis: Basis, places: Sequence[int], method: str, target: str) -> Edit:
    """The edit that forgets some captions of a basis' vocabulary, each by a forget of its own."""
    contributions = []
    for place in places:
        name, row = basis.vocabulary[place], basis.tensors["vocabulary"][[place]]
        spec = ForgetSpec(Scope((Concept(name),)), method, target)  # type: ignore[arg-type]
        tensors, facts = METHODS[method].contribute(
            Problem(basis, spec, Material([row], row))
        )
        contributions.append(sealed(basis.digest, spec, dict(tensors), dict(facts)))
    return compose(basis, contributions, METHODS)


def measured(
    pairs: Pairs, seed: int
) -> Iterator[tuple[str, int, dict[tuple[str, str, int], float]]]:
    """For each draw of forgets the row `base`, then every row of `ROWS`: its name, how many are
    forgotten, and recalls.
    """
    draw = np.random.default_rng(seed)
    bases = {asks: pairs.basis(asks) for asks in (False, True)}
    count = len(pairs.registered)
    unlisted = np.setdiff1d(np.arange(len(pairs.images)), pairs.registered)
    for forgets in FORGETS:
        for _ in range(ALONE if forgets == 1 else 1):
            places = draw.choice(count, forgets, replace=False)
            forgotten = pairs.registered[places]
            groups = {
                "forgotten": forgotten,
                "registered": np.setdiff1d(pairs.registered, forgotten),
                "unlisted": unlisted,
            }
            yield "base", forgets, pairs.recalls(pairs.images, groups)
            for row, (method, target, asks) in ROWS.items():
                edit = edit_of(bases[asks], places, method, target)
                yield row, forgets, pairs.recalls(edit.move(pairs.images), groups)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table; figures are means over draws."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.paired", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    found: dict[tuple[int, str], list[dict[tuple[str, str, int], float]]] = {}
    for seed in range(options.seeds):
        pairs = Pairs.drawn(options.folder, seed)
        for row, forgets, recalls in measured(pairs, seed):
            found.setdefault((forgets, row), []).append(recalls)
    print("| row | forgets | search | forgotten | registered | unlisted |")
    print("|---|---|---|---|---|---|")
    for (forgets, row), draws in found.items():
        for way, said in (("t2i", "text → image"), ("i2t", "image → text")):
            cells = [
                " / ".join(
                    f"{100 * np.mean([draw[group, way, depth] for draw in draws]):.1f}"
                    for depth in DEPTHS
                )
                for group in ("forgotten", "registered", "unlisted")
            ]
            print(f"| {row} | {forgets} | {said} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
