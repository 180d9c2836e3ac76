"""The application: routes over the service, tokens, errors as problem details (RFC 9457)."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from govd.answers import digest
from govd.errors import GovdError, Usage
from govd.models import Given
from govd.pictures import decoded
from govd.plugins import ask_each
from govd.requests import ForgetOptions
from govd.service import Service
from govd.types import Bytes, Json
from govd.web.bodies import (
    EvaluateBody,
    ExportBody,
    ExtendBody,
    ForgetBody,
    ModelBody,
    ModelChange,
    PicturesBody,
    ReasonBody,
    ScopeBody,
    SqlBody,
    TokenBody,
    VerifyBody,
    file_of,
    options,
)

log = logging.getLogger("govd.web")
PROBLEM = "application/problem+json"
LARGEST = 64 * 2**20
"""Bytes of a request's body at most."""
KEEP_ALIVE = 15.0
Wake = Callable[[], None]
KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]


class Json_(JSONResponse):
    """JSON with what NumPy left in it."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, default=float).encode()


def create_app(service: Service, wake: Wake = lambda: None, hosts: tuple[str, ...] = ()) -> FastAPI:
    """The application. `wake` tells the reconciler that something was filed; `hosts` are names besides loopback that may be asked for."""
    app = FastAPI(title="govd", description="CLIP-like models that can forget.", version="1", default_response_class=Json_)
    _errors(app)
    _guards(app, {"127.0.0.1", "localhost", "[::1]", "testserver", *hosts})
    for router in (_models(service), _requests(service, wake), _audit(service), _tokens(service)):
        app.include_router(router, prefix="/v1")
    extra = APIRouter(prefix="/v1/x", dependencies=[Depends(_needs(service, "reader"))])
    ask_each(service.core.manager, "govd_routes", router=extra, service=service)
    app.include_router(extra)

    @app.get("/healthz")
    def healthz() -> Json:
        return {"ok": True}

    @app.get("/readyz")
    def readyz() -> Json:
        return {"ok": service.core.ledger.size() >= 0}

    @app.get("/metrics", dependencies=[Depends(_needs(service, "reader"))])
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(_prometheus(service), media_type="text/plain; version=0.0.4")

    return app


def _problem(status: int, body: dict[str, Json]) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Json_(body, status, headers, PROBLEM)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(GovdError)
    def known(request: Request, error: GovdError) -> Response:
        return _problem(error.status, error.as_problem())

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        return _problem(error.status_code, {"type": "about:blank", "title": str(error.detail), "status": error.status_code})

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
        return _problem(422, Usage(said or "the request is not valid").as_problem())

    @app.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> Response:
        log.exception("bug")
        said = {"type": "urn:govd:bug", "title": "A bug in govd", "status": 500, "detail": f"{type(error).__name__}: {error}"}
        return _problem(500, said)


def _guards(app: FastAPI, hosts: set[str]) -> None:
    @app.middleware("http")
    async def guard(request: Request, call: Any) -> Any:
        asked = request.headers.get("host", "")
        host = asked if asked.endswith("]") else asked.rpartition(":")[0] or asked
        if host not in hosts:
            return _problem(
                421, Usage(f"this daemon is not called {host!r}", advice="Ask for 127.0.0.1 or localhost.").as_problem() | {"status": 421}
            )
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] not in (asked, host):
            return _problem(403, {"type": "about:blank", "title": "Foreign origin", "status": 403, "detail": f"not from {origin}"})
        if int(request.headers.get("content-length") or 0) > LARGEST:
            return _problem(413, {"type": "about:blank", "title": "Too large", "status": 413, "detail": f"at most {LARGEST} bytes"})
        return await call(request)


def _needs(service: Service, role: str) -> Callable[..., str]:
    def admitted(authorization: Annotated[str | None, Header()] = None) -> str:
        scheme, _, token = (authorization or "").partition(" ")
        return service.tokens.admit(token if scheme.lower() == "bearer" else None, role)

    return admitted


def _models(service: Service) -> APIRouter:
    router = APIRouter(tags=["models"])
    reader, owner, inference = (Depends(_needs(service, role)) for role in ("reader", "owner", "inference"))

    @router.get("/status", dependencies=[reader])
    def status() -> Json:
        return service.status()

    @router.get("/models", dependencies=[reader])
    def all_models() -> Json:
        return service.models.all()

    @router.post("/models", status_code=201)
    def add(body: ModelBody, actor: str = owner) -> Json:
        return service.add_model(body.name, body.reference, Given(**options(body, "name", "reference")), actor)

    @router.get("/models/{name}", dependencies=[reader])
    def show(name: str) -> Json:
        return service.models.show(name)

    @router.patch("/models/{name}")
    def update(name: str, body: ModelChange, actor: str = owner) -> Json:
        return service.update_model(name, Given(**options(body, "reference")), actor, body.reference)

    @router.delete("/models/{name}")
    def remove(name: str, actor: str = owner) -> Json:
        return service.models.remove(name, actor)

    @router.get("/models/{name}/revisions", dependencies=[reader])
    def revisions(name: str) -> Json:
        return service.revisions(name)

    @router.get("/models/{name}/revisions/{number}", dependencies=[reader])
    def revision(name: str, number: int) -> Json:
        return service.revision(name, number)

    @router.get("/models/{name}/revisions/{first}/diff/{second}", dependencies=[reader])
    def diff(name: str, first: int, second: int) -> Json:
        return service.diff(name, first, second)

    @router.post("/models/{name}/export")
    def export(name: str, body: ExportBody, actor: str = owner) -> Json:
        return service.export(name, Path(body.folder), actor, body.revision, body.format, body.disclose, body.recipient)

    @router.post("/models/{name}/evaluate", dependencies=[owner])
    def evaluate(name: str, body: EvaluateBody) -> Json:
        return service.evaluate(name, body.images, body.revision, body.base)

    @router.post("/models/{name}/classify")
    def classify(name: str, body: PicturesBody, response: Response, authorization: Annotated[str | None, Header()] = None) -> Json:
        answers = service.classify(name, _pictures(service, body, authorization), body.labels, body.revision, body.base)
        number = int(answers[0]["revision"])
        said = [a["label"] for a in answers]
        response.headers["Govd-Revision"] = str(number)
        response.headers["Govd-Answer"] = service.answers.note(name, number, [i.encode() for i in (*body.paths, *body.images)], said)
        return answers

    @router.post("/models/{name}/embeddings", dependencies=[inference])
    def embeddings(name: str, body: PicturesBody, response: Response, authorization: Annotated[str | None, Header()] = None) -> Json:
        images = [image for _, image in _pictures(service, body, authorization)]
        rows, number = service.embeddings(name, texts=body.texts, images=images, revision=body.revision, base=body.base)
        response.headers["Govd-Revision"] = str(number)
        given = [i.encode() for i in (*body.texts, *body.images)]
        response.headers["Govd-Answer"] = service.answers.note(name, number, given, digest(rows.tobytes()))
        return {"revision": number, "embeddings": rows.tolist()}

    return router


def _pictures(service: Service, body: PicturesBody, authorization: str | None) -> list[tuple[str, Path | Bytes]]:
    """Pictures of a body; paths are for owners, since they read the daemon's disk."""
    _needs(service, "owner" if body.paths else "inference")(authorization)
    found: list[tuple[str, Path | Bytes]] = [(path, Path(path)) for path in body.paths]
    return found + [(f"image {i}", decoded(file_of(text, f"image {i}"), f"image {i}")) for i, text in enumerate(body.images)]


