"""`POST /v1/policy/test`: a text is tried on past requests, by anybody who may read."""

from fastapi.testclient import TestClient

from govd.requests import ForgetOptions
from govd.service.service import Service

TEXT = """name: no-red
moments: [filed]
when: "'red' in request.names"
effect: deny
"""


def test_a_reader_tries_a_text_and_it_is_not_kept(
    client: TestClient, service: Service
) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "principal:ann")
    service.reconciler.run()
    token = service.tokens.create("reader", "ann", "owner")["token"]
    reading = {"Authorization": f"Bearer {token}"}
    answer = client.post("/v1/policy/test", json={"text": TEXT}, headers=reading)
    assert answer.status_code == 200
    assert [(row["was"], row["would"]) for row in answer.json()["rows"]] == [
        ("allow", "deny")
    ]
    later = {"text": TEXT, "since": "2999-01-01"}
    assert client.post("/v1/policy/test", json=later).json()["requests"] == 0
    rows = client.post("/v1/policy/test?format=csv", json={"text": TEXT}).text
    assert rows.startswith("request,")
    assert client.get("/v1/policies").json()["items"] == []


def test_a_wrong_text_is_refused_with_its_place(client: TestClient) -> None:
    body = {"text": TEXT.replace("names", "nmaes"), "where": "red.yaml"}
    answer = client.post("/v1/policy/test", json=body)
    assert answer.status_code == 422
    assert "red.yaml:3:" in answer.text
    assert client.post("/v1/policy/test", json={}).status_code == 422
