"""Names in expressions: what `request.names` can be equal to, and what a private request hides.

The ledger only commits to the texts of a private request, so its fields are empty. Empty must not
be read as "names nothing of the list": an expression that reads such a field without asking
`request.private` has no answer, and lets wait.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from govd.models.phrases import folded

HIDDEN: Final = ("names", "concepts", "aliases", "reason", "basis", "ticket")
"""Fields of `request` that are empty, or commitments, where it is private."""
READ: Final = re.compile(rf"\brequest\s*\.\s*({'|'.join(HIDDEN)})\b")
ASKED: Final = re.compile(r"\brequest\s*\.\s*private\b")
LITERAL: Final = r"""(?:'([^'\\\n]*)'|"([^"\\\n]*)")"""
IN_NAMES: Final = re.compile(LITERAL + r"\s+in\s+request\s*\.\s*names\b")
OVER_NAMES: Final = re.compile(
    r"\brequest\s*\.\s*names\s*\.\s*(?:exists|exists_one|all|filter)\s*\("
)
COMPARED: Final = re.compile(r"(?:[\[,]|[=!]=)\s*" + LITERAL)
STRINGS: Final = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""")


@lru_cache(512)
def hidden_reads(expression: str) -> tuple[str, ...]:
    """The fields that an expression reads though a private request hides them; none where it asks
    `request.private` itself.
    """
    bare = STRINGS.sub("''", expression)
    if ASKED.search(bare):
        return ()
    return tuple(dict.fromkeys(f"request.{name}" for name in READ.findall(bare)))


def hidden_fault(fields: Sequence[str]) -> str:
    """Why an expression that reads hidden fields has no answer."""
    return f"the request is private, which hides {', '.join(fields)}: ask request.private first"


def never_equal(expression: str) -> str | None:
    """The first name that an expression compares with `request.names` and that is spelled as none
    of them ever is; None where all can match.
    """
    literals = IN_NAMES.findall(expression)
    for over in OVER_NAMES.finditer(expression):
        literals += COMPARED.findall(_argument(expression, over.end()))
    names = (single or double for single, double in literals)
    return next((name for name in names if name != folded(name)), None)


def _argument(expression: str, start: int) -> str:
    """From `start`, behind an opening bracket, to the bracket that closes it."""
    depth = 1
    for position in range(start, len(expression)):
        depth += (expression[position] in "([{") - (expression[position] in ")]}")
        if depth == 0:
            return expression[start:position]
    return expression[start:]
