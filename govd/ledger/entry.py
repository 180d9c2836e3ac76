"""An entry before it is one."""

from __future__ import annotations

from dataclasses import dataclass, field

from govd.types import Json


@dataclass(frozen=True)
class Draft:
    """An entry before it has a number and a time. `model` is repeated for queries."""

    kind: str
    subject: str
    actor: str
    model: str = ""
    payload: Json = field(default_factory=dict)
