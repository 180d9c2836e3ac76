"""Lists in pages, and answers as rows."""

import csv
import io
import json

import pytest
from fastapi.testclient import TestClient

from govd.service.service import Service

LISTS = (
    "/v1/requests",
    "/v1/models/m/revisions",
    "/v1/models",
    "/v1/tokens",
    "/v1/audit/log",
)


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    """A home with five of everything but models."""
    for name in ("red", "blue", "pink", "green", "navy"):
        client.post(
            "/v1/requests",
            params={"wait": True},
            json={"model": "m", "concepts": [name]},
        )
        client.post("/v1/tokens", json={"role": "reader", "name": name})
    return client


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_read_page_by_page_without_loss(
    filled: TestClient, path: str
) -> None:
    whole = filled.get(path, params={"limit": 5000}).json()
    assert set(whole) == {"items", "next"}
    assert whole["next"] is None
    for limit in (1, 2, len(whole["items"])):
        found, after = [], None
        while True:
            answer = filled.get(
                path,
                params={"limit": limit} | ({} if after is None else {"after": after}),
            )
            page = answer.json()
            assert len(page["items"]) <= limit
            found += page["items"]
            after = page["next"]
            assert ("link" in answer.headers) is (after is not None)
            if after is None:
                break
        assert found == whole["items"], limit


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_not_without_end(client: TestClient, path: str) -> None:
    for limit in ("0", "-1", "5001", "many"):
        assert client.get(path, params={"limit": limit}).status_code == 422


def test_a_cursor_of_nothing_is_not_the_beginning(client: TestClient) -> None:
    for path in ("/v1/models", "/v1/tokens", "/v1/models/m/revisions"):
        assert client.get(path, params={"after": "gone"}).status_code == 404


QUESTIONS = ("deadlines", "predictions", "why/m/1", "as-of")
ROWS = (*LISTS, *(f"/v1/audit/{question}" for question in QUESTIONS))


@pytest.mark.parametrize("path", ROWS)
def test_rows_by_option_and_by_accept(filled: TestClient, path: str) -> None:
    asked = {"time": "2099-01-01"} if path.endswith("as-of") else {}
    document = filled.get(path, params=asked).json()
    named = (document.get(name) for name in ("items", "requests", "predictions"))
    listed = next(filter(None, named), None) or document["models"][0]["forgets"]

    def rows(form: str | None, accept: str, kind: str) -> str:
        answer = filled.get(
            path,
            params=asked | ({"format": form} if form else {}),
            headers={"Accept": accept},
        )
        assert answer.headers["content-type"].partition(";")[0] == kind
        return answer.text

    for text in (
        rows("csv", "*/*", "text/csv"),
        rows(None, "text/csv; q=0.9", "text/csv"),
    ):
        assert len(list(csv.DictReader(io.StringIO(text)))) == len(listed)
    for text in (
        rows("ndjson", "*/*", "application/x-ndjson"),
        rows(None, "application/x-ndjson", "application/x-ndjson"),
    ):
        assert len([json.loads(line) for line in text.splitlines()]) == len(listed)
    assert filled.get(path, params={**asked, "format": "xml"}).status_code == 422


def test_sql_as_rows(client: TestClient) -> None:
    answer = client.post(
        "/v1/audit/sql?format=csv", json={"query": "SELECT name FROM models"}
    )
    assert answer.text == "name\nm\n"


def test_a_spreadsheet_runs_nothing_that_was_filed(
    client: TestClient, service: Service
) -> None:
    client.post(
        "/v1/requests",
        json={"model": "m", "concepts": ["red"], "reason": "=HYPERLINK(1)"},
    )
    (row,) = csv.DictReader(io.StringIO(client.get("/v1/requests?format=csv").text))
    assert row["reason"] == "'=HYPERLINK(1)"


def test_an_unknown_state_is_told(client: TestClient) -> None:
    for path in ("/v1/requests", "/v1/audit/log"):
        answer = client.get(path, params={"state": "nonsense"})
        assert answer.status_code == 422
        assert "in_force" in answer.json()["detail"]
