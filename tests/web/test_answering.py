"""Answers over HTTP, however pictures are sent: as JSON, as files of a form, one as it is."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.web.multipart import parts_of

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def red(pictures: Path) -> bytes:
    return (pictures / "dark" / "red" / "0.png").read_bytes()


@pytest.fixture
def blue(pictures: Path) -> bytes:
    return (pictures / "dark" / "blue" / "0.png").read_bytes()


def test_a_picture_as_it_is_is_answered_as_one_in_json(
    client: TestClient, red: bytes
) -> None:
    body = {"images": [base64.b64encode(red).decode()]}
    for kind in ("image/png", "image/jpeg", "application/octet-stream"):
        headers = {"Content-Type": kind}
        for noun in ("classify", "embeddings"):
            raw = client.post(f"/v1/models/m/{noun}", content=red, headers=headers)
            assert raw.status_code == 200, raw.text
            assert raw.json() == client.post(f"/v1/models/m/{noun}", json=body).json()
            assert raw.headers["govd-revision"] == "0"
    few = client.post(
        "/v1/models/m/classify?labels=blue,green", content=red, headers=PNG
    )
    assert set(few.json()[0]["scores"]) == {"blue", "green"}


def test_files_of_a_form_keep_their_names_and_order(
    client: TestClient, red: bytes, blue: bytes
) -> None:
    files = [
        ("images", ('a "b".png', blue, "image/png")),
        ("images", ("ü.png", b"no picture", "image/png")),
        ("images", ("c.png", red, "image/png")),
    ]
    answers = client.post(
        "/v1/models/m/classify", files=files, data={"labels": ["red,blue", "green"]}
    ).json()
    assert [answer["path"] for answer in answers] == ['a "b".png', "ü.png", "c.png"]
    assert [answer["label"] for answer in answers] == ["blue", None, "red"]
    assert set(answers[0]["scores"]) == {"red", "blue", "green"}
    refused = client.post("/v1/models/m/embeddings", files=files)
    assert refused.status_code == 422
    assert "ü.png" in refused.json()["detail"]
    options = (None, json.dumps({"texts": ["red"], "revision": 0}), "application/json")
    both = client.post(
        "/v1/models/m/embeddings", files=[("options", options), files[0]]
    ).json()
    assert len(both["embeddings"]) == 2


def test_embeddings_come_as_an_array_where_they_are_wanted_so(
    client: TestClient, red: bytes
) -> None:
    headers = PNG | {"Accept": "application/x-npy"}
    answer = client.post("/v1/models/m/embeddings", content=red, headers=headers)
    assert answer.headers["content-type"] == "application/x-npy"
    rows = np.load(io.BytesIO(answer.content), allow_pickle=False)
    listed = client.post("/v1/models/m/embeddings", content=red, headers=PNG).json()[
        "embeddings"
    ]
    assert rows.dtype == np.float32
    assert rows == pytest.approx(np.array(listed), abs=1e-6)
    array = {"Content-Type": "application/x-npy"}
    labels = client.post("/v1/models/m/classify", content=answer.content, headers=array)
    assert labels.json()[0]["label"] == "red"


def test_pictures_are_ranked_by_texts_and_texts_by_pictures(
    client: TestClient, red: bytes, blue: bytes
) -> None:
    images = [base64.b64encode(data).decode() for data in (blue, b"none", red)]
    body: dict[str, Any] = {
        "images": images,
        "names": ["blue.png", "no.png", "red.png"],
    }
    body["texts"] = ["red", "blue"]
    answer = client.post("/v1/models/m/rank", json=body)
    ranked = answer.json()
    assert answer.headers["govd-revision"] == "0"
    assert [r["text"] for r in ranked["rankings"]] == ["red", "blue"]
    first, second = ranked["rankings"][0]["ranking"]
    assert (first["path"], second["path"]) == ("red.png", "blue.png")
    assert first["score"] > second["score"]
    assert [picture["path"] for picture in ranked["unread"]] == ["no.png"]
    best = client.post(
        "/v1/models/m/rank", json=body | {"by": "image", "top": 1}
    ).json()["rankings"]
    assert [(r["path"], [t["text"] for t in r["ranking"]]) for r in best] == [
        ("blue.png", ["blue"]),
        ("red.png", ["red"]),
    ]
    raw = client.post(
        "/v1/models/m/rank?texts=red&top=1", content=red, headers=PNG
    ).json()
    assert raw["rankings"][0]["ranking"] == [
        {"path": "image 0", "score": first["score"]}
    ]
    for empty in ({"texts": ["red"]}, {"images": images}):
        refused = client.post("/v1/models/m/rank", json=empty)
        assert (refused.status_code, "nothing to rank" in refused.text) == (422, True)


def test_what_is_ranked_is_ranked_by_what_is_published(
    client: TestClient, service: Service, red: bytes
) -> None:
    before = client.post("/v1/models/m/rank?texts=red", content=red, headers=PNG).json()
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    after = client.post("/v1/models/m/rank?texts=red", content=red, headers=PNG).json()
    assert after["revision"] == 1
    scores = [
        answer["rankings"][0]["ranking"][0]["score"] for answer in (before, after)
    ]
    assert scores[1] < scores[0] - 0.1
    for pinned in ("revision=0", "base=true"):
        url = f"/v1/models/m/rank?texts=red&{pinned}"
        assert client.post(url, content=red, headers=PNG).json() == before


def test_base_and_other_revisions_are_for_who_may_read(
    client: TestClient, service: Service, red: bytes
) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    for role, status in (("inference", 403), ("reader", 200)):
        body = {"role": role, "name": role}
        token = client.post("/v1/tokens", json=body).json()["token"]
        headers = PNG | {"Authorization": f"Bearer {token}"}
        for noun, text in (
            ("classify", ""),
            ("embeddings", ""),
            ("rank", "&texts=red"),
        ):
            url = f"/v1/models/m/{noun}"
            published = client.post(
                f"{url}?revision=1{text}", content=red, headers=headers
            )
            assert published.status_code == 200, published.text
            for pinned in ("base=true", "revision=0"):
                answer = client.post(
                    f"{url}?{pinned}{text}", content=red, headers=headers
                )
                assert answer.status_code == status, answer.text
            form = client.post(
                url,
                files={"images": ("a.png", red)},
                data={"base": "true", "texts": "red"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert form.status_code == status, form.text


BROKEN = {
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "does not end": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"',
    ),
    "no name": ("multipart/form-data; boundary=x", b"--x\r\n\r\nhello\r\n--x--\r\n"),
    "unknown field imges": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="imges"\r\n\r\nhello\r\n--x--\r\n',
    ),
    "nothing to": ("multipart/form-data; boundary=x", b"--x--\r\n"),
    "is no picture": ("image/png", b"hello"),
    "the body is missing": ("application/json", b""),
    "unknown field imges (body)": ("application/json", b'{"imges": []}'),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_body_that_is_no_good_is_told_in_words(
    client: TestClient, words: str
) -> None:
    kind, content = BROKEN[words]
    for noun in ("classify", "embeddings"):
        answer = client.post(
            f"/v1/models/m/{noun}", content=content, headers={"Content-Type": kind}
        )
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert words.removesuffix(" (body)") in answer.json()["detail"]


def test_other_types_and_options_that_are_said_twice(
    client: TestClient, red: bytes
) -> None:
    url = "/v1/models/m/classify"
    other = client.post(url, content=red, headers={"Content-Type": "text/plain"})
    assert other.status_code == 415
    assert "picture" in other.json()["title"]
    body = {"images": [base64.b64encode(red).decode()], "revision": 0}
    twice = client.post(f"{url}?revision=0", json=body)
    assert (twice.status_code, "revision" in twice.json()["detail"]) == (422, True)
    unknown = client.post(f"{url}?imges=3", content=red, headers=PNG)
    assert (unknown.status_code, "imges" in unknown.json()["detail"]) == (422, True)
    assert client.post(f"{url}?revision=x", content=red, headers=PNG).status_code == 422
    assert (
        client.post(f"{url}?revision=99", content=red, headers=PNG).status_code == 404
    )
    assert (
        client.post("/v1/models/nobody/classify", content=red, headers=PNG).status_code
        == 404
    )


def test_a_crowd_is_sent_away_for_a_moment(
    served: FastAPI, client: TestClient, red: bytes
) -> None:
    admission, url = served.state.context.admission, "/v1/models/m/classify"
    with admission.place() as place:
        place.hold(size_bytes=admission.most_bytes - len(red))
        assert client.post(url, content=red, headers=PNG).status_code == 200
        answers = [
            client.post(url, json={"images": [base64.b64encode(red).decode()]}),
            # no length
            client.post(url, content=(part for part in (red, b"more")), headers=PNG),
        ]
        place.hold(pictures=admission.most_pictures)
        answers.append(client.post(url, content=red, headers=PNG))
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:govd:busy"
    assert client.post(url, content=red, headers=PNG).status_code == 200
    assert (admission.calls, admission.pictures, admission.size_bytes) == (0, 0, 0)


def test_no_answer_mixes_two_revisions(
    client: TestClient, service: Service, red: bytes, blue: bytes
) -> None:
    """Clients ask while a forget comes and goes: every answer is what its revision answers."""
    ending, url = threading.Event(), "/v1/models/m/embeddings"

    def asks(data: bytes) -> set[tuple[str, bytes]]:
        answers = set[tuple[str, bytes]]()
        while not ending.is_set():
            answer = client.post(url, content=data, headers=PNG)
            assert answer.status_code == 200, answer.text
            answers.add((answer.headers["govd-revision"], answer.content))
        return answers

    with ThreadPoolExecutor(6) as threads:
        calls = [(data, threads.submit(asks, data)) for data in (red, blue) * 3]
        try:
            for _ in range(3):
                request = service.requests.forget(
                    "m", ForgetOptions(concepts=("red",)), "ann"
                )["id"]
                service.reconciler.run()
                service.requests.revert(str(request), "enough", "ann")
                service.reconciler.run()
        finally:
            ending.set()
        answers = {(data, *answer) for data, call in calls for answer in call.result()}
    seen = {revision for _, revision, _ in answers}
    assert len(seen) > 2
    for data, revision, content in answers:
        pinned = client.post(
            f"{url}?revision={revision}", content=data, headers=PNG
        ).json()
        given = json.loads(content)
        assert given["revision"] == int(revision) == pinned["revision"]
        assert np.array(given["embeddings"]) == pytest.approx(
            np.array(pinned["embeddings"]), abs=1e-6
        )


def test_forms_are_read_as_libraries_write_them(client: TestClient, red: bytes) -> None:
    """A form that httpx writes has CRLF within files, and names of all kinds."""
    tricky = [b"\r\n--x\r\n" + red, red + b"\r\n", b"", b"--"]
    names = ["a\nb.png", "100%22.png", "名.png", "a;b=c.png"]
    files = [("images", (name, data)) for name, data in zip(names, tricky, strict=True)]
    request = httpx.Request("POST", "http://x/", files=files)
    parts = parts_of(request.headers["content-type"], request.read())
    assert [part.data for part in parts] == tricky
    assert [part.file for part in parts] == [
        "a\nb.png",
        '100".png',
        "名.png",
        "a;b=c.png",
    ]
