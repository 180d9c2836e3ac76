"""Whether published revisions keep the acceptance criteria that were recorded then, from the
entries alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from govd.records.criteria import Criterion, breaches
from govd.types import Json

MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)
SHOWN: Final = 80
"""Characters of a figure's origin that a fault repeats."""


def criteria_of(payload: Mapping[str, Any]) -> str:
    """What a filing, or a change of criteria, says of them, as JSON; else empty."""
    criteria = payload.get("criteria")
    return json.dumps(criteria) if criteria else ""


def judged_by(payload: Mapping[str, Any]) -> str:
    """What an evaluation says that criteria were judged by, as JSON; else empty."""
    judged = (payload.get("metrics") or {}).get("criteria")
    return json.dumps(judged) if judged else ""


@dataclass
class Kept:
    """The criteria of each request as they are said last, and the figures of each revision on its
    way. `fault` is told of what a published revision does not keep.
    """

    fault: Callable[[str], None]
    _criteria: dict[str, tuple[Criterion, ...]] = field(default_factory=dict)
    _judged: dict[str, dict[str, Json]] = field(default_factory=dict)

    def say(self, seq: int, request: str, text: str) -> None:
        """The criteria of a request from this entry on."""
        self._criteria.pop(request, None)
        if not text:
            return
        try:
            criteria = tuple(Criterion.from_json(row) for row in json.loads(text))
        except MALFORMED:
            self.fault(f"entry {seq} says criteria of {request} that are none")
            return
        self._criteria[request] = criteria

    def judge(self, revision: str, text: str) -> None:
        """What the criteria of forgets were judged by in a revision."""
        self._judged[revision] = json.loads(text) if text else {}

    def publish(self, seq: int, revision: str, wanted: Iterable[str]) -> None:
        """That an entry publishes a revision with these forgets in force."""
        judged = self._judged.pop(revision, {})
        for request in sorted(wanted):
            criteria = self._criteria.get(request, ())
            if not criteria:
                continue
            try:
                broken = breaches(request, criteria, judged.get(request))
            except MALFORMED:
                self.fault(
                    f"what {revision} says of the criteria of {request} are no figures"
                )
                continue
            for breach in broken:
                figure = (
                    f"{breach.figure:.4f} on {breach.on[:SHOWN]}"
                    if breach.figure is not None
                    else f"no figure ({breach.why[:SHOWN]})"
                )
                self.fault(
                    f"entry {seq} publishes {revision}, which does not keep the criterion"
                    f" {breach.criterion} of {request}, recorded then: {figure}"
                )

    def forget(self, subject: str) -> None:
        """Nothing can follow of this request or revision."""
        self._criteria.pop(subject, None)
        self._judged.pop(subject, None)
