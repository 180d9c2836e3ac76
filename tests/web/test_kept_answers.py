"""The file of first answers: what is in it, for how long, and what becomes of a damaged one."""

import hashlib
import hmac
import logging
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govd.errors import Usage
from govd.service.service import Service
from govd.web import kept_answers
from govd.web.app import create_app
from govd.web.context import Context
from govd.web.kept_answers import Answer, Store

KEY = {"Idempotency-Key": "once"}


def test_names_that_were_only_previewed_are_not_kept(
    client: TestClient, tmp_path: Path
) -> None:
    body = {"model": "m", "concepts": ["Ann Example"]}
    assert [
        client.post("/v1/preview", headers=KEY, json=body).status_code for _ in "12"
    ] == [
        200,
        200,
    ]
    assert (
        client.post(
            "/v1/preview", headers=KEY, json={**body, "concepts": ["red"]}
        ).status_code
        == 422
    )
    assert b"Ann Example" not in b"".join(
        p.read_bytes() for p in (tmp_path / "home").glob("idempotency.db*")
    )


def kept(home: Path) -> bytes:
    return b"".join(p.read_bytes() for p in home.glob("idempotency.db*"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("preview", {"model": "m", "concepts": ["Ann Example"]}),
        ("requests/Ann%20Example/reveal", {}),
    ],
)
def test_what_may_be_private_is_not_kept_even_when_it_is_refused(
    client: TestClient,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: str,
    body: dict[str, object],
) -> None:
    def refuse(*_: object) -> None:
        raise Usage("Ann Example is not to be had")

    monkeypatch.setattr(service.requests, "preview", refuse)
    monkeypatch.setattr(service.requests, "reveal", refuse)
    answers = [client.post(f"/v1/{path}", headers=KEY, json=body) for _ in "12"]
    assert [a.status_code for a in answers] == [422, 422]
    assert all("Ann Example" in a.text for a in answers)
    assert b"Ann Example" not in kept(tmp_path / "home")


