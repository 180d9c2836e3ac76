"""What is wanted of a model already, looked at once for one filing or many."""

from __future__ import annotations

from functools import cached_property

from govd.edit.duals import check_room
from govd.errors import Conflict
from govd.models.core import Core
from govd.records.lifecycle import RequestState
from govd.records.request import Request
from govd.requests.privacy import Privacy
from govd.types import ForgetSpec


class Wanted:
    """The forgets of one model that are open or in force, as the views have them now: made under
    the lock of whoever files. `without`: a request to ignore.
    """

    def __init__(
        self, core: Core, privacy: Privacy, model: str, without: Request | None = None
    ) -> None:
        self.core = core
        self.privacy = privacy
        self.model = model
        self._without = "" if without is None else without.id

    @cached_property
    def _by_scope(self) -> dict[str | None, Request]:
        """The first request of each scope, by the scope's commitment."""
        views = self.core.desk.views
        going = views.going()
        by_scope: dict[str | None, Request] = {}
        for request in list(views.open.values()):
            if not request.is_forget or request.model != self.model:
                continue
            if request.state is not RequestState.FAILED and request.id not in going:
                by_scope.setdefault(self.privacy.scope(request), request)
        return by_scope

    def same_scope(self, spec: ForgetSpec) -> Request | None:
        """The request that wants the same scope already."""
        return self._by_scope.get(self.privacy.commitment(spec.scope))

    def check_overlap(self, spec: ForgetSpec) -> None:
        """Refuse a scope that is wanted already.

        Raises:
            Conflict: it is; `taken` is set, and `request` says by which, unless that is private.
        """
        other = self.same_scope(spec)
        if other is None:
            return
        if other.private:
            advice = "Whoever may see private requests can revert it first."
            raise Conflict(
                "a private request already covers the same scope",
                advice=advice,
                taken=True,
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

    @cached_property
    def _requests(self) -> list[Request]:
        in_force = self.core.desk.views.wanted(self.model)
        return [request for request in in_force if request.id != self._without]

    @cached_property
    def _phrases(self) -> frozenset[str]:
        """Whatever is forgotten everywhere."""
        scopes = (request.scope for request in self._requests)
        whole = [scope for scope in scopes if scope.paradigm == "concepts"]
        return frozenset(
            p for scope in whole for concept in scope.concepts for p in concept.phrases
        )

    @cached_property
    def _families(self) -> dict[str, Request]:
        """The newest request of each family of methods."""
        methods = self.core.plugins.methods
        return {
            methods[request.method].family: request
            for request in self._requests
            if request.method in methods
        }

    def check_possible(self, spec: ForgetSpec) -> None:
        """What can be seen without computing: no anchor left, or a system that cannot be solved
        with what is in force.

        Raises:
            OverCapacity: no anchor would be left. Conflict: its method and theirs do not go
            together.
        """
        basis = self.core.models.basis(self.core.desk.model(self.model))
        phrases = {
            phrase for concept in spec.scope.concepts for phrase in concept.phrases
        }
        if basis.has_space:
            check_room(
                basis,
                self._phrases | phrases
                if spec.scope.paradigm == "concepts"
                else self._phrases,
            )
        family = self.core.plugins.methods[spec.method].family
        other_families = [
            request for name, request in self._families.items() if name != family
        ]
        if other_families:
            request = max(other_families, key=lambda other: other.seq)
            raise Conflict(
                f"{spec.method} and {request.method} ({request.id}) cannot be solved as one"
                " system, and edits are never multiplied",
                advice=f"Use --method {request.method}, or revert {request.id} first.",
            )
