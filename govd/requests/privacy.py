"""Private requests: the ledger holds commitments, the texts lie beside it until their keys are
destroyed.

Proven by `tests/reconcile/test_private_requests.py`, `tests/audit/test_privacy.py`.
"""

from __future__ import annotations

import hmac
from functools import cached_property
from typing import Final

from govd.edit.cache import Cache
from govd.errors import BadFile, Conflict, GovdError, NotFound, Usage
from govd.ledger import canonical
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.coverage import scope_of
from govd.records.drafts import request_draft
from govd.records.limits import bounded
from govd.records.request import Request
from govd.records.spoken import Hidden
from govd.types import PRIVATE, Json, Record, Scope

HIDDEN: Final = ("concepts", "reason", "basis", "ticket")
"""What the ledger does not say of a private request."""
SCOPES: Final = 65_536
"""Requests whose scopes are kept in memory to compare them, as keyed digests: what is destroyed on
the disk must not stay there.
"""


class Privacy:
    """What private requests say, and to whom."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._scopes: Cache[tuple[str, bool], str] = Cache(SCOPES)

    def hide(
        self, request_id: str, body: dict[str, Json], fields: tuple[str, ...] = HIDDEN
    ) -> dict[str, Json]:
        """The body of a private request as the ledger may hold it; what it hides is put beside the
        ledger first.

        Args:
            request_id: of the request.
            fields: of the body: which of them are hidden.

        Raises:
            MachineFault: it cannot be written; nothing was changed.
        """
        commitment = self.core.private.seal(
            request_id, {name: body[name] for name in fields}
        )
        hidden: dict[str, Json] = dict.fromkeys(fields, "") | {
            "private": {"commitment": commitment, "fields": list(fields)}
        }
        if "concepts" in fields:
            hidden["concepts"] = [
                {"name": f"{PRIVATE}{commitment[:12]}.{i}", "aliases": []}
                for i, _ in enumerate(body["concepts"])
            ]
        key = body.get("idempotency_key")
        return (
            body | hidden | {"idempotency_key": self.keyed(str(key)) if key else None}
        )

    def keyed(self, key: str) -> str:
        """What the ledger says in the place of a private request's idempotency key: nobody can
        check a guess without the home's secret.
        """
        return f"{PRIVATE}{hmac.new(self.core.home.secret(), key.encode(), 'sha256').hexdigest()}"

    def reason(self, request: Request, text: str) -> dict[str, Json]:
        """What somebody said about a request, for an entry: as it is, or as a commitment where the
        request is private.
        """
        if request.private is None or not text:
            return {"reason": text}
        self.core.desk.refresh()  # the name counts every entry that there is
        entries = self.core.desk.request(request.id).entries
        box = self.core.private.free(request.id, len(entries))
        return {
            "reason": "",
            "private": {
                "box": box,
                "commitment": self.core.private.seal(box, {"reason": text}),
                "fields": ["reason"],
            },
        }

    def commitment(self, scope: Scope) -> str:
        """What two scopes have in common if and only if they are the same; it tells nothing without
        the home's secret.
        """
        return hmac.new(
            self._secret, canonical.encode(scope.as_json()), "sha256"
        ).hexdigest()

    def scope(self, request: Request) -> str | None:
        """The commitment of a request's scope, of a private one as long as its text is there; None
        where it is lost.
        """
        key = (request.id, bool(request.shredded_at))
        cached = self._scopes.get(key)
        if cached is not None:
            return cached
        try:
            return self._scopes.put(
                key, self.commitment(scope_of(self.core.private.revealed(request)))
            )
        except GovdError:
            return None

    @cached_property
    def _secret(self) -> bytes:
        return self.core.home.secret()

    @bounded
    def reveal(self, request_id: str, actor: str) -> Record:
        """The text of a private request, with what was said when it was decided; that it was read
        is an entry.

        Raises:
            Conflict: it is not private. NotFound: it was destroyed.
        """
        with self.core.desk.lock:
            request, hidden = self._private(request_id)
            if request.shredded_at:
                raise NotFound(
                    f"the text of {request.id} was destroyed on {request.shredded_at[:10]}",
                    advice="Nobody can bring it back.",
                )
            text = self.core.private.open(request.id, hidden.commitment)
            reasons = self._reasons(request)
            read = request_draft(request, "read", actor, {"reason": f"read by {actor}"})
            self.core.desk.append([read])
            return {**self.core.desk.request(request_id), **text, "said": reasons}

    def _reasons(self, request: Request) -> list[dict[str, Json]]:
        """What was said in private when it was decided, entry after entry."""
        reasons: list[dict[str, Json]] = []
        for entry in self.core.desk.ledger.some(list(request.entries)):
            hidden = entry["payload"].get("private") or {}
            if "box" not in hidden:
                continue
            try:
                text = self.core.private.open(hidden["box"], hidden["commitment"])[
                    "reason"
                ]
            except (NotFound, BadFile):
                text = "(this text is lost)"
            fields = {
                "entry": entry["seq"],
                "kind": entry["kind"],
                "actor": entry["actor"],
            }
            reasons.append({**fields, "reason": text})
        return reasons

    def shred(self, request: Request, reason: str, actor: str) -> Request:
        """Destroy the text of a private request, of its reverts, and of what was said about them:
        every proof stays valid, and the forget stays in force. The reason for it is said in the
        ledger. Where a crash or a fault kept the texts, or something was said since, asking again
        destroys it.

        Args:
            actor: of the entry.

        Raises:
            Conflict: it is not private, or destroyed already. Usage: no reason.
        """
        core = self.core
        self._private(request.id)
        subjects = [request.id, *self._reverts(request.id)]
        names = [
            name for name in core.private.names() if name.partition(".")[0] in subjects
        ]
        boxes = core.desk.boxes(subjects)
        if subjects[0] in boxes.shredded and not names:
            when = (request.shredded_at or "an earlier day")[:10]
            raise Conflict(
                f"the text of {request.id} was destroyed on {when}",
                advice="There is nothing left.",
            )
        if not reason.strip():
            raise Usage(
                "destroying a text needs a reason",
                advice="Say --reason TEXT; it is said in the ledger, so name nobody in it.",
            )
        said_since = {name.partition(".")[0] for name in names if name in boxes.living}
        drafts = [
            Draft(
                kind="request.shred",
                subject=subject,
                actor=actor,
                model=request.model,
                payload={"reason": reason},
            )
            for subject in subjects
            if subject not in boxes.shredded or subject in said_since
        ]
        core.desk.append(drafts)
        for name in names:
            core.private.shred(name)
        return core.desk.request(request.id)

    def _reverts(self, request_id: str) -> list[str]:
        """The reverts of a request. The views say where to look, the entries which they are."""
        keys = self.core.desk.views.records.keys("reverts", request_id, "request")
        requests = (self.core.desk.views.request(key) for key in keys)
        seqs = [request.seq for request in requests if request is not None]
        filings = self.core.desk.ledger.some(seqs)
        return [
            str(e["subject"])
            for e in filings
            if e["kind"] == "request.file" and e["payload"].get("reverts") == request_id
        ]

    def _private(self, request_id: str) -> tuple[Request, Hidden]:
        """A request, and what the ledger only commits to of it.

        Raises:
            Conflict: it is not private.
        """
        request = self.core.desk.request(request_id)
        if request.private is None:
            raise Conflict(
                f"{request.id} is not private: what was filed is in the ledger for good",
                advice="File with --private.",
            )
        return request, request.private

    def same(self, request: Request, body: dict[str, Json]) -> bool:
        """Whether a request was filed with this body; a private one is compared by its text, as
        long as that is there.
        """
        filed = self.core.desk.ledger.some([request.seq])[0]["payload"]
        if request.shredded_at:  # what was destroyed nobody can compare any more
            open_ = {
                name: value
                for name, value in body.items()
                if name not in filed["private"]["fields"]
            }
            as_many = len(body.get("concepts", filed["concepts"])) == len(
                filed["concepts"]
            )
            return as_many and all(
                filed.get(name) == value for name, value in open_.items()
            )
        try:
            revealed = self.core.private.revealed(
                {**filed, "id": request.id, "shredded_at": None}
            )
        except GovdError:
            return False
        return all(revealed.get(name) == value for name, value in body.items())
