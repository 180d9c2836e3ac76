"""What is typed, before a command takes it: `--model NAME` for a model that is its first position,
`--home DIR` before the command, and paths that are empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from govd.errors import Usage

PATHS: Final = frozenset({Path, list[Path]})
"""Types of what is typed and names files or folders."""
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


def check_paths(arguments: Sequence[str], group: typer.Typer) -> None:
    """Refuse an option that takes a path and was given an empty one, as a shell gives it where a
    variable is not set: it would be the folder that somebody happens to be in.

    Args:
        arguments: what was typed, without `govd`.
        group: all commands.

    Raises:
        Usage: there is one.
    """
    words = list(arguments)
    empty = {before for before, word in pairwise(words) if not word}
    empty |= {word[:-1] for word in words if word.endswith("=")}
    for option in _path_options(words, group) if empty else ():
        if option in empty:
            raise Usage(
                "an empty path",
                where=option,
                advice="Is a variable of the shell not set? The folder you are in is called .",
            )


def _path_options(words: Sequence[str], group: typer.Typer) -> Iterator[str]:
    """The options that take a path, of the command that the words begin with."""
    for inner in group.registered_groups:
        if inner.typer_instance is not None and words[:1] == [inner.name]:
            yield from _path_options(words[1:], inner.typer_instance)
    for command in group.registered_commands:
        name = str(command.name or getattr(command.callback, "__name__", ""))
        if words[:1] != [name.replace("_", "-")]:
            continue
        for hint in get_type_hints(command.callback, include_extras=True).values():
            kind, *given = get_args(hint) or [hint]
            if not PATHS & {kind, *get_args(kind)}:
                continue
            for option in given:
                if isinstance(
                    option, OptionInfo
                ):  # its first name lies where a default would
                    yield from map(str, (option.default, *(option.param_decls or ())))
