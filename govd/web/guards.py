"""What is refused before anything is read: foreign hosts and origins, bodies without end."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govd.errors import Usage
from govd.web.problems import problem, refusal

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
EVERYWHERE: Final = ("0.0.0.0", "::")
LARGEST: Final = 64 * 2**20
"""Bytes of a request's body at most."""


def check_name(name: str) -> str:
    """A host's name or address as `--allow-host` and `allowed_hosts` say it: without scheme, port
    or path.

    Raises:
        Usage: it is none.
    """
    plain = name.strip().strip("[]").rstrip(".").lower()
    if (
        not plain
        or any(c in plain for c in "/@ *")
        or (":" in plain and not _is_address(plain))
    ):
        raise Usage(
            f"{name!r} is no host's name",
            where="--allow-host",
            advice="Say a name or an address, without scheme and port.",
        )
    return plain


def host_of(asked: str) -> str:
    """The name in a Host header, without its port (RFC 9110, section 7.2)."""
    if asked.startswith("["):
        return asked[1:].partition("]")[0].lower()
    return asked.partition(":")[0].rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Hosts:
    """Admits calls to names that are this daemon's, from pages of its own.

    A page elsewhere can make a browser call us under its own name (DNS rebinding), so a name must
    have been allowed. With `addresses` (the daemon listens everywhere) any address is admitted as
    it is: an address cannot be rebound.
    """

    def __init__(
        self, app: ASGIApp, names: Iterable[str] = (), addresses: bool = False
    ) -> None:
        self.app = app
        self.names = {*LOOPBACK, *names}
        self.addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            asked_host = headers.get("host", "")
            host = host_of(asked_host)
            origin = headers.get("origin")
            if host not in self.names and not (self.addresses and _is_address(host)):
                error = Usage(
                    f"this daemon is not called {host!r}",
                    advice="Ask for 127.0.0.1, or start it with --allow-host NAME.",
                )
                await problem(421, error.as_problem() | {"status": 421})(
                    scope, receive, send
                )
                return
            if (
                origin is not None
                and origin.partition("://")[2].lower() != asked_host.lower()
            ):
                await refusal(403, "Foreign origin", f"not from {origin}")(
                    scope, receive, send
                )
                return
        await self.app(scope, receive, send)


class TooLarge(HTTPException):
    """A body of more than so many bytes, however it says its length."""

    def __init__(self, largest: int = LARGEST) -> None:
        super().__init__(413, f"Too large: at most {largest} bytes")


class Bodies:
    """Counts a body as it comes in: one that is sent in chunks does not say how long it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            await refusal(400, "Bad request", f"Content-Length is {length!r}")(
                scope, receive, send
            )
            return
        size = 0
        begun = False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST:
                raise TooLarge
            return message

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if int(length) > LARGEST:
                raise TooLarge
            await self.app(scope, counted, sent)
        except (
            TooLarge
        ) as error:  # the routes' own handling did not see it: it was read before them
            if begun:
                raise
            await problem(413, {"title": error.detail}, dict(error.headers or {}))(
                scope, receive, send
            )
