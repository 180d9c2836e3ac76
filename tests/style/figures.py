"""Figures of style over source files, and the places that each is about."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tests.style.source import Function, Source

PARTICIPLES: Final = (
    "found said mine told asked made took taken gave knew known one what"
)
"""Locals so called stand for a value that should have a noun of the field."""
MORE_WORDS: Final = (
    f"{PARTICIPLES} given wanted gone shown seen kept held left got had meant tried was which who "
    "where about there some most own theirs ours others chosen done heard believed named inside it"
)
"""Wider: more participles, pronouns and particles. Some of them are fair names in their place."""

FUNCTION_LINES: Final = 50
FILE_LINES: Final = 350
TEST_FILE_LINES: Final = 500


@dataclass(frozen=True)
class Figure:
    """A figure, and where it could be better."""

    name: str
    value: float
    places: tuple[str, ...] = field(default=(), repr=False)


def expressions_a_line(sources: Iterable[Source]) -> Figure:
    """Expressions a line: every node of an expression in the syntax tree (names, constants,
    attributes, calls, operators, comparisons, comprehensions, subscripts, annotations, …) over
    lines with code on them (neither blank, nor comment, nor docstring). So counted, code of
    flax.nnx and httpx has 3.4 and 3.0.
    """
    nodes = lines = 0
    dense: list[tuple[float, str]] = []
    for source in sources:
        nodes += source.expressions
        lines += source.code_lines
        density = source.expressions / max(source.code_lines, 1)
        dense.append((density, f"{source.path} {density:.1f}"))
    places = tuple(place for _, place in sorted(dense, reverse=True)[:40])
    return Figure("expressions a line", nodes / max(lines, 1), places)


def locals_called(sources: Iterable[Source], words: str, name: str) -> Figure:
    """The share of locals, in percent, whose name is one of `words` (separated by spaces); a
    name counts once a function. `name` is what the figure is called.
    """
    total = 0
    places: list[str] = []
    listed = frozenset(words.split())
    for function in functions_of(sources):
        total += len(function.locals)
        places += [
            f"{function.place} {word}" for word in sorted(function.locals & listed)
        ]
    return Figure(name, 100 * len(places) / max(total, 1), tuple(places))


def _lacking(
    name: str, asked_of: Sequence[Function], lacking: Sequence[Function]
) -> Figure:
    share = 100 * len(lacking) / max(len(asked_of), 1)
    return Figure(name, share, tuple(function.place for function in lacking))


def raising_without_raises(sources: Iterable[Source]) -> Figure:
    """Public functions with a `raise` of their own whose docstring has no `Raises`, in percent. A
    method without a docstring has that of the class above it.
    """
    sources = tuple(sources)
    inherited = Inherited(sources)
    raising = [
        function
        for function in functions_of(sources)
        if function.is_public and function.raises
    ]
    silent = [
        function
        for function in raising
        if "Raises" not in (function.docstring or inherited.docstring(function))
    ]
    return _lacking("raise without Raises, %", raising, silent)


def arrays_without_shape(sources: Iterable[Source]) -> Figure:
    """Public functions that take or return arrays whose docstring tells no shape, in percent."""
    arrays = [
        function
        for function in functions_of(sources)
        if function.is_public and function.handles_arrays
    ]
    shapeless = [function for function in arrays if not function.tells_shape]
    return _lacking("arrays without a shape, %", arrays, shapeless)


def parameters_unnamed(sources: Iterable[Source]) -> Figure:
    """Parameters of public functions with three and more, which their docstring does not name, in
    percent. A method without a docstring has that of the class above it, as `help()` shows it; an
    annotation with a help text (`HomeOption`) says what its parameter means.
    """
    sources = tuple(sources)
    described = frozenset(name for source in sources for name in source.described)
    inherited = Inherited(sources)
    total = 0
    places: list[str] = []
    for function in functions_of(sources):
        if not function.is_public or len(function.arguments) < 3:
            continue
        total += len(function.arguments)
        above = inherited.docstring(function)
        unnamed = (
            argument.arg
            for argument in function.arguments
            if not function.names(argument, above, described)
        )
        places += [f"{function.place} {parameter}" for parameter in unnamed]
    return Figure(
        "parameters unnamed, %", 100 * len(places) / max(total, 1), tuple(places)
    )


class Inherited:
    """Docstrings of methods by the names of their classes; two classes of one name are not told
    apart.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._above: dict[str, tuple[str, ...]] = {}
        self._docstrings: dict[tuple[str, str], str] = {}
        for source in sources:
            for node in source.classes:
                bases = tuple(
                    ast.unparse(base).rpartition(".")[2] for base in node.bases
                )
                self._above[node.name] = (*self._above.get(node.name, ()), *bases)
            for function in source.functions:
                if len(function.owners) == 1 and function.docstring:
                    self._docstrings[function.owners[0], function.node.name] = (
                        function.docstring
                    )

    def docstring(self, function: Function) -> str:
        """Of the nearest class above that has one for a method of this name; empty where none."""
        if len(function.owners) != 1:
            return ""
        classes = list(self._above.get(function.owners[0], ()))
        looked_at: set[str] = set()
        while classes:
            name = classes.pop(0)
            if docstring := self._docstrings.get((name, function.node.name)):
                return docstring
            if name not in looked_at:
                looked_at.add(name)
                classes += self._above.get(name, ())
        return ""


def long_functions(sources: Iterable[Source]) -> Figure:
    """Functions of more than 50 lines."""
    lengthy = [
        function
        for function in functions_of(sources)
        if function.lines > FUNCTION_LINES
    ]
    places = (f"{function.place} {function.lines}" for function in lengthy)
    return Figure("functions over 50 lines", len(lengthy), tuple(places))


def long_files(sources: Iterable[Source], limit: int, name: str) -> Figure:
    """Files of more than `limit` lines; `name` is what the figure is called."""
    lengthy = [source for source in sources if source.length > limit]
    places = tuple(f"{source.path} {source.length}" for source in lengthy)
    return Figure(name, len(lengthy), places)


def median_file(sources: Iterable[Source]) -> Figure:
    """The median of the files' lengths, in lines; empty files are left out."""
    return Figure(
        "median file", median(source.length for source in sources if source.length)
    )


def functions_of(sources: Iterable[Source]) -> list[Function]:
    return [function for source in sources for function in source.functions]


def figures(code: Sequence[Source], tests: Sequence[Source]) -> tuple[Figure, ...]:
    """Every figure; the less, the better, in each of them."""
    return (
        expressions_a_line(code),
        locals_called(code, PARTICIPLES, "locals that are no nouns, %"),
        locals_called(code, MORE_WORDS, "the same, more words, %"),
        raising_without_raises(code),
        arrays_without_shape(code),
        parameters_unnamed(code),
        long_functions(code),
        long_files(code, FILE_LINES, "files over 350 lines"),
        long_files(tests, TEST_FILE_LINES, "test files over 500 lines"),
        median_file(code),
    )
