"""Policies that come with a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from govd.types.values import Json


@dataclass(frozen=True)
class Parameter:
    """What can be set of a ready policy. `default`: None where it must be given; `choices`: the
    words that it may be, each with what is written for it. `kind`:

    - `share`: from 0 to 1, a CEL double, and as `$NAME_percent` for people; `number`: as it is
      written;
    - `text`: stands in quotes of the text's own;
    - `list`: `a,b`, a CEL list of strings; `names`: one of names as `request.names` has them;
    - `pattern`: a regular expression (RE2), a CEL string with its quotes;
    - `zone`: a time zone of the IANA database, in quotes of the text's own;
    - `time`: a date or time, a CEL string with its quotes; `date`: the number 20270131, 0 for none.

    Lists, names and patterns stand in a block of the YAML (`when: |`), where nothing in them is
    read as YAML.
    """

    name: str
    kind: Literal[
        "share", "number", "text", "list", "names", "pattern", "zone", "time", "date"
    ]
    meaning: str
    default: str | None = None
    choices: tuple[tuple[str, str], ...] = ()


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
                {
                    "name": parameter.name,
                    "kind": parameter.kind,
                    "default": parameter.default,
                    "meaning": parameter.meaning,
                    "choices": [word for word, _ in parameter.choices],
                }
                for parameter in self.parameters
            ],
        }