def _requests(service: Service, wake: Wake) -> APIRouter:
    router = APIRouter(tags=["requests"])
    reader, operator, owner = (Depends(_needs(service, role)) for role in ("reader", "operator", "owner"))

    def answered(record: Json, wait: bool) -> Json:
        wake()
        return service.wait_for(record["id"]) if wait else record

    @router.get("/requests", dependencies=[reader])
    def all_requests(
        state: str | None = None,
        model: str | None = None,
        concept: str | None = None,
        domain: str | None = None,
        policy: str | None = None,
        filed_by: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after: int | None = None,
        limit: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    ) -> Json:
        filters = {"state": state, "model": model, "concept": concept, "domain": domain, "policy": policy, "filed_by": filed_by}
        filters |= {"since": since, "until": until}
        return service.requests.all(after=after, limit=limit, **filters)

    @router.post("/requests", status_code=202)
    def forget(body: ForgetBody, wait: bool = False, key: KeyHeader = None, actor: str = operator) -> Json:
        given = options(body, "model") | ({"idempotency_key": key} if key else {})
        return answered(service.forget(body.model, ForgetOptions(**given), actor), wait)

    @router.post("/preview", dependencies=[reader])
    def preview(body: ScopeBody) -> Json:
        return service.preview(body.model, ForgetOptions(**options(body, "model")))

    @router.get("/requests/{request_id}", dependencies=[reader])
    def show(request_id: str) -> Json:
        return service.requests.show(request_id)

    @router.post("/requests/{request_id}/revert", status_code=202)
    def revert(request_id: str, body: ReasonBody, wait: bool = False, key: KeyHeader = None, actor: str = operator) -> Json:
        return answered(service.revert(request_id, body.reason, actor, key or body.idempotency_key), wait)

    @router.post("/requests/{request_id}/reveal")
    def reveal(request_id: str, actor: str = owner) -> Json:
        return service.requests.reveal(request_id, actor)

    @router.post("/requests/{request_id}/shred")
    def shred(request_id: str, body: ReasonBody, actor: str = owner) -> Json:
        return service.requests.shred(request_id, body.reason, actor)

    @router.post("/requests/{request_id}/extend")
    def extend(request_id: str, body: ExtendBody, actor: str = operator) -> Json:
        return service.requests.extend(request_id, body.due, body.reason, actor)

    @router.post("/requests/{request_id}/{event}")
    def decide(request_id: str, event: str, body: ReasonBody, actor: str = operator) -> Json:
        if event in ("hold", "release"):
            return getattr(service.requests, event)(request_id, body.reason, actor)
        if event not in ("approve", "reject", "withdraw", "retry"):
            raise Usage(f"unknown decision {event!r}", advice="approve, reject, withdraw or retry.")
        record = service.requests.decide(request_id, event, body.reason, actor)
        return answered(record, True) if record["state"] == "approved" else answered(record, False)

    return router


