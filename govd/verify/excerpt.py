"""What a bundle of one request shows where it shows other requests as digests only. Pure: reads
entries, and nothing else.

Who makes such a bundle chooses its entries by this, and who verifies it sees by the same that
nothing else is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from govd.records.actors import person_named, person_of

Entry = Mapping[str, Any]

OTHERS: Final = "others"
"""What a manifest says of other requests, beside the one that its bundle is about."""
DIGESTS: Final = "digests"
"""They are shown as digests only. Where a manifest says nothing of them, they are shown whole."""
OF_THE_LOG: Final = ("key.add", "key.rotate", "witness.cosign", "witness.stamp")
NAMELESS: Final = (
    "revision.compose",
    "revision.publish",
    "revision.deliver",
    "export.write",
)
"""Entries of a revision that name other requests by ids and digests alone."""
FIGURES: Final = ("revision.evaluate", "revision.measure")
"""Entries of a revision that name all that it forgets."""


@dataclass(frozen=True)
class Composed:
    """A composed revision: its entry, its contributions of this request, and how many there are of
    others.
    """

    entry: int
    revision: str
    own: tuple[str, ...]
    others: int


@dataclass
class Excerpt:
    """A request with its reverts (and what it reverts), their contributions, and the revisions that
    brought and undid them.
    """

    requests: set[str]
    contributions: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    revisions: set[str] = field(default_factory=set)
    composed: dict[str, Composed] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    """Who filed and approved it, and for whom they acted."""

    @staticmethod
    def of(entries: Callable[[], Iterable[Entry]], request: str) -> Excerpt:
        """From entries in their order, which are read twice; those of other requests make no
        difference.
        """
        excerpt = Excerpt({request})
        for entry in entries():
            if entry["kind"] == "request.file":
                excerpt._filed(entry, request)
        for entry in entries():
            excerpt._take(entry)
        return excerpt

    def _filed(self, entry: Entry, request: str) -> None:
        reverts = entry["payload"].get("reverts")
        if entry["subject"] == request and isinstance(reverts, str):
            self.requests.add(reverts)
        elif reverts == request:
            self.requests.add(entry["subject"])

    def _take(self, entry: Entry) -> None:
        kind = entry["kind"]
        subject = entry["subject"]
        payload = entry["payload"]
        if kind == "revision.compose":
            parts = _texts(payload.get("contributions"))
            shown_parts = tuple(part for part in parts if part in self.contributions)
            self.composed[subject] = Composed(
                entry["seq"], subject, shown_parts, len(parts) - len(shown_parts)
            )
        elif kind.startswith("request.") and subject in self.requests:
            self.models.add(entry["model"])
            self.people |= people_of(entry)
            if isinstance(payload.get("contribution"), str):
                self.contributions.add(payload["contribution"])
            if kind == "request.publish":
                self.revisions.add(f"{entry['model']}/{payload.get('revision')}")

    def alone(self, revision: str) -> bool:
        """Whether a revision is made of this request's contributions and of nothing else."""
        return revision in self.composed and not self.composed[revision].others

    def shared(self) -> list[Composed]:
        """The revisions that are made of other requests as well."""
        return [
            c
            for c in self.composed.values()
            if c.others and c.revision in self.revisions
        ]

    def shows(self, entry: Entry) -> bool:
        """Whether an entry is one to show."""
        kind = entry["kind"]
        subject = entry["subject"]
        if kind.startswith("request.") or kind == "policy.decide":
            return subject in self.requests
        if kind.startswith("revision.") or kind == "export.write":
            is_nameless = kind in NAMELESS or (kind in FIGURES and self.alone(subject))
            return is_nameless and subject in self.revisions
        if kind == "contribution.make":
            return subject in self.contributions
        if kind.startswith("principal."):
            return bool(people_of(entry) & self.people)
        if kind.startswith("model."):
            return subject in self.models
        return kind in OF_THE_LOG

    def shows_artifacts(self, entry: Entry) -> bool:
        """Whether what an entry names is shown: an edit and its basis only where no other request
        is in it.
        """
        return entry["kind"] != "revision.compose" or self.alone(entry["subject"])


def people_of(entry: Entry) -> set[str]:
    """The persons that an entry about a request or a principal is of: who did it and for whom, or
    whom it is about.
    """
    payload = entry["payload"]
    kind = entry["kind"]
    if kind.startswith("principal."):
        names = {str(entry["subject"]), str(payload.get("to") or entry["subject"])}
        return {person_named(name) for name in names}
    acting = payload.get("for")
    actors = [entry["actor"]]
    if isinstance(acting, list):
        actors += [vote.get("principal") for vote in acting if isinstance(vote, dict)]
    people = (person_of(str(actor)) for actor in actors)
    return {person for person in people if person is not None}


def _texts(said: Any) -> list[str]:
    if isinstance(said, list):
        return [text for text in said if isinstance(text, str)]
    return []
