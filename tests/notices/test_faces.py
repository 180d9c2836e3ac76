"""Notices over HTTP and as they are typed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govd.records.kinds import KINDS
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from tests.cli.conftest import Shell
from tests.cli.conftest import govd as govd  # its fixture
from tests.notices.receiving import happens, webhook

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(office: Service) -> Iterator[TestClient]:
    """An owner's client."""
    headers = {"Authorization": f"Bearer {office.core.home.token()}"}
    with TestClient(
        create_app(Context(office)), "http://localhost", headers=headers
    ) as opened:
        yield opened


def test_routes_and_roles(client: TestClient, office: Service) -> None:
    body = {"address": "https://example.org/x", "on": ["token.*"], "name": "shop"}
    token = office.tokens.create("operator", "ann", "owner")["token"]
    operator = {"Authorization": f"Bearer {token}"}
    for method, path in (
        ("POST", "/v1/notices"),
        ("DELETE", "/v1/notices/shop"),
        ("POST", "/v1/notices/shop/secret"),
        ("POST", "/v1/notices/shop/test"),
        ("POST", "/v1/notices/shop/retry"),
    ):
        answer = client.request(method, path, json=body, headers=operator)
        assert answer.status_code == 403, path
    for path in ("/v1/notices", "/v1/notices/history"):
        assert client.get(path, headers=operator).status_code == 200
    added = client.post("/v1/notices", json=body, headers={"Idempotency-Key": "k"})
    assert added.status_code == 201
    assert added.headers["cache-control"] == "no-store"
    assert added.json()["secret"].startswith("whsec_")
    repeated = client.post("/v1/notices", json=body, headers={"Idempotency-Key": "k"})
    assert repeated.status_code == 409
    assert "secret" not in client.get("/v1/notices").json()["items"][0]
    renewed = client.post("/v1/notices/shop/secret", json={})
    assert renewed.headers["cache-control"] == "no-store"
    assert renewed.json()["secret"] != added.json()["secret"]
    assert client.post("/v1/notices/shop/retry", json={}).status_code == 409
    assert client.post("/v1/notices", json=body | {"on": ["x.y"]}).status_code == 422
    assert client.delete("/v1/notices/shop").json()["state"] == "removed"
    assert client.delete("/v1/notices/shop").status_code == 404


def test_history_comes_in_pages(client: TestClient, office: Service) -> None:
    with webhook() as receiver:
        body = {"address": receiver.url, "on": ["token.*"], "name": "shop"}
        client.post("/v1/notices", json=body)
        for name in "abc":
            happens(office, name)
        assert client.post("/v1/notices/shop/test").json()["sent"]
        office.notices.sending.look(datetime.now(UTC))
        assert office.notices.sending.wait(10)
    first = client.get("/v1/notices/history", params={"limit": 3}).json()
    rest = client.get(
        "/v1/notices/history", params={"limit": 3, "after": first["next"]}
    ).json()
    assert [one["kind"] for one in (*first["items"], *rest["items"])] == [
        "token.create",
        "token.create",
        "token.create",
        "test",
    ]
    assert rest["next"] is None
    table = client.get("/v1/notices/history", params={"format": "csv"}).text
    assert table.startswith("id,receiver,kind,")


def test_what_is_typed_without_a_daemon(govd: Shell) -> None:
    assert "Nobody is told" in govd("notice", "list").stdout
    with webhook(status=500) as receiver:
        done = govd(
            "notice", "add", "shop", receiver.url, "--on", "request.file,request.wait"
        )
        assert done.exception is None, done.exception
        assert "secret: whsec_" in done.stdout
        assert "shown this once" in done.stdout
        assert govd("forget", "red", "--model", "m").exception is None
        assert receiver.ids == []  # no command but `reconcile` sends
        reconciled = govd("reconcile")
        assert reconciled.exit_code == 1
        assert "1 notice to shop: HTTP 500; 1 attempt, again at" in " ".join(
            reconciled.stdout.split()
        )
        assert len(receiver.ids) == 1
        assert govd("reconcile").exit_code == 1
        assert len(receiver.ids) == 1  # its pause is not over
        receiver.status = 200
        retried = govd("notice", "retry", "shop")
        assert retried.exit_code == 0
        assert "1 notice sent, 0 due" in retried.stdout
        assert govd("reconcile").exit_code == 0
        (past,) = govd.json("notice", "history")  # type: ignore[misc]
        assert past["attempts"] == 1  # counted anew since somebody asked for it
        assert "request.file" in govd("notice", "history").stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("shop",), "one address is needed"),
        (("a", "b", "https://example.org/"), "one address is needed"),
        (("https://a.example/", "https://b.example/"), "one address is needed"),
        (("https://a.example/", "--days", "x", "--on", "deadline"), "are no days"),
        (("https://a.example/", "--secret-file", "/no/such/file"), "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    govd: Shell, words: tuple[str, ...], what: str
) -> None:
    fault = govd.refused("notice", "add", "--on", "request.*", *words)
    assert what in fault.message
    assert fault.exit_code == 2


def test_every_kind_that_is_written_may_be_asked_for() -> None:
    """A receiver, and a question, may name whatever govd writes."""
    written = set()
    for path in (ROOT / "govd").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        written |= set(re.findall(r'Draft\(\s*(?:kind=)?"([a-z]+\.[a-z_]+)"', text))
        events = re.findall(r'request_draft\(\s*\w+,\s*"([a-z_]+)"', text)
        written |= {f"request.{event}" for event in events}
    assert {"token.create", "notice.add"} <= written
    assert written <= KINDS, sorted(written - KINDS)
