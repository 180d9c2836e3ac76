"""Pictures over HTTP: those that cannot be read are told one by one, the others are answered."""

import base64
import hashlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govd.ledger.entry import Draft
from govd.service import Service


def sent(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_one_bad_picture_does_not_spoil_the_others(client: TestClient, pictures: Path) -> None:
    good = sent(pictures / "dark" / "red" / "0.png")
    bad = base64.b64encode(b"no picture").decode()
    body = {"images": [bad, good, "no base64!", good], "names": ["a.png", "b.png", "c.png", "d.png"]}
    answers = client.post("/v1/models/m/classify", json=body).json()
    assert [a["path"] for a in answers] == body["names"]
    assert [a["label"] for a in answers] == [None, "red", None, "red"]
    assert "a.png" in answers[0]["error"]
    assert {a["revision"] for a in answers} == {0}
    refused = client.post("/v1/models/m/classify", json={**body, "images": [bad, bad], "names": ["a.png", "b.png"]})
    assert refused.status_code == 422
    assert "a.png" in refused.json()["detail"]
    assert "b.png" in refused.json()["detail"]
    assert client.post("/v1/models/m/classify", json={"images": [good], "names": ["a", "b"]}).status_code == 422


def test_embeddings_are_refused_by_name(client: TestClient, pictures: Path) -> None:
    body = {"images": [base64.b64encode(b"no picture").decode()], "names": ["a.png"], "texts": ["red"]}
    refused = client.post("/v1/models/m/embeddings", json=body)
    assert refused.status_code == 422
    assert "a.png" in refused.json()["detail"]
    assert "nothing to encode" in client.post("/v1/models/m/embeddings", json={}).json()["detail"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "the body is not JSON"),
        (b"", "the body is missing"),
        (b"[]", "the body: "),
        (b'{"strnegth": 1}', "unknown field strnegth"),
    ],
)
def test_a_body_that_is_none_is_told_in_words(client: TestClient, content: bytes, text: str) -> None:
    answer = client.post("/v1/requests", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert text in answer.json()["detail"]


def test_pictures_synthesised_for_a_request(client: TestClient, service: Service) -> None:
    png = b"\x89PNG drawn"
    request = client.post("/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["red"]}).json()
    url = f"/v1/requests/{request['id']}/pictures"
    assert client.get(url).json() == {"items": [], "next": None}
    digest = service.core.artifacts.put(png)
    facts = {"prototypes": [{"prompt": "a photo of a red.", "png": digest}]}
    service.core.record([Draft("contribution.make", request["contribution"], "ann", "m", {"artifact": "x", "method": "y", "facts": facts})])
    assert client.get(url).json()["items"] == facts["prototypes"]
    answer = client.get(f"{url}/{digest}")
    assert (answer.content, answer.headers["content-type"]) == (png, "image/png")
    other = service.core.artifacts.put(b"somebody else's")
    assert client.get(f"{url}/{other}").status_code == 404
    assert client.get(f"{url}/{hashlib.sha256(b'').hexdigest()}").status_code == 404
