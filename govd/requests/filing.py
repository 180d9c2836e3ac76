"""The nouns of `forget`, `preview`, `revert` and `govd request`: what may be filed beside what is
in force.

Proven by `tests/service/test_service.py`; twice with one key by `tests/web/test_idempotency.py`.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import ParamSpec

from govd.contributions import Contributions
from govd.errors import Conflict, KeyReused, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.policies.voting import Voting
from govd.records.lifecycle import OPEN
from govd.records.limits import bounded
from govd.records.request import Request
from govd.requests.accepting import Accepting, measured_of
from govd.requests.approving import needed
from govd.requests.decisions import Decisions
from govd.requests.finding import Finding
from govd.requests.holding import check_hold
from govd.requests.options import ForgetOptions, date_of, fields_of, understood
from govd.requests.previewing import Previewing, as_filed
from govd.requests.privacy import Privacy
from govd.requests.reverting import check_revertible, copied_from, revert_of
from govd.requests.wanted import Wanted
from govd.types import PRIVATE, ForgetSpec, Json, Record

P = ParamSpec("P")


class Requests:
    """Forget requests and reverts of a home."""

    def __init__(
        self, core: Core, contributions: Contributions, voting: Voting
    ) -> None:
        self.core = core
        self.privacy = Privacy(core)
        self.decisions = Decisions(core, self.privacy, voting)
        self.previewing = Previewing(core, contributions, voting)
        self.predicting_reverts = contributions.predicting_reverts
        self.accepting = Accepting(core, self.privacy)
        self.criteria = self._shown(self.accepting.change)
        self.release = self._shown(self.decisions.release)
        self.extend = self._shown(self.decisions.extend)
        self.decide = self.decisions.decide
        self.hold = self.decisions.hold
        self.all = bounded(Finding(core).all)
        self.reveal = self.privacy.reveal

    @bounded
    def show(self, request_id: str) -> Request:
        """One request; with what its criteria were judged by last (`judged`), what was measured of
        its prediction (`prediction`), each with the number of the `revision`, and what it still
        needs of people (`needed`).
        """
        views = self.core.desk.views
        request = self.core.desk.request(request_id)
        missing = needed(request, views.people())
        fields = measured_of(views, request) | ({"needed": missing} if missing else {})
        return request.with_(**fields)

    def _shown(self, decide: Callable[P, Request]) -> Callable[P, Request]:
        """A decision whose answer also says what is still missing."""

        @functools.wraps(decide)
        def decided(*given: P.args, **named: P.kwargs) -> Request:
            return self.show(decide(*given, **named).id)

        return decided

    @bounded
    def forget(self, model: str, options: ForgetOptions, actor: str) -> Request:
        """File a forget. Invalid input leaves no entry; what is filed is decided by the reconciler.

        Args:
            model: its name.
            options: what is to be forgotten, and how, as it was typed.
            actor: who files it.

        Raises:
            Usage, NotFound: something in it is wrong. Conflict: the same scope is wanted already.
            KeyReused: the key came with another body.
        """
        core = self.core
        basis = core.desk.model(model).basis
        # may decode pictures and read what is large: nobody waits for that
        spec, pictures = understood(core, model, options)
        with core.desk.lock:
            repeated = self._repeated_or_possible(model, spec, options)
        if repeated is not None:
            return repeated
        for data in pictures.values():
            core.artifacts.put(data)
        with core.desk.lock:
            if core.desk.model(model).basis != basis:  # it was changed meanwhile
                spec, _ = understood(core, model, options)
            repeated = self._repeated_or_possible(model, spec, options)
            return repeated or self._file(
                self.body(model, spec, options),
                options.idempotency_key,
                actor,
                options.private,
            )

    def _repeated_or_possible(
        self, model: str, spec: ForgetSpec, options: ForgetOptions
    ) -> Request | None:
        """The request that was filed with the same key; None where a new one may be filed. Both
        under one lock: the same call at once would find that the scope is wanted already, by
        itself.
        """
        compared = self.compared(model, spec, options)
        repeated = self._repeated(options.idempotency_key, compared, options.private)
        if repeated is None:
            scopes = Wanted(self.core, self.privacy, model)
            scopes.check_overlap(spec)
            scopes.check_possible(spec)
        return repeated

    def body(
        self, model: str, spec: ForgetSpec, options: ForgetOptions
    ) -> dict[str, Json]:
        """A forget as its entry records it, before anything of it is hidden.

        Args:
            model: its name.
            spec: what is computed.
            options: what was typed: reason, ticket and dates are taken of it.

        Raises:
            Usage: a date in it is none, or past.
        """
        return {
            "kind": "forget",
            "model": model,
            **fields_of(spec),
            "reason": options.reason,
            "basis": options.basis,
            "ticket": options.ticket,
            "reverts": None,
            "due_at": date_of(options.due, "due"),
            "expires_at": date_of(options.expires, "expires"),
            **self.accepting.filed(model, options),
        }

    def compared(
        self, model: str, spec: ForgetSpec, options: ForgetOptions
    ) -> dict[str, Json]:
        """What of a forget is the same where it is filed again with its key; as `body`."""
        body = self.body(model, spec, options)
        # with none, of one with none
        compared = {
            **body,
            "criteria": body.get("criteria"),
        }
        # the model may have got another one meanwhile
        if options.criterion_set is None:
            compared.pop("criteria_set", None)
        return compared

    @bounded
    def preview(self, model: str, options: ForgetOptions, actor: str = "") -> Record:
        """What a forget would do; files nothing and keeps nothing. While the same scope waits or is
        in force: what it would do without that request.

        Args:
            model: its name.
            options: as for `forget`.
            actor: who would file it.
        """
        spec, pictures = understood(self.core, model, options)
        same = Wanted(self.core, self.privacy, model).same_scope(spec)
        Wanted(self.core, self.privacy, model, same).check_possible(spec)
        return self.previewing.preview(
            self.body(model, spec, options), spec, pictures, same, actor
        )

    @bounded
    def preview_revert(self, request_id: str, actor: str = "") -> Record:
        """What the revert of a forget would bring back, what improves, and whether it waits; files
        nothing. `request_id`: of the forget, or of its revert that is filed already.

        Raises:
            Conflict: it is not in force. Denied: it is under a legal hold.
        """
        request = self.core.desk.request(request_id)
        forget = request
        if request.reverts:
            forget = self.core.desk.request(request.reverts)
        check_revertible(forget)
        returning = self.predicting_reverts.returning(forget, encode=True)
        copied = copied_from(forget)
        body = revert_of(forget, "")
        filed = (
            None
            if request.is_forget
            else {"id": request.id, "state": request.state.value}
        )
        return {
            "kind": "revert",
            "model": forget.model,
            "reverts": forget.id,
            "filed": filed,
            **copied,
            **returning.as_json(),
            "capacity": self.predicting_reverts.capacity(forget, returning),
            "decision": self.previewing.decision(
                "revert", as_filed({**body, **copied}, actor), None
            ),
        }

    @bounded
    def revert(
        self,
        request_id: str,
        reason: str,
        actor: str,
        idempotency_key: str | None = None,
    ) -> Request:
        """File the revert of a forget.

        Args:
            request_id: of the forget.
            reason: why it is taken back.
            actor: who files it.
            idempotency_key: the same again is the same revert.

        Raises:
            Conflict: it is not in force, or its revert is filed already. Denied: it is under a
            legal hold.
        """
        with self.core.desk.lock:
            forget = self.core.desk.request(request_id)
            is_private = forget.is_private
            body = revert_of(forget, reason)
            repeated = self._repeated(idempotency_key, body, is_private)
            if repeated is not None:
                return repeated
            self.check_revert(forget)
            return self._file(
                {**body, **copied_from(forget)}, idempotency_key, actor, is_private
            )

    def check_revert(self, forget: Request) -> None:
        """Whether a revert of a forget may be filed.

        Raises:
            Conflict: it is not in force, or its revert is filed already. Denied: it is under a
            legal hold.
        """
        check_revertible(forget)
        for other in self.core.desk.views.open.values():
            if other.reverts == forget.id and other.state in OPEN:
                raise Conflict(
                    f"its revert has already been filed, as {other.id}",
                    advice=f"`govd request show {other.id}`.",
                )

    @bounded
    def shred(self, request_id: str, reason: str, actor: str) -> Request:
        """Destroy the text of a private request, for good.

        Args:
            request_id: of the request.
            reason: told in the ledger.
            actor: who destroys it.

        Raises:
            Conflict: it is not private, or destroyed already. Denied: it is under a legal hold.
            Usage: no reason.
        """
        with self.core.desk.lock:
            request = self.core.desk.request(request_id)
            check_hold(request)
            return self.privacy.shred(request, reason, actor)

    def _file(
        self, body: dict[str, Json], key: str | None, actor: str, private: bool
    ) -> Request:
        draft = self.filed_draft(body, key, actor, private)
        self.core.desk.append([draft])
        return self.core.desk.request(draft.subject)

    def filed_draft(
        self, body: dict[str, Json], key: str | None, actor: str, private: bool
    ) -> Draft:
        """The entry that files a forget or revert, under an id of its own; what it hides of a
        private one is put beside the ledger. `body`: as `body`; `key`: the idempotency key.

        Raises:
            MachineFault: a private text cannot be written.
        """
        request_id = uuid.uuid4().hex[:12]
        body = {**body, "idempotency_key": key, "private": None}
        if private and body["kind"] == "forget":
            body = self.privacy.hide(request_id, body)
        elif private:
            body = self.privacy.hide(request_id, body, ("reason",))
        return Draft(
            kind="request.file",
            subject=request_id,
            actor=actor,
            model=str(body["model"]),
            payload=body,
        )

    def _repeated(
        self, key: str | None, body: dict[str, Json], private: bool
    ) -> Request | None:
        """The request that was filed with this key.

        Raises:
            KeyReused: it had another body.
        """
        if not key:
            return None
        if key.startswith(PRIVATE):
            raise Usage(
                f"an idempotency key cannot begin with {PRIVATE}",
                advice="That prefix marks the keys of private requests in the ledger.",
            )
        filed = self.core.desk.views.by_key(self.privacy.keyed(key) if private else key)
        if filed is None:
            return None
        if not self.privacy.same(filed, body):
            raise KeyReused(
                "this idempotency key was used for another request",
                where=key,
                advice=f"That was {filed.id}. Use a new key.",
            )
        return filed
