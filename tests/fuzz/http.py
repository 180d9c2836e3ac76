"""Requests that schemathesis generates from the API's description, as every role: `python -m
tests.fuzz.http --requests 100000`.

Each operation is called with requests that fit its description and with ones that do not, half of
them with names that exist. Whatever comes back must be described: its status, its type, its schema;
a refusal is problem details, nothing is a server's error, and nobody gets what his role may not
have. Every round begins with a new home, so that its ledger stays small.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.python import asgi
from schemathesis.specs.openapi import checks

from govd.asking import plugins
from govd.models.given import Given
from govd.records.actors import TOKEN_ROLES as ROLES
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.web.app import create_app
from govd.web.context import Context
from govd.web.described import REFUSALS
from tests.conftest import DOMAINS, NAMES, POINTS, paint

BASE = "http://localhost"
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
NOBODY = "nobody"
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
ANSWER_SECONDS = 120.0
"""For an answer: an evaluation takes ten on a machine that is busy with something else."""
ASKING = (*ROLES, "owner", "operator", NOBODY)
"""Who asks; who may do more asks more often."""
NEEDS = {
    "/v1/tokens": "owner",
    "/v1/audit/rotate-key": "owner",
    "/v1/audit/rebuild": "owner",
    "/v1/audit/witness": "owner",
}
"""Paths that take a role whatever the method; what changes something takes `operator`, what asks
`reader`, but for answers of a model.
"""
FOLDERS = ("folder", "publish_to", "images", "pool", "reference", "paths")
COSTLY = (
    "/v1/audit/verify",
    "/v1/audit/rebuild",
    "/v1/audit/rotate-key",
    "/v1/audit/sql",
    "/v1/audit/bundle",
    "/v1/models",
)
"""Paths that are asked a quarter as often."""


@dataclass
class World:
    """A home at work with every role's token, and what exists there."""

    service: Service
    folder: Path
    tokens: dict[str, str]
    names: dict[str, list[str]]
    schema: Any
    client: Any
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    asked: int = 0


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A home with a model and requests in several states."""
    images, pool = paint(folder / "images", 1, 1), paint(folder / "pool", 8, 2)
    with open_service(folder / "home") as service:
        given_ = Given(
            labels=NAMES,
            anchors=("wood", "sea", "sand", "sky"),
            domains=DOMAINS,
            images=str(images),
            pool=str(pool),
        )
        service.add_model("m", "colours", given_, "ann")
        options = [
            {"concepts": ["red"]},
            {"concepts": ["navy"]},
            {"concepts": ["blue"], "private": True},
            {"concepts": ["pink"]},
        ]
        ids = [
            service.requests.forget("m", ForgetOptions(**more), "ann")["id"]
            for more in options
        ]
        service.reconciler.run()
        service.requests.revert(ids[0], "back", "ann")
        service.reconciler.run()
        tokens = {
            role: service.tokens.create(role, f"a {role}", "owner")["token"]
            for role in ROLES
        }
        token_ids = [record["id"] for record in service.tokens.all()]
        context = Context(service, service.reconciler.run)
        context.news.closed = True  # streams end, and who waits is answered
        app = create_app(context)
        schema = schemathesis.openapi.from_dict(_without_security(app.openapi()))
        schema.app = app
        numbers = ["0", "1", "2", "3"]
        names = {
            "name": ["m"],
            "model": ["m"],
            "request_id": ids,
            "token_id": token_ids,
        }
        names |= dict.fromkeys(("number", "first", "second"), numbers)
        yield World(service, folder, tokens, names, schema, asgi.ASGIClient(app))


def _without_security(description: dict[str, Any]) -> dict[str, Any]:
    """The description without tokens: which one is sent is chosen here."""
    found: dict[str, Any] = copy.deepcopy(description)
    for operations in found["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    found["components"].pop("securitySchemes", None)
    return found


def ask(world: World, case: Any, role: str, draw: random.Random) -> None:
    """One call as a role, and what its answer must be like.

    Raises:
        AssertionError, schemathesis' failures: it is not.
    """
    _with_names(world, case, draw)
    strange = draw.choice(
        (
            {},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic eDp4"},
            {"Authorization": "Bearer é"},
        )
    )
    headers = (
        strange if role == NOBODY else {"Authorization": f"Bearer {world.tokens[role]}"}
    )
    response = case.call(
        base_url=BASE, session=world.client, headers=headers, timeout=ANSWER_SECONDS
    )
    world.asked += 1
    world.statuses[response.status_code] += 1
    what = f"{case.method} {case.path} as {role}: {response.status_code} {response.content[:500]!r}"
    assert response.status_code < 500 or (
        case.path == "/readyz" and response.status_code == 503
    ), what
    if response.status_code in REFUSALS and case.path != "/readyz":
        assert response.headers["content-type"] == ["application/problem+json"], what
        said = response.json()
        assert said["status"] == response.status_code, what
        assert said["title"], what
    if _forbidden(case, role):
        assert response.status_code >= 400, what
    case.validate_response(response, checks=CHECKS)


def _with_names(world: World, case: Any, draw: random.Random) -> None:
    """Half of the names are ones that exist; paths stay in the world's folder."""
    for name in case.path_parameters or {}:
        if name in world.names and draw.random() < 0.5:
            case.path_parameters[name] = draw.choice(world.names[name])
    if not isinstance(case.body, dict):
        return
    for name in FOLDERS:
        if isinstance(case.body.get(name), str):
            case.body[name] = (
                "colours"
                if name == "reference"
                else f"{world.folder}/x/{case.body[name].strip('/.')[:20]}"
            )
    if isinstance(case.body.get("paths"), list):
        case.body["paths"] = [
            str(world.folder / "images" / "dark" / "red" / "0.png")
            for _ in case.body["paths"]
        ]
    if isinstance(case.body.get("model"), str) and draw.random() < 0.7:
        case.body["model"] = "m"
    if isinstance(case.body.get("concepts"), list) and draw.random() < 0.5:
        case.body["concepts"] = [draw.choice(NAMES)]


