"""What an attack attains, judged against chance by its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from govd.edit.attacks.intervals import OUTSIDE, area_interval, share_interval
from govd.grades import State
from govd.types import Json

HALF_WAY: Final = 0.5
"""How far from chance to complete success an interval may reach for an attack that is not told from
chance to count as failed. Beyond that, the pictures are so few that the attack may work more often
than not: then nothing is claimed.
"""
CHANCE: Final = 0.5
"""AUC of an order that has nothing to do with what is looked for."""
DIGITS: Final = 6
"""Of shares in records."""
FEW: Final = "there are too few pictures"
NO_WORD: Final = "no other word for it is known"
DOMAIN: Final = "a whole domain has no word of its own"
"""Why an attack is not tried."""


@dataclass(frozen=True)
class Reading:
    """A share or an area with its interval and what chance gives, counted on `judged` pictures of
    the forget.

    `both_ways`: an order that is better than chance when it is read backwards works as well.
    """

    value: float
    interval: tuple[float, float]
    chance: float
    judged: int
    both_ways: bool = False

    @property
    def works(self) -> bool:
        """The whole interval is beyond chance."""
        return self.interval[0] > self.chance or (
            self.both_ways and self.interval[1] < self.chance
        )

    @property
    def failed(self) -> bool:
        """It is not told from chance, by pictures enough to tell."""
        above = self.chance + HALF_WAY * (1 - self.chance)
        below = self.chance * (1 - HALF_WAY)
        return (
            not self.works
            and self.interval[1] < above
            and (not self.both_ways or self.interval[0] > below)
        )

    @property
    def beyond(self) -> float:
        """How far it is from chance, to find the worst of several."""
        return (
            abs(self.value - self.chance)
            if self.both_ways
            else self.value - self.chance
        )


def share_reading(count: int, total: int, chance: float) -> Reading:
    """A share of pictures that get a name, where `chance` of other pictures get it by mistake.

    Args:
        count: pictures that get it.
        total: pictures of the forget that were looked at.
    """
    return Reading(
        count / total if total else 0.0, share_interval(count, total), chance, total
    )


def area_reading(
    area: float, positives: int, negatives: int, both_ways: bool = False
) -> Reading:
    """An AUC, where 0.5 is chance.

    Args:
        area: the AUC.
        positives: pictures of the forget.
        negatives: other pictures.
        both_ways: read backwards it would work as well.
    """
    return Reading(
        area, area_interval(area, positives, negatives), CHANCE, positives, both_ways
    )


def place_reading(place: int, of: int) -> Reading:
    """The place (from 1) of a word in a list of so many: by chance it is among the first p of them
    with probability p. It works at the level of the other intervals.
    """
    share = place / of if of else 1.0
    return Reading(1 - share, (1 - share, 1 - share), 1 - OUTSIDE, of)


@dataclass(frozen=True)
class Attempt:
    """One attack on one forget: before the edit, and now; why it could not be tried, where it could
    not.

    `needs`: how many pictures, others, words or prompts it takes; `worst`: the word or prompt of
    several that does best; `place`: of an attack that is a rank, from 1.
    """

    attack: str
    before: Reading | None = None
    now: Reading | None = None
    needs: Mapping[str, int] = field(default_factory=dict)
    worst: str = ""
    why: str = ""
    place: int = 0

    @property
    def state(self) -> State:
        """What is known of it."""
        if self.now is None:
            return "unmeasured"
        if self.now.works:
            return "found"
        if self.before is not None and not self.before.works:
            return "few" if not self.before.failed else "unknown"
        return "held" if self.now.failed else "few"

    def as_json(self) -> dict[str, Json]:
        """As figures keep it."""
        record: dict[str, Json] = {"attack": self.attack, "state": self.state}
        if self.now is None:
            return record | {"why": self.why}
        if self.before is not None:
            record["before"] = round(self.before.value, DIGITS)
        low, high = self.now.interval
        record |= {
            "now": round(self.now.value, DIGITS),
            "interval": [round(low, DIGITS), round(high, DIGITS)],
            "chance": round(self.now.chance, DIGITS),
            "judged": self.now.judged,
            "needs": dict(self.needs),
        }
        if self.place:
            record["place"] = self.place
        return record | ({"worst": self.worst} if self.worst else {})


Variant = tuple[str, Reading, Reading]
"""A word or prompt, and what it attains before and now."""


def worst_of(
    attack: str, tried: Sequence[Variant], needs: Mapping[str, int], why: str
) -> Attempt:
    """Of several variants (name, before, now) the one that does best now: one that works, else one
    that worked before.

    Args:
        attack: its name.
        tried: the variants.
        needs: what the attack takes: how many words, prompts or pictures.
        why: what is said where no variant could be tried.
    """
    if not tried:
        return Attempt(attack, why=why)
    name, before, now = max(
        tried, key=lambda one: (one[2].works, one[1].works, one[2].beyond)
    )
    return Attempt(attack, before, now, needs, name)
