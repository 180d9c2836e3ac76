"""A home without a daemon, with the calls of `govd.service.api`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from govd.errors import Conflict, GovdError
from govd.records.actors import OWNER, local_account
from govd.records.states import check_state
from govd.records.store import StoreState
from govd.requests import ForgetOptions
from govd.requests.synthesised import pictures_of
from govd.service.api import Action, Api, Question
from govd.service.service import Service, open_service
from govd.service.tokens import Holder
from govd.service.unfinished import unfinished
from govd.stores.finding import Query
from govd.types import Floats, Progress, Record, silent
from govd.verify.safe_text import safe


class Local(Api):
    """A home, worked on in this process under its lock. What was filed without waiting is
    reconciled before it is let go.

    What an earlier command left that was cut off goes on: before an answer is given, and after a
    decision is taken, so that it can still be another. Questions to the ledger (`audit`) change
    nothing.
    """

    remote = False

    def __init__(self, folder: Path, progress: Progress = silent) -> None:
        self.service = open_service(folder, progress)
        self.actor = local_account()
        self._left = False
        self._looked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._left and error is None:
                self._reconcile()
        finally:
            self.service.close()

    def _reconcile(self) -> None:
        self._left, self._looked = False, True
        self.service.reconciler.run()
        self.service.reconciler.measure()
        self.service.stores.step()

    @property
    def resumed(self) -> Service:
        """The service, once what was cut off has gone on; where it cannot, that is told, and the
        question is answered all the same.
        """
        if not self._looked and not self._left:
            self._looked = True
            lines = unfinished(self.service.core)
            if lines:
                self._go_on(lines)
        return self.service

    def _go_on(self, lines: Sequence[str]) -> None:
        print(
            f"govd: going on with what was cut off: {safe('; '.join(lines), 500)}",
            file=sys.stderr,
        )
        try:
            self._reconcile()
            self.service.checkpoints.sign()
        except GovdError as error:
            print(
                f"govd: it could not go on: {safe(error.message, 1000)}",
                file=sys.stderr,
            )

    def _go_on_patching(self) -> None:
        """Do patches of stores that were cut off: who asks something of a store needs it whole."""
        stores = self.service.core.desk.refresh().stores.values()
        cut_off = [s.name for s in stores if s.state is StoreState.PATCHING]
        if cut_off:
            print(
                f"govd: going on with what was cut off: the patch of {', '.join(cut_off)}",
                file=sys.stderr,
            )
            self.service.stores.step()

    def ask(self, question: Question, arguments: Mapping[str, Any]) -> Any:
        """The answer of the room to a declared question."""
        service = self.resumed if question.resumes else self.service
        return question.answering(service)(**arguments)

    def act(self, action: Action, arguments: Mapping[str, Any]) -> Any:
        """Let the room do a declared action; what was cut off goes on when the action says so."""
        service = self.service
        if action.reconciles in ("before", "with patches"):
            service = self.resumed
        if action.reconciles == "with patches" and not arguments.get("dry_run"):
            self._go_on_patching()
        answer = action.done(service, arguments, self.actor)
        if action.reconciles == "at once":
            return self._done(answer)
        if action.reconciles == "at the end":
            self._left = True
        if action.reconciles == "after":
            _ = self.resumed
        return answer

    def reconcile(self) -> Record:
        self.service.automatic.step(datetime.now(UTC))
        before = unfinished(self.service.core)
        self._reconcile()
        sent, unsent = self.service.notices.send_due(datetime.now(UTC))
        self.service.checkpoints.sign()
        remaining = [*unfinished(self.service.core), *unsent]
        return {"daemon": False, "done": [*before, *sent], "left": remaining}

    def _done(self, record: Record, wait: bool = True) -> Record:
        if not wait:
            self._left = True
            return record
        self._reconcile()
        return self.service.requests.show(str(record["id"]))

    # -- models and what they answer

    def interference(self, model: str, number: int | None = None) -> Record:
        return self.resumed.interference(model, number)

    def classify(
        self,
        model: str,
        images: Sequence[str],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        return self.resumed.classify(
            model, [(str(i), Path(i)) for i in images], labels, revision, base
        )

    def embeddings(
        self,
        model: str,
        texts: Sequence[str] = (),
        images: Sequence[str] = (),
        base: bool = False,
    ) -> Floats:
        return self.resumed.embeddings(
            model, texts=texts, images=[Path(i) for i in images], base=base
        )[0]

    def rank(
        self,
        model: str,
        texts: Sequence[str],
        images: Sequence[str],
        by: str = "text",
        top: int | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> Record:
        pictures = [(str(i), Path(i)) for i in images]
        return self.resumed.rank(model, texts, pictures, by, top, revision, base)

    # -- requests

    def forget(
        self, *concepts: str, model: str, wait: bool = False, **options: Any
    ) -> Record:
        return self._done(
            self.service.requests.forget(
                model, ForgetOptions(concepts=concepts, **options), self.actor
            ),
            wait,
        )

    def settled(self, request_ids: Sequence[str]) -> list[Record]:
        self._reconcile()
        return [self.service.requests.show(request_id) for request_id in request_ids]

    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        return self.resumed.requests.preview(
            model, ForgetOptions(concepts=concepts, **options), self.actor
        )

    def preview_revert(self, request_id: str) -> Record:
        return self.resumed.requests.preview_revert(request_id, self.actor)

    def requests(self, **filters: Any) -> list[Record]:
        check_state(filters.get("state"))
        return list(self.resumed.requests.all(private_too=True, **filters))

    def request(self, request_id: str) -> Record:
        return self.resumed.requests.show(request_id)

    def pictures(self, request_id: str) -> list[tuple[str, bytes]]:
        core = self.resumed.core
        pictures = pictures_of(core, self.service.requests.show(request_id))
        return [
            (picture["prompt"], core.artifacts.get(picture["png"]))
            for picture in pictures
        ]

    def revert(
        self,
        request_id: str,
        reason: str = "",
        idempotency_key: str | None = None,
        wait: bool = False,
    ) -> Record:
        return self._done(
            self.service.requests.revert(
                request_id, reason, self.actor, idempotency_key
            ),
            wait,
        )

    # -- the ledger

    def events(self, after: int = -1) -> Iterator[Record]:
        size = self.service.core.desk.ledger.size()
        if after >= size:
            raise Conflict(
                f"entry {after} is not in a ledger of {size} entries",
                advice="Compare with a log checkpoint that was kept.",
            )
        yield from self.service.core.desk.ledger.entries(after + 1)

    def audit_bundle(
        self,
        file: str,
        request: str | None = None,
        model: str | None = None,
        revision: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
        with_others: bool = False,
    ) -> Record:
        return self.service.bundles.bundle_to(
            Path(file), request, model, revision, since, as_of, with_others
        )

    # -- who calls, stores

    def whoami(self) -> Record:
        return self.service.principals.whoami(Holder(self.actor, OWNER))

    def find_in_store(
        self,
        name: str,
        concept: str = "",
        examples: Sequence[str] = (),
        limit: int = 20,
        whole: bool = False,
    ) -> Record:
        pictures = tuple((example, Path(example)) for example in examples)
        return self.resumed.stores.find(name, Query(concept, pictures, limit, whole))

    def patch_store(self, *given: Any, **named: Any) -> Record:
        begun = super().patch_store(*given, **named)
        if begun.get("dry_run"):
            return begun
        self.service.stores.jobs.step()
        self.service.checkpoints.sign()
        store = self.service.stores.show(str(begun["name"]))
        return {**store, "estimate": begun["estimate"]}
