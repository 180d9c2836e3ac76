"""Leaving out each forget of a revision, by the service, the command line and HTTP."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from govd.contributions.composing import Composing
from govd.errors import NotFound
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from tests.service.test_service import forget, published, revert


def test_what_stays_without_a_forget_is_what_a_revert_would_publish(
    service: Service,
) -> None:
    red, blue = forget(service, "red"), forget(service, "blue", domains=("dark",))
    before = service.interference("m")
    rows = {row["id"]: row for row in before["forgets"]}
    assert set(rows) == {red["id"], blue["id"]}
    assert [row["cost"] for row in before["forgets"]] == sorted(
        (row["cost"] for row in rows.values()), reverse=True
    )
    assert rows[blue["id"]]["domains"] == ["dark"]
    revert(service, red)
    (left,) = service.interference("m")["forgets"]
    assert left["id"] == blue["id"]
    assert left["named"] == pytest.approx(rows[red["id"]]["others_named_without"])
    assert left["changed_without"] == 0, "nothing else is in force"
    assert (
        service.interference("m", before["revision"])["forgets"] == before["forgets"]
    ), "an older revision, as it was"


def test_what_was_covered_takes_over_where_its_cover_is_left_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, outer = forget(service, "red", domains=("dark",)), forget(service, "red")
    assert service.requests.show(inner["id"])["state"] == "subsumed"
    composed, sets = Composing.edit, list[list[str]]()

    def noted(self: Composing, basis: Any, contributions: Any) -> Any:
        sets.append([c.digest for c in contributions])
        return composed(self, basis, contributions)

    monkeypatch.setattr(Composing, "edit", noted)
    (row,) = service.interference("m")["forgets"]
    assert row["id"] == outer["id"]
    assert sets == [[inner["contribution"]]]


def test_a_set_that_was_seen_is_not_composed_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("red", "blue"):
        forget(service, name)
    first = service.interference("m")

    def never(*_: object) -> None:
        raise AssertionError("it was composed again")

    monkeypatch.setattr(Composing, "edit", never)
    assert service.interference("m") == first


def test_nothing_in_force_is_an_empty_list_and_a_missing_revision_is_told(
    service: Service,
) -> None:
    assert service.interference("m")["forgets"] == []
    with pytest.raises(NotFound, match="no revision 7"):
        service.interference("m", 7)


def test_a_private_forget_is_named_nowhere(service: Service) -> None:
    forget(service, "red", private=True)
    forget(service, "blue")
    assert "red" not in json.dumps(service.interference("m"))


def test_it_is_asked_over_http(service: Service) -> None:
    request = forget(service, "red")
    number = published(service)["number"]
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(
        create_app(Context(service, service.reconciler.run)),
        "http://localhost",
        headers=headers,
    ) as client:
        answer = client.get(f"/v1/models/m/revisions/{number}/interference").json()
        assert answer == service.interference("m")
        assert answer["forgets"][0]["id"] == request["id"]
        assert client.get("/v1/models/m/revisions/99/interference").status_code == 404
