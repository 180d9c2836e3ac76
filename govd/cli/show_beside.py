"""Names beside what is asked for that may be meant, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from govd.cli.tables import escape

if TYPE_CHECKING:
    from govd.types import Json

TOLD: Final = 5
"""Words that are asked about by name."""


def asked_lines(near: Sequence[Mapping[str, Json]], ways: str = "") -> Iterator[str]:
    """The question whether words that are near are meant, too, with the share of the pictures of
    each that the forget is about; none where no word is asked about. `ways`: how else than by a
    request of its own that can be said.
    """
    words = [word for word in near if word["ask"]]
    if not words:
        return
    first, *next_words = words[:TOLD]
    names = [
        f"{escape(first['name'])} ({first['involved']:.2f} of its pictures are this)"
    ]
    names += [f"{escape(word['name'])} ({word['involved']:.2f})" for word in next_words]
    more = f" and {len(words) - TOLD} more" if len(words) > TOLD else ""
    pronoun = "it" if len(words) == 1 else "them"
    yield (
        f"[yellow]near it: {', '.join(names)}{more}: forget {pronoun} too?[/] ({ways}a request of"
        " its own)"
    )


def alike_lines(twins: Sequence[str]) -> Iterator[str]:
    """Names that are the same to the model as what is asked for."""
    if twins:
        names = ", ".join(escape(repr(name)) for name in twins)
        verb = "it goes" if len(twins) == 1 else "they go"
        yield f"[yellow]{names}: the same to this model as what is asked for: {verb}, too[/]"


def beside_lines(predicted: Mapping[str, Json]) -> Iterator[str]:
    """The same of a request's prediction; nothing of older entries."""
    yield from alike_lines(predicted.get("read_alike") or ())
    yield from asked_lines(predicted.get("near") or ())
