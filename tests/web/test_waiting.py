"""Calls that wait, streams, health and metrics: nobody who waits keeps others from being
answered.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from govd.errors import MachineFault, OverCapacity, PluginFault
from govd.ledger.entry import Draft
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from govd.web.log import EntryLog, JsonLines
from govd.web.news import News
from govd.web.worker import Worker


def app_of(service: Service, context: Context | None = None) -> TestClient:
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    return TestClient(
        create_app(context or Context(service)), "http://localhost", headers=headers
    )


def test_who_waits_takes_no_thread_and_is_answered_in_time(service: Service) -> None:
    """A hundred calls wait for a reconciler that does nothing, in a pool of four threads: the
    others are answered at once.
    """
    with app_of(service) as client, ThreadPoolExecutor(100) as pool:
        assert client.portal is not None
        client.portal.call(
            lambda: setattr(
                anyio.to_thread.current_default_thread_limiter(), "total_tokens", 4
            )
        )
        filed = client.post(
            "/v1/requests", json={"model": "m", "concepts": ["red"]}
        ).json()
        url = f"/v1/requests/{filed['id']}"
        waiting = [
            pool.submit(client.get, url, params={"wait": True, "timeout": 300})
            for _ in range(100)
        ]
        time.sleep(1)
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/status").status_code == 200
        assert time.monotonic() - began < 5
        assert not any(call.done() for call in waiting)
        service.reconciler.run()
        assert {call.result(30).json()["state"] for call in waiting} == {"in_force"}


def test_waiting_ends_with_the_record_as_it_is(service: Service) -> None:
    with app_of(service) as client:
        began = time.monotonic()
        answer = client.post(
            "/v1/requests",
            params={"wait": True, "timeout": 0.3},
            json={"model": "m", "concepts": ["red"]},
        )
        assert (answer.status_code, answer.json()["state"]) == (202, "filed")
        assert 0.25 < time.monotonic() - began < 10
        service.reconciler.run()
        answer = client.get(
            f"/v1/requests/{answer.json()['id']}", params={"wait": True}
        )
        assert answer.json()["state"] == "in_force"
        assert (
            client.get(
                f"/v1/requests/{answer.json()['id']}", params={"timeout": 301}
            ).status_code
            == 422
        )


def test_what_was_decided_is_200_and_what_is_to_come_202(client: TestClient) -> None:
    body = {"model": "m", "concepts": ["red"]}
    assert (
        client.post("/v1/requests", params={"wait": True}, json=body).status_code == 200
    )
    assert (
        client.post("/v1/requests", json={**body, "concepts": ["blue"]}).status_code
        == 202
    )


def test_news_wakes_whoever_waits_and_none_is_missed() -> None:
    news = News()

    async def wait() -> tuple[bool, bool, bool]:
        seen = news.count
        threading.Timer(0.1, news.tell).start()
        told = await news.after(seen, 10)
        at_once = await news.after(seen, 10)  # what came before one waited
        quiet = await news.after(news.count, 0.05)
        return told, at_once, quiet

    assert asyncio.run(wait()) == (True, True, False)
    assert not news._waiting


def read(
    client: TestClient, count: int, path: str = "/v1/events", **headers: str
) -> list[int]:
    """Entries of a stream; the daemon ends it when enough were read."""
    found: list[int] = []
    context = client.app.state.context  # type: ignore[attr-defined]
    timer = threading.Timer(2.0, context.news.close)
    timer.start()
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.status_code == 200, stream.read()
        for line in stream.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:])["seq"])
    timer.cancel()
    return found[:count]


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [("", {}, 0), ("?after=1", {}, 2), ("?after=5", {"Last-Event-ID": "2"}, 3)],
)
def test_a_stream_begins_where_it_is_told(
    service: Service, path: str, headers: dict[str, str], first: int
) -> None:
    for n in range(5):
        service.tokens.create("reader", f"r{n}", "ann")
    with app_of(service) as client:
        assert read(client, 2, f"/v1/events{path}", **headers) == [first, first + 1]


@pytest.mark.parametrize("last", ["abc", "²", "-1", "1.5", "9" * 20, " ", "1e3"])
def test_a_position_that_is_none_is_refused(client: TestClient, last: str) -> None:
    answer = client.get("/v1/events", headers={"Last-Event-ID": last.encode()})
    assert (answer.status_code, answer.headers["content-type"]) == (
        400,
        "application/problem+json",
    )


@pytest.mark.parametrize("after", ["-2", "abc", str(10**20), "²"])
def test_a_cursor_out_of_bounds_is_refused(client: TestClient, after: str) -> None:
    assert client.get("/v1/events", params={"after": after}).status_code == 422


def test_a_reader_who_has_seen_more_than_there_is_is_told(
    client: TestClient, service: Service
) -> None:
    answer = client.get(
        "/v1/events", headers={"Last-Event-ID": str(service.core.desk.ledger.size())}
    )
    assert answer.status_code == 409
    assert "kept" in answer.json()["detail"]


def test_ready_means_that_the_reconciler_works(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(service)
    broken = True

    def reconcile(patient: bool = True) -> bool:
        if broken:
            raise MachineFault("the disk is full")
        return False

    monkeypatch.setattr(service.reconciler, "run", reconcile)
    monkeypatch.setattr("govd.web.worker.EVERY", 0.01)
    monkeypatch.setattr("govd.web.worker.SLOWEST", 0.02)
    with app_of(
        service,
        Context(service, worker.news.set, worker.trouble, lambda: dict(worker.faults)),
    ) as client:

        def ready(wanted: int) -> dict[str, object]:
            end = time.monotonic() + 20
            while (
                answer := client.get("/readyz", headers={"Authorization": ""})
            ).status_code != wanted:
                assert time.monotonic() < end
                time.sleep(0.02)
            return dict(answer.json())

        assert ready(200) == {"ok": True}
        worker.start()
        assert "in a row" in str(ready(503)["reason"])
        assert client.get("/healthz").json() == {"ok": True}
        assert (
            'govd_reconcile_faults_total{step="reconcile"}'
            in client.get("/metrics").text
        )
        assert "disk" not in str(ready(503))
        broken = False
        ready(200)
        worker.end()
        assert "ended" in str(ready(503)["reason"])


def test_a_step_that_fails_does_not_stop_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, done = Worker(service), threading.Event()

    def fails() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(service.reconciler, "run", fails)
    monkeypatch.setattr(service.reconciler, "measure", fails)
    monkeypatch.setattr(service, "vouch", done.set)
    worker.start()
    worker.news.set()
    assert done.wait(20)
    worker.end()
    assert worker.faults["reconcile"] >= 1
    assert worker.faults["measure"] >= 1


def test_figures_that_nobody_waits_for_wait_until_the_ledger_is_calm(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govd.web.worker.CALM_SECONDS", 0.2)
    worker = Worker(service)
    assert worker._is_calm()  # what was there before has waited
    service.requests.forget("m", ForgetOptions(concepts=("navy",)), "ann")
    assert not worker._is_calm()
    time.sleep(0.3)
    assert worker._is_calm()
    service.reconciler.run()
    monkeypatch.setattr("govd.web.worker.LATEST_SECONDS", 0.0)
    assert worker._is_calm()  # a ledger that always grows holds them up no longer


def test_metrics_are_what_prometheus_reads(service: Service, given: Given) -> None:
    service.add_model("n", "colours-2", given, "ann")
    with app_of(service, Context(service, service.reconciler.run)) as client:
        client.post(
            "/v1/requests",
            params={"wait": True},
            json={"model": "m", "concepts": ["navy"]},
        )
        client.get("/v1/models/none")
        client.get("/v1/models/m")
        client.get("/nowhere")
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {f.name: f for f in text_string_to_metric_families(answer.text)}
    samples = {
        (s.name, *sorted(s.labels.items())): s.value
        for f in families.values()
        for s in f.samples
    }
    assert samples["govd_ledger_entries_total",] == service.core.desk.ledger.size()
    assert samples["govd_ledger_refuses_entries",] == 0
    assert samples["govd_forgets_expired",] == 0
    assert {s.labels["model"] for s in families["govd_revision"].samples} == {"m", "n"}
    assert samples["govd_requests_open", ("state", "waiting")] == 1
    route = ("route", "/v1/models/{name}")
    assert (
        samples["govd_http_requests_total", ("method", "GET"), route, ("status", "404")]
        == 1
    )
    assert (
        samples["govd_http_requests_total", ("method", "GET"), route, ("status", "200")]
        == 1
    )
    assert (
        samples[
            "govd_http_requests_total",
            ("method", "GET"),
            ("route", "other"),
            ("status", "404"),
        ]
        == 1
    )
    assert (
        samples[
            "govd_http_request_duration_seconds_bucket",
            ("le", "+Inf"),
            ("method", "GET"),
            route,
        ]
        == 2
    )
    assert (
        samples["govd_http_request_duration_seconds_count", ("method", "GET"), route]
        == 2
    )
    assert families["govd_http_request_duration_seconds"].type == "histogram"
    assert len(families) == len(
        {
            line.split()[2]
            for line in answer.text.splitlines()
            if line.startswith("# TYPE")
        }
    )
    assert samples["govd_oldest_waiting_seconds",] > 0
    assert (
        samples["govd_oldest_request_seconds",]
        >= samples["govd_oldest_waiting_seconds",]
    )
    assert (
        samples["govd_entries_unsigned",]
        + (service.core.desk.ledger.last_checkpoint() or (0,))[0]
        == service.core.desk.ledger.size()
    )
    assert (
        samples["govd_home_bytes", ("part", "ledger")]
        >= (service.core.home.folder / "ledger.db").stat().st_size
        > 0
    )
    assert samples["govd_disk_free_bytes",] > 0
    assert (
        samples["govd_memory_peak_bytes",]
        >= 0.9 * samples["process_resident_memory_bytes",]
        > 0
    )
    lines = [
        line.partition("{")[0].partition(" ")[0]
        for line in answer.text.splitlines()
        if not line.startswith("#")
    ]
    order = [name for i, name in enumerate(lines) if not i or lines[i - 1] != name]
    plain = [
        name for name in order if not name.startswith("govd_http_request_duration")
    ]
    assert len(plain) == len(set(plain))  # the samples of a metric stand together


def test_the_description_takes_a_token(client: TestClient, served: FastAPI) -> None:
    assert client.get("/openapi.json", headers={"Authorization": ""}).status_code == 401
    found = client.get("/openapi.json").json()
    assert found["paths"]["/v1/requests"]["post"]["security"]
    assert client.get("/redoc").status_code == 404


def test_whoever_opens_the_address_alone_meets_the_page(client: TestClient) -> None:
    answer = client.get("/", headers={"Authorization": ""})
    assert (answer.status_code, answer.url.path) == (200, "/docs")
    lost = client.get("/v1/nowhere").json()
    assert "/docs shows every call" in lost["detail"]


def test_the_page_is_open_and_takes_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/docs", headers={"Authorization": ""})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "/v1/requests" not in answer.text  # the description comes with a token
    assert not re.search(
        r"""(?:src|href)\s*=\s*["'](?!data:)|https?://|@import|url\(""", answer.text
    )
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_log_tells_filing_deciding_and_publishing_by_ids(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.core.plugins.manager.register(EntryLog(), "entry log")
    with caplog.at_level(logging.INFO, "govd.ledger"):
        request = service.requests.show(
            service.requests.forget("m", _red(), "ann")["id"]
        )
        service.reconciler.run()
        service.core.desk.append(
            [Draft("note", "x", "ann", "", {"text": "never shown"})]
        )
        service.core.plugins.notices.close()  # notices come without waiting: all of them, now
    lines = [
        json.loads(JsonLines().format(record))
        for record in caplog.records
        if record.name == "govd.ledger"
    ]
    kinds = {line["kind"]: line for line in lines}
    assert {
        "request.file",
        "request.approve",
        "revision.publish",
        "request.publish",
    } <= set(kinds)
    assert kinds["request.file"]["subject"] == request["id"]
    assert kinds["request.file"]["actor"] == "ann"
    assert kinds["revision.publish"]["subject"] == "m/1"
    assert all(
        {"time", "level", "logger", "message", "seq"} <= set(line) for line in lines
    )
    assert "never shown" not in str(lines)
    assert "because" not in str(lines)


def _red() -> object:
    return ForgetOptions(concepts=("red",), reason="because")


def test_a_bug_is_told_to_the_log_and_named_to_the_caller(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    detail = "a secret detail"  # not in the line that raises it: those are in the log

    def broken() -> None:
        raise ZeroDivisionError(detail)

    monkeypatch.setattr(service, "status", broken)
    token = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(
        create_app(Context(service)),
        "http://localhost",
        headers=token,
        raise_server_exceptions=False,
    ) as client:
        answer = client.get("/v1/status")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:govd:bug")
    assert "secret" not in answer.text
    (said,) = [
        JsonLines().format(record)
        for record in caplog.records
        if record.name == "govd.web"
    ]
    assert "ZeroDivisionError" in json.loads(said)["error"]
    assert "in broken" in json.loads(said)["error"]
    assert detail not in said, "an exception may quote what somebody asked to forget"
    assert "report it" in answer.json()["detail"]
    assert "/v1/status" in said


@pytest.mark.parametrize(
    ("error", "said", "hidden"),
    [
        (
            MachineFault("the disk is full", where="ledger.db"),
            "the disk is full",
            "never",
        ),
        (OverCapacity("no room for Ann Example"), "Over capacity", "Ann Example"),
        (
            PluginFault("KeyError: Ann Example", where="plugin bounds, govd_vote"),
            "plugin bounds, govd_vote",
            "Ann Example",
        ),
        (KeyError("Ann Example"), "KeyError", "Ann Example"),
    ],
)
def test_the_worker_tells_what_failed_without_what_was_asked_for(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
    hidden: str,
) -> None:
    name = "Ann Example"

    def fails() -> None:
        try:
            raise ValueError(name)
        except ValueError:
            raise error  # noqa: B904 - what it came of is told with it

    assert not Worker(service)._step("reconcile", fails)
    (line,) = [
        JsonLines().format(record) for record in caplog.records if record.name == "govd"
    ]
    assert said in line
    assert hidden not in line
