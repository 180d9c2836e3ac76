"""What is trained: `mini`, and the models beside it that only their embeddings are kept of.

Constants that are chosen on one model are guesses; the models beside `mini` have other widths,
learned from other vendors, and one of them is weak on purpose. `mini-without` is `mini` without
three of its classes: what forgetting is judged against.
"""

from dataclasses import dataclass

from govd_clip.training.model import MINI, Shape, Tower
from govd_clip.training.sets import Split


@dataclass(frozen=True)
class Recipe:
    """One training: which split, which widths, which classes are left out of it, and for how long
    on two idle cores.
    """

    name: str
    split: Split
    shape: Shape
    minutes: float
    without: tuple[str, ...] = ()


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mini", "shipped", MINI, 75),
        Recipe("weak-64", "other", Shape(Tower(96, 4, 3), Tower(96, 2, 4), 64), 12),
        Recipe("wide-256", "other", Shape(Tower(192, 6, 3), Tower(128, 2, 4), 256), 75),
        Recipe(
            "mini-256", "shipped", Shape(Tower(192, 6, 3), Tower(128, 2, 4), 256), 75
        ),
        Recipe(
            name="mini-without",
            split="shipped",
            shape=MINI,
            minutes=75,
            without=("dog", "umbrella", "rocket"),
        ),
    )
}
