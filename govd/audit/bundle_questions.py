"""Which entries a bundle needs: those about a request, a revision, a time, or everything.

They are taken from the ledger itself; the views only say where to look first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from govd.errors import NotFound, Usage
from govd.ledger.times import moment
from govd.models.core import Core
from govd.types import Json, Record
from govd.verify import claim
from govd.verify.excerpt import DIGESTS, OTHERS, Excerpt, people_of
from govd.views.desk import EVERY

COPIES: Final = ("store", "export")
"""Nouns of entries that tell which copies of a model there are."""


@dataclass
class Question:
    """What a bundle is about: `seqs` of the entries to show (None: all there are), `claims` to
    sign, `about` for the manifest.

    `excerpt`: of one request, where others are shown as digests only.
    """

    about: dict[str, Json]
    seqs: set[int] | None = None
    claims: list[claim.Revision] = field(default_factory=list)
    excerpt: Excerpt | None = None


class BundleQuestions:
    """Asks one ledger what a bundle should show."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def everything(self) -> Question:
        """All entries, and a claim about the published revision of each model.

        Raises:
            Usage: there is none.
        """
        if not self.core.desk.ledger.size():
            raise Usage(
                "the ledger is empty: there is nothing to prove",
                advice="Start with govd model add.",
            )
        heads = sorted(self.core.desk.views.heads.items())
        return Question(
            {"everything": True},
            None,
            [(m, int(h["published"])) for m, h in heads if h["published"]],
        )

    def of_request(self, request_id: str, with_others: bool = False) -> Question:
        """A request: its entries and its reverts', and the revisions that brought it and took it
        back. `with_others`: also all that these were made of; without it, other requests are shown
        as the digests that those revisions name.
        """
        request = self.core.desk.request(request_id)
        own_id = str(request["id"])
        model = str(request["model"])
        subjects = {
            own_id,
            model,
            *self.core.desk.views.records.keys("reverts", own_id, "request"),
        }
        entries = self._closure(subjects, own_id, with_others)
        served = [
            e["payload"].get("revision")
            for e in entries
            if e["subject"] == own_id and e["kind"] == "request.publish"
        ]
        claims = [(model, int(n)) for n in served[:1] if n]
        if with_others:
            return Question(
                {"request": own_id}, {int(e["seq"]) for e in entries}, claims
            )
        excerpt = Excerpt.of(lambda: entries, own_id)
        seqs = {int(e["seq"]) for e in entries if excerpt.shows(e)}
        return Question({"request": own_id, OTHERS: DIGESTS}, seqs, claims, excerpt)

    def of_revision(self, model: str, number: int) -> Question:
        """A revision: its entries, those of its requests and contributions, and what its model was
        registered with.

        Raises:
            NotFound: there is none.
        """
        desk = self.core.desk
        if desk.views.revision(model, number) is None:
            desk.revision(model, number)
        entries = self._closure({f"{model}/{number}", model})
        records = self.core.desk.views.records
        copies = (records.seqs(limit=EVERY, kind=noun, model=model) for noun in COPIES)
        return Question(
            {"model": model, "revision": number},
            {int(e["seq"]) for e in entries}.union(*copies),
            [(model, number)],
        )

    def as_of(self, time: str, model: str | None, then: Record) -> Question:
        """A time: what was published then (`then`: what `Audit.as_of` says), what it was made of,
        and every entry from the one that published it to the first that is dated later.

        Raises:
            NotFound: no model was registered then.
        """
        at = moment(time, "time", end=True)
        ledger = self.core.desk.ledger
        registered = [m for m in then["models"] if m["registered"]]
        if not registered:
            raise NotFound(
                "no model was registered then",
                where=time,
                advice="`govd audit log --kind model` shows since when.",
            )
        start = min(int(m.get("published_entry", m["entries"][0])) for m in registered)
        stop = int(then["tree_size"])
        while (
            stop < ledger.size() and next(ledger.entries(stop, stop + 1))["time"] <= at
        ):
            stop += 1
        seqs = set(range(start, min(stop + 1, ledger.size())))
        subjects = {str(m["model"]) for m in registered} | {
            f"{m['model']}/{m['revision']}" for m in registered if m["revision"]
        }
        seqs |= {int(e["seq"]) for e in self._closure(subjects)}
        claims = [
            (str(m["model"]), int(m["revision"])) for m in registered if m["revision"]
        ]
        return Question(
            {"as_of": at, "from": start} | ({"model": model} if model else {}),
            seqs,
            claims,
        )

    def _closure(
        self, subjects: set[str], request: str = "", with_others: bool = True
    ) -> list[Record]:
        """Every entry about these subjects and what they lead to; found in the entries themselves,
        whatever the views say.

        The views guess what will be asked for, so that the entries are searched once as a rule.
        `request`: the one that is asked about, whose reverts and revisions are followed as well.
        `with_others`: revisions lead to all that they were made of.
        """
        core = self.core
        subjects_seen = set(subjects)
        fresh = set(subjects)
        # what is appended from here on is of another moment: some subjects would have it, others
        # not
        size = core.desk.ledger.size()
        while fresh:
            seqs = [
                s
                for subject in sorted(fresh)
                for s in core.desk.views.records.seqs(limit=100_000, subject=subject)
            ]
            fresh = (
                _leads(
                    core.desk.ledger.some([s for s in seqs if s < size]),
                    request,
                    with_others,
                )
                - subjects_seen
            )
            subjects_seen |= fresh
        while True:
            entries = core.desk.ledger.some(
                [s for s in core.desk.ledger.stored().about(subjects_seen) if s < size]
            )
            more = _leads(entries, request, with_others) - subjects_seen
            if not more:
                return self._with_people(entries, size)
            subjects_seen |= more

    def _with_people(self, entries: list[Record], size: int) -> list[Record]:
        """The entries, and those of the first `size` that say which roles the people had who filed
        and approved, and who acted for whom.
        """
        core = self.core
        people = set[str]()
        for entry in entries:
            people |= (
                people_of(entry) if str(entry["kind"]).startswith("request.") else set()
            )
        seqs = core.desk.views.records.seqs(limit=100_000, kind="principal")
        entry_seqs = {int(entry["seq"]) for entry in entries}
        person_entries = [
            entry
            for entry in core.desk.ledger.some(
                [s for s in seqs if s < size and s not in entry_seqs]
            )
            if people_of(entry) & people
        ]
        return sorted([*entries, *person_entries], key=lambda entry: int(entry["seq"]))


