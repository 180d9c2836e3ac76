"""Figures of style stay below their ceilings, and count what they say that they count."""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from tests.style.__main__ import current, sources
from tests.style.ceilings import CEILINGS, GOALS
from tests.style.figures import Figure, figures, functions_of
from tests.style.source import Source

# one worker reads all files, once; nothing of govd runs
pytestmark = [pytest.mark.xdist_group("style"), pytest.mark.no_cover]

ROOT = Path(__file__).parents[2]
SAMPLE = '''"""A module."""

import numpy as np

LONG = 1


def read(path: str, rows: int, fill: float) -> np.ndarray:
    """Reads `path`; where it has fewer rows, `fill` stands in the others."""
    if not rows:
        raise ValueError("no rows")
    found = np.zeros(rows)  # a comment
    return found


def documented(rows: np.ndarray) -> np.ndarray:
    """Rows (n, d) as they are.

    Raises: ValueError: they are none.
    """
    for row in rows:
        if row is None:
            raise ValueError
    return rows


def _private(rows):
    raise ValueError(rows)
'''


def measured(text: str) -> dict[str, Figure]:
    return {
        figure.name: figure
        for figure in figures([Source(Path("govd/sample.py"), text)], [])
    }


@cache
def today() -> dict[str, Figure]:
    return {figure.name: figure for figure in current()}


@pytest.mark.parametrize("name", sorted(CEILINGS))
def test_no_figure_exceeds_its_ceiling(name: str) -> None:
    figure = today()[name]
    advice = f'python -m tests.style --list "{name}"'
    assert figure.value <= CEILINGS[name], f"{name} is {figure.value:.2f}: {advice}"


def test_each_figure_has_a_ceiling_and_a_goal() -> None:
    assert today().keys() == CEILINGS.keys() == GOALS.keys()


def test_a_raise_without_raises_is_noticed_in_public_functions() -> None:
    figure = measured(SAMPLE)["raise without Raises, %"]
    assert figure.value == 50
    assert figure.places == ("govd/sample.py:8 read",)


def test_an_exit_code_is_no_error() -> None:
    for error, share in (
        ("typer.Exit(1)", 0),
        ("NotImplementedError", 0),
        ("OSError", 100),
    ):
        figure = measured(f"def command() -> None:\n    raise {error}\n")
        assert figure["raise without Raises, %"].value == share


def test_a_function_in_another_is_not_public() -> None:
    inner = "def outer():\n    def inner(a, b, c):\n        raise ValueError(a)\n    return inner\n"
    assert measured(inner)["raise without Raises, %"].places == ()
    assert measured(inner)["parameters unnamed, %"].places == ()


def test_arrays_want_a_shape() -> None:
    assert measured(SAMPLE)["arrays without a shape, %"].places == (
        "govd/sample.py:8 read",
    )
    prose = SAMPLE.replace("Rows (n, d) as", "Rows (numbers, mostly) as")
    assert measured(prose)["arrays without a shape, %"].value == 100


def test_locals_are_counted_once_a_function() -> None:
    figure = measured(
        SAMPLE.replace("    return found\n", "    found = found\n    return found\n")
    )
    places = figure["locals that are no nouns, %"].places
    assert places == ("govd/sample.py:8 read found",)
    assert measured(SAMPLE)["locals that are no nouns, %"].value == 50


def test_parameters_are_named_in_docstrings_or_by_help() -> None:
    figure = measured(SAMPLE)["parameters unnamed, %"]
    assert figure.places == ()
    renamed = SAMPLE.replace("fewer rows", "fewer")
    assert measured(renamed)["parameters unnamed, %"].places == (
        "govd/sample.py:8 read rows",
    )
    helped = renamed.replace(
        "rows: int", 'rows: Annotated[int, Option(help="how many")]'
    )
    assert measured(helped)["parameters unnamed, %"].places == ()


def test_an_annotation_with_a_help_text_says_what_its_parameter_means() -> None:
    aliases = 'Rows = Annotated[int, Option(help="how many")]\n'
    text = "def read(rows: Rows, path: Path, fill: float):\n    pass\n"
    places = measured(aliases + text)["parameters unnamed, %"].places
    assert places == ("govd/sample.py:2 read path", "govd/sample.py:2 read fill")


