"""Servers of embeddings as people run them: busy for a moment, with a bound on texts, with vectors
in base64, with indices that tell nothing.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from govd.errors import MachineFault, PluginFault
from govd_vectors import over_http
from govd_vectors.outside import OutsideEncoder
from govd_vectors.over_http import Endpoint

URL = "http://127.0.0.1/v1/embeddings"
TEXTS = [letter * n for letter in "abcdefghij" for n in (1, 2, 3)]
"""30 texts; the embedding of each is its length and its first letter's number."""

Answer = Callable[[list[str]], httpx.Response]


def row(text: str) -> list[float]:
    return [float(len(text)), float(ord(text[0]))]


def listed(texts: list[str], places: list[Any] | None = None) -> httpx.Response:
    indices = range(len(texts)) if places is None else places
    data = [
        {"index": i, "embedding": row(t)} for i, t in zip(indices, texts, strict=True)
    ]
    return httpx.Response(200, json={"data": data})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Endpoint]:
    """An endpoint that answers what a test says; `pauses` and `calls` are what it did."""

    def made(*answers: Answer) -> Endpoint:
        left = list(answers)

        def post(_: str, *, json: dict[str, Any], **__: object) -> httpx.Response:
            calls.append(len(json["input"]))
            answer = left.pop(0) if len(left) > 1 else left[0]
            return answer(json["input"])

        monkeypatch.setattr(httpx, "post", post)
        return Endpoint(URL, pauses.append)

    made.pauses = pauses = []  # type: ignore[attr-defined]
    made.calls = calls = []  # type: ignore[attr-defined]
    return made


def busy(status: int, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, headers=headers, json={"detail": "busy"})


def test_a_server_that_is_busy_for_a_moment_is_asked_again(asked: Any) -> None:
    again = {"Retry-After": "7"}
    rows = asked(busy(429, **again), busy(503), listed)(TEXTS)
    assert rows == [row(text) for text in TEXTS]
    assert asked.pauses == [7.0, over_http.PAUSES[1]]


@pytest.mark.parametrize(
    ("answer", "words", "calls"),
    [
        (busy(503), "busy", 3),
        (busy(429, **{"Retry-After": "86400"}), "86400", 1),
        (busy(429, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), "busy", 3),
        (busy(401), over_http.TOKEN, 1),
        (busy(307, Location="/v2/embeddings"), "/v2/embeddings", 1),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(
    asked: Any, answer: Answer, words: str, calls: int
) -> None:
    with pytest.raises(MachineFault, match=words):
        asked(answer)(TEXTS)
    assert len(asked.calls) == calls


@pytest.mark.parametrize("status", sorted(over_http.TOO_MANY))
def test_portions_become_as_small_as_the_server_wants_them(
    asked: Any, status: int
) -> None:
    def bounded(texts: list[str]) -> httpx.Response:
        return listed(texts) if len(texts) <= 10 else httpx.Response(status)

    endpoint = asked(bounded)
    assert endpoint(TEXTS) == [row(text) for text in TEXTS]
    assert asked.calls == [30, 15, 8, 8, 8, 6]
    assert endpoint(TEXTS[:9]) == [row(text) for text in TEXTS[:9]]
    assert asked.calls[6:] == [8, 1]


def test_a_server_that_refuses_each_text_is_told_in_its_own_words(asked: Any) -> None:
    refusal = {"error": {"message": "model 'clip' was\nnot found"}}
    with pytest.raises(MachineFault, match="HTTP 400: model 'clip' was not found"):
        asked(lambda _: httpx.Response(400, json=refusal))(TEXTS)
    with pytest.raises(PluginFault, match="no embeddings: model 'clip' was not found"):
        asked(lambda _: httpx.Response(200, json=refusal))(TEXTS)
    with pytest.raises(PluginFault, match=r"no embeddings\. It must answer"):
        asked(lambda _: httpx.Response(200, text="<html>sign in</html>"))(TEXTS)


def test_vectors_in_base64_are_read(asked: Any) -> None:
    def packed(texts: list[str]) -> httpx.Response:
        data = json.loads(listed(texts).content)["data"]
        for item in data:
            packed = np.array(item["embedding"], "<f4").tobytes()
            item["embedding"] = base64.b64encode(packed).decode()
        return httpx.Response(200, json={"data": data})

    encoder = OutsideEncoder(URL, 2)
    encoder.endpoint = asked(packed)
    rows = np.array([row(text) for text in TEXTS])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(encoder(TEXTS) - rows).max() < 1e-6


def test_what_indices_do_not_tell_is_refused_rather_than_guessed(asked: Any) -> None:
    texts, rows = TEXTS[:3], [row(text) for text in TEXTS[:3]]
    for places in ([0, 0, 0], [None, None, None], [1, 2, 3]):
        assert asked(lambda t, p=places: listed(t, p))(texts) == rows
    assert asked(lambda t: listed(t, [2, 0, 1]))(texts) == [rows[1], rows[2], rows[0]]
    for count in (0, 1, 4):
        with pytest.raises(PluginFault, match=f"3 texts with {count} embeddings"):
            asked(lambda _, n=count: listed(TEXTS[:n]))(texts)
    for places in ([0, 1, 1], [0, None, 1]):
        with pytest.raises(PluginFault, match="which text each embedding is of"):
            asked(lambda t, p=places: listed(t, p))(texts)


def test_a_token_is_never_told(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for token in ("abc\n", " abc "):
        monkeypatch.setenv(over_http.TOKEN, token)
        seen.append(over_http._bearer())
    assert seen == [{"Authorization": "Bearer abc"}] * 2
    for token in ("sesame\nabc", "sésame"):
        monkeypatch.setenv(over_http.TOKEN, token)
        with pytest.raises(MachineFault, match="no header may have") as raised:
            asked(listed)(TEXTS)
        assert "same" not in raised.value.message
