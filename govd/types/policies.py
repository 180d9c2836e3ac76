"""Policies that come with a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from govd.types.values import Json


@dataclass(frozen=True)
class Parameter:
    """What can be set of a ready policy. `kind`: `share` (0 to 1, a CEL double), `number` (as it is
    written), `list` (`a,b`, a CEL list of strings) or `text` (stands in quotes of the text's own).
    `default`: None where it must be given.
    """

    name: str
    kind: Literal["share", "number", "list", "text"]
    meaning: str
    default: str | None = None


@dataclass(frozen=True)
class ReadyPolicy:
    """A policy with parameters: `govd policy add --ready NAME --set k=v`.

    `text`: the YAML, with `$name` where a parameter stands (`string.Template`; `$$` is a dollar).
    `description`: a paragraph: what it is for, and what follows from it.
    """

    name: str
    description: str
    text: str
    parameters: tuple[Parameter, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """For lists: everything but the text."""
        return {
            "name": self.name,
            "description": " ".join(self.description.split()),
            "parameters": [
                {"name": p.name, "kind": p.kind, "default": p.default, "meaning": p.meaning}
                for p in self.parameters
            ],
        }
