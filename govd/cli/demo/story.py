"""What the demo is about, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from govd.cli.report.parts import picture_verdict
from govd.records.actors import local_account
from govd.requests import ForgetOptions
from govd.types import Json, Record

MODEL = "mini"
EVERYWHERE = "dog"
CELL = ("umbrella", "line")
WHOLE = "colour"
STAYS = ("house", "apple", "rocket", "train")
"""Concepts that no request names."""
WISHES = (
    (
        "a concept everywhere",
        ForgetOptions(concepts=(EVERYWHERE,), reason="demo: this class must go"),
    ),
    (
        "a concept in one domain",
        ForgetOptions(
            concepts=(CELL[0],), domains=(CELL[1],), reason="demo: not in line drawings"
        ),
    ),
    (
        "a whole domain",
        ForgetOptions(
            all_concepts=True, domains=(WHOLE,), reason="demo: nothing in colour"
        ),
    ),
)
HOW = (
    ("govd", "govd"),
    ("nullspace", "plain nullspace"),
    ("ccup", "ccup, Wᵀ on images"),
    ("ccup_other", "ccup, W on images"),
    ("label", "deleting the label"),
)
"""What is compared, by its key in a row, and as it is called."""
QUERIED = (EVERYWHERE, CELL[0], STAYS[0])
"""Words that a store of vectors is asked for."""
ACTOR = local_account()
ALL = "all three together"


@dataclass(frozen=True)
class Picture:
    """A labelled picture, what the model calls it before and after, and how good that is."""

    png: bytes
    name: str
    domain: str
    before: str
    after: str
    forgotten: bool

    @property
    def verdict(self) -> str:
        """What became of it (`govd.cli.report.parts.picture_verdict`)."""
        return picture_verdict(self.name, self.before, self.after, self.forgotten)


@dataclass(frozen=True, eq=False)
class Prototype:
    """What the model itself draws for a prompt, `(H, W, 3)` uint8, with real pictures of the same
    beside it.
    """

    prompt: str
    concept: str
    domain: str
    pixels: Any
    real: tuple[bytes, ...]


@dataclass(frozen=True)
class Story:
    """What the demo found, for the report."""

    model: Record
    base: Record
    scratch: list[str]
    requests: list[Record]
    origins: list[dict[str, Json]]
    rows: list[dict[str, Json]]
    leaks: list[dict[str, Json]]
    store: list[dict[str, Json]]
    digests: dict[str, str]
    cells: list[dict[str, Json]]
    pictures: list[Picture]
    prototypes: list[tuple[str, list[Prototype]]]
    verdict: Record
    bundle: Record
    seconds: float


def search_areas(row: Record | None) -> list[float]:
    """The AUC of each forgotten concept's text on its pictures; empty where whole domains were
    forgotten.
    """
    if row is None:
        return []
    if "text_auc" in row:
        return [float(row["text_auc"])]
    return [float(c["text_auc"]) for c in row.get("concepts", []) if "text_auc" in c]
