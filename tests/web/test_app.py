"""The HTTP face over a service in this process."""

import base64
import threading
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from govd.service.service import Service
from govd.web.app import put_together
from govd.web.strict import Open


def picture(pictures: Path, domain: str, name: str) -> str:
    return base64.b64encode((pictures / domain / name / "0.png").read_bytes()).decode()


def test_health_needs_no_token_and_all_else_does(client: TestClient) -> None:
    assert client.get("/healthz", headers={"Authorization": ""}).json() == {"ok": True}
    assert client.head("/healthz", headers={"Authorization": ""}).status_code == 200
    for path in ("/v1/models", "/v1/status", "/v1/audit/log", "/v1/tokens", "/metrics"):
        for token in ("", "Bearer wrong", "Basic x"):
            answer = client.get(path, headers={"Authorization": token})
            assert answer.status_code == 401, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_routes_are_put_together_before_the_first_call(
    served: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_together(served)

    def late(route: Open) -> None:
        raise AssertionError(f"{route.path} is put together while somebody waits")

    monkeypatch.setattr(Open, "get_route_handler", late)
    with TestClient(served, "http://localhost") as client:
        assert client.get("/v1/whoami").status_code == 401


def test_roles_open_what_they_should(client: TestClient, service: Service) -> None:
    for role, codes in {
        "inference": (403, 403, 200),
        "reader": (200, 403, 200),
        "operator": (200, 202, 200),
    }.items():
        made = client.post(
            "/v1/tokens", json={"role": role, "name": f"a {role}"}
        ).json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        found = (
            client.get("/v1/models", headers=headers).status_code,
            client.post(
                "/v1/requests",
                headers=headers,
                json={"model": "m", "concepts": ["pink"]},
            ).status_code,
            client.post(
                "/v1/models/m/embeddings", headers=headers, json={"texts": ["red"]}
            ).status_code,
        )
        assert found == codes, role
        client.delete(f"/v1/tokens/{made['id']}")
        assert client.get("/v1/models", headers=headers).status_code == 401
        assert made["token"] not in str(list(service.core.desk.ledger.entries()))
    assert service.requests.all()[0]["filed_by"] == "principal:a operator"


def test_who_may_only_infer_gets_what_is_served(
    client: TestClient, pictures: Path
) -> None:
    """What was forgotten is in the unedited model and in older revisions."""
    for concept in ("red", "blue"):
        client.post(
            "/v1/requests",
            params={"wait": True},
            json={"model": "m", "concepts": [concept]},
        )
    images = {"images": [picture(pictures, "dark", "red")]}
    for role, code in {"inference": 403, "reader": 200}.items():
        made = client.post("/v1/tokens", json={"role": role, "name": role}).json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        for path in ("classify", "embeddings"):
            url = f"/v1/models/m/{path}"
            for more in ({"base": True}, {"revision": 1}):
                answer = client.post(url, headers=headers, json=images | more)
                assert answer.status_code == code, (role, more)
                if code == 403:
                    assert "unedited model" in answer.json()["detail"]
                    assert "needs the role reader" in answer.json()["detail"]
            assert (
                client.post(
                    url, headers=headers, json=images | {"revision": 2}
                ).status_code
                == 200
            )
            assert client.post(url, headers=headers, json=images).status_code == 200


def test_a_forget_from_filing_to_revert(client: TestClient, pictures: Path) -> None:
    body = {"images": [picture(pictures, "dark", "red")]}
    before = client.post("/v1/models/m/classify", json=body)
    assert (before.json()[0]["label"], before.headers["govd-revision"]) == ("red", "0")
    request = client.post(
        "/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["red"]}
    ).json()
    assert request["state"] == "in_force"
    after = client.post("/v1/models/m/classify", json=body)
    assert after.json()[0]["label"] != "red"
    assert after.headers["govd-revision"] == "1"
    done = client.post(
        f"/v1/requests/{request['id']}/revert",
        params={"wait": True},
        json={"reason": "back"},
    ).json()
    assert done["state"] == "done"
    assert client.post("/v1/models/m/classify", json=body).json()[0]["label"] == "red"
    assert [
        r["state"] for r in client.get("/v1/models/m/revisions").json()["items"]
    ] == [
        "superseded",
        "published",
    ]
    assert client.get("/v1/models/m/revisions/1/diff/2").json()["removed"] == [
        request["id"]
    ]
    trail = client.get(f"/v1/audit/trail/{request['id']}").json()
    assert trail["request"]["state"] == "reverted"
    assert client.get("/v1/audit/verify").json()["holds"] is True


def test_a_waiting_request_is_approved_by_a_person(client: TestClient) -> None:
    request = client.post(
        "/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["navy"]}
    ).json()
    assert request["state"] == "waiting"
    assert (
        client.post(
            f"/v1/requests/{request['id']}/approve", json={"reason": "fine"}
        ).json()["state"]
        == "in_force"
    )
    assert (
        client.post(f"/v1/requests/{request['id']}/approve", json={}).status_code == 409
    )


def test_keys_make_repeats_harmless(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post(
        "/v1/requests", headers=headers, json={"model": "m", "concepts": ["red"]}
    ).json()
    again = client.post(
        "/v1/requests", headers=headers, json={"model": "m", "concepts": ["red"]}
    )
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    other = client.post(
        "/v1/requests", headers=headers, json={"model": "m", "concepts": ["blue"]}
    )
    assert (other.status_code, other.json()["type"]) == (422, "urn:govd:key-reused")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/v1/models/none", None, 404, "Registered: m"),
        ("GET", "/v1/nowhere", None, 404, "Not Found"),
        ("GET", "/v1/models/m/revisions/7", None, 404, "no revision 7"),
        (
            "POST",
            "/v1/requests",
            {"model": "m", "concepts": [""]},
            422,
            "empty concept",
        ),
        ("POST", "/v1/requests", {"model": "m", "concept": ["red"]}, 422, "concept"),
        (
            "POST",
            "/v1/requests",
            {"model": "m", "concepts": ["red"], "strength": 7},
            422,
            "out of range",
        ),
        ("POST", "/v1/models/m/classify", {"images": ["no base64!"]}, 422, "image 0"),
        ("POST", "/v1/models/m/classify", {}, 422, "nothing to classify"),
        ("POST", "/v1/tokens", {"role": "king", "name": "x"}, 422, "Roles"),
        ("GET", "/v1/audit/log?limit=0", None, 422, "limit"),
    ],
)
def test_errors_are_problem_details(
    client: TestClient, method: str, path: str, body: object, status: int, text: str
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status"} <= set(answer.json())
    assert text in answer.text


def test_no_answer_mixes_two_revisions(
    client: TestClient, service: Service, pictures: Path
) -> None:
    """While revisions come and go, each answer is the one of the revision that it names."""
    images = [
        picture(pictures, d, n)
        for d in ("dark", "bright")
        for n in ("red", "blue", "pink")
    ]
    stop, wrong = threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            answer = client.post("/v1/models/m/classify", json={"images": images})
            number = int(answer.headers["govd-revision"])
            again = client.post(
                "/v1/models/m/classify", json={"images": images, "revision": number}
            ).json()
            if [a["scores"] for a in answer.json()] != [a["scores"] for a in again]:
                wrong.append(number)

    asking = threading.Thread(target=ask)
    asking.start()
    for name in ("red", "blue", "pink"):
        request = client.post(
            "/v1/requests",
            params={"wait": True},
            json={"model": "m", "concepts": [name]},
        ).json()
        client.post(
            f"/v1/requests/{request['id']}/revert", params={"wait": True}, json={}
        )
    stop.set()
    asking.join(30)
    assert not wrong
    assert len(service.revisions("m")) == 6