def _leads(entries: Iterable[Record], request: str, with_others: bool) -> set[str]:
    """The subjects that entries lead to: the parts of a revision (`with_others`), the contributions
    of a request; of `request` and its reverts also the revisions that brought and undid it.
    """
    leads: set[str] = set()
    own_requests = {request}
    for entry in entries:
        payload = entry["payload"]
        kind = str(entry["kind"])
        subject = str(entry["subject"])
        if kind == "revision.compose":
            subsumed = payload.get("subsumed") or {}
            leads |= (
                {*payload["requests"], *payload["contributions"], *subsumed}
                if with_others
                else set()
            )
        elif kind.startswith("request.") and payload.get("contribution"):
            leads.add(str(payload["contribution"]))
        elif kind == "request.vote" and payload.get("digest"):
            leads.add(str(payload["policy"]))  # the text that decided
        if (
            kind == "request.file"
            and payload.get("reverts")
            and (payload["reverts"] == request or subject == request)
        ):
            own_requests.add(subject)
            leads.add(str(payload["reverts"]))
        elif kind == "request.revert" and subject == request:
            own_requests.add(str(payload["by"]))
            leads.add(str(payload["by"]))
        elif (
            kind == "request.publish"
            and subject in own_requests
            and payload.get("revision")
        ):
            leads.add(f"{entry['model']}/{payload['revision']}")
    return leads
