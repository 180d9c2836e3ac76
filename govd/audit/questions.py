"""Questions to the ledger: what happened, what was so at a time, why something is as it is, what is
due.
"""

from __future__ import annotations

from typing import Final

from govd.audit.copies import Copies
from govd.audit.deadlines import Deadlines
from govd.audit.filters import check_filters
from govd.audit.predictions import Predictions
from govd.audit.states import States
from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.limits import bounded
from govd.records.states import check_state
from govd.types import Json, Record
from govd.verify.sentences import sentence_of
from govd.views import sql

PAGE: Final = 10_000
FILED: Final = (
    "id",
    "concepts",
    "domains",
    "method",
    "target",
    "strength",
    "filed_at",
    "filed_by",
)
ATTEMPTS: Final = 2000
"""Revisions that are looked through for those which a request was in and which came to nothing."""


class Audit:
    """The nouns of `govd audit` that ask."""

    def __init__(self, core: Core) -> None:
        self.core = core
        states = States(core)
        self.as_of = states.as_of
        self.bounds = states.bounds
        self.deadlines = Deadlines(core).report
        self.predictions = Predictions(core).report
        self.manifest = Copies(core).manifest

    @bounded
    def log(
        self,
        after: int | None = None,
        limit: int = 100,
        *,
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        subject: str | None = None,
        model: str | None = None,
        concept: str | None = None,
        domain: str | None = None,
        state: str | None = None,
        policy: str | None = None,
    ) -> list[Record]:
        """Entries in order, from the one after entry `after`, that match all filters: `since` ≤
        time < `until` (a date alone: to its end); `actor`, `kind` (or its noun), `subject`,
        `model`; votes of `policy`; about requests with that `concept`, `domain`, `state`.

        Raises:
            Usage: a time that is none, a kind or state that there is not.
        """
        check_state(state)
        check_filters(self.core, model, kind)
        seqs = self.core.desk.views.records.seqs(
            after,
            max(0, min(limit, PAGE)),
            since=moment(since, "since") if since else None,
            until=moment(until, "until", end=True) if until else None,
            actor=actor,
            kind=kind,
            subject=subject,
            model=model,
            concept=concept.casefold() if concept else None,
            domain=domain,
            state=state,
            policy=policy,
        )
        return self.core.desk.ledger.some(seqs)

    @bounded
    def trail(self, request_id: str) -> Record:
        """Everything that happened to a request: its filing, votes, decisions, failures and
        attempts, the revisions that brought it and took it back, its reverts, and who was told of
        all that; in order, each with a sentence. `complete` is false where it has more than is
        looked through.
        """
        core = self.core
        request = self.core.desk.request(request_id)
        views = core.desk.views
        model = str(request["model"])
        keys = views.records.keys("reverts", request["id"], "request")
        reverts = [revert for key in keys if (revert := views.request(key))]
        subjects = {request["id"], *(revert["id"] for revert in reverts)}
        if request.get("reverts"):
            subjects.add(request["reverts"])
        if request["contribution"]:
            subjects.add(request["contribution"])
        subjects |= {
            f"{model}/{wish['revision']}"
            for wish in (request, *reverts)
            if wish.get("revision")
        }
        complete = True
        for wish in (request, *reverts):
            attempts, are_all = self._attempts(
                wish, request["id"], undone=wish is not request
            )
            subjects |= attempts
            complete = complete and are_all
        seqs: set[int] = set()
        for subject in subjects:
            subject_seqs = views.records.seqs(limit=PAGE + 1, subject=subject)
            notices = self._notices(subject)
            complete = complete and max(len(subject_seqs), len(notices)) <= PAGE
            seqs |= {*subject_seqs[:PAGE], *notices[:PAGE]}
        for of_model in (request.model_retired, request.weights_approved):
            if of_model:
                seqs.add(int(of_model["entry"]))
        entries = core.desk.ledger.some(sorted(seqs))
        return {
            "request": request,
            "entries": entries,
            "timeline": [_line(e) for e in entries],
            "complete": complete,
        }

    def _notices(self, subject: str) -> list[int]:
        """The entries that say who was told, or could not be, of entries about a subject."""
        records = self.core.desk.views.records
        notices = (
            records.get("notice", key)
            for key in records.keys("about", subject, "notice")
        )
        return sorted(int(notice["entry"]) for notice in notices if notice is not None)

    def _attempts(
        self, wish: Record, forget: str, undone: bool
    ) -> tuple[set[str], bool]:
        """Revisions that were composed while a wish waited, with its forget (`undone`: without it);
        whether all were looked through.
        """
        composed = self.core.desk.views.records.seqs(
            wish["seq"],
            ATTEMPTS + 1,
            kind="revision.compose",
            model=wish["model"],
            until=wish["served_at"] or wish["ended_at"],
        )
        entries = self.core.desk.ledger.some(composed[:ATTEMPTS])
        subjects = {
            entry["subject"]
            for entry in entries
            if (forget in entry["payload"]["requests"]) != undone
        }
        return subjects, len(composed) <= ATTEMPTS

    @bounded
    def why(self, model: str, number: int) -> Record:
        """From revision `number` of a `model` back to each request, vote, policy version, artifact
        and software version.

        Raises:
            NotFound: there is none.
        """
        desk = self.core.desk
        revision = desk.views.revision(model, number) or desk.revision(model, number)
        registered = desk.views.records.get("model", model) or {}
        subject = f"{model}/{number}"
        entries = desk.ledger.some(desk.views.records.seqs(limit=PAGE, subject=subject))
        subsumed = revision.get("subsumed", {})
        requests = [
            self._why_request(request_id, subsumed.get(request_id))
            for request_id in [*revision["requests"], *subsumed]
        ]
        return {
            "model": model,
            "number": number,
            "state": revision["state"],
            "published_at": revision["published_at"],
            "base": {
                name: registered[name] for name in ("reference", "digest", "files")
            },
            "edit": {
                "digest": revision["edit_digest"],
                "artifact": revision["edit"],
                "rank": revision["rank"],
                "side": revision["side"],
            },
            "basis": revision["basis"],
            "computed_by": {
                "software": revision["software"],
                "machine": revision["machine"],
                "plugins": revision.get("plugins", {}),
                "composed_by": revision["facts"].get("composed_by"),
            },
            "requests": requests,
            "files": revision.get("files", {}),
            "exports": desk.views.records.find("export", export_of=subject),
            "manifest": self.manifest(model, number),
            "entries": [_line(entry) for entry in entries],
        }

    def _why_request(self, request_id: str, covered_by: str | None) -> dict[str, Json]:
        """A request in a revision; `covered_by`: the one that covers it, where one does."""
        request = self.core.desk.request(request_id)
        contribution: Record = (
            self.core.desk.views.contribution(str(request["contribution"])) or {}
        )
        return {
            **{name: request[name] for name in FILED},
            **{name: request.get(name, "") for name in ("reason", "basis", "ticket")},
            "votes": request["votes"],
            "approvals": request["approvals"],
            "covered_by": covered_by,
            "contribution": request["contribution"],
            "artifact": contribution.get("artifact"),
            "plugins": contribution.get("plugins", {}),
        }

    @bounded
    def sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        """A question in SQL to the views, read-only, limited in time, rows, bytes and memory
        (`govd.views.sql`).
        """
        path = self.core.desk.views.records.path
        assert path is not None
        return sql.ask(path, query, seconds=seconds, limit=limit)


def _line(entry: Record) -> dict[str, Json]:
    sentence = sentence_of(entry) or str(entry["payload"].get("reason", ""))
    if entry["kind"] == "request.file" and entry["payload"].get("private"):
        sentence = sentence.replace("no reason given", "reason kept private")
    return {
        "entry": entry["seq"],
        "time": entry["time"],
        "actor": entry["actor"],
        "kind": entry["kind"],
        "what": sentence,
    }
