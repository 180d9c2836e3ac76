"""What an entry about a feed changes: `feed.add`, `.disable`, `.enable`, `.run`, `.release`,
`.reject`. Its subject is the feed's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from govd.errors import NotFound
from govd.records.changes import NOTHING, Changes, Lookup
from govd.records.feed import (
    DISABLED,
    DONE,
    ENABLED,
    HELD,
    REJECTED,
    RELEASED,
    FeedRecord,
    FeedRun,
)
from govd.types import Json, Record

USUAL_RUNS: Final = 30
"""Runs whose sizes tell what is usual."""
KEPT: Final = 500
"""Documents of a feed that are kept in its record, the newest."""


def fold_feed(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of everything about feeds.

    Raises:
        NotFound: there is no such feed, or it has no such run.
    """
    place = ("feed", str(entry["subject"]))
    before = lookup(*place)
    if event == "add":
        added = _added(entry) if before is None else {**before, **_configured(entry)}
        return Changes({place: FeedRecord.from_json(added)})
    if before is None:
        raise NotFound(f"there is no feed {place[1]}")
    feed = FeedRecord.from_json(before)
    if event in ("enable", "disable"):
        state = ENABLED if event == "enable" else DISABLED
        return Changes({place: feed.with_(state=state)})
    if event == "run":
        return _run(feed, entry)
    if event in ("release", "reject"):
        return _decided(feed, event, entry, lookup)
    return NOTHING


def _configured(entry: Record) -> dict[str, Json]:
    return {
        **entry["payload"],
        "state": ENABLED,
        "added_at": entry["time"],
        "added_by": entry["actor"],
    }


def _added(entry: Record) -> dict[str, Json]:
    fresh: dict[str, Json] = {"runs": 0, "held": [], "asked": [], "last_run_at": None}
    fresh["documents"] = {}
    return {
        "name": entry["subject"],
        "seq": entry["seq"],
        **fresh,
        **_configured(entry),
    }


def _run(feed: FeedRecord, entry: Record) -> Changes:
    payload = entry["payload"]
    number = int(payload["run"])
    state = str(payload["state"])
    newest = {"digest": payload["digest"], "run": number, "state": state}
    changed: dict[str, Json] = {
        "runs": number,
        "last_run_at": entry["time"],
        "documents": _newest(feed.documents, str(payload["document"]), newest),
    }
    if state == HELD:
        changed["held"] = [*feed.held, number]
    else:
        changed["asked"] = _asked(feed, payload)
    run = FeedRun.from_json(
        {
            "feed": feed.name,
            "at": entry["time"],
            "by": entry["actor"],
            "seq": entry["seq"],
            **payload,
        }
    )
    key = run_key(feed.name, number)
    place = ("feed_run", key)
    terms = [("feed", feed.name, place)]
    if payload.get("delivery"):
        terms.append(
            ("delivery", delivered(feed.name, str(payload["delivery"])), place)
        )
    return Changes(
        {("feed", feed.name): feed.with_(**changed), place: run}, tuple(terms)
    )


def _decided(feed: FeedRecord, event: str, entry: Record, lookup: Lookup) -> Changes:
    """A held run that a person released or rejected."""
    payload = entry["payload"]
    number = int(payload["run"])
    key = run_key(feed.name, number)
    before = lookup("feed_run", key)
    if before is None or before["state"] != HELD:
        raise NotFound(f"no run {number} of the feed {feed.name} is held")
    state = RELEASED if event == "release" else REJECTED
    decided = {"at": entry["time"], "by": entry["actor"], "reason": payload["reason"]}
    outcome = {
        name: value
        for name, value in payload.items()
        if name not in ("reason", "run", "state")
    }
    run = before.with_(**outcome, state=state, decided=decided)
    still_held = [run_number for run_number in feed.held if run_number != number]
    changed: dict[str, Json] = {"held": still_held}
    if event == "release":
        changed["asked"] = _asked(feed, payload)
    document = feed.documents.get(str(run["document"]))
    if document is not None and document["run"] == number:
        settled = {**document, "state": DONE if event == "release" else REJECTED}
        changed["documents"] = {**feed.documents, str(run["document"]): settled}
    return Changes({("feed", feed.name): feed.with_(**changed), ("feed_run", key): run})


def _asked(feed: FeedRecord, payload: Mapping[str, Json]) -> list[int]:
    return [*feed["asked"], int(payload["asked"])][-USUAL_RUNS:]


def _newest(kept: Mapping[str, Json], name: str, value: Json) -> dict[str, Json]:
    """A bounded mapping with another entry at its end."""
    earlier = {key: record for key, record in kept.items() if key != name}
    surplus = max(0, len(earlier) + 1 - KEPT)
    return {**dict(islice(earlier.items(), surplus, None)), name: value}


def run_key(feed: str, number: int) -> str:
    """Where a run is kept."""
    return f"{feed}/{number}"


def delivered(feed: str, delivery: str) -> str:
    """The word by which the run of a message is found."""
    return f"{feed}/{delivery}"
