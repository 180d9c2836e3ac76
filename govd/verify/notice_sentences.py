"""What entries about notices say, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govd.verify.honest import json_list

CHANGED: Final = {
    "notice.remove": "is no longer notified",
    "notice.secret": "has another secret",
    "notice.retry": "is to be told again",
}


def of_notice(kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    """The sentence of an entry about notices, None where there is none. `subject`: the receiver."""
    match kind:
        case "notice.add":
            kinds = ", ".join(map(str, json_list(payload.get("on"))))
            return f"{subject} is told of {kinds} from now on, at {payload.get('to')}"
        case "notice.send":
            return f"{subject} was told of {_about(payload)}"
        case "notice.fail":
            ending = ""
            if payload.get("stops"):
                ending = ", and is no longer notified"
            return f"{subject} was not told of {_about(payload)}: {payload.get('reason')}{ending}"
    happened = CHANGED.get(kind)
    return f"{subject} {happened}" if happened else None


def _about(payload: Mapping[str, Any]) -> str:
    event = payload.get("about")
    if not isinstance(event, dict):
        return "nothing"
    entry = f" (entry {event['entry']})" if "entry" in event else ""
    day = f", {str(event['due_at'])[:10]}" if "due_at" in event else ""
    return f"{event.get('kind')} of {event.get('subject')}{day}{entry}"
