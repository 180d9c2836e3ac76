"""What a forget is about, and what it adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from govd.types.values import Floats, Json, Target


@dataclass(frozen=True, order=True)
class Concept:
    """What is named: a phrase, with other phrases for the same thing."""

    name: str
    aliases: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """The name and the aliases, the name first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Scope:
    """Concepts × domains. `concepts` empty: every concept (then `domains` is not). `domains` empty:
    every domain.
    """

    concepts: tuple[Concept, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def paradigm(self) -> Literal["concepts", "domains", "cells"]:
        """Concepts in all domains; all concepts in some domains; some concepts in some domains."""
        if not self.domains:
            return "concepts"
        return "cells" if self.concepts else "domains"

    def covers(self, other: Scope) -> bool:
        """Whether everything in `other` is in this scope: each phrase of its concepts, each domain
        by its name.
        """
        phrases, other_phrases = (
            {p for c in scope.concepts for p in c.phrases} for scope in (self, other)
        )
        concepts = not phrases or (bool(other_phrases) and other_phrases <= phrases)
        domains = not self.domains or (
            bool(other.domains) and set(other.domains) <= set(self.domains)
        )
        return concepts and domains

    def as_json(self) -> dict[str, Json]:
        """The scope in a fixed order, so that the same scope has the same digest however it was
        typed.
        """
        return {
            "concepts": [
                {"name": c.name, "aliases": sorted(c.aliases)}
                for c in sorted(self.concepts)
            ],
            "domains": sorted(self.domains),
        }


@dataclass(frozen=True)
class ForgetSpec:
    """What one forget computes: everything its contribution depends on besides the model, and
    nothing else (no id, time or actor).
    """

    scope: Scope
    method: str
    target: Target | None
    strength: float = 1.0
    prototypes: int = 0
    seed: int = 0
    examples: tuple[str, ...] = ()  # pictures that somebody gave, by their SHA-256

    def as_json(self) -> dict[str, Json]:
        """Canonical form, part of the contribution's digest."""
        return {
            "scope": self.scope.as_json(),
            "method": self.method,
            "target": self.target,
            "strength": float(self.strength),
            "prototypes": self.prototypes,
            "seed": self.seed,
            "examples": list(self.examples),
        }


@dataclass(frozen=True)
class Contribution:
    """What one forget adds, whatever else is in force: named tensors (float64) and facts about
    them, named by one digest.
    """

    spec: ForgetSpec
    tensors: Mapping[str, Floats]
    facts: Mapping[str, Json]
    digest: str
