"""Times that people read say their zone: in a sentence, or in the head of their column."""

import re
from pathlib import Path

import pytest

import govd.cli
from govd.cli.tables import moment

SHOWN = sorted(Path(govd.cli.__file__).parent.glob("show_*.py"))
CELL = re.compile(r'(?<![{\w])minute\(|\[:19\]\.replace\("T", " "\)')


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_a_time_without_a_zone_stands_in_a_column_that_says_it(path: Path) -> None:
    text = path.read_text()
    assert len(CELL.findall(text)) == text.count('(UTC)"')
    assert "{minute(" not in text


def test_a_sentence_says_the_zone() -> None:
    assert moment("2026-10-25T00:30:00.000000Z") == "2026-10-25 00:30 UTC"
