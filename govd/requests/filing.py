"""The nouns of `forget`, `preview`, `revert` and `govd request`: what may be filed beside what is
in force.
"""

from __future__ import annotations

import uuid

from govd.edit.duals import check_room
from govd.errors import Conflict, KeyReused, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.lifecycle import OPEN, RequestState
from govd.records.limits import bounded
from govd.records.request import Request
from govd.requests.accepting import Accepting, measured_of
from govd.requests.calibrating import Calibrating
from govd.requests.composing import Composing
from govd.requests.computing import Computing
from govd.requests.contributions import Contributions
from govd.requests.decisions import Decisions, check_hold, check_model
from govd.requests.finding import Finding
from govd.requests.options import ForgetOptions, date_of, fields_of, understood
from govd.requests.predicting import Predicting
from govd.requests.previewing import Previewing
from govd.requests.privacy import Privacy
from govd.types import PRIVATE, ForgetSpec, Json, Record

COPIED = ("concepts", "domains", "strength", "method", "target", "prototypes", "examples")
"""What a revert's record repeats of its forget."""


class Requests:
    """Forget requests and reverts of a home."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.privacy = Privacy(core)
        self.computing = Computing(core, self.privacy)
        self.contributions, self.composing = Contributions(core), Composing(core)
        self.decisions = Decisions(core, self.privacy)
        self.calibrating = Calibrating(core, self.computing)
        self.predicting = Predicting(
            core, self.privacy, self.contributions, self.composing, self.calibrating
        )
        self.previewing = Previewing(core, self.computing, self.predicting, self.decisions)
        self.accepting = Accepting(core, self.privacy)
        self.criteria = self.accepting.change
        self.decide, self.extend = self.decisions.decide, self.decisions.extend
        self.all = bounded(Finding(core, self.privacy).all)
        self.hold, self.release, self.reveal = (
            self.decisions.hold,
            self.decisions.release,
            self.privacy.reveal,
        )

    @bounded
    def show(self, request_id: str) -> Request:
        """One request; with what its criteria were judged by last (`judged`), and what was measured
        of its prediction (`prediction`), each with the number of the `revision`.
        """
        request = self.core.desk.request(request_id)
        return request.with_(**measured_of(self.core.desk.views, request))

    @bounded
    def forget(self, model: str, options: ForgetOptions, actor: str) -> Request:
        """File a forget. Invalid input leaves no entry; what is filed is decided by the reconciler.

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
                self._body(model, spec, options), options.idempotency_key, actor, options.private
            )

    def _repeated_or_possible(
        self, model: str, spec: ForgetSpec, options: ForgetOptions
    ) -> Request | None:
        """The request that was filed with the same key; None where a new one may be filed. Both
        under one lock: the same call at once would find that the scope is wanted already, by
        itself.
        """
        body = self._body(model, spec, options)
        compared = {**body, "criteria": body.get("criteria")}  # with none, of one with none
        if options.criterion_set is None:  # the model may have got another one meanwhile
            compared.pop("criteria_set", None)
        repeated = self._repeated(options.idempotency_key, compared, options.private)
        if repeated is None:
            self._check_overlap(model, spec)
            self._check_possible(model, spec)
        return repeated

    def _body(self, model: str, spec: ForgetSpec, options: ForgetOptions) -> dict[str, Json]:
        body: dict[str, Json] = {"kind": "forget", "model": model, **fields_of(spec)}
        body |= {
            "reason": options.reason,
            "basis": options.basis,
            "ticket": options.ticket,
            "reverts": None,
        }
        return body | {
            "due_at": date_of(options.due, "due"),
            "expires_at": date_of(options.expires, "expires"),
            **self.accepting.filed(model, options),
        }

    @bounded
    def preview(self, model: str, options: ForgetOptions, actor: str = "") -> Record:
        """What a forget would do; files nothing and keeps nothing. While the same scope waits or is
        in force: what it would do without that request.
        """
        spec, pictures = understood(self.core, model, options)
        same = self._same_scope(model, spec)
        self._check_possible(model, spec, same)
        return self.previewing.preview(
            self._body(model, spec, options), spec, pictures, same, actor
        )

    @bounded
    def revert(
        self, request_id: str, reason: str, actor: str, idempotency_key: str | None = None
    ) -> Request:
        """File the revert of a forget.

        Raises:
            Conflict: it is not in force, or its revert is filed already. Denied: it is under a
            legal hold.
        """
        with self.core.desk.lock:
            forget = self.core.desk.request(request_id)
            is_private = forget.private is not None
            body: dict[str, Json] = {
                "kind": "revert",
                "model": forget.model,
                "reverts": forget.id,
                "reason": reason,
            }
            repeated = self._repeated(idempotency_key, body, is_private)
            if repeated is not None:
                return repeated
            check_hold(forget)
            check_model(forget)
            if not forget.stands:
                state = forget.state if forget.is_forget else "a revert"
                raise Conflict(
                    f"{forget.id} is {state}: there is nothing to revert",
                    advice="`govd request list --state in_force` shows what can be reverted.",
                )
            for other in self.core.desk.views.open.values():
                if other.reverts == forget.id and other.state in OPEN:
                    raise Conflict(
                        f"its revert is filed already, as {other.id}",
                        advice=f"`govd request show {other.id}`.",
                    )
            copied = {field: forget[field] for field in COPIED if field in forget}
            return self._file({**body, **copied}, idempotency_key, actor, is_private)

    @bounded
    def shred(self, request_id: str, reason: str, actor: str) -> Request:
        """Destroy the text of a private request, for good.

        Raises:
            Conflict: it is not private, or destroyed already. Denied: it is under a legal hold.
            Usage: no reason.
        """
        with self.core.desk.lock:
            request = self.core.desk.request(request_id)
            check_hold(request)
            return self.privacy.shred(request, reason, actor)

    def _file(self, body: dict[str, Json], key: str | None, actor: str, private: bool) -> Request:
        request_id = uuid.uuid4().hex[:12]
        body = {**body, "idempotency_key": key, "private": None}
        if private and body["kind"] == "forget":
            body = self.privacy.hide(request_id, body)
        elif private:
            body = self.privacy.hide(request_id, body, ("reason",))
        self.core.desk.append([Draft("request.file", request_id, actor, str(body["model"]), body)])
        return self.core.desk.request(request_id)

    def _repeated(self, key: str | None, body: dict[str, Json], private: bool) -> Request | None:
        """The request that was filed with this key.

        Raises:
            KeyReused: it had another body.
        """
        if not key:
            return None
        if key.startswith(PRIVATE):
            raise Usage(
                f"an idempotency key that begins with {PRIVATE}",
                advice="The ledger spells those of private requests so.",
            )
        filed = self.core.desk.views.by_key(self.privacy.keyed(key) if private else key)
        if filed is None:
            return None
        if not self.privacy.same(filed, body):
            raise KeyReused(
                "this idempotency key came with another request",
                where=key,
                advice=f"That was {filed.id}. Use a new key.",
            )
        return filed

    def _same_scope(self, model: str, spec: ForgetSpec) -> Request | None:
        """The request that wants the same scope already."""
        going, scope = self.core.desk.views.going(), self.privacy.commitment(spec.scope)
        for other in list(self.core.desk.views.open.values()):
            is_failed = other.state is RequestState.FAILED
            if not other.is_forget or other.model != model or is_failed or other.id in going:
                continue
            if self.privacy.scope(other) == scope:
                return other
        return None

    def _check_overlap(self, model: str, spec: ForgetSpec) -> None:
        other = self._same_scope(model, spec)
        if other is None:
            return
        if other.private:
            advice = "Whoever may see private requests can revert it first."
            raise Conflict(
                "the same scope is wanted already, by a private request", advice=advice, taken=True
            )
        how = "revert" if other.stands else "withdraw"
        raise Conflict(
            f"the same scope is {other.state} already, as {other.id}",
            advice=(
                f"`govd request show {other.id}`; {how} it first if it should be forgotten in"
                " another way."
            ),
            request=other.id,
            taken=True,
        )

    def _check_possible(self, model: str, spec: ForgetSpec, without: Request | None = None) -> None:
        """What can be seen without computing: no anchor left, or a system that cannot be solved
        with what is in force.
        """
        basis = self.core.models.basis(self.core.desk.model(model))
        wanted = [
            request
            for request in self.core.desk.views.wanted(model)
            if without is None or request.id != without.id
        ]
        whole = [
            scope
            for scope in (spec.scope, *(request.scope for request in wanted))
            if scope.paradigm == "concepts"
        ]
        phrases = (p for scope in whole for concept in scope.concepts for p in concept.phrases)
        check_room(basis, frozenset(phrases))
        methods = self.core.plugins.methods
        family = methods[spec.method].family
        for request in reversed(wanted):
            if request.method in methods and methods[request.method].family != family:
                raise Conflict(
                    f"{spec.method} and {request.method} ({request.id}) cannot be solved as one"
                    " system, and edits are never multiplied",
                    advice=f"Use --method {request.method}, or revert {request.id} first.",
                )
