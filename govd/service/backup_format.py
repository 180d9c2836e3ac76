"""What a backup may hold, and what of a home it leaves out."""

from __future__ import annotations

import re
from typing import Final

DERIVATION: Final = "keys/derivation.key"
SMALL: Final = ("origin", "token", "govd.toml", DERIVATION)
KEY: Final = "keys/signing.key"
MODELS: Final = "keys/models.key"
NAMES: Final = re.compile(
    r"ledger\.db|origin|token|govd\.toml|keys/(?:signing\.key|models\.key|derivation\.key|signed\.note)"
    r"|private/[0-9a-z]{1,64}(?:\.[0-9]{1,10})?\.(?:box|key)"
    r"|notices/[0-9a-z][0-9a-z._-]{0,62}\.key"
    r"|feeds/[0-9a-z][0-9a-z._-]{0,62}/(?:secret|held-[0-9]{1,10})"
    r"|stores/[0-9a-z][0-9a-z._-]{0,62}/secret"
    r"|artifacts/([0-9a-f]{2})/\1[0-9a-f]{62}"
)
"""What a backup may hold."""
SIDE: Final = r"(?:-wal|-shm|-journal)?"
LEFT_OUT: Final = {
    r"ledger\.db" + SIDE: "what is in it is in the copy of ledger.db",
    r"views(?:\.new)?\.db" + SIDE: "made anew from the entries",
    r"answers\.db" + SIDE: "a sample of answers, which is no evidence",
    r"idempotency\.db" + SIDE: (
        "answers to repeats of the last two days; those of filings are in the ledger"
    ),
    r"plugin-failures\.json": "what plugins did wrong on this machine",
    r"notices/attempts\.json": "how often what is due to receivers was tried on this machine",
    r"notices/.*": "of a receiver that was removed",
    r"feeds/[^/]+/look\.json": "where feeds were read up to; they are looked at from the beginning",
    r"feeds/[^/]+/inbox/.*": "what was sent and not taken yet: who sent it sends it again",
    r"stores/[^/]+/patch\.ndjson": "which portions of a patch are written: it begins anew",
    r"lock|daemon\.json": "says which process works on the home",
    r"keys/next\.key": (
        "the key that the ledger was changed to is in the backup as keys/signing.key"
    ),
    r"keys/next-models\.key": (
        "the key that models are signed with from now on is in the backup as keys/models.key"
    ),
    r"private/.*": "no entry names it, or an entry destroyed it",
    r"(?:.*/)?\..*": "half-written, or hidden",
}
"""Files of a home that no backup holds, by their names (regular expressions), and why. What is not
even here is nothing of govd's.
"""
FOREIGN: Final = "nothing of govd's"


def why_left_out(name: str) -> str:
    """Why a backup does not hold a file of a home, by its name below the home."""
    return next(
        (why for pattern, why in LEFT_OUT.items() if re.fullmatch(pattern, name)),
        FOREIGN,
    )
