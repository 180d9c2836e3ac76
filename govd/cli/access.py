"""Who a command talks to: a running daemon over HTTP, else the home itself. Both have the methods of `govd.client.Daemon`."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from govd.types import Json, Progress, Record, silent

if TYPE_CHECKING:
    from govd.client import Daemon
    from govd.service import Service


def actor() -> str:
    """Who works without a daemon: the user of the machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def access(home: Path | None, progress: Progress = silent) -> Daemon | Local:
    """The daemon at `$GOVD_URL`, the one that runs on the home, or the home itself."""
    from govd.home import announced, default_home

    url = os.environ.get("GOVD_URL")
    if url and home is None:
        from govd.client import connect

        return connect(url, os.environ.get("GOVD_TOKEN"))
    folder = home or default_home()
    running = announced(folder)
    if running:
        from govd.client import connect

        return connect(*running)
    return Local(folder, progress)


class Local:
    """A home without a daemon: reconciles before it answers."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        from govd.service import open_service

        self.service: Service = open_service(folder, progress)
        self.actor = actor()

    def __enter__(self) -> Local:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.service.close()

    def _done(self, record: Record) -> Record:
        self.service.reconcile()
        self.service.measure()
        return self.service.requests.show(str(record["id"]))

    def models(self) -> list[Record]:
        return self.service.models.all()

    def model(self, name: str) -> Record:
        return self.service.models.show(name)

    def add_model(self, name: str, reference: str, **options: Any) -> Record:
        from govd.models import Given

        return self.service.add_model(name, reference, Given(**options), self.actor)

    def update_model(self, name: str, reference: str | None = None, **options: Any) -> Record:
        from govd.models import Given

        return self.service.update_model(name, Given(**options), self.actor, reference)

    def remove_model(self, name: str) -> Record:
        return self.service.models.remove(name, self.actor)

    def forget(self, *concepts: str, model: str, wait: bool = True, **options: Any) -> Record:
        from govd.requests import ForgetOptions

        return self._done(self.service.forget(model, ForgetOptions(concepts=concepts, **options), self.actor))

    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        from govd.requests import ForgetOptions

        return self.service.preview(model, ForgetOptions(concepts=concepts, **options))

    def requests(self, **filters: Any) -> list[Record]:
        return self.service.requests.all(**filters)

    def request(self, request_id: str) -> Record:
        return self.service.requests.show(request_id)

    def approve(self, request_id: str, reason: str = "") -> Record:
        return self._done(self.service.requests.decide(request_id, "approve", reason, self.actor))

    def reject(self, request_id: str, reason: str = "") -> Record:
        return self._done(self.service.requests.decide(request_id, "reject", reason, self.actor))

    def withdraw(self, request_id: str, reason: str = "") -> Record:
        return self._done(self.service.requests.decide(request_id, "withdraw", reason, self.actor))

    def retry(self, request_id: str, reason: str = "") -> Record:
        return self._done(self.service.requests.decide(request_id, "retry", reason, self.actor))

    def revert(self, request_id: str, reason: str = "", idempotency_key: str | None = None, wait: bool = True) -> Record:
        return self._done(self.service.revert(request_id, reason, self.actor, idempotency_key))

    def revisions(self, model: str) -> list[Record]:
        return self.service.revisions(model)

    def revision(self, model: str, number: int) -> Record:
        return self.service.revision(model, number)

    def diff(self, model: str, first: int, second: int) -> Record:
        return self.service.diff(model, first, second)

    def classify(
        self, model: str, images: Sequence[str], labels: Sequence[str] | None = None, revision: int | None = None, base: bool = False
    ) -> list[Record]:
        return self.service.classify(model, [(str(i), Path(i)) for i in images], labels, revision, base)

    def evaluate(self, model: str, images: str | None = None, revision: int | None = None, base: bool = False) -> Record:
        return self.service.evaluate(model, images, revision, base)

    def export(self, model: str, folder: str, revision: int | None = None, format: str = "hf", **how: Any) -> Record:
        return self.service.export(model, Path(folder), self.actor, revision, format, **how)

    def reveal(self, request_id: str) -> Record:
        return self.service.requests.reveal(request_id, self.actor)

    def shred(self, request_id: str, reason: str) -> Record:
        return self.service.requests.shred(request_id, reason, self.actor)

    def status(self) -> Record:
        return self.service.status()

    def audit_log(self, **filters: Any) -> list[Record]:
        return self.service.audit.log(**filters)

    def audit_trail(self, request_id: str) -> Record:
        return self.service.audit.trail(request_id)

    def audit_as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        return self.service.evidence.as_of(time, model, proof)

    def audit_why(self, model: str, number: int) -> Record:
        return self.service.audit.why(model, number)

    def audit_deadlines(self, **options: Any) -> Record:
        return self.service.audit.deadlines(**options)

    def audit_sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        return self.service.audit.sql(query, seconds, limit)

    def audit_checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        return self.service.evidence.checkpoint(size, witnessed)

    def audit_key(self) -> str:
        return self.service.evidence.key()

    def audit_verify(
        self,
        since: Sequence[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        return self.service.evidence.verify(since, key, recompute, witnesses, roots)

    def audit_inclusion(self, entry: int, size: int | None = None) -> Record:
        return self.service.evidence.inclusion(entry, size)

    def audit_consistency(self, old: int, new: int | None = None) -> Record:
        return self.service.evidence.consistency(old, new)

    def audit_answer(self, key: str) -> Record:
        return self.service.answers.show(key)

    def audit_rebuild(self) -> Record:
        return self.service.evidence.rebuild()

    def audit_witness(self) -> list[Record]:
        return self.service.evidence.witness()

    def audit_rotate_key(self, reason: str) -> Record:
        return self.service.evidence.rotate_key(reason, self.actor)

    def audit_bundle(
        self,
        file: str,
        request: str | None = None,
        model: str | None = None,
        revision: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
    ) -> Record:
        return self.service.evidence.bundle_to(Path(file), request, model, revision, since, as_of)

    def hold(self, request_id: str, reason: str) -> Record:
        return self.service.requests.hold(request_id, reason, self.actor)

    def release(self, request_id: str, reason: str) -> Record:
        return self.service.requests.release(request_id, reason, self.actor)

    def extend(self, request_id: str, due: str, reason: str) -> Record:
        return self.service.requests.extend(request_id, due, reason, self.actor)

    def tokens(self) -> list[Record]:
        return self.service.tokens.all()

    def create_token(self, role: str, name: str) -> Json:
        return self.service.tokens.create(role, name, self.actor)

    def revoke_token(self, token_id: str) -> Record:
        return self.service.tokens.revoke(token_id, self.actor)
