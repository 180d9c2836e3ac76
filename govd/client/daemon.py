"""A daemon over HTTP, with the calls of `govd.service.api`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from govd.client.answers import AnswerCalls
from govd.client.files import as_body, new_file, part_of_path, picture_file, save
from govd.client.transport import Transport
from govd.records.lifecycle import MOVING
from govd.service.api import Action, Api, Question
from govd.service.api.declared import Declared
from govd.types import Json, Record


class Daemon(AnswerCalls, Api):
    """A daemon over HTTP. Records are plain mappings as the API spells them; what each call does is
    said in `govd.service.api`.
    """

    remote = True

    def __init__(self, url: str, token: str | None, timeout: float = 600.0) -> None:
        self.url = url
        self._timeout = timeout
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
        path = _path(question, arguments)
        query = question.explicit(arguments)
        if question.kind == "list":
            return self._http.all(path, **query)
        if question.kind == "pages":
            return self._http.all(path, **{**query, "limit": arguments["limit"]})
        if question.kind == "text":
            return self._http.ask(question.verb, path, **query).text
        body: Json = {} if question.verb == "POST" else None
        return self._http.json(question.verb, path, body, **query)

    def act(self, action: Action, arguments: Mapping[str, Any]) -> Any:
        """Have a declared action done; of a decision what follows from it is waited for."""
        path = _path(action, arguments)
        fields = action.explicit(arguments)
        if action.verb == "DELETE":
            return self._http.json(action.verb, path, **fields)
        answer = self._http.json(action.verb, path, fields)
        return self._settled(answer) if action.waits else answer

    # -- models and what they answer

    def reconcile(self) -> Record:
        self.status()  # it answers: it does by itself what is to do
        return {"daemon": True, "done": [], "left": []}

    def interference(self, model: str, number: int | None = None) -> Record:
        revision = (
            number if number is not None else int(self.model(model)["revision"] or 0)
        )
        return self._get(
            f"models/{part_of_path(model)}/revisions/{revision}/interference"
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

    # -- the ledger

    def events(self, after: int = -1) -> Iterator[Record]:
        return self._http.events(after)

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
        question = {
            "request": request,
            "model": model,
            "revision": revision,
            "since": since,
            "as_of": as_of,
        }
        answer = self._http.ask(
            "GET", "audit/bundle", **question, with_others=with_others or None
        )
        save(path, answer.content)
        stated = {k: v for k, v in question.items() if v is not None and k != "since"}
        stated |= (
            {"others": "digests"} if request is not None and not with_others else {}
        )
        return {
            "file": file,
            "bytes": len(answer.content),
            "about": stated or {"everything": True},
            "key": self.audit_key(),
        }

    # -- who calls, stores

    def whoami(self) -> Record:
        return self._get("whoami")

    def find_in_store(
        self,
        name: str,
        concept: str = "",
        examples: Sequence[str] = (),
        limit: int = 20,
        whole: bool = False,
    ) -> Record:
        pictures = [picture_file(example) for example in examples]
        body = {"concept": concept, "examples": pictures}
        return self._post(
            f"stores/{part_of_path(name)}/find",
            {**body, "limit": limit, "whole": whole},
        )


def _path(declared: Declared, arguments: Mapping[str, Any]) -> str:
    parts = {name: part_of_path(str(arguments[name])) for name in declared.parts}
    return declared.path.format(**parts)
