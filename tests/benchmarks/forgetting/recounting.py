"""`python -m tests.benchmarks.forgetting.recounting [FILE]`: the means over sets again, from the
rows of each set that a document prints, `tests/benchmarks/README.md` where none is named.

Means that were printed with the rows of a run are of figures with all their digits: these are of
three, and may differ by one in the last. Columns that a set's rows lack (`example auc 8`) are left
out. Where rows of one set alone were measured anew, its rows go into the document, and the means
from here.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

HEAD = "| set | row | forgets | draws | named |"
"""How the table of each set's rows begins."""
DOCUMENT = Path(__file__).parents[1] / "README.md"
Row = dict[str, str]


def rows_of(lines: Sequence[str]) -> Iterator[Row]:
    """The rows of the first table with `HEAD`, by their columns."""
    start = next(i for i, line in enumerate(lines) if line.startswith(HEAD))
    names = _cells(lines[start])
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        yield dict(zip(names, _cells(line), strict=True))


def recounted(rows: Sequence[Row]) -> Iterator[str]:
    """A line of means for each row and number of forgets, as the table of means has them."""
    columns = list(rows[0])[4:]
    yield f"| row | forgets | sets | {' | '.join(columns)} |"
    yield f"|{'---|' * (3 + len(columns))}"
    kinds = {(int(row["forgets"]), row["row"]): None for row in rows}
    for count, name in sorted(kinds, key=lambda kind: kind[0]):
        chosen = [
            row for row in rows if (int(row["forgets"]), row["row"]) == (count, name)
        ]
        means = (_mean([row[column] for row in chosen]) for column in columns)
        yield f"| {name} | {count} | {len(chosen)} | {' | '.join(means)} |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _mean(cells: Sequence[str]) -> str:
    numbers = [float(cell) for cell in cells if cell != "–"]
    return f"{math.fsum(numbers) / len(numbers):.3f}" if numbers else "–"


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DOCUMENT)
    lines = parser.parse_args().file.read_text(encoding="utf-8").splitlines()
    print("\n".join(recounted(list(rows_of(lines)))))


if __name__ == "__main__":
    main()
