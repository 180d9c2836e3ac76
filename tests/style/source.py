"""A source file as its syntax: its lines of code, its functions, and what they are about."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

LAYOUT: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
"""Tokens that make no line one of code."""
ARRAY: Final = re.compile(r"\b(ndarray|NDArray|Array|ArrayLike)\b")
DIMENSION: Final = r"[A-Za-z0-9_][\w+*·-]{0,11}"
SHAPE: Final = re.compile(rf"[(\[](?:{DIMENSION},|{DIMENSION}(?:, {DIMENSION})+)[)\]]")
"""`(n, d)`, `(d,)`, `[B, L, D]`; one of the dimensions is a single letter or digit."""
ANY: Final = re.compile(r"\bAny\b")
DESCRIBED: Final = re.compile(r"\b(help|description)=")


@dataclass(frozen=True)
class Function:
    """A function or method of a file."""

    path: Path
    node: FunctionNode
    owners: tuple[str, ...]
    """Names of the classes and functions around it."""
    is_nested: bool = False
    """Whether one of them is a function."""

    @property
    def place(self) -> str:
        return (
            f"{self.path}:{self.node.lineno} {'.'.join((*self.owners, self.node.name))}"
        )

    @property
    def lines(self) -> int:
        """From `def` to its last line, docstring included."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def is_public(self) -> bool:
        """No name on the way to it begins with an underscore, it is in no other function, and no
        hook's implementation, whose reference is the hook's own docstring.
        """
        names = (*self.path.with_suffix("").parts, *self.owners, self.node.name)
        hooks = any(
            "hookimpl" in ast.unparse(mark) for mark in self.node.decorator_list
        )
        return (
            not hooks
            and not self.is_nested
            and not any(name.startswith("_") for name in names)
        )

    @cached_property
    def own(self) -> tuple[ast.AST, ...]:
        """The nodes of its body, without those of functions and classes inside it."""
        return tuple(_own(self.node.body))

    @property
    def locals(self) -> set[str]:
        """Names that it binds: assigned, of loops, of `with`, of comprehensions."""
        return {
            node.id
            for node in self.own
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }

    @property
    def raises(self) -> bool:
        """Whether it has a `raise` of its own: not a bare one, nor one of what is no error to a
        caller (`NotImplementedError`; `typer.Exit`, by which a command says its exit code).
        """
        errors = (
            node.exc for node in self.own if isinstance(node, ast.Raise) and node.exc
        )
        names = (ast.unparse(error).partition("(")[0] for error in errors)
        return any(name not in ("NotImplementedError", "typer.Exit") for name in names)

    @property
    def arguments(self) -> tuple[ast.arg, ...]:
        """Its parameters, without `self` and `cls`."""
        listed = self.node.args
        every = (*listed.posonlyargs, *listed.args, *listed.kwonlyargs)
        return tuple(
            argument for argument in every if argument.arg not in ("self", "cls")
        )

    @property
    def handles_arrays(self) -> bool:
        """Whether it takes or returns an array, by its annotations."""
        annotations = [
            *(argument.annotation for argument in self.arguments),
            self.node.returns,
        ]
        return any(
            ARRAY.search(ast.unparse(note)) for note in annotations if note is not None
        )

    @property
    def is_untyped(self) -> bool:
        """Whether `Any` stands in its signature; JSON is spelled `Json` or `Record`."""
        notes = [argument.annotation for argument in self.arguments]
        rest = (self.node.args.vararg, self.node.args.kwarg)
        notes += [argument.annotation for argument in rest if argument]
        texts = (ast.unparse(note) for note in (*notes, self.node.returns) if note)
        return any(ANY.search(text) for text in texts)

    @property
    def tells_shape(self) -> bool:
        shapes = SHAPE.findall(self.docstring)
        return any(re.search(r"\b\w\b", shape) for shape in shapes)

    def names(
        self, argument: ast.arg, inherited: str, described: frozenset[str]
    ) -> bool:
        """Whether a reader learns what a parameter means.

        Args:
            argument: the parameter.
            inherited: the docstring that `help()` would show where it has none of its own.
            described: names of annotations that come with a help text.
        """
        note = ast.unparse(argument.annotation) if argument.annotation else ""
        if DESCRIBED.search(note) or note in described:
            return True
        spelled = re.escape(argument.arg).replace("_", "[_ ]")
        return re.search(rf"\b{spelled}\b", self.docstring or inherited) is not None


def _own(body: list[ast.stmt]) -> Iterator[ast.AST]:
    nodes: list[ast.AST] = list(body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node
        nodes.extend(ast.iter_child_nodes(node))


@dataclass(frozen=True)
class Source:
    """A file, read and parsed."""

    path: Path
    text: str

    @classmethod
    def read(cls, top: Path, path: Path) -> Source:
        """Args: `path` lies below `top`, and is kept relative to it."""
        return cls(path.relative_to(top), path.read_text(encoding="utf-8"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def described(self) -> Iterator[str]:
        """Names of annotations with a help text, as `HomeOption = Annotated[…, Option(help=…)]`."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and DESCRIBED.search(
                ast.unparse(node.value)
            ):
                yield from (ast.unparse(target) for target in node.targets)

    @property
    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in self.tree.body if isinstance(node, ast.ClassDef))

    @property
    def length(self) -> int:
        return len(self.text.splitlines())

    @property
    def expressions(self) -> int:
        """Nodes that are expressions, but for docstrings."""
        nodes = sum(isinstance(node, ast.expr) for node in ast.walk(self.tree))
        return nodes - len(self._bare_constants)

    @cached_property
    def _bare_constants(self) -> tuple[ast.Expr, ...]:
        """Statements that are a constant alone: docstrings, of names too."""
        return tuple(
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )

    @property
    def code_lines(self) -> int:
        """Lines with code on them: neither blank, nor comment, nor of a docstring."""
        coded: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in LAYOUT:
                coded.update(range(token.start[0], token.end[0] + 1))
        for docstring in self._bare_constants:
            last = docstring.end_lineno or docstring.lineno
            coded.difference_update(range(docstring.lineno, last + 1))
        return len(coded)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        return tuple(self._functions(self.tree, (), False))

    def _functions(
        self, node: ast.AST, owners: tuple[str, ...], is_nested: bool
    ) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            inner, within_function = owners, is_nested
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Function(self.path, child, owners, is_nested)
                inner, within_function = (*owners, child.name), True
            elif isinstance(child, ast.ClassDef):
                inner = (*owners, child.name)
            yield from self._functions(child, inner, within_function)
