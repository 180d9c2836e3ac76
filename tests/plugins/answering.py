"""A server that answers as a test says, and homes that ask it."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from govd.ledger.entry import Draft
from govd.service.service import Service

Answer = tuple[int, bytes]


@contextmanager
def served(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    """A local HTTP server that answers POSTs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(
                self.path, self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def settings(folder: Path, **lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "govd.toml").write_text(
        "".join(f"{k} = {json.dumps(v)}\n" for k, v in lines.items()), encoding="utf-8"
    )


def news(service: Service) -> None:
    service.core.desk.append([Draft("note", "x", "me")])
    service.checkpoints.sign()