def test_a_guess_of_a_body_cannot_be_confirmed_from_the_file(
    client: TestClient, tmp_path: Path
) -> None:
    """Neither of a body nor of a key: both may say who asked."""
    made = client.post("/v1/tokens", json={"role": "operator", "name": "ann"}).json()
    url, body, key = (
        "/v1/requests/none/hold",
        b'{"reason":"Ann Example sues"}',
        "ann-example-sues",
    )
    headers = {
        "Authorization": f"Bearer {made['token']}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    assert client.post(url, headers=headers, content=body).status_code == 404
    assert (
        "idempotent-replay" in client.post(url, headers=headers, content=body).headers
    )
    found = kept(tmp_path / "home")
    for guess in (f"{url}?\n".encode() + body, body, key.encode()):
        assert hashlib.sha256(guess).hexdigest().encode() not in found
    assert key.encode() not in found
    with sqlite3.connect(tmp_path / "home" / "idempotency.db") as raw:
        ((principal, kept_key, fingerprint),) = raw.execute(
            "SELECT principal, key, fingerprint FROM answers"
        ).fetchall()
    raw.close()
    token = made["token"].encode()
    assert principal == hashlib.sha256(token).hexdigest()
    assert kept_key == hmac.new(token, key.encode(), "sha256").hexdigest()
    assert (
        fingerprint
        == hmac.new(token, f"{url}?\n".encode() + body, "sha256").hexdigest()
    )


def test_what_is_too_old_is_overwritten_at_the_start_and_from_time_to_time(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, later = tmp_path / "home" / "idempotency.db", [0.0]
    token = {"Authorization": f"Bearer {service.core.home.token()}"}
    real = time.time
    monkeypatch.setattr(kept_answers.time, "time", lambda: real() + later[0])
    monkeypatch.setattr("govd.web.app.PURGE_SECONDS", 0.05)

    def old(store: Store) -> None:
        later[0] = 0.0
        store.put("p", "k", Answer("f", 200, {}, b"secret words"))
        assert b"secret words" in kept(path.parent)
        later[0] = 3600 * kept_answers.HOURS + 1

    def gone() -> None:
        end = time.monotonic() + 20
        while b"secret words" in kept(path.parent):
            assert time.monotonic() < end
            time.sleep(0.02)

    store = Store(path)
    old(store)
    with TestClient(create_app(Context(service)), "http://localhost", headers=token):
        gone()  # of a time before
        old(store)
        gone()  # of its own time
    store.close()


def test_a_damaged_file_is_begun_anew_and_told_once(
    client: TestClient,
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "home" / "idempotency.db"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no database" * 1000)
    damaged.replace(path)  # at once: the app purges the file as it starts
    body = {"query": "SELECT 1 AS one"}
    with caplog.at_level(logging.WARNING, "govd.web"):
        found = [client.post("/v1/audit/sql", headers=KEY, json=body) for _ in "12"]
    assert [a.status_code for a in found] == [200, 200]
    assert "idempotent-replay" in found[1].headers
    assert [
        r.getMessage() for r in caplog.records if "another is begun" in r.getMessage()
    ] == [
        "the file of first answers is damaged (file is not a database); another is begun, and calls"
        " that were answered before are not known again"
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change",
    [
        "body = CAST(replace(CAST(body AS TEXT), 'waiting', 'in_force') AS BLOB)",
        'body = CAST(\'{"state": "in_force"}\' AS BLOB)',
        'body = NULL, headers = \'{"location": "/v1/requests/none"}\'',
        "status = 201",
        "headers = 'no JSON'",
        "headers = '[1]'",
        "seal = NULL",
        "seal = 'é'",
    ],
)
def test_an_answer_that_somebody_changed_is_not_given(
    client: TestClient, tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"query": "SELECT 'waiting' AS state"}
    first = client.post("/v1/audit/sql", headers=KEY, json=body)
    with sqlite3.connect(tmp_path / "home" / "idempotency.db") as raw:
        raw.execute(f"UPDATE answers SET {change}")
    raw.close()
    with caplog.at_level(logging.ERROR, "govd.web"):
        again = client.post("/v1/audit/sql", headers=KEY, json=body)
    assert "idempotent-replay" not in again.headers
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert "the file of first answers was changed" in caplog.text
    repeat = client.post("/v1/audit/sql", headers=KEY, json=body)
    assert "idempotent-replay" in repeat.headers
    assert repeat.json() == first.json()


def test_a_file_of_an_older_version_is_begun_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "answers.db") as raw:
        raw.execute(
            "CREATE TABLE answers (principal TEXT, key TEXT, time REAL, fingerprint TEXT)"
        )
    raw.close()
    store = Store(tmp_path / "answers.db")
    assert store.get("p", "k") is None
    store.put("p", "k", Answer("f", 200, {}, b"x", "s"))
    assert store.get("p", "k") == Answer("f", 200, {}, b"x", "s")
    store.close()


def test_a_file_that_cannot_be_written_holds_no_call_up(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(kept_answers, "_purged", full)
    body = {"query": "SELECT 1 AS one"}
    with caplog.at_level(logging.WARNING, "govd.web"):
        found = [client.post("/v1/audit/sql", headers=KEY, json=body) for _ in "12"]
    assert [a.status_code for a in found] == [200, 200]
    assert "an answer was not kept, so its repeat will be done again" in caplog.text


def test_a_file_that_cannot_be_opened_holds_no_call_up(
    client: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home" / "idempotency.db").mkdir()
    with caplog.at_level(logging.WARNING, "govd.web"):
        assert (
            client.post(
                "/v1/audit/sql", headers=KEY, json={"query": "SELECT 1 AS one"}
            ).status_code
            == 200
        )
    assert "whether a call was answered before is not known" in caplog.text
    assert "an answer was not kept" in caplog.text


def test_answers_outlive_a_restart_but_not_two_days(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = {"Authorization": f"Bearer {service.core.home.token()}", **KEY}
    body = {"query": "SELECT 1 AS one"}
    replayed = []
    for _ in range(2):
        with TestClient(
            create_app(Context(service)), "http://localhost", headers=token
        ) as client:
            replayed.append(
                "idempotent-replay" in client.post("/v1/audit/sql", json=body).headers
            )
    assert replayed == [False, True]
    now = time.time()
    monkeypatch.setattr(
        kept_answers.time, "time", lambda: now + 3600 * kept_answers.HOURS + 1
    )
    with TestClient(
        create_app(Context(service)), "http://localhost", headers=token
    ) as client:
        assert (
            "idempotent-replay" not in client.post("/v1/audit/sql", json=body).headers
        )
    path = tmp_path / "home" / "idempotency.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_old_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "answers.db")
    store.put("p", "k", Answer("f", 200, {}, b"secret words"))
    now = time.time()
    monkeypatch.setattr(
        kept_answers.time, "time", lambda: now + 3600 * kept_answers.HOURS + 1
    )
    assert store.get("p", "k") is None
    store.put("p", "other", Answer("f", 200, {}, b"x"))
    store.close()
    with sqlite3.connect(tmp_path / "answers.db") as raw:
        assert raw.execute("SELECT key FROM answers").fetchall() == [("other",)]
    raw.close()
