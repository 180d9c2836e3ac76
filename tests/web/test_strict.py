"""What no call takes: answers are problem details with a status of 4xx, and a call without a token
is not read at all.
"""

import gzip
import json

import pytest
from fastapi.testclient import TestClient

from govd.service.service import Service

DEEP = b"[" * 100_000 + b"]" * 100_000
FORGET = {"model": "m", "concepts": ["red"]}
BODIES: dict[str, tuple[bytes, int, str]] = {
    "surrogate": (b'{"model": "m", "concepts": ["a\\ud800"]}', 422, "surrogate"),
    "surrogate name": (b'{"model": "m", "\\ud800": 1}', 422, "surrogate"),
    "nul": (b'{"model": "m", "concepts": ["a\\u0000"]}', 422, "NUL"),
    "control": (b'{"model": "m", "concepts": ["a\\u0007"]}', 422, "control character"),
    "no utf-8": (b'{"model": "\xff\xfe"}', 422, "UTF-8"),
    "utf-16": ('{"model": "m"}'.encode("utf-16"), 422, "UTF-8"),
    "nan": (b'{"model": "m", "concepts": ["red"], "strength": NaN}', 422, "NaN"),
    "infinity": (
        b'{"model": "m", "concepts": ["red"], "strength": -Infinity}',
        422,
        "Infinity",
    ),
    "overflow": (
        b'{"model": "m", "concepts": ["red"], "strength": 1e999}',
        422,
        "not a number",
    ),
    "huge number": (
        b'{"model": "m", "concepts": ["red"], "prototypes": 9223372036854775808}',
        422,
        "out of range",
    ),
    "endless number": (
        b'{"model": "m", "prototypes": ' + b"9" * 5000 + b"}",
        422,
        "too long",
    ),
    "deep": (b'{"model": "m", "concepts": ' + DEEP + b"}", 422, "deep"),
    "levels": (
        b'{"model": "m", "concepts": ' + b"[" * 80 + b"]" * 80 + b"}",
        422,
        "levels",
    ),
    "twice": (b'{"model": "m", "model": "n", "concepts": ["red"]}', 422, "twice"),
    "broken": (b'{"model": "m"', 422, "not JSON"),
    "list": (b"[]", 422, "JSON object"),
    "empty": (b"", 422, "missing"),
    "long": (
        json.dumps({"model": "m", "concepts": ["x" * 2000]}).encode(),
        422,
        "At most 800 bytes",
    ),
    "long name": (
        json.dumps({**FORGET, "x" * 100_000: 1}).encode(),
        422,
        "unknown field",
    ),
}


