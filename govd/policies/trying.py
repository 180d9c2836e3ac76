"""A policy's text tried on the past requests of a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from govd.ledger.times import moment as moment_of
from govd.models.core import Core
from govd.policies import gathering
from govd.policies.document import Document, read
from govd.policies.gathering import policies_named
from govd.policies.outcomes import Asked, outcomes_of
from govd.policies.past import decided_then, decided_with
from govd.records.policy import Mode, Policy
from govd.records.request import Request
from govd.types import Json, Record

PAGE: Final = 500
"""Entries that are read at a time."""
OF_FILING: Final = {"forget": "filed", "revert": "revert"}
"""The moment at which a request of this kind is decided first."""


class Past:
    """What was decided in one ledger, and what a policy would have decided."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def decisions(
        self, since: str | None = None, subject: str | None = None
    ) -> Iterator[Record]:
        """Entries of decisions, oldest first; of one `subject`, of those `since` a time."""
        records = self.core.desk.views.records
        last = -1
        filters = {"since": moment_of(since, "since"), "subject": subject}
        while True:
            seqs = records.seqs(after=last, limit=PAGE, kind="policy.decide", **filters)
            yield from self.core.desk.ledger.some(seqs)
            if len(seqs) < PAGE:
                return
            last = seqs[-1]

    def test(self, name: str, since: str | None = None) -> Record:
        """What the newest text of a policy would have decided on the past requests of this ledger,
        beside what was.

        Requests of whose decision there is an entry are decided by its input; for the others it is
        gathered anew: people and their roles are then those of today.

        Raises:
            NotFound: there is none of this name.
        """
        return self._on_past(read(self._newest(name).text, name), since)

    def test_text(
        self, text: str, where: str = "policy", since: str | None = None
    ) -> Record:
        """As `test`, of a text that was not added. Nothing is written.

        Args:
            text: YAML.
            where: the file's name, for errors.
            since: only requests filed since then.

        Raises:
            BadFile: it is no policy; with line and column.
        """
        return self._on_past(read(text, where), since)

    def _on_past(self, document: Document, since: str | None) -> Record:
        rows = []
        for request in self.core.desk.views.requests(since=moment_of(since, "since")):
            at = OF_FILING[request.kind]
            if at in document.moments:
                rows.append(self._tested(document, request, at))
        return {
            "policy": document.name,
            "policy_digest": document.digest,
            "moments": list(document.moments),
            "requests": len(rows),
            "otherwise": sum(bool(row["otherwise"]) for row in rows),
            "rows": rows,
        }

    def _newest(self, name: str) -> Policy:
        return policies_named(self.core, name)[0]

    def _tested(self, document: Document, request: Request, at: str) -> dict[str, Json]:
        """One past request under a policy."""
        policy = Asked(document.name, document.text, document.digest, Mode.ENFORCE)
        outcome = outcomes_of([policy], at, self._input(request, at))[0]
        then = decided_then(request, at)
        people_approve = self.core.home.settings.approval == "person"
        now = decided_with(request, at, outcome, people_approve)
        return {
            "request": request.id,
            "model": request.model,
            "kind": request.kind,
            "concepts": [concept.name for concept in request.concepts],
            "domains": list(request.domains),
            "filed_at": request.filed_at,
            "was": then,
            "would": now,
            "says": outcome.effect.kind if outcome.effect else "nothing",
            "reason": outcome.reason if outcome.effect else "",
            "otherwise": now != then,
        }

    def _input(self, request: Request, at: str) -> Mapping[str, Json]:
        """The input of its first decision, from the ledger where it is there."""
        for entry in self.decisions(subject=request.id):
            if entry["payload"]["moment"] == at:
                recorded: Mapping[str, Json] = entry["payload"]["input"]
                return recorded
        roles = self.core.desk.views.people().roles(request.filed_by, request.filed_at)
        filed = request.with_(state="filed")
        predicted = request.predicted if request.is_forget else None
        return gathering.of_request(
            self.core, filed, predicted, request.filed_by, roles, [], request.filed_at
        )
