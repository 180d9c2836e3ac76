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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import yaml

from govd.errors import BadFile
from govd.ledger.times import UNIT_SECONDS, interval_seconds
from govd.policies.inputs import MOMENTS
from govd.policies.language import BadExpression, compiled, meant
from govd.records.policy import Mode
from govd.types import Json, Needs

MAX_TEXT_BYTES: Final = 65_536
MAX_DEPTH: Final = 12  # levels of lists and mappings in each other
OPENS: Final = ("<block mapping start>", "<block sequence start>", "{", "[")
CLOSES: Final = ("<block end>", "}", "]")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_MESSAGE_CHARS: Final = 1000
MOST_PEOPLE: Final = 100
LONGEST_SECONDS: Final = 100 * 366 * 86_400
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
Kind = Literal["allow", "deny", "wait", "set", "propose"]
KINDS: Final[tuple[Kind, ...]] = ("allow", "deny", "wait", "set", "propose")
FORGET_KEYS: Final = (
    "model",
    "concepts",
    "aliases",
    "domains",
    "reason",
    "basis",
    "ticket",
)


@dataclass(frozen=True)
class Effect:
    """What follows where the expression is true.

    `kind`: `allow` (approves by itself where nobody objects), `deny`, `wait`, `set` or `propose`.
    `needs`: of a `wait`, the people that it waits for. `due_seconds`, `expires_seconds`: of a
    `set`, after the filing. `forget`: of a `propose`, what `govd forget` would be given; None: the
    revert of the forget that the expression was asked about.
    """

    kind: Kind
    needs: Needs | None = None
    due_seconds: int | None = None
    expires_seconds: int | None = None
    forget: Mapping[str, Json] | None = None


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


