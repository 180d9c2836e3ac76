"""A daemon over HTTP, with the calls of `govd.service.api`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from govd.client.answers import AnswerCalls
from govd.client.feeds import FeedCalls
from govd.client.files import as_body, new_file, part_of_path, save
from govd.client.notices import NoticeCalls
from govd.client.people import PeopleCalls
from govd.client.policies import PolicyCalls
from govd.client.stores import StoreCalls
from govd.client.transport import Transport
from govd.records.lifecycle import MOVING
from govd.service.api import Api, Question
from govd.types import Json, Record


class Daemon(
    AnswerCalls, PolicyCalls, FeedCalls, StoreCalls, NoticeCalls, PeopleCalls, Api
):
    """A daemon over HTTP. Records are plain mappings as the API spells them; what each call does is
    said in `govd.service.api`.
    """

    remote = True

    def __init__(self, url: str, token: str | None, timeout: float = 600.0) -> None:
        self.url, self._timeout = url, timeout
        self._http = Transport(url, token, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _get(self, path: str, **query: Any) -> Record:
        record: Record = self._http.json("GET", path, **query)
        return record

    def _post(self, path: str, body: Json, **query: Any) -> Record:
        record: Record = self._http.json("POST", path, body, **query)
        return record

    def ask(self, question: Question, arguments: Mapping[str, Any]) -> Any:
        """The daemon's answer to a declared question."""
        parts = {name: part_of_path(str(arguments[name])) for name in question.parts}
        path, query = question.path.format(**parts), question.query(arguments)
        if question.kind == "list":
            return self._http.all(path, **query)
        if question.kind == "text":
            return self._http.ask(question.verb, path, **query).text
        body: Json = {} if question.verb == "POST" else None
        return self._http.json(question.verb, path, body, **query)

    # -- models and what they answer

    def reconcile(self) -> Record:
        self.status()  # it answers: it does by itself what is to do
        return {"daemon": True, "done": [], "left": []}

    def add_model(self, name: str, reference: str, **options: Any) -> Record:
        return self._post("models", {"name": name, "reference": reference, **options})

    def update_model(
        self, name: str, reference: str | None = None, **options: Any
    ) -> Record:
        model: Record = self._http.json(
            "PATCH", f"models/{part_of_path(name)}", {"reference": reference, **options}
        )
        return model

    def remove_model(
        self, name: str, reason: str = "", delete_published: bool = False
    ) -> Record:
        query = {"reason": reason or None, "delete_published": delete_published or None}
        model: Record = self._http.json(
            "DELETE", f"models/{part_of_path(name)}", **query
        )
        return model

    def interference(self, model: str, number: int | None = None) -> Record:
        revision = (
            number if number is not None else int(self.model(model)["revision"] or 0)
        )
        return self._get(
            f"models/{part_of_path(model)}/revisions/{revision}/interference"
        )

    def evaluate(
        self,
        model: str,
        images: str | None = None,
        revision: int | None = None,
        base: bool = False,
        report: bool = False,
        disclose: bool = False,
        words: Mapping[str, Any] | None = None,
    ) -> Record:
        body = {
            "images": images,
            "revision": revision,
            "base": base,
            "report": report,
            "disclose": disclose,
            "words": words or {},
        }
        return self._post(f"models/{part_of_path(model)}/evaluate", body)

    def export(
        self,
        model: str,
        folder: str,
        revision: int | None = None,
        format: str = "hf",
        **how: Any,
    ) -> Record:
        return self._post(
            f"models/{part_of_path(model)}/export",
            {"folder": folder, "revision": revision, "format": format, **how},
        )

    # -- requests

    def forget(
        self, *concepts: str, model: str, wait: bool = False, **options: Any
    ) -> Record:
        request = self._post(
            "requests",
            {"model": model, "concepts": list(concepts), **as_body(options)},
            wait=wait or None,
        )
        return self._settled(request) if wait else request

    def _settled(self, record: Record) -> Record:
        """The record once it is decided and served; the daemon holds each call for a minute at
        most.
        """
        end = time.monotonic() + self._timeout
        while record["state"] in MOVING and time.monotonic() < end:
            record = self._get(f"requests/{record['id']}", wait=True)
        return record

    def settled(self, request_ids: Sequence[str]) -> list[Record]:
        return [self._settled(self.request(request_id)) for request_id in request_ids]

    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        return self._post(
            "preview", {"model": model, "concepts": list(concepts), **as_body(options)}
        )

    def preview_revert(self, request_id: str) -> Record:
        return self._get(f"requests/{part_of_path(request_id)}/revert")

    def requests(self, **filters: Any) -> list[Record]:
        return self._http.all("requests", **filters)

    def request(self, request_id: str) -> Record:
        return self._get(f"requests/{part_of_path(request_id)}")

    def pictures(self, request_id: str) -> list[tuple[str, bytes]]:
        path = f"requests/{part_of_path(request_id)}/pictures"
        return [
            (p["prompt"], self._http.ask("GET", f"{path}/{p['png']}").content)
            for p in self._http.all(path)
        ]

    def _decide(self, request_id: str, event: str, reason: str) -> Record:
        return self._post(
            f"requests/{part_of_path(request_id)}/{event}", {"reason": reason}
        )

    def approve(self, request_id: str, reason: str = "") -> Record:
        return self._settled(self._decide(request_id, "approve", reason))

    def reject(self, request_id: str, reason: str = "") -> Record:
        return self._decide(request_id, "reject", reason)

    def withdraw(self, request_id: str, reason: str = "") -> Record:
        return self._decide(request_id, "withdraw", reason)

    def retry(self, request_id: str, reason: str = "") -> Record:
        return self._settled(self._decide(request_id, "retry", reason))

    def revert(
        self,
        request_id: str,
        reason: str = "",
        idempotency_key: str | None = None,
        wait: bool = False,
    ) -> Record:
        body = {"reason": reason, "idempotency_key": idempotency_key}
        request = self._post(
            f"requests/{part_of_path(request_id)}/revert", body, wait=wait or None
        )
        return self._settled(request) if wait else request

    def hold(self, request_id: str, reason: str) -> Record:
        return self._decide(request_id, "hold", reason)

    def release(self, request_id: str, reason: str) -> Record:
        return self._decide(request_id, "release", reason)

    def extend(self, request_id: str, due: str, reason: str) -> Record:
        return self._post(
            f"requests/{part_of_path(request_id)}/extend",
            {"due": due, "reason": reason},
        )

    def criteria(
        self,
        request_id: str,
        criteria: Sequence[str] = (),
        drop: Sequence[str] = (),
        reason: str = "",
        criterion_set: str | None = None,
    ) -> Record:
        body = {"criteria": list(criteria), "drop": list(drop), "reason": reason}
        path = f"requests/{part_of_path(request_id)}/criteria"
        return self._post(path, {**body, "criterion_set": criterion_set})

    def reveal(self, request_id: str) -> Record:
        return self._post(f"requests/{part_of_path(request_id)}/reveal", {})

    def shred(self, request_id: str, reason: str) -> Record:
        return self._post(
            f"requests/{part_of_path(request_id)}/shred", {"reason": reason}
        )

    # -- the ledger

    def audit_log(self, limit: int = 100, **filters: Any) -> list[Record]:
        return self._http.all("audit/log", limit=limit, **filters)

    def events(self, after: int = -1) -> Iterator[Record]:
        return self._http.events(after)

    def audit_sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        return self._post(
            "audit/sql", {"query": query, "seconds": seconds, "limit": limit}
        )

    def audit_verify(
        self,
        since: Sequence[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        body = {
            "since": list(since),
            "key": key,
            "recompute": recompute,
            "witnesses": list(witnesses),
            "roots": list(roots),
        }
        return self._post("audit/verify", body)

    def audit_rotate_key(self, reason: str) -> Record:
        return self._post("audit/rotate-key", {"reason": reason})

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
        path = new_file(file)
        about = {
            "request": request,
            "model": model,
            "revision": revision,
            "since": since,
            "as_of": as_of,
        }
        answer = self._http.ask(
            "GET", "audit/bundle", **about, with_others=with_others or None
        )
        save(path, answer.content)
        kept = {k: v for k, v in about.items() if v is not None and k != "since"}
        kept |= {"others": "digests"} if request is not None and not with_others else {}
        return {
            "file": file,
            "bytes": len(answer.content),
            "about": kept or {"everything": True},
            "key": self.audit_key(),
        }
