"""Where a notice may go: a webhook (HTTPS; HTTP on this machine) or a mail address."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from govd.errors import Usage

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""A receiver's name: it names a file, too."""
MAILBOX: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
"""A mail address (RFC 5321 dot-atoms; no quoted parts, ASCII)."""
LONGEST: Final = 2000
FORMS: Final = "Write https://HOST/PATH or mailto:ADDRESS."


@dataclass(frozen=True)
class Address:
    """`whole`: as it was written. `shown`: as the ledger and people may see it: a webhook's scheme,
    host and port, a mail address as it is. `name`: what its receiver is called by itself.
    """

    whole: str
    shown: str
    name: str

    @property
    def is_mail(self) -> bool:
        """Whether it is a mail address."""
        return self.shown.startswith("mailto:")


def is_address(word: str) -> bool:
    """Whether a word of a command line is meant as an address: no name and no kind has a colon."""
    return ":" in word


def address_of(text: str, plain_http: bool = False) -> Address:
    """The address that somebody wrote. `plain_http`: it may be HTTP elsewhere, too.

    Raises:
        Usage: it is no address that a notice may go to.
    """
    excerpt = text[:60]
    if (
        len(text) > LONGEST
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        advice = f"Visible ASCII without spaces, at most {LONGEST} characters. {FORMS}"
        raise Usage(f"{excerpt!r} is no address", advice=advice)
    if text.lower().startswith("mailto:"):
        return _mailbox(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as fault:
        raise Usage(f"{excerpt!r} is no address ({fault})", advice=FORMS) from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Usage(f"{excerpt!r} is no address of a receiver", advice=FORMS)
    if parts.username is not None or parts.fragment:
        raise Usage(
            "an address holds neither a password nor a fragment",
            where=f"{parts.scheme}://{host}",
            advice="The signature tells the receiver who sent it; leave out USER:PASSWORD@ and #….",
        )
    if parts.scheme == "http" and not (plain_http or is_loopback(host)):
        raise Usage(
            "whoever is on the way reads what is sent without TLS",
            where=f"http://{host}",
            advice="Write https://, or say --plain-http if you mean it.",
        )
    return Address(text, _origin(parts, host, port), _name_of(host))


def check_name(name: str) -> str:
    """A receiver's name as it may be.

    Raises:
        Usage: it may not.
    """
    if not NAME.fullmatch(name):
        raise Usage(
            f"{name[:80]!r} is no name for a receiver",
            advice="Small letters, digits, dot, dash and underscore, at most 63, a letter or digit"
            " first.",
        )
    return name


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def mailbox_of(address: str) -> str:
    """The mail address of `mailto:ADDRESS`."""
    return unquote(address.partition(":")[2])


def _mailbox(text: str) -> Address:
    mailbox = mailbox_of(text)
    if not MAILBOX.fullmatch(mailbox) or len(mailbox) > 254 or ".." in mailbox:
        raise Usage(
            f"{text[:80]!r} is no mail address",
            advice="Write mailto:ann@example.org: one address, and nothing after it.",
        )
    return Address(f"mailto:{mailbox}", f"mailto:{mailbox}", _name_of(mailbox))


def _origin(parts: SplitResult, host: str, port: int | None) -> str:
    spelled_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{spelled_host}" + (f":{port}" if port is not None else "")


def _name_of(text: str) -> str:
    """`hooks.example.org` of a host, `ann-example.org` of a mail address."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")
    return plain[:60] or "receiver"
