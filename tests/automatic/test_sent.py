"""Documents that are sent, signed by Standard Webhooks, over HTTP."""

import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from govd.automatic import feed_files
from govd.automatic.signatures import check_signed, signature
from govd.errors import Conflict, Unauthenticated
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context


class Sender:
    """Who sends, and has the secret."""

    def __init__(self, client: TestClient, secret: str) -> None:
        self.client, self.secret = client, secret

    def send(
        self,
        body: bytes,
        message: str,
        seconds: int = 0,
        kind: str = "application/json",
        secret: str = "",
        **headers: str,
    ) -> Response:
        signed = self.signed(body, message, seconds, kind, secret)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/feeds/hook", content=body, headers=signed | named)

    def signed(
        self,
        body: bytes,
        message: str,
        seconds: int = 0,
        kind: str = "application/json",
        secret: str = "",
    ) -> dict[str, str]:
        """The headers of a message."""
        at = str(int(datetime.now(UTC).timestamp()) + seconds)
        key = b64decode((secret or self.secret).removeprefix("whsec_"))
        digest = hmac.new(
            key, f"{message}.{at}.".encode() + body, hashlib.sha256
        ).digest()
        return {
            "webhook-id": message,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,AAAA v1,{b64encode(digest).decode()}",
            "content-type": kind,
        }


@pytest.fixture
def sender(service: Service) -> Iterator[Sender]:
    owner = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(create_app(Context(service)), "http://localhost") as client:
        settings = {"name": "hook", "url": "webhook:", "model": "m"}
        added = client.post("/v1/feeds", json=settings, headers=owner)
        assert added.status_code == 201
        assert added.headers["cache-control"] == "no-store"
        secret = added.json()["secret"]
        assert "secret" not in client.get("/v1/feeds/hook", headers=owner).json()
        yield Sender(client, secret)


def rows(service: Service) -> list[Any]:
    """Of what is taken now."""
    from tests.automatic.conftest import NOW

    runs = service.feeds.run("hook", NOW)["runs"]
    return [(run["delivery"], [row["answer"] for row in run["rows"]]) for run in runs]


def test_a_signed_document_is_kept_and_taken_once(
    sender: Sender, service: Service
) -> None:
    sent = sender.send(
        b'[{"concept": "red"}, {"concept": "moon", "domain": "x"}]', "m-1"
    )
    assert (sent.status_code, sent.json()["id"]) == (202, "m-1")
    assert sender.send(b'["blue"]', "m-1").status_code == 409, "while it waits"
    assert rows(service) == [("m-1", ["filed", "refused"])]
    assert sender.send(b'["blue"]', "m-1").status_code == 409, "after it was taken"
    assert rows(service) == []
    assert (
        sender.send(b"concept\nred\nblue\n", "m-2", kind="text/csv").status_code == 202
    )
    assert sender.send(
        b'{"concept": "pink"}\n', "m-3", kind="application/x-ndjson"
    ).is_success
    assert rows(service) == [("m-2", ["already", "filed"]), ("m-3", ["filed"])]
    again = json.dumps(["red"]).encode()
    assert sender.send(again, "m-4").is_success
    assert sender.send(again, "m-5").is_success
    assert [name for name, _ in rows(service)] == ["m-4", "m-5"], (
        "each message is a run"
    )


def test_a_message_that_comes_several_times_at_once_is_taken_once(
    sender: Sender, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = feed_files.write_private

    def slow(*given: Any) -> None:
        time.sleep(0.1)  # all are there before the first is written
        write(*given)

    monkeypatch.setattr(feed_files, "write_private", slow)
    headers = sender.signed(b'["red"]', "m-1")

    def receive(_: int) -> bool:
        try:
            service.feeds.receive("hook", headers, b'["red"]', datetime.now(UTC))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(receive, range(6))) == 1
    assert rows(service) == [("m-1", ["filed"])]


def test_what_is_not_signed_so_is_refused(sender: Sender, service: Service) -> None:
    other = f"whsec_{b64encode(bytes(32)).decode()}"
    refused = [
        sender.send(b'["red"]', "m", secret=other),
        sender.send(b'["red"]', "m", seconds=-400),
        sender.send(b'["red"]', "m", seconds=400),
        sender.send(b'["red"]', "m", webhook_id="other"),
        sender.send(b'["red"]', "m", webhook_timestamp="soon"),
        sender.send(b'["red"]', "m", webhook_signature=""),
        sender.send(b'["red"]', ""),
        sender.client.post("/v1/feeds/hook", content=b'["red"]'),
        sender.client.post("/v1/feeds/none", content=b'["red"]'),
    ]
    assert {response.status_code for response in refused} == {401}
    assert rows(service) == []
    assert sender.send(b"<x/>", "m", kind="application/xml").status_code == 422
    service.feeds.disable("hook", "ann")
    assert sender.send(b'["red"]', "m").status_code == 409
    service.feeds.enable("hook", "ann")
    assert sender.send(b'["red"]', "m").status_code == 202


def test_a_document_that_cannot_be_read_is_held(
    sender: Sender, service: Service
) -> None:
    assert sender.send(b'{"no": "rows"}', "m-1").status_code == 202
    assert rows(service) == [("m-1", [])]
    assert service.status()["feeds"][0]["held"] == [1]
    owner = {"Authorization": f"Bearer {service.core.home.token()}"}
    path, reason = "/v1/feeds/hook/runs/1", {"reason": "told the sender"}
    done = sender.client.post(f"{path}/reject", json=reason, headers=owner)
    assert (done.status_code, done.json()["state"]) == (200, "rejected")
    assert (
        sender.client.get(path, headers=owner).json()["decided"]["reason"]
        == reason["reason"]
    )


def test_roles(sender: Sender, service: Service) -> None:
    token = service.tokens.create("operator", "ann", "owner")["token"]
    operator = {"Authorization": f"Bearer {token}"}
    post = sender.client.post
    settings = {"name": "x", "url": "webhook:", "model": "m"}
    assert post("/v1/feeds", json=settings, headers=operator).status_code == 403
    assert post("/v1/feeds/hook/run", headers=operator).status_code == 200
    assert post("/v1/feeds/hook/disable", headers=operator).status_code == 200
    assert post("/v1/feeds/hook/enable", headers=operator).status_code == 403
    assert post("/v1/feeds/hook/run").status_code == 401
    assert sender.client.get("/v1/feeds").status_code == 401


def test_a_vector_of_the_specification() -> None:
    """The message that the reference libraries of Standard Webhooks sign in their tests."""
    secret, message = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
    )
    body, at = b'{"test": 2432232314}', "1614265330"
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, message, at, body) == expected
    now = datetime.fromtimestamp(int(at) + 299, UTC)
    check_signed(secret, message, at, f"v1a,x {expected}", body, now)
    with pytest.raises(Unauthenticated):
        check_signed(secret, message, at, expected, body + b" ", now)
