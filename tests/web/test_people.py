"""Principals and tokens over HTTP: who is who, and what a token for some models may call."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from govd.ledger.times import now
from govd.models.given import Given
from govd.service import tokens
from govd.service.service import Service


@pytest.fixture
def caller(client: TestClient) -> Any:
    """A call with a token: method, path, body."""

    def call(token: str, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.request(verb, f"/v1/{path}", json=body, headers=headers)
        return answer.status_code, answer.json()

    return call


def test_people_are_added_changed_delegated_and_removed(client: TestClient) -> None:
    added = client.post(
        "/v1/principals", json={"name": "ann", "roles": ["legal", "operator"]}
    )
    assert (added.status_code, added.headers["Location"]) == (201, "/v1/principals/ann")
    assert added.json()["roles"] == ["legal", "operator"]
    assert (
        client.post("/v1/principals", json={"name": "ann", "roles": ["x"]}).status_code
        == 409
    )
    assert (
        client.post(
            "/v1/principals", json={"name": "bob", "roles": ["No!"]}
        ).status_code
        == 422
    )
    assert (
        client.post(
            "/v1/principals", json={"name": "bob", "roles": ["legal"]}
        ).status_code
        == 201
    )
    changed = client.patch(
        "/v1/principals/ann", json={"roles": ["brand"], "reason": "moved"}
    )
    assert changed.json()["roles"] == ["brand"]
    acting = {"to": "bob", "until": "2999-01-01", "reason": "holidays"}
    delegated = client.post("/v1/principals/ann/delegate", json=acting).json()
    assert [d["to"] for d in delegated["delegations"]] == ["bob"]
    ended = client.post("/v1/principals/ann/undelegate", json={"to": "Bob"}).json()
    assert ended["delegations"] == []
    token = {"role": "operator", "name": "laptop", "principal": "ann"}
    made = client.post("/v1/tokens", json=token).json()
    assert made["actor"] == "principal:ann"
    assert client.get("/v1/principals/ann").json()["tokens"] == [made["id"]]
    gone = client.delete("/v1/principals/ann", params={"reason": "left"}).json()
    assert (gone["tokens"], bool(gone["removed_at"])) == ([], True)
    refused = client.get(
        "/v1/status", headers={"Authorization": f"Bearer {made['token']}"}
    )
    assert refused.status_code == 401
    names = [p["name"] for p in client.get("/v1/principals").json()["items"]]
    assert names == ["bob", "ann"], "who was removed comes last"


def test_only_an_owner_changes_people(
    client: TestClient, service: Service, caller: Any
) -> None:
    token = service.tokens.create("operator", "ann", "owner")["token"]
    body = {"name": "bob", "roles": ["legal"]}
    assert caller(token, "POST", "principals", body)[0] == 403
    assert caller(token, "GET", "principals") == (200, {"items": [], "next": None})


def test_who_calls(service: Service, caller: Any) -> None:
    service.principals.add("ann", ["legal"], "", "owner")
    service.principals.add("bob", ["brand"], "", "owner")
    service.principals.delegate("ann", "bob", "2999-01-01", "", "owner")
    token = service.tokens.create("operator", "laptop", "owner", "bob", ["m"])["token"]
    status, who = caller(token, "GET", "whoami")
    assert (status, who["actor"], who["role"], who["models"]) == (
        200,
        "principal:bob",
        "operator",
        ["m"],
    )
    assert who["roles"] == ["brand", "operator"]
    assert [(one["principal"], one["roles"]) for one in who["for"]] == [
        ("principal:ann", ["legal"])
    ]


def test_an_expired_token_lets_nobody_in(
    service: Service, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = service.tokens.create("reader", "ann", "owner", expires="2999-01-01")[
        "token"
    ]
    assert caller(token, "GET", "status")[0] == 200
    monkeypatch.setattr(tokens, "now", lambda: "2999-01-01T23:59:59.999998Z")
    assert caller(token, "GET", "status")[0] == 200, "to the end of the day"
    monkeypatch.setattr(tokens, "now", lambda: "2999-01-02T00:00:00.000000Z")
    status, problem = caller(token, "GET", "status")
    assert (status, problem["detail"][:30]) == (401, problem["detail"][:30])
    assert "expired on 2999-01-01" in str(problem)
    assert now() < "2999"


SCOPED = [
    ("GET", "models/{model}", None),
    ("GET", "models/{model}/revisions", None),
    ("GET", "requests?model={model}", None),
    ("GET", "requests/{request}", None),
    ("GET", "audit/log?model={model}", None),
    ("GET", "audit/trail/{request}", None),
    ("GET", "audit/as-of?time=now&model={model}", None),
    ("POST", "requests", {"model": "{model}", "concepts": ["blue"]}),
    ("POST", "preview", {"model": "{model}", "concepts": ["green"]}),
    ("POST", "requests/{request}/hold", {"reason": "case 7"}),
    ("POST", "requests/{request}/release", {"reason": "closed"}),
    ("POST", "models/{model}/embeddings", {"texts": ["red"]}),
]
WIDE = [
    ("GET", "models"),
    ("GET", "requests"),
    ("GET", "status"),
    ("GET", "audit/log"),
    ("GET", "audit/verify"),
    ("GET", "audit/bundle"),
    ("GET", "events"),
    ("GET", "principals"),
]


def test_a_token_for_a_model_is_for_no_other(
    service: Service, caller: Any, given: Given
) -> None:
    """Every call that is about one model, and those that are about more."""
    service.add_model("other", "colours", given, "ann")
    token = service.tokens.create("operator", "ann", "owner", models=["m"])["token"]
    for model, expected in (("m", True), ("other", False)):
        request = service.requests.forget(model, _red(), "owner")["id"]
        service.reconciler.run()
        for verb, path, body in SCOPED:
            where = path.format(model=model, request=request)
            filled = body and {
                k: v.format(model=model) if isinstance(v, str) else v
                for k, v in body.items()
            }
            status, answer = caller(token, verb, where, filled)
            assert (status < 300) is expected, (where, answer)
            assert expected or status == 403, (where, status)
    for verb, path in WIDE:
        assert caller(token, verb, path)[0] == 403, path
    assert caller(token, "GET", "models/nope")[0] == 403
    assert caller(token, "GET", "requests/000000000000")[0] == 404


def test_a_token_for_a_model_makes_no_other_token(
    service: Service, caller: Any
) -> None:
    token = service.tokens.create("owner", "ann", "owner", models=["m"])["token"]
    body = {"role": "owner", "name": "ann"}
    assert caller(token, "POST", "tokens", body)[0] == 403
    assert (
        caller(token, "POST", "principals", {"name": "x", "roles": ["owner"]})[0] == 403
    )


def _red() -> Any:
    from govd.requests import ForgetOptions

    return ForgetOptions(concepts=("red",))
