"""What is declared once has one name in every face, and the arguments of the room that answers."""

import inspect
from operator import attrgetter
from typing import Any, get_type_hints

import pytest
import typer.main
from fastapi.testclient import TestClient

from govd.cli import app
from govd.client.daemon import Daemon
from govd.requests import ForgetOptions
from govd.service.api import ACTIONS, QUESTIONS, Action, Api, Question
from govd.service.api.declared import Declared
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context

AUDIT = [question for question in QUESTIONS if question.path.startswith("audit/")]


DECLARED: list[Declared] = [*QUESTIONS, *ACTIONS]


def name_of(declared: Declared) -> str:
    return declared.name


@pytest.mark.parametrize("question", QUESTIONS, ids=name_of)
def test_the_room_takes_the_arguments_that_are_declared(
    service: Service, question: Question
) -> None:
    answering = inspect.signature(attrgetter(question.answered_by)(service)).parameters
    for name, parameter in question.parameters.items():
        assert answering[name].default == parameter.default, name
    rest = [p for name, p in answering.items() if name not in question.parameters]
    assert all(p.default is not p.empty for p in rest)


@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_the_room_takes_the_arguments_of_an_action(
    service: Service, action: Action
) -> None:
    """One by one, or as fields of its settings; and beside them who does it, and when."""
    method = attrgetter(action.answered_by)(service)
    taken = dict(inspect.signature(method).parameters)
    settings = taken.pop(action.settings, None)
    if settings is not None:
        kind = get_type_hints(inspect.unwrap(method))[action.settings]
        taken = dict(inspect.signature(kind).parameters) | taken
    for name, parameter in action.parameters.items():
        if parameter.default is not parameter.empty and taken[name].default is not (
            parameter.empty
        ):
            assert taken[name].default == parameter.default, name
    known = {*action.parameters, *action.fixed, "actor", "now"}
    rest = [p for name, p in taken.items() if name not in known]
    assert all(p.default is not p.empty for p in rest)
    assert set(action.fixed) <= set(taken)


@pytest.mark.parametrize("declared", DECLARED, ids=name_of)
def test_parts_and_limits_are_of_arguments(declared: Declared) -> None:
    assert set(declared.parts) <= set(declared.parameters)
    assert set(declared.limits) | set(declared.meanings) <= set(declared.parameters)


@pytest.mark.parametrize("question", AUDIT, ids=name_of)
def test_a_question_to_the_ledger_has_one_name(question: Question) -> None:
    """`audit as-of` is `audit_as_of`, `/v1/audit/as-of`, and `as_of` of its room."""
    noun, _, name = question.name.partition("_")
    assert noun == "audit"
    command = name.replace("_", "-")
    group: Any = typer.main.get_group(app)
    assert command in group.commands["audit"].commands
    assert question.path.split("/")[:2] == ["audit", command]
    assert question.answered_by.rpartition(".")[2] in (name, "show")


def test_each_is_a_route_with_its_documentation_and_its_arguments(
    service: Service,
) -> None:
    paths = create_app(Context(service)).openapi()["paths"]
    for question in QUESTIONS:
        operation = paths[f"/v1/{question.path}"][question.verb.lower()]
        where = {p["name"]: p for p in operation.get("parameters", ())}
        for name in question.parameters:
            argument = where[name]
            assert argument["in"] == ("path" if name in question.parts else "query")
            meaning = question.meanings.get(name)
            # over HTTP a limit is that of a page
            assert name == "limit" or argument.get("description") == meaning
        assert operation["description"] == question.documentation
    assert len({question.path for question in QUESTIONS}) == len(QUESTIONS)


def test_each_action_is_a_route_with_its_documentation_and_its_body(
    service: Service,
) -> None:
    description = create_app(Context(service)).openapi()
    schemas = description["components"]["schemas"]
    for action in ACTIONS:
        operation = description["paths"][f"/v1/{action.path}"][action.verb.lower()]
        assert operation["description"] == action.documentation
        where = {p["name"]: p["in"] for p in operation.get("parameters", ())}
        assert all(where[part] == "path" for part in action.parts)
        if action.verb == "DELETE":
            assert all(where[name] == "query" for name in action.others)
        elif action.others:
            content = operation["requestBody"]["content"]["application/json"]
            body = schemas[content["schema"]["$ref"].rpartition("/")[2]]
            assert body["additionalProperties"] is False
            assert set(action.others) <= set(body["properties"])
            for name, meaning in action.meanings.items():
                if name in action.others and len(action.others) > 1:
                    assert body["properties"][name]["description"] == meaning


