"""The same POST twice: done once, answered twice."""

import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from govd.service import Service
from govd.web import idempotency
from govd.web.app import create_app
from govd.web.context import Context
from govd.web.idempotency import Answer, Store

KEY = {"Idempotency-Key": "once"}


def test_every_post_takes_a_key(served: FastAPI, client: TestClient) -> None:
    """Whatever a route does with its body, the key is heeded before it."""
    posts = [path for path, methods in served.openapi()["paths"].items() if "post" in methods]
    assert len(posts) > 15
    for path in posts:
        url = path.format(name="m", request_id="none", event="approve")
        own = bool(idempotency.OWN.fullmatch(url))
        unkept = bool(idempotency.UNKEPT.fullmatch(url))
        first = client.post(url, headers={"Idempotency-Key": path}, json={"nonsense": 1})
        again = client.post(url, headers={"Idempotency-Key": path}, json={"nonsense": 1})
        other = client.post(url, headers={"Idempotency-Key": path}, json={"nonsense": 2})
        assert first.status_code < 500, path
        assert (again.status_code, again.json()) == (first.status_code, first.json()), path
        assert ("idempotent-replay" in again.headers) is not (own or unkept), path
        assert (other.json()["type"] == "urn:govd:key-reused") is not own, path


def test_the_first_answer_comes_again(client: TestClient, service: Service) -> None:
    request = client.post("/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["navy"]}).json()
    url = f"/v1/requests/{request['id']}/approve"
    first = client.post(url, headers=KEY, json={"reason": "fine"})
    size = service.core.ledger.size()
    again = client.post(url, headers=KEY, json={"reason": "fine"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replay"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert service.core.ledger.size() == size
    assert client.post(url, json={"reason": "fine"}).status_code == 409  # without the key it is another decision


def test_an_answer_names_its_revision_again(client: TestClient) -> None:
    body = {"texts": ["red"]}
    first = client.post("/v1/models/m/embeddings", headers=KEY, json=body)
    again = client.post("/v1/models/m/embeddings", headers=KEY, json=body)
    for name in ("govd-revision", "govd-answer"):
        assert again.headers[name] == first.headers[name]


def test_a_new_token_is_made_once_and_shown_once(client: TestClient, service: Service, tmp_path: Path) -> None:
    body = {"role": "reader", "name": "ann"}
    first = client.post("/v1/tokens", headers=KEY, json=body)
    again = client.post("/v1/tokens", headers=KEY, json=body)
    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["id"] == first.json()["id"]
    assert len(service.tokens.all()) == 1
    kept = b"".join(p.read_bytes() for p in (tmp_path / "home").glob("idempotency.db*"))
    assert first.json()["token"].encode() not in kept
    assert first.json()["id"].encode() in kept


def test_names_that_were_only_previewed_are_not_kept(client: TestClient, tmp_path: Path) -> None:
    body = {"model": "m", "concepts": ["Ann Example"]}
    assert [client.post("/v1/preview", headers=KEY, json=body).status_code for _ in "12"] == [200, 200]
    assert client.post("/v1/preview", headers=KEY, json={**body, "concepts": ["red"]}).status_code == 422
    assert b"Ann Example" not in b"".join(p.read_bytes() for p in (tmp_path / "home").glob("idempotency.db*"))


def test_a_key_is_of_its_token_and_of_a_token_that_is_in_use(client: TestClient) -> None:
    made = [client.post("/v1/tokens", json={"role": "reader", "name": name}).json() for name in ("ann", "bob")]
    ann, bob = ({"Authorization": f"Bearer {m['token']}", **KEY} for m in made)
    body = {"query": "SELECT 1 AS one"}
    assert client.post("/v1/audit/sql", headers=ann, json=body).status_code == 200
    assert "idempotent-replay" in client.post("/v1/audit/sql", headers=ann, json=body).headers
    assert "idempotent-replay" not in client.post("/v1/audit/sql", headers=bob, json=body).headers
    assert client.post("/v1/audit/sql", headers=bob, json={"query": "SELECT 2 AS two"}).status_code == 422
    client.delete(f"/v1/tokens/{made[0]['id']}")
    assert client.post("/v1/audit/sql", headers=ann, json=body).status_code == 401
    assert client.post("/v1/audit/sql", headers={**KEY, "Authorization": ""}, json=body).status_code == 401


def test_what_failed_may_be_tried_again(client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from govd.errors import MachineFault

    def full(*_: object, **__: object) -> None:
        raise MachineFault("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(service.tokens, "create", full)
        assert client.post("/v1/tokens", headers=KEY, json={"role": "reader", "name": "ann"}).status_code == 507
    assert client.post("/v1/tokens", headers=KEY, json={"role": "reader", "name": "ann"}).status_code == 201


def test_two_at_once_are_done_once(client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    release, made = threading.Event(), []

    def slow(*_: object) -> dict[str, object]:
        made.append(1)
        release.wait(10)
        return {"holds": True}

    monkeypatch.setattr(service.evidence, "verify", slow)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(client.post, "/v1/audit/verify", headers=KEY, json={}) for _ in range(3)]
        time.sleep(0.5)
        release.set()
        answers = [call.result(30) for call in calls]
    assert [a.status_code for a in answers] == [200] * 3
    assert len(made) == 1
    assert sum("idempotent-replay" in a.headers for a in answers) == 2


def test_who_waits_too_long_is_told(client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(idempotency, "PATIENCE", 0.2)
    monkeypatch.setattr(service.evidence, "verify", lambda *_: {"holds": release.wait(20)})
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.post, "/v1/audit/verify", headers=KEY, json={})
        time.sleep(0.5)
        second = client.post("/v1/audit/verify", headers=KEY, json={})
        release.set()
        assert first.result(30).status_code == 200
    assert (second.status_code, second.headers["retry-after"]) == (409, "5")


def test_answers_outlive_a_restart_but_not_two_days(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = {"Authorization": f"Bearer {service.core.home.token()}", **KEY}
    body = {"query": "SELECT 1 AS one"}
    replayed = []
    for _ in range(2):
        with TestClient(create_app(Context(service)), "http://localhost", headers=token) as client:
            replayed.append("idempotent-replay" in client.post("/v1/audit/sql", json=body).headers)
    assert replayed == [False, True]
    now = time.time()
    monkeypatch.setattr(idempotency.time, "time", lambda: now + 3600 * idempotency.HOURS + 1)
    with TestClient(create_app(Context(service)), "http://localhost", headers=token) as client:
        assert "idempotent-replay" not in client.post("/v1/audit/sql", json=body).headers
    path = tmp_path / "home" / "idempotency.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_old_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "answers.db")
    store.put("p", "k", Answer("f", 200, {}, b"secret words"))
    now = time.time()
    monkeypatch.setattr(idempotency.time, "time", lambda: now + 3600 * idempotency.HOURS + 1)
    assert store.get("p", "k") is None
    store.put("p", "other", Answer("f", 200, {}, b"x"))
    store.close()
    with sqlite3.connect(tmp_path / "answers.db") as raw:
        assert raw.execute("SELECT key FROM answers").fetchall() == [("other",)]
    raw.close()


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none(client: TestClient, key: str) -> None:
    assert client.post("/v1/audit/verify", headers={"Idempotency-Key": key}, json={}).status_code == 422
