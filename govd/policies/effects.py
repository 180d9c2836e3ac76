"""What follows where a policy's expression is true: `effect` of its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from govd.ledger.times import interval_seconds
from govd.policies.language import meant
from govd.policies.nodes import Nodes
from govd.types import Json, Needs

if TYPE_CHECKING:
    import yaml

MOST_PEOPLE: Final = 100
LONGEST_SECONDS: Final = 100 * 366 * 86_400
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


class Effects(Nodes):
    """Reads the effect of a policy."""

    def _effect(self, node: yaml.Node) -> Effect:
        if node.id == "scalar":
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
        if node.id == "scalar":
            if node.value != "revert":
                raise self._bad(
                    node, f"propose is {node.value!r}", "revert, or {forget: {…}}."
                )
            return Effect("propose")
        at = self._mapping(node, "propose", ("forget",))
        if "forget" not in at:
            raise self._bad(node, "nothing is proposed", "Say revert, or forget: {…}.")
        fields = self._mapping(at["forget"], "forget", FORGET_KEYS)
        if "model" not in fields or not {"concepts", "domains"} & fields.keys():
            raise self._bad(
                at["forget"], "a forget needs a model, and concepts or domains"
            )
        lists = ("concepts", "aliases", "domains")
        forget: dict[str, Json] = {}
        for key, value in fields.items():
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