INHERITING = '''
class Api:
    def revert(self, request_id, reason, wait):
        """Args: `request_id`, `reason`.

        Raises: Conflict: it is not in force.
        """

class Local(Api):
    def revert(self, request_id, reason, wait):
        raise Conflict

class Other:
    def revert(self, request_id, reason, wait):
        raise Conflict
'''


def test_a_method_without_a_docstring_has_that_of_the_class_above_it() -> None:
    figure = measured(INHERITING)
    assert figure["raise without Raises, %"].places == (
        "govd/sample.py:14 Other.revert",
    )
    unnamed = figure["parameters unnamed, %"].places
    assert [place.partition(" ")[2] for place in unnamed] == [
        "Api.revert wait",
        "Local.revert wait",
        *(f"Other.revert {name}" for name in ("request_id", "reason", "wait")),
    ]


TYPED_ROOMS = (
    "requests",
    "reconcile",
    "contributions",
    "views",
    "models",
    "serve",
    "audit",
)


@pytest.mark.parametrize("room", TYPED_ROOMS)
def test_a_public_signature_says_what_it_takes(room: str) -> None:
    """Where JSON is meant, it is called `Json` or `Record`."""
    functions = functions_of(sources(f"govd/{room}"))
    assert not [f.place for f in functions if f.is_public and f.is_untyped]


def test_any_is_noticed_wherever_it_stands_in_a_signature() -> None:
    for signature in (
        "f(a: Any)",
        "f(*a: Any)",
        "f(**a: list[Any])",
        "f() -> dict[str, Any]",
    ):
        (function,) = Source(
            Path("govd/sample.py"), f"def {signature}:\n    pass\n"
        ).functions
        assert function.is_untyped, signature
    (typed,) = Source(
        Path("govd/sample.py"), "def f(many: Many) -> Json: pass\n"
    ).functions
    assert not typed.is_untyped


def test_expressions_are_nodes_over_lines_of_code() -> None:
    text = '"""A docstring."""\n\n# a comment\nx = a + f(b)\n'
    assert measured(text)["expressions a line"].value == len(
        ["x", "a + f(b)", "a", "f(b)", "f", "b"]
    )
    assert measured(text + "y = 1\n")["expressions a line"].value == 4


def test_lengths_are_counted_from_def_to_the_last_line() -> None:
    at_limit = "def f():\n" + "    pass\n" * 49
    assert measured(at_limit)["functions over 50 lines"].value == 0
    assert measured(at_limit + "    pass\n")["functions over 50 lines"].value == 1
    assert measured("x = 1\n" * 350)["files over 350 lines"].value == 0
    assert measured("x = 1\n" * 351)["files over 350 lines"].value == 1
    tests = [Source(Path("tests/test_x.py"), "x = 1\n" * 501)]
    code = [Source(Path("govd/sample.py"), SAMPLE)]
    lengths = {figure.name: figure.value for figure in figures(code, tests)}
    assert lengths["test files over 500 lines"] == 1


@pytest.mark.parametrize(
    "page",
    sorted((ROOT / "govd").glob("*/README.md")),
    ids=lambda page: page.parent.name,
)
def test_the_page_of_a_room_names_each_of_its_modules(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    start = lines.index("| module | what is in it |") + 2
    rows = takewhile(lambda line: line.startswith("| "), lines[start:])
    named = {
        name for row in rows for name in re.findall(r"`(\w+[*/]?)`", row.split("|")[1])
    }
    families = tuple(name[:-1] for name in named if name.endswith("*"))
    modules = {path.stem for path in page.parent.glob("*.py")}
    folders = {path.name for path in page.parent.iterdir() if path.is_dir()}
    of_families = {
        module for module in modules if families and module.startswith(families)
    }
    alone = {name.rstrip("/") for name in named if not name.endswith("*")}
    assert modules - of_families - {"__init__"} <= alone
    assert alone <= modules | folders
