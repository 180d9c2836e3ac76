"""A policy's text: YAML in, a `Document` out, or an error with line, column and what could have
been meant.

    name: two-people
    version: 1
    moments: [filed]
    when: predicted.cost == null || predicted.cost > 0.02
    effect: {wait: {n: 2, role: legal, not: filer}}
    message: over 2 % two people of legal approve
    mode: shadow
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from govd.errors import BadFile
from govd.ledger.times import UNIT_SECONDS
from govd.policies.effects import Effect, Effects
from govd.policies.inputs import MOMENTS
from govd.policies.language import BadExpression, compiled, meant
from govd.records.policy import Mode
from govd.types import Json

if TYPE_CHECKING:
    import yaml

LONGEST_MESSAGE_CHARS: Final = 1000
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
KEYS: Final = (
    "name",
    "version",
    "description",
    "moments",
    "when",
    "effect",
    "message",
    "mode",
    "every",
)
NEEDED: Final = ("name", "moments", "when", "effect")


@dataclass(frozen=True)
class Document:
    """A policy as its text says it. `every_seconds`: how often one that proposes is asked."""

    name: str
    version: str
    description: str
    moments: tuple[str, ...]
    when: str
    effect: Effect
    message: str
    mode: Mode
    every_seconds: int
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@lru_cache(512)
def read(text: str, where: str = "policy") -> Document:
    """The policy that a text says. `where`: the file's name, for errors.

    Raises:
        BadFile: it is no YAML, a key or value is not one of a policy, or the expression does not
            compile; with line and column.
    """
    return _Reader(text, where).document()


def added_as(document: Document) -> dict[str, Json]:
    """What the entry that adds a policy says of it."""
    return {
        "digest": document.digest,
        "version": document.version,
        "moments": list(document.moments),
        "text": document.text,
    }


class _Reader(Effects):
    """Reads one text; every error has the place of the node that it is about."""

    needed = NEEDED

    def document(self) -> Document:
        root = self._root()
        at = self._mapping(root, "a policy", KEYS)
        missing = [key for key in NEEDED if key not in at]
        if missing:
            raise self._bad(
                root,
                f"no {' and no '.join(missing)}",
                f"A policy has {', '.join(KEYS)}.",
            )
        moments = self._moments(at["moments"])
        effect = self._effect(at["effect"])
        self._fits(at["effect"], moments, effect)
        when = self._text(at["when"], "when")
        for moment in moments:
            self._compiled(at["when"], when, moment)
        return Document(
            name=self._name(at["name"]),
            version=self._scalar(at, "version", "1"),
            description=self._scalar(at, "description", ""),
            moments=moments,
            when=when,
            effect=effect,
            message=self._scalar(at, "message", ""),
            mode=self._mode(at.get("mode")),
            every_seconds=self._seconds(at["every"])
            if "every" in at
            else UNIT_SECONDS["d"],
            text=self.text,
        )

    def _scalar(self, at: Mapping[str, yaml.Node], key: str, otherwise: str) -> str:
        if key not in at:
            return otherwise
        text = self._text(at[key], key).strip()
        if len(text) > LONGEST_MESSAGE_CHARS:
            raise self._bad(
                at[key], f"{key} has more than {LONGEST_MESSAGE_CHARS} characters"
            )
        return text

    def _name(self, node: yaml.Node) -> str:
        name = self._text(node, "name")
        if not NAME.fullmatch(name):
            raise self._bad(
                node,
                f"the name {name!r}",
                "Small letters, digits and hyphens, 63 at most.",
            )
        return name

    def _moments(self, node: yaml.Node) -> tuple[str, ...]:
        moments = []
        for entry in self._list(node, "moments"):
            moment = self._text(entry, "a moment")
            if moment not in MOMENTS:
                raise self._bad(
                    entry, f"no moment {moment!r}", meant(moment, tuple(MOMENTS))
                )
            moments.append(moment)
        if not moments:
            raise self._bad(node, "no moment", f"Moments: {', '.join(MOMENTS)}.")
        return tuple(dict.fromkeys(moments))

    def _mode(self, node: yaml.Node | None) -> Mode:
        if node is None:
            return Mode.SHADOW
        mode = self._text(node, "mode")
        mode = "off" if mode.lower() in ("off", "false", "no") else mode
        if mode not in tuple(Mode):
            raise self._bad(node, f"no mode {mode!r}", meant(mode, tuple(Mode)))
        return Mode(mode)

    def _fits(self, node: yaml.Node, moments: tuple[str, ...], effect: Effect) -> None:
        """Whether these moments can have this effect."""
        wrong = ""
        if (effect.kind == "propose") != (moments == ("propose",)):
            wrong = "propose is the effect of the moment propose, and of no other"
        elif effect.kind == "set" and moments != ("filed",):
            wrong = "dates are set when a forget is filed, at no other moment"
        elif effect.needs is not None and {"gate", "expire"} & {*moments}:
            wrong = "nobody approves a revision or an expiry: let it wait, or deny it"
        if wrong:
            raise self._bad(node, wrong)

    def _compiled(self, node: yaml.Node, expression: str, moment: str) -> None:
        try:
            compiled(expression, moment)
        except BadExpression as error:
            line = error.line - 1
            column = error.column - 1
            mark = node.start_mark
            style = getattr(node, "style", None)
            if style in ("|", ">"):
                first = self.text.splitlines()[mark.line + 1 : mark.line + 2]
                indent = 0
                if first:
                    indent = len(first[0]) - len(first[0].lstrip())
                place = (mark.line + 2 + line, indent + column + 1)
            else:
                quoted = 1 if style else 0
                shift = mark.column + quoted if line == 0 else 0
                place = (mark.line + 1 + line, shift + column + 1)
            raise BadFile(
                error.what,
                where=f"{self.where}:{place[0]}:{place[1]}",
                advice=error.advice,
            ) from None
