"""What an entry about a revision changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from govd.errors import NotFound
from govd.records.changes import (
    Changes,
    Lookup,
    Place,
    Span,
    head_at,
    published_at,
    revision_at,
)
from govd.records.lifecycle import EVENTS, RevisionState, after
from govd.records.model import Head
from govd.records.record import StoredRecord
from govd.records.revision import Revision
from govd.types import Json, Record


def fold_revision(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `revision.compose` and everything that can follow it.

    Raises:
        Conflict: the revision's state, or that of the published one, does not allow it. NotFound:
        there is no such model or revision.
    """
    subject = str(entry["subject"])
    payload = entry["payload"]
    model = subject.partition("/")[0]
    head = head_at(lookup, model)
    if head is None:
        raise NotFound(f"there is no model {model}")
    if event == "compose":
        return _composed(head, entry, lookup)
    revision = revision_at(lookup, subject)
    if revision is None:
        raise NotFound(f"there is no revision {subject}")
    place = ("revision", subject)
    if event == "deliver":
        return Changes({place: revision.with_(files=payload["files"])})
    if event == "measure":  # figures that take longer and hold nothing up
        metrics = {**revision.metrics, **payload["metrics"]}
        return Changes({place: revision.with_(metrics=metrics, measured=True)})
    changed: dict[str, Json] = {"state_reason": payload.get("reason", "")}
    if event in EVENTS["revision"]:
        changed["state"] = after("revision", revision.state, event).value
    if event == "publish":
        return _published(revision.with_(**changed), head, entry, lookup)
    if event == "evaluate":
        changed["metrics"] = payload["metrics"]
        changed["evaluated_by"] = payload.get("evaluated_by", "")
    return Changes({place: revision.with_(**changed)})


def superseded(published: Revision) -> Revision:
    """The published revision as the next publish leaves it.

    Raises:
        Conflict: its state does not allow it.
    """
    return published.with_(state=after("revision", published.state, "supersede").value)


def made_of_digest(basis: str, contributions: Iterable[str]) -> str:
    """SHA-256 of what an edit is a function of: the digests of a basis and of the set of
    contributions.
    """
    return hashlib.sha256(
        "\n".join([basis, *sorted(contributions)]).encode()
    ).hexdigest()


def _composed(head: Head, entry: Record, lookup: Lookup) -> Changes:
    subject = str(entry["subject"])
    payload = entry["payload"]
    number = int(subject.partition("/")[2])
    record: dict[str, Json] = {
        "model": head.model,
        "number": number,
        "state": RevisionState.COMPOSED.value,
        "state_reason": "",
        "metrics": {},
        "measured": False,
        "published_at": None,
        "files": {},
        "seq": entry["seq"],
    }
    revision = Revision.from_json(record | dict(payload))
    place = ("revision", subject)
    records: dict[Place, StoredRecord] = {
        place: revision,
        ("head", head.model): head.with_(last=number),
    }
    last = f"{head.model}/{head.last}"
    before = revision_at(lookup, last) if head.last else None
    if before is not None and last != subject:
        records["revision", last] = (
            before  # it is no longer the last, and may leave the memory
        )
    made_of = made_of_digest(revision.basis, revision.contributions)
    return Changes(records, (("made_of", made_of, place),))


def _published(
    revision: Revision, head: Head, entry: Record, lookup: Lookup
) -> Changes:
    """`revision`: in its new state already."""
    records: dict[Place, StoredRecord] = {}
    before = published_at(lookup, head.model)
    if before is not None:
        records["revision", before.subject] = superseded(before)
    published = revision.with_(published_at=entry["time"], tree_size=entry["seq"])
    records["revision", published.subject] = published
    records["head", head.model] = head.with_(published=published.number)
    return Changes(records, span=Span(head.model, int(entry["seq"]), published.number))
