"""What policies and gates say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from govd.types.values import Decision, Json


@dataclass(frozen=True)
class Needs:
    """What a vote that waits is waiting for: approvals of people.

    `n`: so many of them, each another person. `role`: who has this role, of a token or given to a
    principal; None: who may approve at all. `not_filer`: the one who filed the request does not
    count, nor who acts for him or he for whom.

    Example: `Needs(2, role="operator", not_filer=True)`.
    """

    n: int = 1
    role: str | None = None
    not_filer: bool = False

    def __str__(self) -> str:
        """As people read it: `2 people with the role operator, not the filer`."""
        people = "a person" if self.n == 1 else f"{self.n} people"
        role = f" with the role {self.role}" if self.role else ""
        return f"{people}{role}{', not the filer' if self.not_filer else ''}"

    def as_json(self) -> dict[str, Json]:
        """As the entry of the vote records it."""
        return {"n": self.n, "role": self.role, "not_filer": self.not_filer}


@dataclass(frozen=True)
class Vote:
    """What a policy says to a request at one moment (`filed`, `approve`, `revert`, `release`,
    `extend`).

    `policy`: what it calls itself. `reason`: a sentence for the people who read why. `inputs`: the
    figures and names that it decided by, kept with the vote. `needs`: what a "wait" waits for; govd
    counts who approved. The policy is asked again at each approval, and may say something else
    then.
    """

    decision: Decision
    policy: str
    reason: str
    inputs: Mapping[str, Json] = field(default_factory=dict)
    needs: Needs | None = None


@dataclass(frozen=True)
class Gate:
    """Whether an evaluated revision may be published, by whom and why."""

    decision: Decision
    gate: str
    reason: str
