"""Models, requests and revisions as the entries leave them: what can be asked. The entries are the
truth; the records are kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Unpack

from govd.records.contribution import ContributionRef
from govd.records.fold_models import check_name
from govd.records.fold_revisions import made_of_digest
from govd.records.lifecycle import ModelState, RequestState
from govd.records.model import RegisteredModel
from govd.records.notice import Notice
from govd.records.people import People
from govd.records.policy import Freeze, Policy
from govd.records.request import Request
from govd.records.revision import Revision
from govd.views.filters import RequestFilters
from govd.views.folding import Folding


class Views(Folding):
    """What can be asked of the records."""

    def request(self, request_id: str) -> Request | None:
        """The request of this id."""
        request = self.open.get(request_id) or self._get("request", request_id)
        return None if request is None else Request.from_json(request)

    def model(self, name: str) -> RegisteredModel | None:
        """The model of this name, also where it was retired or removed."""
        model = self.models.get(name) or self._get("model", name)
        if model is None:
            return None
        return RegisteredModel.from_json(model)

    def retired(self) -> list[RegisteredModel]:
        """Models that were retired."""
        retired = self.records.find("model", state=ModelState.RETIRED)
        return [RegisteredModel.from_json(record) for record in retired]

    def check_name(self, name: str) -> None:
        """Whether a name can be a model's.

        Raises:
            Conflict: a model that was retired was called so.
        """
        check_name(name, self._so_far)

    def requests(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        **filters: Unpack[RequestFilters],
    ) -> list[Request]:
        """Requests in the order of their filing.

        Args:
            after: from the one after this entry, the last of the page before.
            limit: at most so many; None: all.
            filters: see `RequestFilters`.
        """
        records = self.records.find("request", after=after, limit=limit, **filters)
        return [Request.from_json(record) for record in records]

    def by_key(self, idempotency_key: str) -> Request | None:
        """The request that was filed with an idempotency key."""
        keys = self.records.keys("key", idempotency_key, "request")
        return self.request(keys[0]) if keys else None

    def contribution(self, digest: str) -> ContributionRef | None:
        """What is known of a contribution."""
        contribution = self._get("contribution", digest)
        if contribution is None:
            return None
        return ContributionRef.from_json(contribution)

    def revision(self, model: str, number: int) -> Revision | None:
        """A model's revision of this number."""
        key = f"{model}/{number}"
        record = self._revisions.get(key) or self._get("revision", key)
        if record is None:
            return None
        revision = Revision.from_json(record)
        if number in self._numbers(model):
            self._revisions[key] = revision
        return revision

    def last(self, model: str) -> Revision | None:
        """The newest revision, in whatever state."""
        head = self.heads.get(model)
        if head and head.last:
            return self.revision(model, head.last)
        return None

    def revisions(self, model: str) -> list[Revision]:
        """A model's revisions, oldest first."""
        records = self.records.find("revision", model=model)
        return [Revision.from_json(record) for record in records]

    def made_of(self, basis: str, contributions: Iterable[str]) -> Revision | None:
        """The newest revision of this basis and these contributions (digests), whatever became of
        it.
        """
        keys = self.records.keys(
            "made_of", made_of_digest(basis, contributions), "revision"
        )
        last: dict[str, int] = {}  # of each model: its numbers only grow
        for key in keys:
            model, _, number = key.rpartition("/")
            last[model] = max(int(number), last.get(model, 0))
        revisions = (self.revision(model, number) for model, number in last.items())
        return max(
            (revision for revision in revisions if revision is not None),
            key=lambda revision: revision.seq,
            default=None,
        )

    def published(self, model: str) -> Revision | None:
        """The revision that a model serves, None while it is the base."""
        head = self.heads.get(model)
        if head and head.published:
            return self.revision(model, head.published)
        return None

    def going(self) -> set[str]:
        """The forgets whose revert is approved and not done yet."""
        return {
            str(request.reverts)
            for request in list(self.open.values())
            if not request.is_forget and request.state is RequestState.APPROVED
        }

    def wanted(self, model: str) -> list[Request]:
        """The forgets that should be in force: approved ones whose revert is not approved yet,
        oldest first.
        """
        going = self.going()
        return [
            request
            for request in list(self.open.values())
            if request.model == model and request.is_wanted and request.id not in going
        ]

    def notice(self, notice_id: str) -> Notice | None:
        """A notice that was sent, or given up."""
        record = self._get("notice", notice_id)
        return None if record is None else Notice.from_json(record)

    def people(self) -> People:
        """Who is in charge."""
        return People.of(list(self.principals.values()), list(self.tokens.values()))

    @property
    def frozen(self) -> Freeze | None:
        """The freeze that stops whatever acts by itself; None while there is none."""
        freeze = self._freeze
        return freeze if freeze is not None and freeze.since else None

    def policies_named(self, name: str) -> list[Policy]:
        """All texts of a policy, the newest first."""
        texts = [policy for policy in self.policies.values() if policy.name == name]
        return sorted(texts, key=lambda policy: -policy.seq)

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Everything, in a fixed order."""
        return self.records.dump()
