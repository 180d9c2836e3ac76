"""Plugins that misbehave."""

from collections.abc import Callable
from typing import Any

from govd.hookspecs import hookimpl
from govd.types import Record

QUICK = 0.3
"""Seconds that these plugins are waited for."""


class Hostile:
    """Does in each hook what it is told to."""

    def __init__(self) -> None:
        self.vote: Callable[[Any], Any] = lambda _: None
        self.gate: Callable[[Any], Any] = lambda _: None
        self.entry: Callable[[Any], Any] = lambda _: None
        self.contribute: Callable[[Any], Any] = lambda _: None
        self.evaluate: Callable[[Any], Any] = lambda _: None
        self.asked = 0

    @hookimpl
    def govd_vote(self, request: Record) -> Any:
        self.asked += 1
        return self.vote(request)

    @hookimpl
    def govd_gate(self, revision: Record) -> Any:
        self.asked += 1
        return self.gate(revision)

    @hookimpl
    def govd_on_entry(self, entry: Record) -> Any:
        return self.entry(entry)

    @hookimpl
    def govd_compute_contribution(self, spec: Any) -> Any:
        return self.contribute(spec)

    @hookimpl
    def govd_evaluate(self, contributions: Any) -> Any:
        self.asked += 1
        return self.evaluate(contributions)