class Recorded(Daemon):
    """A client that notes what it would send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def ask(self, question: Question, arguments: Any) -> Any:
        self.sent.append((question.name, dict(arguments)))

    def act(self, action: Action, arguments: Any) -> Any:
        self.sent.append((action.name, action.explicit(arguments)))


def test_a_call_binds_its_arguments_as_any_other() -> None:
    daemon = Recorded()
    daemon.audit_as_of("now", proof=True)
    assert daemon.sent == [
        ("audit_as_of", {"time": "now", "model": None, "proof": True})
    ]
    with pytest.raises(TypeError):
        daemon.audit_why("m")  # type: ignore[call-arg]
    (as_of,) = (q for q in QUESTIONS if q.name == "audit_as_of")
    assert as_of.explicit(daemon.sent[0][1]) == {"time": "now", "proof": True}
    daemon.delegate("ann", "bob", until="2099-01-01")
    assert daemon.sent[-1] == ("delegate", {"to": "bob", "until": "2099-01-01"})


def test_what_is_not_declared_is_abstract() -> None:
    declared = {name_of(declared) for declared in DECLARED}
    assert {"forget", "find_in_store", "audit_bundle"} <= Api.__abstractmethods__
    assert not declared & Api.__abstractmethods__


def test_roles_and_forms_come_from_the_declaration(service: Service) -> None:
    token = service.tokens.create("reader", "ann", "owner")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(
        create_app(Context(service)), "http://localhost", headers=headers
    ) as client:
        assert client.get("/v1/audit/why/m/1").status_code == 404
        assert client.get("/v1/audit/deadlines", params={"days": 0}).status_code == 422
        assert client.get("/v1/models", params={"format": "csv"}).text.startswith(
            "name,"
        )
        assert (
            client.get("/v1/audit/key").headers["content-type"].startswith("text/plain")
        )
        assert client.post("/v1/audit/rebuild").status_code == 403


def test_an_action_takes_what_it_declares_and_its_room_says_the_rest(
    service: Service,
) -> None:
    woken: list[None] = []
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    request = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")[
        "id"
    ]
    app = create_app(Context(service, wake=lambda: woken.append(None)))
    with TestClient(app, "http://localhost", headers=headers) as client:

        def post(path: str, **body: Any) -> Any:
            return client.post(f"/v1/{path}", json=body)

        held = post(f"requests/{request}/hold")
        assert (held.status_code, held.json()["title"]) == (422, "Wrong usage")
        assert "a hold needs a reason" in held.json()["detail"]
        extended = post(f"requests/{request}/extend", due="2099-01-01")
        assert "needs a reason" in extended.json()["detail"]
        unknown = post(f"requests/{request}/hold", reason="court", until="2099")
        assert "unknown field until" in unknown.json()["detail"]
        assert "to (body): Field required" in post("principals/ann/delegate").text
        assert post(f"requests/{request}/nothing", reason="x").status_code == 404
        assert post(f"requests/{request}/hold", reason="court").json()["held"]
        assert post("policies").json()["title"] == "Wrong usage"
        days = post("notices", address="https://x.org", on=["*"], days=[1] * 101)
        assert days.status_code == 422
        assert not woken
        withdrawn = post(f"requests/{request}/withdraw", reason="x")
        assert withdrawn.status_code == 403
        post(f"requests/{request}/release", reason="over")
        withdrawn = client.post(
            f"/v1/requests/{request}/withdraw?wait=false", json={"reason": "x"}
        )
        assert (withdrawn.status_code, woken) == (202, [None])
        added = post("feeds", name="hook", url="webhook:", model="m")
        assert (added.headers["Location"], len(woken)) == ("/v1/feeds/hook", 1)
        assert added.headers["Cache-Control"] == "no-store"
        assert client.post("/v1/feeds/hook/run").status_code == 200
        assert len(woken) == 2
