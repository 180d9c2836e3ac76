"""An address that is polled, over a real server on a free port."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from govd.automatic.feed_settings import FeedSettings
from govd.errors import BadFile, Unreachable, Usage
from govd.service.service import Service
from govd_feeds import polled
from tests.automatic.conftest import NOW


class Endpoint:
    """What the server answers: `body` with `headers`, unless the ETag is what it was."""

    def __init__(self) -> None:
        self.body, self.etag, self.status = b"red\n", '"1"', 200
        self.headers: dict[str, str] = {"Content-Type": "text/csv"}
        self.asked: list[dict[str, str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked.append({k.lower(): v for k, v in self.headers.items()})
                if self.headers.get("If-None-Match") == endpoint.etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(endpoint.status)
                sent = {
                    "ETag": endpoint.etag,
                    "Content-Length": str(len(endpoint.body)),
                }
                for name, value in {**sent, **endpoint.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(endpoint.body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/names"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def legal(service: Service, endpoint: Endpoint) -> Service:
    settings = FeedSettings("legal", endpoint.url, "m", secret="token-of-ours")
    service.feeds.add(settings, "ann", NOW)
    return service


def runs(service: Service) -> list[Any]:
    found: list[Any] = service.feeds.run("legal", NOW)["runs"]
    return found


def test_it_is_asked_with_the_etag_of_what_was_taken(
    legal: Service, endpoint: Endpoint
) -> None:
    (run,) = runs(legal)
    assert [row["answer"] for row in run["rows"]] == ["filed"]
    assert endpoint.asked[-1]["authorization"] == "Bearer token-of-ours"
    assert "if-none-match" not in endpoint.asked[-1], (
        "what was seen as it was added was not taken"
    )
    assert runs(legal) == []
    assert endpoint.asked[-1]["if-none-match"] == '"1"'
    endpoint.etag = '"2"'
    assert runs(legal) == [], "another ETag of the same bytes"
    endpoint.etag, endpoint.body = '"3"', b'[{"concept": "blue"}, "red"]'
    endpoint.headers = {"Content-Type": "application/json; charset=utf-8"}
    (run,) = runs(legal)
    assert [row["answer"] for row in run["rows"]] == ["filed", "already"]


def test_one_that_does_not_answer_is_told_and_tried_again(
    legal: Service, endpoint: Endpoint
) -> None:
    endpoint.status = 503
    with pytest.raises(Unreachable, match="503"):
        runs(legal)
    assert "503" in legal.feeds.show("legal")["fault"]
    assert "503" in legal.status()["feeds"][0]["fault"]
    endpoint.status = 200
    assert len(runs(legal)) == 1
    assert legal.feeds.show("legal")["fault"] == ""


def test_one_that_fails_is_not_asked_again_at_once(
    legal: Service, endpoint: Endpoint
) -> None:
    endpoint.status = 503
    asked = len(endpoint.asked)
    for _ in range(3):
        legal.automatic.step(NOW)
    assert len(endpoint.asked) == asked + 1
    endpoint.status = 200
    assert len(runs(legal)) == 1, "by hand it is"
    legal.automatic.step(NOW)
    assert len(endpoint.asked) == asked + 2


def test_a_redirect_leads_nowhere_else(legal: Service, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.headers = 302, {"Location": "http://localhost:1/names"}
    with pytest.raises(Unreachable, match="another origin"):
        runs(legal)
    endpoint.headers = {"Location": "/elsewhere"}
    with pytest.raises(Unreachable, match="more than 3 redirects"):
        runs(legal)


def test_a_body_has_bounds(
    legal: Service, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polled, "DOCUMENT_BYTES", 1000)
    endpoint.body = b"x" * 1001
    with pytest.raises(BadFile, match="more than"):
        runs(legal)
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(polled.time, "monotonic", lambda: next(hours))
    endpoint.body = b"x"
    with pytest.raises(Unreachable, match="longer than"):
        runs(legal)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "http://127.0.0.1.example.org/x",
        "http://[::2]/x",
        "http:///x",
    ],
)
def test_only_this_machine_is_asked_unencrypted(url: str) -> None:
    with pytest.raises(Usage, match="unencrypted"):
        polled.check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.org/x", "http://[::1]:8/x", "http://localhost/x"]
)
def test_these_may_be_asked(url: str) -> None:
    assert polled.check_url(url).hostname


def test_the_secret_is_in_no_entry_and_no_answer(legal: Service) -> None:
    texts = [
        repr([dict(e) for e in legal.audit.log(limit=1000)]),
        repr(legal.feeds.all()),
    ]
    assert not any("token-of-ours" in text for text in texts)
