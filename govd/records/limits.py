"""How long texts may be and what none of them holds, checked before any work begins; the same for
the command line, HTTP and the client.

Bytes are those of UTF-8. A text holds no NUL or other control character, no lone surrogate (what a
terminal or JSON makes of bytes that are no text) and nothing that turns the direction of writing
for what follows; `lines`: it may have several lines.
"""

from __future__ import annotations

import functools
import inspect
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePath
from typing import Any, Final, ParamSpec, TypeVar

from govd.errors import Usage

P = ParamSpec("P")
T = TypeVar("T")
GREATEST: Final = 2**63 - 1
"""The greatest number that a database keeps."""
DEEPEST: Final = 64
"""Lists and objects within each other, at most."""
TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing until something ends it (UAX #9): a name could be
read as another one.
"""


@dataclass(frozen=True)
class Limit:
    """Of one kind of text: `size_bytes` each, `count` of them where it is a list."""

    size_bytes: int
    count: int = 1
    lines: bool = False


PHRASE: Final = 800
"""Bytes of a phrase: 200 characters of four bytes."""
NAME: Final = Limit(255)
PATH: Final = Limit(4096)
DEFAULT: Final = Limit(1024, 1000)
LIMITS: Final[Mapping[str, Limit]] = {
    "concepts": Limit(PHRASE, 100_000),  # `max_concepts` in govd.toml says more
    **dict.fromkeys(("aliases", "domains"), Limit(PHRASE, 1000)),
    **dict.fromkeys(
        ("labels", "anchors", "label_lines", "anchor_lines"), Limit(PHRASE, 500_000)
    ),
    "templates": Limit(PHRASE, 1000),
    **dict.fromkeys(("concept", "domain", "label"), Limit(PHRASE)),
    **dict.fromkeys(
        (
            "name",
            "model",
            "request",
            "request_id",
            "token_id",
            "role",
            "method",
            "target",
            "actor",
        ),
        NAME,
    ),
    **dict.fromkeys(("due", "expires", "until", "time", "as_of"), Limit(64)),
    # a time, or log checkpoints that somebody kept, of which there may be several
    "since": Limit(65_536, 64, lines=True),
    "idempotency_key": NAME,
    "reason": Limit(16_384, lines=True),
    "basis": Limit(4096, lines=True),
    "ticket": Limit(1024),
    "address": Limit(2048),
    "on": Limit(255, 100),
    "secret": Limit(255),
    "notice": NAME,
    "days": Limit(8, 100),
    "recipient": Limit(1024),
    **dict.fromkeys(("reference", "pool", "publish_to", "folder", "file"), PATH),
    "images": Limit(4096, 1_000_000),
    "paths": Limit(4096, 4096),
    "names": Limit(4096, 4096),
    "texts": Limit(8192, 4096, lines=True),
    **dict.fromkeys(("query", "text"), Limit(100_000, lines=True)),
    "key": Limit(4096),
    **dict.fromkeys(("witnesses", "roots"), Limit(65_536, 64, lines=True)),
}
"""By the name of the option."""


def check_text(text: str, what: str, limit: Limit | None = None) -> None:
    """Refuse what cannot be meant as a text.

    Raises:
        Usage: it is too long, or has characters that no text has.
    """
    limit = limit or LIMITS.get(what, DEFAULT)
    if text.isascii() and text.isprintable() and len(text) <= limit.size_bytes:
        return
    if (
        len(text) > limit.size_bytes
        or len(text.encode("utf-8", "surrogatepass")) > limit.size_bytes
    ):
        excerpt = shorn(text[:40])
        raise Usage(
            f"{excerpt!r}… is too long",
            where=what,
            advice=f"At most {limit.size_bytes} bytes.",
        )
    for place, character in enumerate(text, 1):
        fault = _fault(character, limit.lines)
        if fault:
            excerpt = shorn(text[:40])
            raise Usage(
                f"{excerpt!r} has {fault} at character {place}",
                where=what,
                advice="Write it without.",
            )


def _fault(character: str, lines: bool) -> str:
    """What is wrong with a character, in words; empty where nothing is."""
    category = unicodedata.category(character)
    if category == "Cs":
        return "a lone surrogate (bytes that are not UTF-8)"
    if category == "Cc" and not (lines and character in "\n\r\t"):
        return f"a control character (U+{ord(character):04X})"
    if character in TURNING:
        return (
            f"a character that turns the direction of writing (U+{ord(character):04X})"
        )
    if category in ("Zl", "Zp") and not lines:
        return f"a line's end (U+{ord(character):04X})"
    return ""


def shorn(text: str) -> str:
    """A text that can be shown and stored wherever it came from: halves of characters are
    replaced.
    """
    return text.encode("utf-8", "replace").decode()


def legible(text: str) -> str:
    r"""A text as it was written, fit for any file, table or terminal: what no text has (control
    characters, line ends, what turns the direction of writing) is written out, as `\x1b`.
    """
    return "".join(
        c.encode("unicode_escape").decode() if _fault(c, lines=False) else c
        for c in shorn(text)
    )


def check_texts(named: Mapping[str, object]) -> None:
    """Check options by their names: texts and lists of texts; numbers that a database can keep;
    what is neither is left alone.

    Raises:
        Usage: one of them cannot be meant.
    """
    for name, value in named.items():
        if isinstance(value, str | PurePath):
            check_text(str(value), name)
        elif isinstance(value, bool | bytes) or value is None:
            continue
        elif isinstance(value, int):
            check_number(value, name)
        elif isinstance(value, Sequence):
            limit = LIMITS.get(name, DEFAULT)
            if len(value) > limit.count:
                raise Usage(
                    f"{len(value)} are too many",
                    where=name,
                    advice=f"At most {limit.count}.",
                )
            for item in value:
                if isinstance(item, str):
                    check_text(item, name, limit)


def bounded(function: Callable[P, T]) -> Callable[P, T]:
    """Check what a function is given before it begins: its arguments by their names, and the fields
    of dataclasses among them.

    The function then also raises `Usage`, where a text or number cannot be meant.
    """
    signature = inspect.signature(function)
    spread = [p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]

    @functools.wraps(function)
    def checked(*given: P.args, **named: P.kwargs) -> T:
        arguments = signature.bind(*given, **named).arguments
        for name in spread:
            arguments |= arguments.pop(name, {})
        for value in list(arguments.values()):
            if is_dataclass(value) and not isinstance(value, type):
                check_texts(
                    {field.name: getattr(value, field.name) for field in fields(value)}
                )
        check_texts(arguments)
        return function(*given, **named)

    return checked


def check_number(number: int, what: str) -> None:
    """Refuse a number that no database keeps.

    Raises:
        Usage: it is none between -2⁶³ and 2⁶³ - 1.
    """
    if not -GREATEST - 1 <= number <= GREATEST:
        raise Usage(
            "the number is out of range",
            where=what,
            advice=f"Numbers are at most {GREATEST}.",
        )


def check_document(value: Any, where: str = "the document") -> None:
    """Refuse what cannot be sent as JSON in UTF-8, whatever it means.

    Raises:
        Usage: a lone surrogate or NUL in a text or name, a number beyond 2⁶³ or one that is none,
        or too many levels.
    """
    level: list[tuple[str, Any]] = [(where, value)]
    for _ in range(DEEPEST):
        deeper: list[tuple[str, Any]] = []
        for place, item in level:
            if isinstance(item, str):
                _check_unicode(item, place)
            elif isinstance(item, dict):
                for name in item:
                    _check_unicode(name, place)
                deeper += [
                    (f"{place}.{name}" if place != where else name, part)
                    for name, part in item.items()
                ]
            elif isinstance(item, list | tuple):
                deeper += [(place, part) for part in item]
            elif isinstance(item, int):
                check_number(item, place)
            elif isinstance(item, float) and not abs(item) < float("inf"):
                raise Usage(
                    f"{item} is not a number in JSON",
                    where=shorn(place)[:80],
                    advice="Only finite numbers are.",
                )
        if not deeper:
            return
        level = deeper
    raise Usage(
        f"more than {DEEPEST} levels",
        where=where,
        advice="Nothing here is nested so deep.",
    )


def _check_unicode(text: str, place: str) -> None:
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise Usage(
            "a text has a lone surrogate (bytes that are not UTF-8)",
            where=shorn(place)[:80],
            advice="Send UTF-8.",
        )
    if "\0" in text:
        raise Usage(
            "a text has a NUL", where=shorn(place)[:80], advice="Write it without."
        )
