"""Questions in SQL to the views: read-only, and bounded in time, memory and size, in a process of
their own (`question`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govd.errors import Conflict, Usage
from govd.types import Json, Record

#: No answer is longer, in JSON.
BYTES: Final = 8 * 2**20
#: No value is longer, neither stored nor computed.
VALUE_BYTES: Final = 2**20
#: No question takes more memory.
MEMORY_BYTES: Final = 512 * 2**20
SECONDS: Final = 60.0
ROWS: Final = 10_000
#: So many are answered at once; others wait a little and are then refused.
AT_ONCE: Final = 2
PATIENCE_SECONDS: Final = 2.0

_turns = threading.BoundedSemaphore(AT_ONCE)
_ADVICE: Final = (
    "Tables: log, records, terms, spans; views: requests, revisions, votes, models, contributions,"
    " exports. Only SELECT."
)


def ask(path: Path, text: str, *, seconds: float = 10.0, limit: int = ROWS) -> Record:
    """`columns`, `rows` (bytes in hex), and whether there were `more` than `limit`.

    Raises:
        Usage: no such question, one that would change something, or one that takes longer than
        `seconds` or more than its share of memory. Conflict: others are asking.
    """
    if not text.strip():
        raise Usage("an empty question", advice=_ADVICE)
    if not 0 < seconds <= SECONDS:
        raise Usage(
            f"{seconds:g} seconds", advice=f"A question may take up to {SECONDS:g} s."
        )
    question: dict[str, Json] = {
        "path": str(path),
        "text": text,
        "seconds": seconds,
        "limit": max(0, min(limit, ROWS)),
        "bytes": BYTES,
        "value_bytes": VALUE_BYTES,
        "memory_bytes": MEMORY_BYTES,
    }
    if not _turns.acquire(timeout=PATIENCE_SECONDS):
        raise Conflict(
            "other SQL questions are being answered",
            advice="Try again in a few seconds.",
        )
    try:
        answer = _answer(question, seconds)
    finally:
        _turns.release()
    if "problem" in answer:
        raise Usage(
            f"this SQL cannot be answered ({answer['problem']})", advice=_ADVICE
        )
    return answer


def _answer(question: Mapping[str, Json], seconds: float) -> Record:
    """What the process of its own answers, or a `problem`."""
    script = Path(__file__).with_name("question.py")
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-S", str(script)],
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=seconds + 10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"it took longer than {seconds:g} s"}
    if process.returncode != 0:
        return {"problem": "it took more time or memory than allowed"}
    answer: Record = json.loads(process.stdout)
    return answer
