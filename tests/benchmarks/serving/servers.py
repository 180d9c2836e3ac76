"""The servers that are measured, each in its own process, and the encoder alone in this one."""

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from govd.client import Daemon as Client
from govd.models.embeddings import Encoder
from govd.models.given import Given
from govd.service.service import open_service
from govd.types import ModelReference

READY_SECONDS = 300
JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}


class NotStarted(Exception):
    """A server that does not come up: it says why itself."""


def alone(reference: str, files: list[Path]) -> Callable[[float], dict[str, float]]:
    """What gives pictures a second of the model itself: decoded, prepared and encoded in batches of
    32 by this process, without a server.
    """
    from govd_clip.plugin import govd_open_model

    model = govd_open_model(ModelReference(reference))
    assert model is not None
    encoder, pngs = Encoder(model), [path.read_bytes() for path in files]
    batches = [pngs[i : i + 32] for i in range(0, len(pngs), 32)]
    names = ["picture"] * 32
    encoder.judged(batches[0], names)

    def rate(seconds: float) -> dict[str, float]:
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            encoder.judged(batches[done // 32 % len(batches)], names)
            done += 32
        return {"rate": done / (time.perf_counter() - began)}

    return rate


def load(**job: Any) -> dict[str, Any]:
    """What clients in another process got."""
    command = [sys.executable, "-m", "tests.benchmarks.serving.load", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    results: dict[str, Any] = json.loads(done.stdout)
    return results


class Server:
    """A server that answers a picture at `single` and several at `several`."""

    name, single, several = "", "/embed", "/embed-many"

    def __init__(self, folder: Path, files: list[Path]) -> None:
        self.folder, self.files, self.port = folder, files, free_port()
        self.headers: dict[str, str] = {}

    def many(
        self, clients: int, seconds: float, vectors: bool = False
    ) -> dict[str, Any]:
        """So many clients with a picture each."""
        results = self._load(
            self.single,
            PNG,
            self.files,
            clients=clients,
            seconds=seconds,
            vectors=vectors,
        )
        return results | {"rate": results["calls_per_second"]}

    def one(self, count: int, seconds: float) -> dict[str, Any]:
        """One client with so many pictures a call."""
        path = self.folder / f"{count}.body"
        path.write_bytes(self.body(self.files[:count]))
        results = self._load(
            self.several, self.kind(), [path], clients=1, seconds=seconds, vectors=False
        )
        return results | {"rate": count * results["calls_per_second"]}

    def kind(self) -> dict[str, str]:
        """Headers of a call of several pictures."""
        return JSON

    def body(self, files: list[Path]) -> bytes:
        """The body of a call of several pictures."""
        return json.dumps(
            {"images": [base64.b64encode(f.read_bytes()).decode() for f in files]}
        ).encode()

    def _load(
        self, path: str, headers: dict[str, str], bodies: list[Path], **how: Any
    ) -> dict[str, Any]:
        return load(
            host="127.0.0.1",
            port=self.port,
            path=path,
            headers=self.headers | headers,
            bodies=[str(body) for body in bodies],
            **how,
        )


class Daemon(Server):
    """govd with one model."""

    name = "govd"

    def __init__(
        self, folder: Path, model: str, reference: str, given: Given, files: list[Path]
    ) -> None:
        super().__init__(folder, files)
        self.model = model
        with open_service(folder / "home") as service:
            service.add_model(model, reference, given, "benchmark")
            service.export(model, folder / "exported", "benchmark")
        self.single = self.several = f"/v1/models/{model}/embeddings"

    def __enter__(self) -> Self:
        environment = {**os.environ, "GOVD_HOME": str(self.folder / "home")}
        command = [sys.executable, "-m", "govd", "serve", "--port", str(self.port)]
        command += ["--log-level", "warning"]
        self.process = subprocess.Popen(command, env=environment)
        wait_for(f"http://127.0.0.1:{self.port}/readyz", self.process)
        token = (self.folder / "home" / "token").read_text().strip()
        self.headers = {"Authorization": f"Bearer {token}"}
        self.client = Client(f"http://127.0.0.1:{self.port}", token)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait()

    def pinned(self, files: list[Path], revision: int) -> Any:
        """Unit embeddings `(n, d)` by a revision that is named, picture by picture."""
        url = f"http://127.0.0.1:{self.port}{self.single}?revision={revision}"
        with httpx.Client(headers=self.headers | PNG, timeout=60) as http:
            answers = [
                http.post(url, content=path.read_bytes()).raise_for_status()
                for path in files
            ]
        return np.array([answer.json()["embeddings"][0] for answer in answers])

    def export(self) -> Path:
        """The checkpoint for the other servers."""
        return self.folder / "exported"

    def kind(self) -> dict[str, str]:
        return {"Content-Type": "multipart/form-data; boundary=govd"}

    def body(self, files: list[Path]) -> bytes:
        head = '--govd\r\nContent-Disposition: form-data; name="images"; filename="{}"\r\n\r\n'
        parts = [head.format(path.name).encode() + path.read_bytes() for path in files]
        return b"\r\n".join([*parts, b"--govd--\r\n"])


class Torch(Server):
    """FastAPI with torch, see `torch_server`."""

    name = "FastAPI + torch"

    def __init__(self, checkpoint: Path, files: list[Path]) -> None:
        super().__init__(checkpoint, files)
        module = "tests.benchmarks.serving.torch_server"
        self.command = [sys.executable, "-m", module, str(checkpoint), str(self.port)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command)
        wait_for(f"http://127.0.0.1:{self.port}/openapi.json", self.process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait()


class Infinity(Torch):
    """infinity-emb, in whatever environment its command is of; it takes pictures as data URLs."""

    name, single, several = "infinity-emb", "/embeddings", "/embeddings"

    def __init__(self, command: str, checkpoint: Path, files: list[Path]) -> None:
        super().__init__(checkpoint, files)
        options = [
            "--model-id",
            str(checkpoint),
            "--port",
            str(self.port),
            "--device",
            "cpu",
        ]
        self.command = [*shlex.split(command), *options]

        self._bodies = [self._saved(path) for path in files]

    def _saved(self, path: Path) -> Path:
        """A call of one picture, as a file beside the pictures."""
        body = self.folder / f"{path.stem}.infinity"
        body.write_bytes(self.body([path]))
        return body

    def many(
        self, clients: int, seconds: float, vectors: bool = False
    ) -> dict[str, Any]:
        results = self._load(
            self.single,
            JSON,
            self._bodies,
            clients=clients,
            seconds=seconds,
            vectors=vectors,
        )
        return results | {"rate": results["calls_per_second"]}

    def body(self, files: list[Path]) -> bytes:
        urls = [base64.b64encode(path.read_bytes()).decode() for path in files]
        images = [f"data:image/png;base64,{url}" for url in urls]
        return json.dumps(
            {"model": self.folder.name, "input": images, "modality": "image"}
        ).encode()


def infinity(command: str, checkpoint: Path, files: list[Path]) -> Infinity:
    """infinity-emb over a checkpoint."""
    return Infinity(command, checkpoint, files)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server is ready."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url, timeout=10).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise NotStarted(f"{url} does not answer")
