"""Options at other places than those where a command takes them: `--model NAME` for a model that is
its first position, and `--home DIR` before the command.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

HOME: Final = "--home"
OPTION: Final = "--model"
AT_FIRST: Final = frozenset(
    {
        ("export",),
        ("classify",),
        ("rank",),
        ("evaluate",),
        ("revision", "show"),
        ("revision", "diff"),
        ("revision", "interference"),
        ("revision", "manifest"),
        ("audit", "why"),
        ("model", "add"),
        ("model", "show"),
        ("model", "labels"),
        ("model", "update"),
        ("model", "rebase"),
        ("model", "remove"),
    }
)
"""Commands whose first position is a model's name."""


def model_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with what stands behind `--model` as the first position, where the command has
    one for a model.

    `govd export --model mini DIR` is `govd export mini DIR`; what follows `--` is left alone.
    """
    words = list(arguments)
    size = next((n for n in (1, 2) if tuple(words[:n]) in AT_FIRST), 0)
    if not size:
        return words
    path = words[:size]
    rest = words[size:]
    end = rest.index("--") if "--" in rest else len(rest)
    for place, word in enumerate(rest[:end]):
        if word == OPTION and place + 1 < end:
            return [*path, rest[place + 1], *rest[:place], *rest[place + 2 :]]
        if word.startswith(f"{OPTION}="):
            return [*path, word.partition("=")[2], *rest[:place], *rest[place + 1 :]]
    return words


def home_behind(arguments: Sequence[str], groups: Collection[str]) -> list[str]:
    """The arguments with a `--home DIR` that stands before the command moved behind it.

    Args:
        arguments: `govd --home DIR model show mini`, without `govd`.
        groups: commands that have commands of their own.
    """
    words = list(arguments)
    if not words or words[0].partition("=")[0] != HOME:
        return words
    size = 1 if "=" in words[0] else 2
    option = words[:size]
    rest = words[size:]
    if not rest:
        return words
    depth = 2 if rest[0] in groups else 1
    return [*rest[:depth], *option, *rest[depth:]]
