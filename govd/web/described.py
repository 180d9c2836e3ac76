"""The API's description (OpenAPI): what FastAPI makes of the routes, with what each call answers,
and how each is refused.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from govd.service.api import ACTIONS
from govd.types import Json
from govd.web import answers as a
from govd.web import audit_answers as audit
from govd.web import feed_answers as feed
from govd.web import notice_answers as notice
from govd.web import people_answers as people
from govd.web import policy_answers as policy
from govd.web import request_answers as requests
from govd.web import store_answers as store
from govd.web.bodies import PicturesBody, RankBody
from govd.web.problems import PROBLEM

Model = type[BaseModel]
VERBS: Final = (
    "approve",
    "reject",
    "withdraw",
    "retry",
    "revert",
    "reveal",
    "shred",
    "extend",
    "criteria",
    "hold",
    "release",
)
ANSWERS: Final[dict[str, Model]] = {
    "GET /healthz": a.Healthy,
    "GET /readyz": a.Healthy,
    "GET /v1/status": a.Status,
    "GET /v1/models": a.Page[a.Model],
    "POST /v1/models": a.Model,
    "GET /v1/models/{name}": a.Model,
    "GET /v1/models/{name}/labels": a.Page[a.LabelOfModel],
    "PATCH /v1/models/{name}": a.Model,
    "DELETE /v1/models/{name}": a.Model,
    "GET /v1/models/{model}/revisions": a.Page[a.Revision],
    "GET /v1/models/{model}/revisions/{number}": a.Revision,
    "GET /v1/models/{model}/manifest": store.Manifest,
    "GET /v1/models/{model}/revisions/{first}/diff/{second}": a.Difference,
    "GET /v1/models/{name}/revisions/{number}/interference": a.Interference,
    "POST /v1/models/{model}/export": a.Export,
    "POST /v1/models/{model}/evaluate": a.Evaluation,
    "POST /v1/models/{name}/classify": a.Labels,
    "POST /v1/models/{name}/embeddings": a.Embeddings,
    "POST /v1/models/{name}/rank": a.Rankings,
    "GET /v1/requests": a.Page[requests.Request],
    "POST /v1/requests": requests.Request,
    "POST /v1/preview": requests.Preview,
    "GET /v1/requests/{request_id}": requests.Request,
    "GET /v1/requests/{request_id}/revert": requests.RevertPreview,
    "GET /v1/requests/{request_id}/pictures": a.Page[requests.Picture],
    **{f"POST /v1/requests/{{request_id}}/{verb}": requests.Request for verb in VERBS},
    "GET /v1/audit/log": a.Page[audit.Entry],
    "GET /v1/audit/trail/{request_id}": audit.Trail,
    "GET /v1/audit/as-of": audit.AsOf,
    "GET /v1/audit/why/{model}/{number}": audit.Why,
    "GET /v1/audit/deadlines": audit.Deadlines,
    "GET /v1/audit/predictions": audit.Predictions,
    "POST /v1/audit/sql": audit.Rows,
    "GET /v1/audit/answer/{key}": audit.Given,
    "POST /v1/audit/rebuild": audit.Rebuilt,
    "GET /v1/audit/proof": audit.Inclusion,
    "GET /v1/audit/consistency": audit.Consistency,
    "GET /v1/audit/verify": audit.Verified,
    "POST /v1/audit/verify": audit.Verified,
    "POST /v1/audit/witness": audit.Witnessed,
    "POST /v1/audit/rotate-key": audit.Rotated,
    "GET /v1/policies": a.Page[policy.Policy],
    "POST /v1/policies": policy.Policy,
    "GET /v1/policies/{name}": policy.Policy,
    "POST /v1/policies/{name}/enforce": policy.Policy,
    "POST /v1/policies/{name}/shadow": policy.Policy,
    "POST /v1/policies/{name}/disable": policy.Policy,
    "GET /v1/policies/{name}/report": policy.Report,
    "GET /v1/policies/{name}/test": policy.Test,
    "POST /v1/policy/test": policy.Test,
    "GET /v1/policy/ready": a.Page[policy.Ready],
    "GET /v1/policy/inputs/{moment}": policy.Inputs,
    "GET /v1/policy/replay": policy.Replay,
    "GET /v1/policy/explain/{request_id}": policy.Explained,
    "POST /v1/policy/freeze": policy.Frozen,
    "POST /v1/policy/unfreeze": policy.Frozen,
    "GET /v1/feeds": a.Page[feed.Feed],
    "POST /v1/feeds": feed.NewFeed,
    "GET /v1/feeds/{name}": feed.Feed,
    "POST /v1/feeds/{name}": feed.FeedDocument,
    "POST /v1/feeds/{name}/run": feed.FeedLook,
    "POST /v1/feeds/{name}/enable": feed.Feed,
    "POST /v1/feeds/{name}/disable": feed.Feed,
    "GET /v1/feeds/{name}/runs": a.Page[feed.FeedRun],
    "GET /v1/feeds/{name}/runs/{run}": feed.FeedRunWhole,
    "POST /v1/feeds/{name}/runs/{run}/release": feed.FeedRunWhole,
    "POST /v1/feeds/{name}/runs/{run}/reject": feed.FeedRunWhole,
    "GET /v1/stores": a.Page[store.Store],
    "POST /v1/stores": store.Store,
    "GET /v1/stores/{name}": store.Store,
    "POST /v1/stores/{name}/find": store.StoreHits,
    "POST /v1/stores/{name}/patch": store.StoreEstimated,
    "POST /v1/stores/{name}/verify": store.StoreVerified,
    "POST /v1/stores/{name}/purge": store.Store,
    "POST /v1/stores/{name}/remove": store.Store,
    "GET /v1/notices": a.Page[notice.Receiver],
    "POST /v1/notices": notice.Receiver,
    "GET /v1/notices/history": a.Page[notice.Told],
    "DELETE /v1/notices/{name}": notice.Receiver,
    "POST /v1/notices/{name}/secret": notice.Receiver,
    "POST /v1/notices/{name}/test": notice.Tested,
    "POST /v1/notices/{notice}/retry": notice.Receiver,
    "GET /v1/tokens": a.Page[people.Token],
    "POST /v1/tokens": people.NewToken,
    "DELETE /v1/tokens/{token_id}": people.Token,
    "GET /v1/whoami": people.Caller,
    "GET /v1/principals": a.Page[people.Principal],
    "POST /v1/principals": people.Principal,
    "GET /v1/principals/{name}": people.Principal,
    "PATCH /v1/principals/{name}": people.Principal,
    "DELETE /v1/principals/{name}": people.Principal,
    "POST /v1/principals/{name}/delegate": people.Principal,
    "POST /v1/principals/{name}/undelegate": people.Principal,
}
"""What a call answers in JSON where it is done. Answers are not checked against this as they leave:
the tests do.
"""
KINDS: Final = {
    "GET /metrics": "text/plain",
    "GET /v1/events": "text/event-stream",
    "GET /v1/audit/bundle": "application/zip",
    "GET /v1/requests/{request_id}/pictures/{digest}": "image/png",
}
"""What a call answers that is not JSON."""
ACCEPTED: Final = (
    "POST /v1/requests",
    "POST /v1/requests/{request_id}/revert",
    *(f"{action.verb} /v1/{action.path}" for action in ACTIONS if action.waits),
)
"""Calls that answer 202 while it is not decided and served, and 200 once it is."""
REFUSALS: Final = {
    400: "It cannot be read, or what it holds does not verify",
    401: "No token, or one that is not known",
    403: "The role is not enough, a policy said no, or the page that asks is of another origin",
    404: "A name or id that is not there",
    409: "It contradicts what is already so",
    413: "The body is too large",
    415: "The body is of another type than the call takes",
    421: "This daemon is not called so",
    422: "It cannot be meant, or is not possible here",
    500: "A bug in govd",
    502: "A fault of a plugin",
    503: "Not now",
    507: "A fault of the machine",
}
SIGNED: Final = ("POST /v1/feeds/{name}",)
"""Calls that are admitted by a signature in the place of a token."""
OPEN: Final = (403, 421, 422, 500)
"""How calls that need no token are refused."""
KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same call with the same key is done once; its answer is kept for two days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def described(app: FastAPI) -> dict[str, Json]:
    """The description, made on first use."""
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        models: list[tuple[Model, Literal["validation", "serialization"]]] = [
            (a.Problem, "serialization")
        ]
        models += [
            (model, "serialization") for model in dict.fromkeys(ANSWERS.values())
        ]
        # read by the route itself
        models += [
            (PicturesBody, "validation"),
            (RankBody, "validation"),
        ]
        _, definitions = models_json_schema(
            models, ref_template="#/components/schemas/{model}"
        )
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas.update(definitions["$defs"])
        problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        description["components"]["responses"] = {
            f"Refused{status}": {"description": text, "content": problem}
            for status, text in REFUSALS.items()
        }
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                _complete(f"{method.upper()} {path}", operation)
        app.openapi_schema = description
    return app.openapi_schema


def _complete(name: str, operation: dict[str, Any]) -> None:
    """Say what an operation answers, and how it is refused."""
    responses = operation["responses"]
    for status in [status for status in responses if not status.startswith("2")]:
        del responses[status]
    code, response = next(iter(responses.items()))
    response["description"] = HTTPStatus(int(code)).phrase
    if name in ANSWERS:
        schema = {"$ref": f"#/components/schemas/{_schema_name(ANSWERS[name])}"}
        response.setdefault("content", {}).setdefault("application/json", {})[
            "schema"
        ] = schema
    elif name in KINDS:
        response["content"] = {KINDS[name]: {"schema": {"type": "string"}}}
    if any(
        parameter["name"] == "format" for parameter in operation.get("parameters", ())
    ):
        response["content"] |= {
            kind: {"schema": {"type": "string"}}
            for kind in ("text/csv", "application/x-ndjson")
        }
    if name in ACCEPTED:
        responses |= {
            str(status): {**response, "description": HTTPStatus(status).phrase}
            for status in (200, 202)
        }
    if name == "GET /readyz":
        responses["503"] = {**response, "description": REFUSALS[503]}
    if name.startswith("POST ") and not any(
        p["name"] == KEY["name"] for p in operation.get("parameters", ())
    ):
        operation.setdefault("parameters", []).append(KEY)
    admits = "security" in operation or name in SIGNED
    for status in REFUSALS if admits else OPEN:
        responses[str(status)] = {"$ref": f"#/components/responses/Refused{status}"}


def _schema_name(model: Model) -> str:
    """How a model is called among the schemas: `Page[Request]` is `Page_Request_` there."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in model.__name__)