def _forbidden(case: Any, role: str) -> bool:
    """Whether a role may not have any answer but a refusal."""
    if not case.path.startswith("/v1/"):
        return role == NOBODY and case.path == "/metrics"
    if role == NOBODY:
        return True
    if case.path.endswith(("/classify", "/embeddings")):
        return False
    if role == "inference":
        return True
    need = next(
        (needed for path, needed in NEEDS.items() if case.path.startswith(path)), None
    )
    if need is None and case.path.startswith("/v1/models") and case.method != "GET":
        need = "owner"
    return need == "owner" and role != "owner"


def round_of(world: World, examples: int, number: int) -> None:
    """Every operation, each `examples` times with requests that fit and as often with ones that do
    not.
    """
    for operation in world.schema.get_all_operations():
        operation = operation.ok()
        path = operation.path
        count = (
            max(1, examples // 4)
            if path.startswith(COSTLY) and operation.method.upper() != "GET"
            else examples
        )
        for mode in MODES:
            _operation(world, operation, mode, count, number)


def _operation(
    world: World, operation: Any, mode: Any, count: int, number: int
) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=False,
        report_multiple_bugs=False,
    )
    @given(
        operation.as_strategy(generation_mode=mode),
        st.sampled_from(ASKING),
        st.randoms(use_true_random=False),
    )
    def one(case: Any, role: str, draw: random.Random) -> None:
        if "m" not in world.service.core.desk.views.models:
            world.names["name"] = world.names["model"] = [
                *world.service.core.desk.views.models,
                "m",
            ]
        ask(world, case, role, draw)

    try:
        one()
    except Unsatisfiable:  # nothing can be wrong with a call that takes nothing
        return
    # all are told, after the rest was asked
    except (Exception, BaseExceptionGroup) as fault:  # noqa: BLE001
        world.faults.append(
            f"{operation.method.upper()} {operation.path} ({mode.value}, seed {number}):"
            f" {_told(fault)}"
        )


def _told(fault: BaseException) -> str:
    inner = fault.exceptions if isinstance(fault, BaseExceptionGroup) else [fault]
    return " | ".join(f"{type(one).__name__}: {one}" for one in inner)[:1500]


def example_plugins() -> None:
    """The example's plugins and govd's own, whatever else is installed."""
    plugins.found_entry_points = lambda: POINTS


def main(arguments: list[str] | None = None) -> int:
    """Rounds until so many requests were sent; a line a round, and one at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--requests",
        type=int,
        default=100_000,
        help="how many requests to send at least",
    )
    parser.add_argument(
        "--examples",
        type=int,
        default=20,
        help="of each operation, fitting and not, a round",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes",
        type=float,
        default=600,
        help="stop after the round in which this time is over",
    )
    chosen = parser.parse_args(arguments)
    example_plugins()
    asked, statuses, faults, number, began = (
        0,
        Counter[int](),
        list[str](),
        chosen.seed,
        time.monotonic(),
    )
    while asked < chosen.requests and time.monotonic() - began < 60 * chosen.minutes:
        with tempfile.TemporaryDirectory() as name:
            os.chdir(name)  # a path that is no absolute one leads nowhere else
            with world(Path(name)) as made:
                round_of(made, chosen.examples, number)
            os.chdir("/")
        asked, statuses, faults = (
            asked + made.asked,
            statuses + made.statuses,
            faults + made.faults,
        )
        number += 1
        print(
            f"{asked} requests, {len(faults)} failed, {time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    for fault in faults:
        print(fault)
    answered = ", ".join(
        f"{status}: {count}" for status, count in sorted(statuses.items())
    )
    rounds = (
        f"{number - chosen.seed} rounds (seeds {chosen.seed} to {number - 1}), {len(ROLES) + 1}"
        " roles"
    )
    print(f"{asked} requests, {rounds}: {len(faults)} failed. {answered}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
