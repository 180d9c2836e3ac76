"""What is in the file of an evidence bundle: names, limits, lines that are entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger import canonical
from govd.verify.parts import CLAMPED, FIELDS

FORMAT: Final = "govd-bundle-2"
MAX_BUNDLE_BYTES: Final = 4 * 2**30
MAX_MANIFEST_BYTES: Final = 2**20
"""Bytes of the manifest."""
MAX_STATEMENT_BYTES: Final = 4 * 2**20
"""Bytes of a statement, and of a line that is an entry."""
MAX_STATEMENTS: Final = 256
MEMBER_NAMES: Final = re.compile(
    r"README\.txt|SHA256SUMS|manifest\.json|entries\.ndjson|proofs\.ndjson|statements/[A-Za-z0-9._-]{1,150}\.dsse\.json"
    r"|(checkpoints|cosigned)/[0-9]{1,16}\.note|stamps/[0-9]{1,16}\.tsr|artifacts/[0-9a-f]{64}"
)
TEXT_FIELDS: Final = tuple(sorted(FIELDS - {"seq", "payload"}))


def entry_of(line: bytes) -> dict[str, Any] | None:
    """A line as an entry; None where it is none."""
    try:
        entry = canonical.decode(line)
    except GovdError:
        return None
    return entry if is_entry(entry) else None


def is_entry(value: Any) -> bool:
    """Whether a JSON value has the fields of an entry, each of its type."""
    has_fields = (
        isinstance(value, dict)
        and value.keys() in (FIELDS, CLAMPED)
        and type(value["seq"]) is int
        and isinstance(value["payload"], dict)
    )
    return has_fields and all(isinstance(value[name], str) for name in TEXT_FIELDS)


def sums(members: Mapping[str, str]) -> bytes:
    """`SHA256SUMS`, as `sha256sum -c` reads it: names with their digests."""
    return "".join(
        f"{digest}  {name}\n"
        for name, digest in sorted(members.items())
        if name != "SHA256SUMS"
    ).encode()
