"""What entries about feeds say, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.verify.honest import json_dict

CHANGED: Final = {
    "feed.enable": "is looked at again",
    "feed.disable": "is looked at no more",
}
COUNTED: Final = (
    "filed",
    "already",
    "ended",
    "refused",
    "kept",
    "reverted",
    "withdrawn",
)


def of_feed(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    """The sentence of an entry about feeds, None where there is none."""
    reason = str(payload.get("reason") or "")
    because = f": {reason}" if reason else ""
    run = f"run {payload.get('run')} of the feed {subject}"
    if kind == "feed.run":
        document = ""
        if payload.get("document"):
            document = f" ({payload.get('document')})"
        if payload.get("state") == "held":
            return f"{run}{document} is held for a person{because}"
        return f"{run}{document}: {_counted(payload)}"
    if kind == "feed.release":
        return f"{run} was released{because}; {_counted(payload)}"
    if kind == "feed.reject":
        return f"{run} was rejected{because}"
    if kind == "feed.add":
        return f"the feed {subject} was added: {payload.get('url')}"
    happened = CHANGED.get(kind)
    if happened:
        return f"the feed {subject} {happened}{because}"
    return None


def _counted(payload: Mapping[str, Any]) -> str:
    counts = json_dict(payload.get("counts"))
    clauses = [f"{counts[name]} {name}" for name in COUNTED if counts.get(name)]
    return f"{counts.get('rows', 0)} rows" + "".join(f", {words}" for words in clauses)
