"""What entries about policies say, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.verify.honest import json_list

CHANGED: Final = {
    "policy.shadow": "is asked from now on and counts for nothing",
    "policy.disable": "is no longer asked",
}
SHOWN_DIGITS: Final = 12


def of_policy(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    """The sentence of an entry about policies, None where there is none."""
    reason = str(payload.get("reason") or "")
    because = f": {reason}" if reason else ""
    digest = str(payload.get("digest"))[:SHOWN_DIGITS]
    match kind:
        case "policy.add":
            return f"the policy {subject} was added, text {digest}, mode {payload.get('mode')}"
        case "policy.enforce":
            return f"the policy {subject}, text {digest}, counts{_report(payload)}{because}"
        case "policy.freeze":
            return f"everything automatic was frozen{because}"
        case "policy.unfreeze":
            return f"the freeze was ended{because}"
        case "policy.decide":
            return (
                f"policies were asked about {subject} "
                f"({payload.get('moment')}): {_said(payload)}"
            )
    happened = CHANGED.get(kind)
    if happened:
        return f"the policy {subject} {happened}{because}"
    return None


def _report(payload: Mapping[str, Any]) -> str:
    report = payload.get("report")
    if not isinstance(report, dict):
        return " untried"
    count = report.get("decisions")
    return f" after a report on {count} decisions ({str(report.get('digest'))[:SHOWN_DIGITS]})"


def _said(payload: Mapping[str, Any]) -> str:
    """What each policy came to."""
    words = []
    for outcome in json_list(payload.get("outcomes")):
        if isinstance(outcome, dict):
            effect = outcome.get("effect") or "nothing"
            mode = " in shadow"
            if outcome.get("mode") == "enforce":
                mode = ""
            words.append(f"{outcome.get('policy')} said {effect}{mode}")
    return "; ".join(words) or "nothing"
