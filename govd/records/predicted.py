"""What a forget is predicted to do: the figures that votes and bounds see, and that its entry
keeps. All shares are between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from govd.types import Figure, Json

BOUNDS: Final = (
    "max_predicted_disagreement",
    "max_total_disagreement",
    "max_scope_share",
    "max_lost_elsewhere",
    "max_worst_cell",
)
"""Settings that a prediction repeats beside the figures that they bound."""
COSTS: Final = {
    "all": "own_cost",
    "shown": "own_shown_cost",
    "worst_label": "own_worst_label",
    "worst_cell": "own_worst_cell",
    "elsewhere": "own_elsewhere",
}
"""Costs of predictions, by the names of the same figures where they are measured."""


@dataclass(frozen=True)
class Effect:
    """Pictures of what is forgotten that are still named so, of `pictures` that look like it:
    `before` this forget, and `after` it by the worst prompt.

    `on`: what was counted on. `what`: `concepts` or `domains` (then pictures that keep their
    answer). `prompt`: the worst one, empty for all together. `by_prompt`: each with `prompt`,
    `before` and `after`. `after_low`, `after_high`: ends of the interval in pictures, None where
    errors of predictions were not measured.
    """

    on: str
    what: str
    pictures: int
    before: int
    after: int
    prompt: str = ""
    by_prompt: tuple[Mapping[str, Json], ...] = ()
    after_low: int | None = None
    after_high: int | None = None

    @classmethod
    def from_json(cls, effect: Mapping[str, Json]) -> Effect:
        """As a request's prediction says it."""
        return cls(
            on=str(effect["on"]),
            what=str(effect["what"]),
            pictures=int(effect["pictures"]),
            before=int(effect["before"]),
            after=int(effect["after"]),
            prompt=str(effect.get("prompt", "")),
            by_prompt=tuple(effect.get("by_prompt", ())),
            after_low=effect.get("after_low"),
            after_high=effect.get("after_high"),
        )

    def as_json(self) -> dict[str, Json]:
        """As a request's prediction says it."""
        return {
            "on": self.on,
            "what": self.what,
            "pictures": self.pictures,
            "prompt": self.prompt,
            "before": self.before,
            "after": self.after,
            "by_prompt": [dict(row) for row in self.by_prompt],
            "after_low": self.after_low,
            "after_high": self.after_high,
        }

    @property
    def named(self) -> Figure | None:
        """The share of its pictures that is still named, with its interval; None without any."""
        if not self.pictures:
            return None
        low, high = (
            None if end is None else end / self.pictures
            for end in (self.after_low, self.after_high)
        )
        return Figure(self.after / self.pictures, self.pictures, low=low, high=high)


@dataclass(frozen=True)
class Predicted:
    """What a forget is predicted to do beside what is in force, without a labelled picture.

    `disagreement`: the share of other answers that changes by it; `total_disagreement`: the share
    that differs from the unedited model's with all in force, `total_shown_disagreement` the same of
    pictures as far as they show a label; `…_high`: their intervals' upper ends, None where errors
    of predictions were not measured. `measured`: counted on pictures of a pool; else `by_theorem`
    says whether it is exact on the label set. `costs`: by name (`all`, `shown`, `worst_label`,
    `worst_cell`, `elsewhere`). `effect`: None in older ledgers, and where there is nothing to count
    on. `forgets` and `total_disagreement_before`: what is in force without it, `forgets_after` with
    it. `covers`: forgets that stand and would add nothing beside it ("": a private one).
    `scope_share`: of pictures that it is about, `total_scope_share` of all in force with it,
    `scope_share_added` of those that only it is about. `bounds`: the settings that bound it
    (`BOUNDS`). `targets`: what its contribution says of each target. `doubted_names`: names that
    may be mistakes. `subsumed_by`: what covers it, if something does: then it adds nothing.
    `figures`: what else is said of the edit (`on`, `rank`, `edit_norm`, …).
    """

    disagreement: float | None = None
    total_disagreement: float | None = None
    measured: bool | None = None
    by_theorem: bool | None = None
    disagreement_high: float | None = None
    total_disagreement_high: float | None = None
    total_shown_disagreement: float | None = None
    total_shown_disagreement_high: float | None = None
    costs: Mapping[str, Figure] | None = None
    effect: Effect | None = None
    total_disagreement_before: float | None = None
    forgets: int | None = None
    forgets_after: int | None = None
    covers: tuple[str, ...] | None = None
    scope_share: float | None = None
    total_scope_share: float | None = None
    scope_share_added: float | None = None
    bounds: Mapping[str, float | None] = field(default_factory=dict)
    targets: tuple[Mapping[str, Json], ...] | None = None
    doubted_names: tuple[Mapping[str, Json], ...] | None = None
    subsumed_by: str | None = None
    figures: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def from_json(cls, predicted: Mapping[str, Json]) -> Predicted:
        """As an entry says it; what an older one does not say is None."""
        plain = {name: predicted.get(name) for name in PLAIN}
        costs = predicted.get("costs")
        effect = predicted.get("effect")
        targets = predicted.get("targets")
        doubted = predicted.get("doubted_names")
        covers = predicted.get("covers")
        return cls(
            **plain,
            costs=None
            if costs is None
            else {k: Figure.from_json(v) for k, v in costs.items()},
            effect=None if effect is None else Effect.from_json(effect),
            covers=None if covers is None else tuple(covers),
            bounds={name: predicted[name] for name in BOUNDS if name in predicted},
            targets=None if targets is None else tuple(targets),
            doubted_names=None if doubted is None else tuple(doubted),
            figures={
                name: value for name, value in predicted.items() if name not in NAMED
            },
        )

    def as_json(self) -> dict[str, Json]:
        """As an entry says it, and as plugins see it: what is None is left out, but for
        `subsumed_by`.
        """
        record: dict[str, Json] = {**self.figures, **self.bounds}
        plain = {name: getattr(self, name) for name in PLAIN}
        record |= {name: value for name, value in plain.items() if value is not None}
        if self.costs is not None:
            record["costs"] = {
                name: figure.as_json() for name, figure in self.costs.items()
            }
        if self.effect is not None:
            record["effect"] = self.effect.as_json()
        if self.covers is not None:
            record["covers"] = list(self.covers)
        for name in ("targets", "doubted_names"):
            rows = getattr(self, name)
            if rows is not None:
                record[name] = [dict(row) for row in rows]
        return record | {"subsumed_by": self.subsumed_by}

    @property
    def by_metric(self) -> dict[str, Figure]:
        """Its figures by the names of what is measured: `named` (with one of its own phrases, by
        the worst prompt), `cost` (with all in force), and `own_…`, what it costs by itself.
        """
        figures: dict[str, Figure] = {}
        share_named = None if self.effect is None else self.effect.named
        if (
            share_named is not None
            and self.effect is not None
            and self.effect.what != "domains"
        ):
            figures["named"] = share_named
        costs = self.costs or {}
        figures |= {
            COSTS[name]: figure for name, figure in costs.items() if name in COSTS
        }
        total = self.total_disagreement
        if total is not None and self.measured:
            pictures = costs["all"].pictures if "all" in costs else 0
            figures["cost"] = Figure(total, pictures, high=self.total_disagreement_high)
        return figures

    @property
    def on(self) -> str:
        """What it was counted on, in words."""
        return str(self.figures.get("on", ""))


PLAIN: Final = (
    "disagreement",
    "total_disagreement",
    "measured",
    "by_theorem",
    "disagreement_high",
    "total_disagreement_high",
    "total_shown_disagreement",
    "total_shown_disagreement_high",
    "total_disagreement_before",
    "forgets",
    "forgets_after",
    "scope_share",
    "total_scope_share",
    "scope_share_added",
    "subsumed_by",
)
"""Fields that JSON has as they are."""
NAMED: Final = frozenset(
    {*PLAIN, *BOUNDS, "costs", "effect", "covers", "targets", "doubted_names"}
)
