"""Pictures over HTTP: those that cannot be read are told one by one, the others are answered."""

import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from govd.errors import UnreadableImage
from govd.ledger.entry import Draft
from govd.service.service import Service
from govd.web.bodies import file_of


def sent(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_one_bad_picture_does_not_spoil_the_others(
    client: TestClient, pictures: Path
) -> None:
    good = sent(pictures / "dark" / "red" / "0.png")
    bad = base64.b64encode(b"no picture").decode()
    body = {
        "images": [bad, good, "no base64!", good],
        "names": ["a.png", "b.png", "c.png", "d.png"],
    }
    answers = client.post("/v1/models/m/classify", json=body).json()
    assert [a["path"] for a in answers] == body["names"]
    assert [a["label"] for a in answers] == [None, "red", None, "red"]
    assert "a.png" in answers[0]["error"]
    assert {a["revision"] for a in answers} == {0}
    refused = client.post(
        "/v1/models/m/classify",
        json={**body, "images": [bad, bad], "names": ["a.png", "b.png"]},
    )
    assert refused.status_code == 422
    assert "a.png" in refused.json()["detail"]
    assert "b.png" in refused.json()["detail"]
    assert (
        client.post(
            "/v1/models/m/classify", json={"images": [good], "names": ["a", "b"]}
        ).status_code
        == 422
    )


def test_base64_is_read_as_browsers_and_libraries_write_it() -> None:
    data = bytes(range(256)) * 2 + b"\xfb\xff"
    plain = base64.b64encode(data).decode()
    for text in (
        plain,
        f"data:image/png;base64,{plain}",
        base64.encodebytes(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
    ):
        assert file_of(text, "a.png") == data
    for text in ("no base64!", f"data:image/png,{plain}", plain[:-3]):
        with pytest.raises(UnreadableImage, match="is not base64"):
            file_of(text, "a.png")


def test_embeddings_are_refused_by_name(client: TestClient, pictures: Path) -> None:
    body = {
        "images": [base64.b64encode(b"no picture").decode()],
        "names": ["a.png"],
        "texts": ["red"],
    }
    refused = client.post("/v1/models/m/embeddings", json=body)
    assert refused.status_code == 422
    assert "a.png" in refused.json()["detail"]
    assert (
        "nothing to encode"
        in client.post("/v1/models/m/embeddings", json={}).json()["detail"]
    )


def test_pictures_are_counted_before_they_are_decoded(
    client: TestClient, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = sent(pictures / "dark" / "red" / "0.png")  # 8 × 8
    body = {"images": [good, good, good], "names": ["a.png", "b.png", "c.png"]}
    monkeypatch.setattr("govd.pictures.limits.REQUEST_PIXELS", 191)
    for noun in ("classify", "embeddings"):
        refused = client.post(f"/v1/models/m/{noun}", json=body)
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/problem+json"
        assert "192 pixels in all" in refused.json()["detail"]
    monkeypatch.setattr("govd.pictures.limits.REQUEST_PIXELS", 192)
    assert client.post("/v1/models/m/classify", json=body).status_code == 200
    monkeypatch.setattr("govd.pictures.limits.PIXELS", 63)
    refused = client.post("/v1/models/m/classify", json=body)
    assert refused.status_code == 422
    assert all(name in refused.json()["detail"] for name in body["names"])


def test_a_photograph_is_the_same_from_a_file_and_over_http(
    client: TestClient, service: Service, tmp_path: Path
) -> None:
    rows = np.zeros((8, 16, 3), np.uint8)
    rows[:, 8:] = (250, 30, 30)
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "photograph.png"
    Image.fromarray(rows).save(path, exif=exif)
    (local,) = service.classify("m", [("photograph", path)])
    (served,) = client.post(
        "/v1/models/m/classify", json={"images": [sent(path)]}
    ).json()
    (turned,) = service.classify(
        "m", [("turned", np.ascontiguousarray(rows[::-1, ::-1]))]
    )
    assert local["scores"] == served["scores"] == turned["scores"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "the body is not JSON"),
        (b"", "the body is missing"),
        (b"[]", "the body: "),
        (b'{"strnegth": 1}', "unknown field strnegth"),
    ],
)
def test_a_body_that_is_none_is_told_in_words(
    client: TestClient, content: bytes, text: str
) -> None:
    answer = client.post(
        "/v1/requests", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert text in answer.json()["detail"]


def test_pictures_synthesised_for_a_request(
    client: TestClient, service: Service
) -> None:
    png = b"\x89PNG drawn"
    request = client.post(
        "/v1/requests", params={"wait": True}, json={"model": "m", "concepts": ["red"]}
    ).json()
    url = f"/v1/requests/{request['id']}/pictures"
    assert client.get(url).json() == {"items": [], "next": None}
    digest = service.core.artifacts.put(png)
    facts = {"prototypes": [{"prompt": "a photo of a red.", "png": digest}]}
    service.core.desk.append(
        [
            Draft(
                "contribution.make",
                request["contribution"],
                "ann",
                "m",
                {"artifact": "x", "method": "y", "facts": facts},
            )
        ]
    )
    assert client.get(url).json()["items"] == facts["prototypes"]
    answer = client.get(f"{url}/{digest}")
    assert (answer.content, answer.headers["content-type"]) == (png, "image/png")
    other = service.core.artifacts.put(b"somebody else's")
    assert client.get(f"{url}/{other}").status_code == 404
    assert client.get(f"{url}/{hashlib.sha256(b'').hexdigest()}").status_code == 404


def test_short_calls_and_others_answer_alike(
    client: TestClient, pictures: Path
) -> None:
    """A single picture goes through its model's lane, many at once through a thread of their
    own.
    """
    files = sorted((pictures / "dark").rglob("*.png"))[:6]
    many = {"images": [sent(file) for file in files]}
    at_once = client.post("/v1/models/m/embeddings", json=many).json()["embeddings"]
    labels = client.post("/v1/models/m/classify", json=many).json()
    png = {"Content-Type": "image/png"}
    for file, row, answer in zip(files, at_once, labels, strict=True):
        body = file.read_bytes()
        alone = client.post("/v1/models/m/embeddings", content=body, headers=png)
        assert alone.json()["embeddings"][0] == pytest.approx(row, abs=1e-5)
        assert alone.headers["Govd-Revision"] == "0"
        single = client.post("/v1/models/m/classify", content=body, headers=png)
        assert single.json()[0]["label"] == answer["label"]
    refused = client.post("/v1/models/m/classify", content=b"no", headers=png)
    assert refused.status_code == 422
    assert "image 0" in refused.json()["detail"]
