"""What is refused before anything is read."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from govd.errors import Usage
from govd.service.service import Service
from govd.web import guards
from govd.web.app import create_app
from govd.web.context import Context


def ask(client: TestClient, host: str, origin: str | None = None) -> int:
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    return client.get("/healthz", headers=headers).status_code


def test_other_hosts_and_origins_are_refused(client: TestClient) -> None:
    for host in (
        "localhost",
        "localhost:8765",
        "LOCALHOST.",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8765",
    ):
        assert ask(client, host) == 200, host
    for host in (
        "evil.example",
        "evil.example:80",
        "192.168.1.5",
        "[fe80::1]",
        "localhost.evil.example",
        "",
        "testserver",
    ):
        assert ask(client, host) == 421, host
    assert ask(client, "localhost:8765", "http://localhost:8765") == 200
    for origin in (
        "https://evil.example",
        "http://localhost",
        "http://localhost:1",
        "null",
    ):
        assert ask(client, "localhost:8765", origin) == 403, origin


def test_names_that_are_allowed_and_addresses_where_it_listens_everywhere(
    service: Service,
) -> None:
    with TestClient(create_app(Context(service), ["govd.example"])) as client:
        assert ask(client, "govd.example") == 200
        assert ask(client, "govd.example", "https://govd.example") == 200
        assert ask(client, "192.168.1.5:8765") == 421
    with TestClient(create_app(Context(service), addresses=True)) as client:
        assert ask(client, "192.168.1.5:8765") == 200
        assert ask(client, "[fe80::1]:8765") == 200
        assert ask(client, "govd.example") == 421


@pytest.mark.parametrize("name", ["", "http://x", "x/y", "x:80", "*", "a b"])
def test_what_is_no_name_of_a_host(name: str) -> None:
    with pytest.raises(Usage, match="--allow-host"):
        guards.check_name(name)


def test_names_of_hosts() -> None:
    names = {
        "Govd.Example.": "govd.example",
        "[::1]": "::1",
        "fe80::1": "fe80::1",
        "10.0.0.1": "10.0.0.1",
    }
    assert {name: guards.check_name(name) for name in names} == names


@pytest.mark.parametrize(
    "path", ["/v1/audit/verify", "/v1/requests", "/v1/models/m/embeddings"]
)
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}], ids=["plain", "keyed"])
def test_a_body_without_end_is_cut_off_however_it_is_sent(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, key: dict[str, str]
) -> None:
    monkeypatch.setattr(guards, "LARGEST", 100_000)
    read = 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(10_000):
            read += 10_000
            yield b" " * 10_000

    for content in (chunks(), b" " * 200_000):
        answer = client.post(
            path, content=content, headers={"Content-Type": "application/json", **key}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            413,
            "application/problem+json",
        ), answer.text
    assert (
        client.post(path, content=b"{}", headers={"Content-Length": "two"}).status_code
        == 400
    )
