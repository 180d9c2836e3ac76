"""Receivers of notices that are real: an HTTP server and a mail server on free ports, which answer
as a test says.
"""

import http.server
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from govd.notices.options import ReceiverOptions
from govd.notices.signing import verify
from govd.service.service import Service
from govd.types import Record


@dataclass
class Webhook:
    """What came in, and how it is answered: with a status, a `Retry-After`, or in a way of its
    own (`behave`, which is given the handler).
    """

    url: str = ""
    status: int = 200
    patience: str = ""
    behave: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers in self.headers]

    def checked(self, secret: str) -> list[str]:
        """The ids of what came in, each with a signature that holds."""
        pairs = zip(self.headers, self.bodies, strict=True)
        return [verify(secret, headers, body, time.time()) for headers, body in pairs]


@contextmanager
def webhook(
    context: ssl.SSLContext | None = None, **answers: object
) -> Iterator[Webhook]:
    """A webhook while it lasts, over TLS with a `context`; what hangs is let go at its end."""
    receiver = Webhook(**answers)  # type: ignore[arg-type]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
            if receiver.behave is not None:
                receiver.behave(self)
                return
            self.send_response(receiver.status)
            if receiver.patience:
                self.send_header("Retry-After", receiver.patience)
            if 300 <= receiver.status < 400:
                self.send_header("Location", receiver.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # a sender that hangs up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    scheme = "http" if context is None else "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        receiver.opened.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


def hang(receiver: Webhook) -> None:
    """Answer nothing until the test is over."""
    receiver.behave = lambda handler: receiver.opened.wait(60) and None  # type: ignore[func-returns-value]


def drip(receiver: Webhook) -> None:
    """Answer a byte at a time, for a minute."""

    def dripping(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not receiver.opened.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    receiver.behave = dripping


@dataclass
class MailServer:
    """Mails that came in, and the reply to each command that is not the usual one."""

    port: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


@contextmanager
def mail_server(**replies: str) -> Iterator[MailServer]:
    """A mail server (RFC 5321, as far as one mail needs it) while it lasts."""
    server_state = MailServer(replies=replies)
    usual = {"ehlo": "250 mail.example.org", "data": "354 go on", "quit": "221 bye"}

    class Handler(socketserver.StreamRequestHandler):
        def say(self, command: str) -> None:
            reply = server_state.replies.get(command, usual.get(command, "250 ok"))
            self.wfile.write(f"{reply}\r\n".encode())

        def handle(self) -> None:
            self.wfile.write(b"220 mail.example.org\r\n")
            for line in self.rfile:
                command = line.decode().strip()
                server_state.commands.append(command)
                verb = command[:4].lower()
                self.say(verb)
                if verb == "data" and "data" not in server_state.replies:
                    mail = list(iter(self.rfile.readline, b".\r\n"))
                    server_state.mails.append(b"".join(mail).decode())
                    self.say("mailed")
                if verb == "quit":
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    server_state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server_state
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def add(service: Service, address: str, *on: str, **options: object) -> Record:
    """A receiver of these kinds."""
    whole = ReceiverOptions(address, on, **options)  # type: ignore[arg-type]
    return service.notices.add(whole, "owner")


def happens(service: Service, name: str = "ann") -> int:
    """Something happens that somebody may be told of (`token.create`); the number of its entry."""
    service.tokens.create("reader", name, "owner")
    return int(service.core.desk.views.size) - 1


def kinds(service: Service, noun: str = "notice") -> list[str]:
    """The kinds of entries about notices, in order."""
    return [
        str(entry["kind"])
        for entry in service.core.desk.ledger.entries()
        if str(entry["kind"]).startswith(f"{noun}.")
    ]
