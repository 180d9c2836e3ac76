"""Where a file can be changed by one node, and how it reads then."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SWAPPED: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
DROPPED: Final = (
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    ast.Raise,
    ast.Continue,
    ast.Break,
)
"""Statements in whose place `pass` can stand."""
UNHEARD: Final = ("log.",)
"""What is only logged: nobody tests the words."""


@dataclass(frozen=True)
class Mutant:
    """One node of a file, from one position in its UTF-8 bytes to another, and what stands there
    instead.
    """

    path: Path
    line: int
    last_line: int
    start: int
    end: int
    before: str
    after: str

    @property
    def lines(self) -> range:
        return range(self.line, self.last_line + 1)

    def apply(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before, after = (
            " ".join(text.split())[:90] for text in (self.before, self.after)
        )
        return f"{self.path}:{self.line}: {before}  ->  {after}"


def mutants_of(path: Path, source: bytes) -> list[Mutant]:
    """Every change that can be made to a file, in its order. `path` is only repeated."""
    tree = ast.parse(source)
    begins = [0]
    for line in source.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    mutants = []
    for node, after in changes(tree):
        start, end = (
            begins[row - 1] + column
            for row, column in (
                (node.lineno, node.col_offset),
                (node.end_lineno, node.end_col_offset),
            )
        )
        before = source[start:end].decode()
        mutants.append(
            Mutant(
                path,
                node.lineno,
                node.end_lineno or node.lineno,
                start,
                end,
                before,
                f"({after})" if isinstance(node, ast.expr) else after,
            )
        )
    return mutants


def changes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Nodes with the text that stands in their place.

    What stays as it is: annotations, imports, decorators, base classes; docstrings; what is only
    logged; texts, those of errors and their advice among them, with what is put into them; `strict`
    of `zip`, which guards against a mistake in the code itself.
    """
    for node in ast.iter_child_nodes(tree):
        if _is_left_alone(node, tree):
            continue
        if isinstance(node, ast.expr | ast.stmt):
            for text in _instead(node):
                yield node, text
        yield from changes(node)


def _is_left_alone(node: ast.AST, parent: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.arg | ast.JoinedStr):
        return True
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and (
        node is parent.returns or node in parent.decorator_list
    ):
        return True
    if isinstance(parent, ast.ClassDef) and node in (
        *parent.decorator_list,
        *parent.bases,
    ):
        return True
    if isinstance(parent, ast.AnnAssign) and node is parent.annotation:
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(
        "logging.getLogger"
    ):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or ast.unparse(
            node.value
        ).startswith(UNHEARD)
    return False


def _instead(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in SWAPPED:
            yield ast.unparse(ast.Compare(left, [_swapped(operator)], [right]))
        case ast.BoolOp(operator, values):
            yield ast.unparse(ast.BoolOp(_swapped(operator), values))
        case ast.BinOp(left, operator, right) if (
            type(operator) in SWAPPED and not _is_text(left) and not _is_text(right)
        ):
            yield ast.unparse(ast.BinOp(left, _swapped(operator), right))
        case ast.UnaryOp(ast.Not(), operand):
            yield ast.unparse(operand)
        case ast.IfExp(_, body, orelse):
            yield ast.unparse(body)
            yield ast.unparse(orelse)
        case ast.Constant(bool() as value):
            yield str(not value)
        case ast.Constant(int() as value):
            yield str(value + 1)
        case ast.Constant(float() as value):
            yield repr(2 * value + 1e-3)
        case ast.Return(value) if value is not None and not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            yield "return None"
        case _ if isinstance(node, DROPPED):
            yield "pass"


def _swapped(operator: ast.AST) -> ast.AST:  # type: ignore[type-arg, unused-ignore]
    return SWAPPED[type(operator)]()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )
