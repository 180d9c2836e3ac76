"""A share that was counted on pictures, with the ends of its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from govd.types.values import Json


@dataclass(frozen=True)
class Figure:
    """A share of `pictures` that changed, and whose they are; `low` and `high` are its interval's
    ends, None where it is not measured. In memory alone: `spread`, how far it strays by chance,
    where that is not what its pictures tell, and `by_chance`, between which ends it then lies.
    """

    share: float
    pictures: int
    label: str = ""
    domain: str = ""
    low: float | None = None
    high: float | None = None
    spread: float | None = field(default=None, compare=False)
    by_chance: tuple[float, float] | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, figure: Mapping[str, Json]) -> Figure:
        """As a request's prediction says it."""
        return cls(
            float(figure["share"]),
            int(figure["pictures"]),
            str(figure.get("label", "")),
            str(figure.get("domain", "")),
            figure.get("low"),
            figure.get("high"),
        )

    def as_json(self) -> dict[str, Json]:
        """As a request's prediction says it."""
        subject = {
            k: v for k, v in (("label", self.label), ("domain", self.domain)) if v
        }
        return {
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "pictures": self.pictures,
            **subject,
        }
