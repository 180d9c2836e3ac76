"""What verifying entries comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from govd.ledger.times import is_time, seconds_between
from govd.verify.bounds import Bound
from govd.verify.claim import newest
from govd.verify.parts import MOST, Times


@dataclass
class Verdict:
    """What was looked at and what was wrong with it."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    signed_size: int = 0
    artifacts: int = 0
    named: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What is no fault and yet to be told, whether or not anything was wrong."""
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults

    def newest(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last; the last composed one where none
        was.
        """
        return newest(
            {"kind": kind, "subject": s}
            for kind in ("revision.compose", "revision.publish")
            for s in self._of(kind)
        )

    def published(self) -> list[tuple[str, int]]:
        """For each model the revision that was published last."""
        return newest(
            {"kind": "revision.publish", "subject": s}
            for s in self._of("revision.publish")
        )

    def _of(self, kind: str) -> list[str]:
        return [
            subject for key, subject in self.last.items() if key.startswith(f"{kind} ")
        ]

    @property
    def full(self) -> bool:
        """Whether more faults would not be told."""
        return len(self.faults) >= MOST

    def fault(self, text: str) -> None:
        """Note a fault."""
        if not self.full:
            self.faults.append(text)


def clock_sentences(times: Times) -> list[str]:
    """What there is to say of the times that entries bear."""
    sentences = []
    if times.back:
        seq, before, entry_time = times.back[0]
        more = ""
        if times.back[1:]:
            more = f" (and {len(times.back) - 1} times more)"
        by = (
            f"{seconds_between(entry_time, before):,.0f} s "
            if is_time(entry_time) and is_time(before)
            else ""
        )
        sentences.append(
            f"Times go back: entry {seq} is dated {by}before the one before it{more}; `as-of` takes"
            " the greatest time so far."
        )
    if times.behind:
        seq, seconds = max(times.behind, key=lambda b: b[1])
        sentences.append(
            f"The clock was behind at {len(times.behind)} entries, by up to {seconds:,.0f} s (entry"
            f" {seq})."
        )
    return sentences
