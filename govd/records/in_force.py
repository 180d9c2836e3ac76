"""Which forgets were in force when a revision was published: folded from the entries alone, and
compared with what it was made of.

The views fold the same entries for the daemon; a daemon that was led to believe something else
published by that. Here nothing is believed but the entries. A pure fold: an event in, faults out;
memory holds what something can still happen to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from govd.errors import Conflict
from govd.records.criteria_kept import Kept, criteria_of, judged_by
from govd.records.lifecycle import TABLES, WANTED, after, is_final

SETTLES: Final = frozenset({"request.publish", "request.subsume", "request.revert"})
"""What is appended with a publish, in the same breath: what it makes true of each request."""
CHANGES: Final = frozenset(
    f"request.{event}"
    for kind in ("forget", "revert")
    for events in TABLES[kind].values()
    for event in events
)
ENDS: Final = ("revision.supersede", "revision.refuse")


class Event(NamedTuple):
    """What an entry says that decides what is in force. `said` is, by the kind: of a filing its
    kind, what it reverts and its criteria (JSON); of a change of criteria those; of an evaluation
    what criteria were judged by (JSON); of a decision the contribution, empty where it names none;
    of a composition the contributions and the requests that others cover, a line each.
    """

    seq: int
    kind: str
    subject: str
    model: str
    said: tuple[str, ...] = ()


def event_of(entry: Mapping[str, Any]) -> Event | None:
    """An entry's event, None where it changes nothing of what is in force.

    Raises:
        TypeError, AttributeError: its payload is not one of such an entry.
    """
    kind = entry["kind"]
    payload = entry["payload"]
    if kind in CHANGES or kind == "request.recompute":
        values: tuple[str, ...] = (str(payload.get("contribution") or ""),)
    elif kind == "request.file":
        values = (
            str(payload.get("kind") or "forget"),
            str(payload.get("reverts") or ""),
            criteria_of(payload),
        )
    elif kind == "request.criteria":
        values = (criteria_of(payload),)
    elif kind == "revision.evaluate":
        values = (judged_by(payload),)
    elif kind == "revision.compose":
        values = (
            "\n".join(payload.get("contributions") or ()),
            "\n".join(payload.get("subsumed") or ()),
        )
    elif kind == "revision.publish" or kind in ENDS:
        values = ()
    else:
        return None
    return Event(
        int(entry["seq"]), kind, str(entry["subject"]), str(entry["model"]), values
    )


@dataclass
class _Request:
    kind: str
    model: str
    reverts: str
    state: str = "filed"
    contribution: str = ""
    subsumed_by: int = -1  # the entry


@dataclass
class _Published:
    """A publish whose consequences are still being told. `missing`: wanted, neither in the edit nor
    covered as far as is known.
    """

    subject: str
    seq: int
    missing: set[str] = field(default_factory=set)


class InForce:
    """What is in force, entry after entry. `fault` is told of each publish that is not of what was
    wanted then.
    """

    def __init__(self, fault: Callable[[str], None]) -> None:
        self._fault = fault
        self._open: dict[str, _Request] = {}
        self._wanted: dict[str, set[str]] = {}
        self._going: set[str] = set()
        self._composed: dict[str, tuple[int, frozenset[str], frozenset[str]]] = {}
        self._published: _Published | None = None
        self._kept = Kept(fault)

    def take(self, event: Event) -> None:
        """The next event, in the order of the entries. One that cannot happen changes nothing, as
        in the views.
        """
        if event.kind not in SETTLES:
            self.finish()
        if event.kind == "request.file":
            self._kept.say(event.seq, event.subject, event.said[2])
            self._put(
                event.subject,
                _Request(
                    event.said[0] if event.said[0] == "revert" else "forget",
                    event.model,
                    event.said[1],
                ),
            )
        elif event.kind == "revision.compose":
            parts = [
                frozenset(text.split("\n")) if text else frozenset[str]()
                for text in event.said
            ]
            self._composed[event.subject] = event.seq, parts[0], parts[1]
        elif event.kind == "revision.publish":
            self._publish(event)
        elif event.kind in ENDS:
            self._composed.pop(event.subject, None)
            self._kept.forget(event.subject)
        elif event.kind == "request.criteria":
            self._kept.say(event.seq, event.subject, event.said[0])
        elif event.kind == "revision.evaluate":
            self._kept.judge(event.subject, event.said[0])
        else:
            self._change(event)

    def finish(self) -> None:
        """No more consequences of the last publish come: what it left out is told."""
        published, self._published = self._published, None
        for request in sorted(published.missing if published else ()):
            assert published is not None
            self._fault(
                f"entry {published.seq} publishes {published.subject} without {request}, which was"
                " in force or approved then"
            )

    def wanted(self, model: str) -> set[str]:
        """The forgets that should be in force: approved ones whose revert is not approved yet."""
        return self._wanted.get(model, set()) - self._going

    def states(self) -> dict[str, str]:
        """The state of each request that something can still happen to."""
        return {name: request.state for name, request in self._open.items()}

    def _put(self, name: str, request: _Request) -> None:
        request_ids = self._wanted.setdefault(request.model, set())
        if request.kind == "forget":
            (request_ids.add if request.state in WANTED else request_ids.discard)(name)
        else:
            (self._going.add if request.state == "approved" else self._going.discard)(
                request.reverts
            )
        if is_final(request.kind, request.state):
            self._open.pop(name, None)
            self._kept.forget(name)
        else:
            self._open[name] = request

    def _change(self, event: Event) -> None:
        request = self._open.get(event.subject)
        if request is None:
            return
        name = event.kind.partition(".")[2]
        if name != "recompute":
            try:
                request.state = after(request.kind, request.state, name)
            except Conflict:
                return
        request.contribution = event.said[0] or request.contribution
        if name == "subsume":
            request.subsumed_by = event.seq
            if self._published is not None:
                self._published.missing.discard(event.subject)
        self._put(event.subject, request)

    def _publish(self, event: Event) -> None:
        if event.subject not in self._composed:
            self._fault(
                f"entry {event.seq} publishes {event.subject}, which no entry before it composed,"
                " or another ended"
            )
            return
        composed_at, contributions, covered = self._composed.pop(event.subject)
        model = event.subject.rpartition("/")[0]
        requests = {name: self._open[name] for name in self.wanted(model)}
        self._kept.publish(event.seq, event.subject, requests)
        strange = contributions - {
            request.contribution for request in requests.values()
        }
        if strange:
            contents = f"the contribution {min(strange)[:16]}…"
            if len(strange) > 1:
                contents = f"{len(strange)} contributions"
            self._fault(
                f"entry {event.seq} publishes {event.subject} with {contents} of no request that"
                " was in force or approved then"
            )
        missing = {
            name for name, r in requests.items() if r.contribution not in contributions
        }
        missing -= {
            name
            for name in missing
            if name in covered or requests[name].subsumed_by > composed_at
        }
        self._published = _Published(event.subject, event.seq, missing)