class _Reader:
    """Reads one text; every error has the place of the node that it is about."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

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

    def _root(self) -> yaml.Node:
        if len(self.text.encode()) > MAX_TEXT_BYTES:
            advice = f"At most {MAX_TEXT_BYTES // 1024} KiB."
            raise BadFile("the policy is too long", where=self.where, advice=advice)
        try:
            self._scan()
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            where = self._at(error.problem_mark) if error.problem_mark else self.where
            raise BadFile(f"no YAML: {error.problem}", where=where) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise BadFile(f"no YAML: {str(error)[:200]}", where=self.where) from None
        if root is None:
            raise BadFile(
                "an empty file",
                where=self.where,
                advice=f"Needed: {', '.join(NEEDED)}.",
            )
        return root

    def _scan(self) -> None:
        """What no policy has is refused token by token, before anything is built of it: a parser
        takes minutes for a text that is brackets alone.
        """
        depth = 0
        for token in yaml.scan(self.text):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                raise self._bad(
                    token, "anchors, aliases and tags are no part of a policy"
                )
            depth += (token.id in OPENS) - (token.id in CLOSES)
            if depth > MAX_DEPTH:
                raise self._bad(
                    token, f"more than {MAX_DEPTH} levels", "A policy has four."
                )

    def _mapping(
        self, node: yaml.Node, what: str, known: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        """Keys and nodes of a mapping."""
        if not isinstance(node, yaml.MappingNode):
            raise self._bad(
                node, f"{what} is written as KEY: VALUE", f"Keys: {', '.join(known)}."
            )
        at: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                raise self._bad(key, f"{what} has no {name!r}", meant(name, known))
            if name in at:
                raise self._bad(key, f"{name} is said twice")
            at[name] = value
        return at

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            raise self._bad(node, f"{what} is a text")
        return str(node.value)

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

    def _list(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if isinstance(node, yaml.ScalarNode):
            return [node]
        if not isinstance(node, yaml.SequenceNode):
            raise self._bad(node, f"{what} is a list")
        return list(node.value)

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

    def _effect(self, node: yaml.Node) -> Effect:
        if isinstance(node, yaml.ScalarNode):
            kind = str(node.value)
            if kind not in ("allow", "deny", "wait"):
                raise self._bad(node, f"no effect {kind!r}", meant(kind, KINDS))
            return Effect(kind)  # type: ignore[arg-type]
        at = self._mapping(node, "effect", KINDS)
        if len(at) != 1:
            raise self._bad(
                node, "an effect is one thing", f"One of {', '.join(KINDS)}."
            )
        ((kind, value),) = at.items()
        readers: dict[str, Callable[[yaml.Node], Effect]] = {
            "wait": self._wait,
            "set": self._set,
            "propose": self._propose,
        }
        if kind not in readers:
            raise self._bad(
                value, f"{kind} says nothing more", f"Write effect: {kind}."
            )
        return readers[kind](value)

    def _wait(self, node: yaml.Node) -> Effect:
        at = self._mapping(node, "wait", ("n", "role", "not"))
        number = self._whole(at["n"]) if "n" in at else 1
        role = self._text(at["role"], "role") if "role" in at else None
        not_filer = "not" in at
        if not_filer and self._text(at["not"], "not") != "filer":
            raise self._bad(at["not"], "not is filer, or left out")
        return Effect("wait", Needs(number, role, not_filer))

    def _whole(self, node: yaml.Node) -> int:
        text = self._text(node, "n")
        if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_PEOPLE:
            raise self._bad(
                node, f"n is {text}", f"A whole number from 1 to {MOST_PEOPLE}."
            )
        return int(text)

    def _set(self, node: yaml.Node) -> Effect:
        at = self._mapping(node, "set", ("due", "expires"))
        if not at:
            raise self._bad(node, "nothing is set", "Say due: 30d or expires: 90d.")
        seconds = {key: self._seconds(value) for key, value in at.items()}
        return Effect(
            "set",
            due_seconds=seconds.get("due"),
            expires_seconds=seconds.get("expires"),
        )

    def _propose(self, node: yaml.Node) -> Effect:
        if isinstance(node, yaml.ScalarNode):
            if node.value != "revert":
                raise self._bad(
                    node, f"propose is {node.value!r}", "revert, or {forget: {…}}."
                )
            return Effect("propose")
        at = self._mapping(node, "propose", ("forget",))
        if "forget" not in at:
            raise self._bad(node, "nothing is proposed", "Say revert, or forget: {…}.")
        given = self._mapping(at["forget"], "forget", FORGET_KEYS)
        if "model" not in given or not {"concepts", "domains"} & given.keys():
            raise self._bad(
                at["forget"], "a forget needs a model, and concepts or domains"
            )
        lists = ("concepts", "aliases", "domains")
        forget: dict[str, Json] = {}
        for key, value in given.items():
            if key in lists:
                forget[key] = [
                    self._text(phrase, key) for phrase in self._list(value, key)
                ]
            else:
                forget[key] = self._text(value, key)
        return Effect("propose", forget=forget)

    def _seconds(self, node: yaml.Node) -> int:
        text = self._text(node, "a duration")
        seconds = interval_seconds(text)
        if seconds is None:
            raise self._bad(
                node, f"{text!r} is no duration", "Write 90d, 12h, 30m or 2w."
            )
        if not 60 <= seconds <= LONGEST_SECONDS:
            raise self._bad(node, f"{text} is out of range", "From 1m to 100 years.")
        return seconds

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
            line, column = error.line - 1, error.column - 1
            mark = node.start_mark
            style = getattr(node, "style", None)
            if style in ("|", ">"):
                first = self.text.splitlines()[mark.line + 1 : mark.line + 2]
                indent = len(first[0]) - len(first[0].lstrip()) if first else 0
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

    def _bad(self, node: Any, what: str, advice: str = "") -> BadFile:
        return BadFile(what, where=self._at(node.start_mark), advice=advice)

    def _at(self, mark: Any) -> str:
        return f"{self.where}:{mark.line + 1}:{mark.column + 1}"
