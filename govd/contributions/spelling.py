"""Whether one name is a misspelling of another: letters changed, left out, added or transposed
(optimal string alignment distance).

Proven by `tests/contributions/test_names.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from govd.models.phrases import folded

SHORT = 5
"""Words of fewer letters differ from others by one letter as a rule (`cat`, `bat`): there only
turned or doubled letters count.
"""
SHORTEST = 3
"""Names of fewer characters are too short to compare."""


def distance(first: str, second: str, limit: int) -> int:
    """Letters to change, add, leave out or turn round with their neighbour from the `first` word to
    the `second`; `limit` + 1 where it is more.

    Each pair of letters is turned at most once (Damerau 1964, in the restricted form).
    """
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before = [0] * (len(second) + 1)
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        earlier, before = before, row
        row = [i, *([0] * len(second))]
        for j, other in enumerate(second, 1):
            left_out = before[j] + 1
            added = row[j - 1] + 1
            changed = before[j - 1] + (letter != other)
            row[j] = min(left_out, added, changed)
            crossed = (
                i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other
            )
            if crossed:
                turned = earlier[j - 2] + 1
                row[j] = min(row[j], turned)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def alike(name: str, known: Collection[str], share: int) -> Iterator[tuple[int, str]]:
    """Known names that differ from a name in one letter in `share`, at least in one, and in how
    many. Case and spacing do not count.

    Args:
        known: the names that there are.
    """
    word = folded(name)
    if len(word) < SHORTEST:
        return
    limit = max(1, len(word) // share)
    letters = Counter(word)
    for other in known:
        candidate = folded(other)
        if len(candidate) < SHORTEST or abs(len(candidate) - len(word)) > limit:
            continue
        missing = letters - Counter(candidate)
        if missing.total() > limit:
            continue
        apart = distance(word, candidate, limit)
        if apart <= limit:
            yield apart, other


def is_variant(name: str, known: str) -> bool:
    """Whether a name is a known one in another case, spacing or number (in English)."""
    words = (folded(text).replace(" ", "") for text in (name, known))
    first, second = sorted(words, key=len)
    if second in (first, f"{first}s", f"{first}es"):
        return True
    return first.endswith("y") and second == f"{first[:-1]}ies"


def is_turned_or_doubled(name: str, known: str) -> bool:
    """Whether two words differ in one turned pair of letters or in one letter that is doubled."""
    first, second = sorted((folded(name), folded(known)), key=len)
    if len(first) == len(second):
        return sorted(first) == sorted(second) and distance(first, second, 1) == 1
    return any(
        second == first[:end] + first[end - 1 :] for end in range(1, len(first) + 1)
    )
