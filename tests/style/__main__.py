"""Prints figures of style: of all code, and of each room.

    python -m tests.style
    python -m tests.style --list "functions over 50 lines" --in govd/verify

`--list` names the places that a figure is about, `--in` keeps to one folder. The figures are
explained in `tests/style/figures.py`; `tests/style/ceilings.py` has what they may not exceed, and
the goals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from tests.style.ceilings import CEILINGS, GOALS
from tests.style.figures import Figure, figures
from tests.style.source import Source

TOP: Final = Path(__file__).parents[2]
CODE: Final = ("govd", "backends", "plugins")


def sources(*folders: str) -> list[Source]:
    """Every Python file below these folders of the repository."""
    paths = (
        path for folder in folders for path in sorted((TOP / folder).rglob("*.py"))
    )
    return [Source.read(TOP, path) for path in paths]


def current() -> tuple[Figure, ...]:
    """The figures of the repository as it is."""
    return figures(sources(*CODE), sources("tests"))


def print_rooms() -> None:
    """A line a room, with the first few figures, in the order of the table above it."""
    print(
        "\nroom".ljust(29)
        + "".join(f"{number:>8}" for number in range(1, 9))
        + "  median"
    )
    folders = [folder for top in CODE for folder in sorted((TOP / top).iterdir())]
    for folder in folders:
        code = sources(str(folder.relative_to(TOP))) if folder.is_dir() else []
        if any(source.length for source in code):
            *values, _tests, middle = figures(code, [])
            row = "".join(f"{figure.value:8.1f}" for figure in values)
            print(f"{folder.relative_to(TOP)!s:28}{row}{middle.value:8.0f}")


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.style")
    reader.add_argument(
        "--list", metavar="FIGURE", help="the places that this figure is about"
    )
    reader.add_argument(
        "--in", dest="folder", metavar="FOLDER", default="", help="only there"
    )
    chosen = reader.parse_args()
    measured = current()
    if chosen.list:
        for figure in measured:
            if figure.name.startswith(chosen.list):
                print(
                    *(place for place in figure.places if chosen.folder in place),
                    sep="\n",
                )
        return
    print(f"{'':34}{'is':>8}{'ceiling':>9}{'goal':>7}")
    for number, figure in enumerate(measured, start=1):
        ceiling, goal = CEILINGS[figure.name], GOALS[figure.name]
        print(f"{number:>2} {figure.name:31}{figure.value:8.2f}{ceiling:9.2f}{goal:7g}")
    print_rooms()


if __name__ == "__main__":
    main()
