"""Texts that a file lacks, asked of a command and of an HTTP endpoint."""

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from govd.errors import MachineFault, PluginFault
from govd.types import ModelReference
from govd_vectors.outside import OutsideEncoder
from govd_vectors.plugin import govd_open_model

DIM = 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def counted(text: str) -> list[float]:
    """An embedding that a test can compute by hand: letters, vowels, blanks, one."""
    return [
        float(len(text)),
        float(sum(c in "aeiou" for c in text)),
        float(text.count(" ")),
        1.0,
    ]


class Handler(BaseHTTPRequestHandler):
    """Answers as embedding servers do, in another order than asked; the fragment's model name
    chooses what goes wrong.
    """

    seen: ClassVar[list[dict[str, object]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append(
            {**body, "authorization": self.headers.get("Authorization")}
        )
        data = [
            {"index": i, "embedding": counted(text)}
            for i, text in enumerate(body["input"])
        ][::-1]
        answers = {"wrong-width": [{"index": 0, "embedding": [1.0]}], "nothing": None}
        content = json.dumps({"data": answers.get(body["model"], data)}).encode()
        self.send_response(500 if body["model"] == "fails" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def address() -> Iterator[str]:
    Handler.seen.clear()
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/embeddings"
    server.shutdown()
    server.server_close()
    thread.join(5)


def unit(texts: list[str]) -> np.ndarray:
    rows = np.array([counted(text) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_an_endpoint_is_asked_in_batches_and_its_order_does_not_matter(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVD_ENCODER_TOKEN", "secret")
    texts = [letter * n for letter in LETTERS for n in (1, 2, 3)]
    assert (
        np.abs(OutsideEncoder(f"{address}#clip", DIM)(texts) - unit(texts)).max() < 1e-6
    )
    assert [len(call["input"]) for call in Handler.seen] == [64, 14]  # type: ignore[arg-type]
    assert {(call["model"], call["authorization"]) for call in Handler.seen} == {
        ("clip", "Bearer secret")
    }


def test_what_an_endpoint_may_answer_wrongly_is_named(address: str) -> None:
    for model, kind, words in (
        ("wrong-width", PluginFault, "shape"),
        ("nothing", PluginFault, "no embeddings"),
        ("fails", MachineFault, "500"),
    ):
        with pytest.raises(kind, match=words) as raised:
            OutsideEncoder(f"{address}#{model}", DIM)(["a dog"])
        assert "127.0.0.1" in raised.value.message
    with pytest.raises(MachineFault, match="cannot be asked"):
        OutsideEncoder("http://127.0.0.1:9/v1/embeddings", DIM)(["a dog"])


def command(tmp_path: Path, body: str) -> str:
    script = tmp_path / "encode.py"
    script.write_text(
        f"import json, sys\ntexts = json.load(sys.stdin)['texts']\n{body}\n"
    )
    return shlex.join([sys.executable, str(script)])


def test_a_command_is_asked_for_texts_that_the_file_lacks(tmp_path: Path) -> None:
    vectors = np.eye(2, DIM)
    np.savez(tmp_path / "m.npz", names=np.array(["dog", "cat"]), vectors=vectors)
    answers = "print(json.dumps({'embeddings': [[len(t), 0, 0, 1] for t in texts]}))"
    model = govd_open_model(
        ModelReference(str(tmp_path / "m.npz"), text_encoder=command(tmp_path, answers))
    )
    assert model is not None
    rows = model.encode_texts(["cow", "dog", "cow"])
    assert (
        np.abs(
            rows - np.array([[3, 0, 0, 1], [10**0.5, 0, 0, 0], [3, 0, 0, 1]]) / 10**0.5
        ).max()
        < 1e-6
    )


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineFault, match="no weights here"):
        OutsideEncoder(command(tmp_path, "sys.exit('no weights here')"), DIM)(["a"])
    with pytest.raises(PluginFault, match="no embeddings"):
        OutsideEncoder(command(tmp_path, "print('hello')"), DIM)(["a"])
    with pytest.raises(MachineFault, match="cannot be run"):
        OutsideEncoder(str(tmp_path / "nowhere"), DIM)(["a"])