def _audit(service: Service) -> APIRouter:
    router = APIRouter(tags=["audit"], dependencies=[Depends(_needs(service, "reader"))])
    audit, evidence, owner = service.audit, service.evidence, Depends(_needs(service, "owner"))

    @router.get("/audit/log")
    def entries(
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        subject: str | None = None,
        model: str | None = None,
        concept: str | None = None,
        domain: str | None = None,
        state: str | None = None,
        policy: str | None = None,
        after: int | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> Json:
        filters = {"since": since, "until": until, "actor": actor, "kind": kind, "subject": subject, "model": model}
        filters |= {"concept": concept, "domain": domain, "state": state, "policy": policy}
        found = audit.log(after, limit, **filters)
        return {"entries": found, "next": found[-1]["seq"] if len(found) == limit else None}

    @router.get("/audit/trail/{request_id}")
    def trail(request_id: str) -> Json:
        return audit.trail(request_id)

    @router.get("/audit/as-of")
    def as_of(time: str, model: str | None = None, proof: bool = False) -> Json:
        return evidence.as_of(time, model, proof)

    @router.get("/audit/why/{model}/{number}")
    def why(model: str, number: int) -> Json:
        return audit.why(model, number)

    @router.get("/audit/deadlines")
    def deadlines(
        model: str | None = None,
        since: str | None = None,
        until: str | None = None,
        days: Annotated[int | None, Query(ge=1)] = None,
        extended: Annotated[int | None, Query(ge=1)] = None,
    ) -> Json:
        return audit.deadlines(model, since, until, days, extended)

    @router.post("/audit/sql")
    def sql(body: SqlBody) -> Json:
        return audit.sql(body.query, body.seconds, body.limit)

    @router.get("/audit/checkpoint")
    def checkpoint(size: int | None = None, witnessed: bool = False) -> PlainTextResponse:
        return PlainTextResponse(evidence.checkpoint(size, witnessed))

    @router.get("/audit/key")
    def key() -> PlainTextResponse:
        return PlainTextResponse(evidence.key())

    @router.get("/audit/answers/{key}")
    def answer(key: str) -> Json:
        return service.answers.show(key)

    @router.get("/audit/verify")
    def verified() -> Json:
        return evidence.verify()

    @router.post("/audit/verify")
    def verify(body: VerifyBody) -> Json:
        return evidence.verify(body.since, body.key, body.recompute, body.witnesses, body.roots)

    @router.get("/audit/proof/inclusion")
    def inclusion(entry: int, size: int | None = None) -> Json:
        return evidence.inclusion(entry, size)

    @router.get("/audit/proof/consistency")
    def consistency(old: int, new: int | None = None) -> Json:
        return evidence.consistency(old, new)

    @router.post("/audit/rebuild", dependencies=[owner])
    def rebuild() -> Json:
        return evidence.rebuild()

    @router.post("/audit/witness", dependencies=[owner])
    def witness() -> Json:
        return evidence.witness()

    @router.post("/audit/rotate-key")
    def rotate_key(body: ReasonBody, actor: str = owner) -> Json:
        return evidence.rotate_key(body.reason, actor)

    @router.get("/audit/bundle")
    def bundle(
        request: str | None = None,
        model: str | None = None,
        revision: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
    ) -> Response:
        folder = Path(tempfile.mkdtemp(prefix="govd-bundle-"))
        try:
            evidence.bundle_to(folder / "bundle.zip", request, model, revision, since, as_of)
        except BaseException:
            shutil.rmtree(folder)
            raise
        gone = BackgroundTask(shutil.rmtree, folder)
        return FileResponse(folder / "bundle.zip", media_type="application/zip", filename="govd-evidence.zip", background=gone)

    @router.get("/events")
    async def events(
        request: Request, last: Annotated[str | None, Header(alias="Last-Event-ID")] = None, after: int = -1
    ) -> StreamingResponse:
        start = int(last) + 1 if last and last.isdigit() else after + 1
        return StreamingResponse(_stream(service, request, start), media_type="text/event-stream")

    return router


async def _stream(service: Service, request: Request, start: int) -> AsyncIterator[str]:
    """Entries as server-sent events, from any position; each has its sequence number as id."""
    quiet = 0.0
    while not await request.is_disconnected():
        page = await asyncio.to_thread(lambda at: list(service.core.ledger.entries(at, at + 500)), start)
        for entry in page:
            yield f"id: {entry['seq']}\nevent: {entry['kind']}\ndata: {json.dumps(entry, ensure_ascii=False)}\n\n"
            start = int(entry["seq"]) + 1
        if page:
            quiet = 0.0
            continue
        await asyncio.sleep(0.2)
        quiet += 0.2
        if quiet >= KEEP_ALIVE:
            yield ": nothing new\n\n"
            quiet = 0.0


def _tokens(service: Service) -> APIRouter:
    router = APIRouter(tags=["tokens"])
    owner = Depends(_needs(service, "owner"))

    @router.get("/tokens", dependencies=[owner])
    def all_tokens() -> Json:
        return service.tokens.all()

    @router.post("/tokens", status_code=201)
    def create(body: TokenBody, actor: str = owner) -> Json:
        return service.tokens.create(body.role, body.name, actor)

    @router.delete("/tokens/{token_id}")
    def revoke(token_id: str, actor: str = owner) -> Json:
        return service.tokens.revoke(token_id, actor)

    return router


def _prometheus(service: Service) -> str:
    found = service.status()
    lines = ["# TYPE govd_ledger_entries counter", f"govd_ledger_entries {found['ledger']['size']}"]
    lines += ["# TYPE govd_revision gauge", "# TYPE govd_forgets_in_force gauge", "# TYPE govd_edit_rank gauge"]
    for m in found["models"]:
        lines += [
            f'govd_revision{{model="{m["name"]}"}} {m["revision"]}',
            f'govd_forgets_in_force{{model="{m["name"]}"}} {m["in_force"]}',
            f'govd_edit_rank{{model="{m["name"]}"}} {m["rank"]}',
        ]
    lines += ["# TYPE govd_requests_waiting gauge", f"govd_requests_waiting {len(found['waiting'])}"]
    return "\n".join(lines) + "\n"