@pytest.mark.parametrize("case", BODIES)
def test_bodies_that_cannot_be_meant(
    client: TestClient, service: Service, case: str
) -> None:
    body, status, text = BODIES[case]
    size = service.core.desk.ledger.size()
    for key in ({}, {"Idempotency-Key": case}):
        for path in ("/v1/requests", "/v1/preview"):
            answer = client.post(
                path, content=body, headers={"Content-Type": "application/json", **key}
            )
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert text in answer.text
            assert len(answer.content) < 2000
    assert service.core.desk.ledger.size() == size


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "nonsense",
    ],
)
def test_bodies_of_other_types(client: TestClient, kind: str) -> None:
    answer = client.post(
        "/v1/requests",
        content=json.dumps(FORGET).encode(),
        headers={"Content-Type": kind},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (
        415,
        "application/problem+json",
    )
    latin = {"Content-Type": "application/json; charset=latin-1"}
    assert client.post("/v1/requests", content=b"{}", headers=latin).status_code == 415


@pytest.mark.parametrize("path", ["/v1/requests", "/v1/models/m/classify"])
def test_a_compressed_body_is_told_as_such(client: TestClient, path: str) -> None:
    answer = client.post(
        path,
        content=gzip.compress(b"{}"),
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert answer.status_code == 415
    assert "a body in gzip: send it without compression" in answer.text


def test_a_byte_order_mark_and_a_charset_are_fine(client: TestClient) -> None:
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    body = b"\xef\xbb\xbf" + json.dumps(FORGET).encode()
    assert client.post("/v1/preview", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/v1/requests?modle=m", "This call takes: after, concept"),
        ("/v1/requests?limit=1&limit=2", "twice"),
        ("/v1/status?x=1", "This call takes: none"),
        ("/healthz?x=1", "unknown query parameter"),
        ("/v1/requests?after=9223372036854775808", "after"),
        ("/v1/requests?after=" + "9" * 5000, "after"),
        ("/v1/requests?concept=%00", "control character"),
        ("/v1/requests?concept=" + "x" * 2000, "At most 800 bytes"),
        ("/v1/models/m/revisions/9223372036854775808", "number"),
        ("/v1/models/m/revisions/1/diff/99999999999999999999999", "second"),
        ("/v1/models/m/revisions?after=%00", "control character"),
        ("/v1/models/%00", "control character"),
        ("/v1/models/" + "x" * 2000, "At most 255 bytes"),
        ("/v1/requests/%0A", "control character"),
        ("/v1/requests/a%0D%0Ab/pictures", "control character"),
        ("/v1/audit/why/m/9223372036854775808", "number"),
        ("/v1/audit/proof?entry=99999999999999999999", "entry"),
        ("/v1/audit/checkpoint?size=9223372036854775808", "size"),
        ("/v1/audit/log?after=1e5", "after"),
        ("/v1/audit/as-of?time=%C2%85", "control character"),
        ("/v1/audit/answer/%7F", "control character"),
        ("/v1/tokens?after=%1B", "control character"),
    ],
)
def test_paths_and_queries_that_cannot_be_meant(
    client: TestClient, path: str, text: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        422,
        "application/problem+json",
    ), answer.text
    assert text in answer.text
    assert len(answer.content) < 2000


def test_names_outside_latin_1_come_back_as_they_are(
    client: TestClient, service: Service
) -> None:
    token = client.post(
        "/v1/tokens", json={"role": "operator", "name": "Ольга 忘"}
    ).json()
    headers = {
        "Authorization": f"Bearer {token['token']}",
        "Idempotency-Key": "ключ".encode().decode("latin-1"),
    }
    for concept in ("忘れる", "red"):
        client.post(
            "/v1/requests",
            headers={"Authorization": headers["Authorization"]},
            json={"model": "m", "concepts": [concept]},
        )
    answer = client.get(
        "/v1/requests",
        params={
            "limit": 1,
            "filed_by": service.requests.all()[0]["filed_by"],
            "state": "in_force",
        },
    )
    assert answer.status_code == 200
    page = client.get(
        "/v1/requests",
        params={"limit": 1, "filed_by": service.requests.all()[0]["filed_by"]},
    )
    assert page.headers["link"].isascii()
    second = client.get(page.headers["link"].partition("<")[2].partition(">")[0])
    assert [r["concepts"][0]["name"] for r in second.json()["items"]] == ["red"]
    for path in ("/v1/models/忘", "/v1/requests/忘", "/v1/audit/trail/忘"):
        assert client.get(path).status_code == 404
    assert (
        client.post(
            "/v1/models", json={"name": "忘", "reference": "colours"}
        ).status_code
        == 422
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/models", "GET, POST"),
        ("POST", "/v1/models/m", "DELETE, GET, PATCH"),
        ("GET", "/v1/preview", "POST"),
        ("TRACE", "/v1/requests/x", "GET"),
        ("DELETE", "/docs", "GET"),
    ],
)
def test_other_methods_are_told_which_there_are(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        405,
        "application/problem+json",
    )
    assert answer.headers["allow"] == allowed


def test_a_path_with_a_slash_too_many_is_not_there(client: TestClient) -> None:
    for path in ("/v1/models/", "/v1/models/m/", "//v1/models", "/v1/models/..%2f"):
        assert client.get(path, follow_redirects=False).status_code in (404, 422), path


def test_without_a_token_nothing_is_read(client: TestClient) -> None:
    for token in ("", "Bearer wrong", "Bearer \xff", "Basic x"):
        headers = {
            "Authorization": token.encode("latin-1"),
            "Content-Type": "application/json",
        }
        assert (
            client.post("/v1/requests?x=1", content=DEEP, headers=headers).status_code
            == 401
        )
        assert (
            client.get("/v1/models/m/revisions/x", headers=headers).status_code == 401
        )
