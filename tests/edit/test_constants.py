"""Whatever was chosen and decides an edit's bytes stands in `constants`, and says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from govd.edit import constants
from govd.edit.pool import PoolFit
from govd.types import Floats
from tests.benchmarks.calibration import AFFECTS, GRID, constant, renew
from tests.benchmarks.mini import Part
from tests.edit.conftest import World

ROOT = Path(__file__).parents[2]
FILE = ROOT / "govd" / "edit" / "constants.py"
DECIDING = (
    "basis",
    "conditional",
    "duals",
    "ingredients",
    "judging",
    "levelled",
    "levelling",
    "pool",
    "reweighting",
    "selectors",
    "steps",
    "strength",
    "system",
)
"""Modules of `edit` that bytes of edits come from, beside all methods."""
OTHERS = {
    "basis": {"BEST", "POOL_SAMPLE", "ROWS"},
    "duals": {"SAME"},
    "fitted": {"KEPT"},
    "ingredients": {"PROMPTS", "PROMPT_ROWS"},
    "judging": {"KEPT"},
    "likely": {"CLIP", "STEPS"},
    "pool": {"GRID", "WEIGHT"},
    "steps": {"CELL_STEPS", "WEIGHTED_STEPS"},
    "trial": {"DIGITS", "OTHERS"},
}
"""Numbers that stand where they are used, by module: how much is looked at or kept at hand, grids
of numbers, when two texts are one, lists that are made of constants, digits of figures.
"""


def assigned(path: Path) -> dict[str, ast.expr]:
    """The constants of a module, by name."""
    values: dict[str, ast.expr] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for t in targets for n in ast.walk(t) if hasattr(n, "id")]
            values |= dict.fromkeys(filter(str.isupper, names), node.value)
    return values


def has_number(value: ast.expr) -> bool:
    """Whether a number stands in an expression."""
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        for node in ast.walk(value)
    )


def deciding() -> list[Path]:
    """The modules that bytes of edits come from."""
    methods = sorted((ROOT / "govd" / "methods").glob("*.py"))
    return [*(FILE.with_name(f"{name}.py") for name in DECIDING), *methods]


def test_no_module_has_one_of_its_own() -> None:
    numbers = {
        path.stem: {n for n, v in assigned(path).items() if has_number(v)}
        for path in deciding()
    }
    assert {name: own for name, own in numbers.items() if own} == OTHERS


def test_each_is_told_of_and_read() -> None:
    body = ast.parse(FILE.read_text(encoding="utf-8")).body
    told = [
        isinstance(after, ast.Expr)
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    assert len(told) > 50
    assert all(told)
    reading = "\n".join(path.read_text(encoding="utf-8") for path in deciding())
    imported = {
        alias.name
        for node in ast.walk(ast.parse(reading))
        if isinstance(node, ast.ImportFrom) and node.module == "govd.edit.constants"
        for alias in node.names
    }
    assert imported == set(assigned(FILE))


def test_calibration_tries_constants_that_there_are_where_they_are_read(
    world: World,
) -> None:
    assert {*GRID, *AFFECTS} <= set(assigned(FILE))
    part = Part(world.basis(), world.data)

    def spread() -> Floats:
        renew([part])
        return np.diagonal(PoolFit.of(part.basis).protected_inverse(0.0, None)).copy()

    usual = spread()
    with constant("FIT_RIDGE", 10 * constants.FIT_RIDGE):
        assert spread() == pytest.approx(usual / 10)
    assert (spread() == usual).all()
