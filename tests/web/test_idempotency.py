"""The same POST twice: done once, answered twice."""

import asyncio
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from govd.service.service import Service
from govd.web import idempotency
from govd.web.idempotency import Idempotency
from govd.web.kept_answers import Store

KEY = {"Idempotency-Key": "once"}


def test_every_post_takes_a_key(served: FastAPI, client: TestClient) -> None:
    """Whatever a route does with its body, the key is heeded before it."""
    posts = [
        path for path, methods in served.openapi()["paths"].items() if "post" in methods
    ]
    assert len(posts) > 15
    for path in posts:
        parts = {"request_id": "none", "event": "approve", "run": "1"}
        url = path.format_map(defaultdict(lambda: "m", parts))
        own = bool(idempotency.OWN.fullmatch(url))
        unkept = bool(idempotency.UNKEPT.fullmatch(url))
        first = client.post(
            url, headers={"Idempotency-Key": path}, json={"nonsense": 1}
        )
        again = client.post(
            url, headers={"Idempotency-Key": path}, json={"nonsense": 1}
        )
        other = client.post(
            url, headers={"Idempotency-Key": path}, json={"nonsense": 2}
        )
        assert first.status_code < 500, path
        assert (again.status_code, again.json()) == (first.status_code, first.json()), (
            path
        )
        assert ("idempotent-replay" in again.headers) is not (own or unkept), path
        assert (other.json()["type"] == "urn:govd:key-reused") is not own, path


def test_the_first_answer_comes_again(client: TestClient, service: Service) -> None:
    request = client.post(
        "/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["navy"]}
    ).json()
    url = f"/v1/requests/{request['id']}/approve"
    first = client.post(url, headers=KEY, json={"reason": "fine"})
    size = service.core.desk.ledger.size()
    again = client.post(url, headers=KEY, json={"reason": "fine"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replay"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert service.core.desk.ledger.size() == size
    # without the key it is another decision
    assert client.post(url, json={"reason": "fine"}).status_code == 409


def test_an_answer_names_its_revision_again(client: TestClient) -> None:
    body = {"texts": ["red"]}
    first = client.post("/v1/models/m/embeddings", headers=KEY, json=body)
    again = client.post("/v1/models/m/embeddings", headers=KEY, json=body)
    for name in ("govd-revision", "govd-answer"):
        assert again.headers[name] == first.headers[name]


def test_a_new_token_is_made_once_and_shown_once(
    client: TestClient, service: Service, tmp_path: Path
) -> None:
    body = {"role": "reader", "name": "ann"}
    first = client.post("/v1/tokens", headers=KEY, json=body)
    again = client.post("/v1/tokens", headers=KEY, json=body)
    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["id"] == first.json()["id"]
    assert len(service.tokens.all()) == 1
    kept = b"".join(p.read_bytes() for p in (tmp_path / "home").glob("idempotency.db*"))
    assert first.json()["token"].encode() not in kept
    assert first.json()["id"].encode() in kept


def test_the_answer_to_somebody_who_has_gone_is_kept(
    service: Service, tmp_path: Path
) -> None:
    """A connection that breaks while the answer is written."""
    store, tokens = Store(tmp_path / "answers.db"), service.tokens
    made: list[int] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        made.append(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def call(broken: bool) -> list[Message]:
        came: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Message) -> None:
            if broken:
                raise OSError("the connection is lost")
            came.append(message)

        headers = [
            (b"authorization", f"Bearer {service.core.home.token()}".encode()),
            (b"idempotency-key", b"once"),
        ]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/audit/verify",
            "query_string": b"",
            "headers": headers,
        }
        await Idempotency(inner, store, tokens)(scope, receive, send)
        return came

    asyncio.run(call(broken=True))
    assert asyncio.run(call(broken=False))[-1]["body"] == b"done"
    assert len(made) == 1
    store.close()


def test_the_same_filing_at_once_is_one(client: TestClient, service: Service) -> None:
    body = {"model": "m", "concepts": ["navy"], "reason": "because"}
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(
                client.post,
                "/v1/requests",
                headers=KEY,
                json=body,
                params={"wait": True},
            )
            for _ in range(4)
        ]
        answers = [call.result(60) for call in calls]
    assert {a.status_code for a in answers} <= {200, 202}
    assert len({a.json()["id"] for a in answers}) == 1
    assert len(service.requests.all()) == 1


def test_the_same_filing_between_two_looks_is_one(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the key is known and whether the scope is wanted are one question: in between nobody
    else files.
    """
    body = {"model": "m", "concepts": ["navy"], "reason": "because"}
    repeated, others = service.requests._repeated, []

    def meanwhile(*given: object) -> object:
        found = repeated(*given)  # type: ignore[arg-type]
        if not others:
            others.append(
                threading.Thread(
                    target=client.post,
                    args=("/v1/requests",),
                    kwargs={"headers": KEY, "json": body},
                )
            )
            others[0].start()
            others[0].join(0.5)
        return found

    monkeypatch.setattr(service.requests, "_repeated", meanwhile)
    answer = client.post("/v1/requests", headers=KEY, json=body, params={"wait": True})
    others[0].join(60)
    assert answer.status_code in (200, 202), answer.json()
    assert len(service.requests.all()) == 1


def test_a_key_is_of_its_token_and_of_a_token_that_is_in_use(
    client: TestClient,
) -> None:
    made = [
        client.post("/v1/tokens", json={"role": "reader", "name": name}).json()
        for name in ("ann", "bob")
    ]
    ann, bob = ({"Authorization": f"Bearer {m['token']}", **KEY} for m in made)
    body = {"query": "SELECT 1 AS one"}
    assert client.post("/v1/audit/sql", headers=ann, json=body).status_code == 200
    assert (
        "idempotent-replay"
        in client.post("/v1/audit/sql", headers=ann, json=body).headers
    )
    assert (
        "idempotent-replay"
        not in client.post("/v1/audit/sql", headers=bob, json=body).headers
    )
    assert (
        client.post(
            "/v1/audit/sql", headers=bob, json={"query": "SELECT 2 AS two"}
        ).status_code
        == 422
    )
    client.delete(f"/v1/tokens/{made[0]['id']}")
    assert client.post("/v1/audit/sql", headers=ann, json=body).status_code == 401
    assert (
        client.post(
            "/v1/audit/sql", headers={**KEY, "Authorization": ""}, json=body
        ).status_code
        == 401
    )


def test_what_failed_may_be_tried_again(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from govd.errors import MachineFault

    def full(*_: object, **__: object) -> None:
        raise MachineFault("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(service.tokens, "create", full)
        assert (
            client.post(
                "/v1/tokens", headers=KEY, json={"role": "reader", "name": "ann"}
            ).status_code
            == 507
        )
    assert (
        client.post(
            "/v1/tokens", headers=KEY, json={"role": "reader", "name": "ann"}
        ).status_code
        == 201
    )


def test_two_at_once_are_done_once(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, made = threading.Event(), []

    def slow(*_: object) -> dict[str, object]:
        made.append(1)
        release.wait(10)
        return {"holds": True}

    monkeypatch.setattr(service.verification, "verify", slow)
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(client.post, "/v1/audit/verify", headers=KEY, json={})
            for _ in range(3)
        ]
        time.sleep(0.5)
        release.set()
        answers = [call.result(30) for call in calls]
    assert [a.status_code for a in answers] == [200] * 3
    assert len(made) == 1
    assert sum("idempotent-replay" in a.headers for a in answers) == 2


def test_who_waits_too_long_is_told(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(idempotency, "PATIENCE", 0.2)
    monkeypatch.setattr(
        service.verification, "verify", lambda *_: {"holds": release.wait(20)}
    )
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.post, "/v1/audit/verify", headers=KEY, json={})
        time.sleep(0.5)
        second = client.post("/v1/audit/verify", headers=KEY, json={})
        release.set()
        assert first.result(30).status_code == 200
    assert (second.status_code, second.headers["retry-after"]) == (409, "5")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none(client: TestClient, key: str) -> None:
    assert (
        client.post(
            "/v1/audit/verify", headers={"Idempotency-Key": key}, json={}
        ).status_code
        == 422
    )
