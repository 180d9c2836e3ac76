"""A daemon's address and token as people have them: what is around them, and what must not be."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from govd.client import connect
from govd.errors import Usage

TOKEN = "a-token_of-letters"


class Answering(BaseHTTPRequestHandler):
    """Answers every call with an object, and keeps what it was asked with."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - one server a test

    def do_GET(self) -> None:
        self.asked.append((self.path, str(self.headers["Authorization"])))
        body = json.dumps({"items": [], "next": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    Answering.asked = []
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("http://127.0.0.1:{}", TOKEN),
        (" http://localhost:{}/ ", f"{TOKEN}\n"),
        ("http://127.0.0.1:{}/v1/", f" {TOKEN} "),
    ],
)
def test_what_is_around_an_address_or_a_token_is_left_out(
    port: int, address: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy is asked for a daemon of this machine: it would be told the token."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with connect(address.format(port), token) as daemon:
        assert daemon.models() == []
    assert [held for _, held in Answering.asked] == [f"Bearer {TOKEN}"]
    assert Answering.asked[0][0].startswith("/v1/models")


@pytest.mark.parametrize(
    ("address", "token", "told"),
    [
        ("127.0.0.1:8765", TOKEN, "no address of a daemon"),
        (" ", TOKEN, "no address of a daemon"),
        ("http://host:port", TOKEN, "no address of a daemon"),
        ("ftp://host", TOKEN, "no address of a daemon"),
        ("http://ann:secret@host", TOKEN, "no name and no password"),
        ("http://127.0.0.1:1", "geheim-é", "this is no token"),
        ("http://127.0.0.1:1", "geheim\nX: y", "this is no token"),
    ],
)
def test_what_is_no_address_or_no_token_is_wrong_usage(
    address: str, token: str, told: str
) -> None:
    with pytest.raises(Usage, match=told) as fault:
        connect(address, token)
    assert "secret" not in fault.value.message
    assert "geheim" not in fault.value.message


def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(Usage, match="proxy cannot be used"):
        connect("http://govd.example:8765", TOKEN)
