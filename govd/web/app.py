"""The application: routes over the service, behind guards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from govd.errors import PluginFault
from govd.service.service import Service
from govd.web import (
    actions,
    audit_proofs,
    events,
    feeds,
    health,
    inference,
    metrics,
    models,
    principals,
    problems,
    questions,
    requests,
    stores,
)
from govd.web.context import Context, needs
from govd.web.cut_off import CutOff
from govd.web.described import described
from govd.web.guards import Bodies, Hosts
from govd.web.idempotency import PURGE_SECONDS, Idempotency
from govd.web.kept_answers import Store
from govd.web.metrics import Meter, Metered
from govd.web.rendering import Document
from govd.web.strict import Strict

log = logging.getLogger("govd")
ROUTERS = (
    inference.router,  # routes are looked through in this order: the one that is called most first
    questions.router(),
    actions.router(),
    models.router,
    requests.router,
    audit_proofs.router,
    events.router,
    feeds.sent,
    stores.router,
    principals.router,
)


def create_app(
    context: Context, hosts: Iterable[str] = (), addresses: bool = False
) -> FastAPI:
    """The application. `hosts` are names besides loopback that it may be asked for; `addresses`:
    any address of the machine, too.
    """
    service = context.service
    meter = Meter()
    store = Store(service.core.home.folder / "idempotency.db")
    app = FastAPI(
        title="govd",
        description=(
            "CLIP-like models that can forget. Every POST takes an `Idempotency-Key`; lists come in"
            " pages; errors are RFC 9457."
        ),
        version="1",
        default_response_class=Document,
        lifespan=partial(_lifespan, context, store),
        openapi_url=None,  # this and the next two take a token, so they are routes of ours
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # what is not described is not there
    )
    app.state.context, app.state.meter = context, meter
    app.openapi = partial(described, app)  # type: ignore[method-assign]
    problems.install(app)
    app.include_router(health.router)
    app.include_router(metrics.router)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(_plugin_routes(service))
    # the last one added is the first one asked
    app.add_middleware(Idempotency, store=store, tokens=service.tokens)
    app.add_middleware(Bodies)
    app.add_middleware(Hosts, names=tuple(hosts), addresses=addresses)
    app.add_middleware(CutOff)
    app.add_middleware(Metered, meter=meter)
    return app


def put_together(app: FastAPI) -> None:
    """Have every route ready before the first call: FastAPI puts a router's routes together when a
    call first comes past them, which takes a tenth of a second in which all others wait.
    """
    nowhere = {"type": "http", "method": "GET", "path": "/-", "root_path": ""}
    for route in app.router.routes:
        route.matches({**nowhere, "headers": []})


def _plugin_routes(service: Service) -> APIRouter:
    """What plugins add below `/v1/x/`."""
    router = APIRouter(
        prefix="/v1/x", dependencies=[Depends(needs("reader"))], route_class=Strict
    )
    asker = service.core.plugins.asker
    for plugin, answer in asker.each("govd_routes", router=router, service=service):
        if isinstance(answer, PluginFault):
            log.error(
                "plugin %s: its routes are not offered, or not all of them (%s)",
                plugin,
                answer.what,
            )
    return router


@asynccontextmanager
async def _lifespan(
    context: Context, store: Store, app: FastAPI
) -> AsyncIterator[None]:
    """Tell waiting calls of news, and forget old answers, while the application runs."""
    manager = context.service.core.plugins.manager
    manager.register(context.news, "news")
    purging = asyncio.create_task(_purging(store))
    try:
        yield
    finally:
        purging.cancel()
        with suppress(asyncio.CancelledError):
            await purging  # a thread that is in the file comes out of it first
        context.news.close()
        manager.unregister(name="news")
        store.close()


async def _purging(store: Store) -> None:
    while True:
        await run_in_threadpool(store.purge)
        await asyncio.sleep(PURGE_SECONDS)
