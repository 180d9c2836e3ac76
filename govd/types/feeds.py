"""What comes in from elsewhere by itself: feeds, their documents, and what became of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from govd.types.values import Json

RowForm = Literal["text", "json", "ndjson"]
"""How the rows of a document are written; `text` is CSV, or one name a line."""
RowAnswer = Literal["filed", "already", "ended", "refused"]
DOCUMENT_BYTES: Final = 16 << 20
"""Bytes of a document at most."""


@dataclass(frozen=True)
class Feed:
    """A feed as a plugin is told of it.

    `url`: where it is read, as its owner typed it; a path is `file:///…` by then. `secret`: what he
    gave for it (a bearer token, a signing secret), empty where there is none. `inbox`: the folder
    of this home into which documents are put that somebody sends.
    """

    name: str
    url: str
    inbox: Path
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Document:
    """What a feed has at one moment: bytes with rows, of at most `DOCUMENT_BYTES`.

    `name`: tells documents of one feed apart, `names.csv`; a later one of the same name stands in
    its place, and a row that it lacks has disappeared. `delivery`: the id of the message that
    brought it, where it was sent.
    """

    name: str
    data: bytes = field(repr=False)
    form: RowForm = "text"
    delivery: str = ""


@dataclass(frozen=True)
class Proposals:
    """What a look at a feed brought: documents that are new since `cursor`, in the order in which
    they are to be taken.

    `cursor`: what the next look is given, JSON of the plugin's own. It is kept once every document
    is dealt with, and may be lost: then all is looked at again, and nothing is filed twice.
    `waiting`: what is there and not read yet, a line for each: `names.csv is still being written`.
    """

    documents: tuple[Document, ...] = ()
    cursor: Mapping[str, Json] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What became of a row of a document.

    `row`: its line in a file, or its number, from 1. `concepts`, `domains`: as it names them.
    `answer`: `filed`; `already`, where it is wanted by another or an earlier row; `ended`, where
    what this feed filed for it was taken back, rejected or denied since; `refused`. `request`: the
    id, where there is one. `reason`: why, in words.
    """

    row: int
    concepts: tuple[str, ...]
    domains: tuple[str, ...]
    answer: RowAnswer
    request: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answers:
    """What became of a document. `state`: `done`, or `held` for a person, and then `reason` says
    why and no row was filed.
    """

    state: str
    reason: str
    rows: tuple[Answer, ...]
