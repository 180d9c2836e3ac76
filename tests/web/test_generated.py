"""A sample of `python -m tests.fuzz.http`: what schemathesis generates from the API's description,
asked as every role.
"""

from pathlib import Path

import pytest
from fastapi import FastAPI

from govd.web.described import ANSWERS, KINDS, REFUSALS, SIGNED
from tests.fuzz import http

TEXTS = ("GET /v1/audit/checkpoint", "GET /v1/audit/key", "GET /v1/audit/model-key")


@pytest.mark.slow
def test_whatever_is_asked_is_answered_as_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example_plugins: None
) -> None:
    monkeypatch.chdir(tmp_path)  # a path that is no absolute one leads nowhere else
    with http.world(tmp_path / "world") as world:
        http.round_of(world, examples=2, number=1)
    assert not world.faults, "\n".join(world.faults)
    assert world.asked > 150
    assert {200, 401, 403, 404, 422} <= set(world.statuses)


def test_every_call_says_what_it_answers_and_how_it_is_refused(served: FastAPI) -> None:
    description = served.openapi()
    operations = {
        f"{method.upper()} {path}": o
        for path, found in description["paths"].items()
        for method, o in found.items()
    }
    assert set(operations) == {*ANSWERS, *KINDS, *TEXTS}
    for name, operation in operations.items():
        done = {
            status: r
            for status, r in operation["responses"].items()
            if status.startswith("2")
        }
        for response in done.values():
            for kind, content in response["content"].items():
                assert content["schema"], (name, kind)
        refused = {
            int(status) for status, r in operation["responses"].items() if "$ref" in r
        }
        assert refused <= set(REFUSALS), name
        assert {403, 421, 422} <= refused, name
        assert (401 in refused) == ("security" in operation or name in SIGNED), name
        if name.startswith("POST "):
            assert any(
                p["name"] == "Idempotency-Key" for p in operation["parameters"]
            ), name
    for response in description["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in description["components"]["schemas"]
