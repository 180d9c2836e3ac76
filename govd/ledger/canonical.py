"""Canonical JSON (RFC 8785): one sequence of bytes for one value, so that hashes of it mean something."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from govd.errors import BadFile, Usage


def encode(value: Any) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        Usage: the value is not JSON: NaN, an integer beyond 2⁵³, a key that is no string.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise Usage(f"this cannot be written as canonical JSON: {error}", advice="Use strings for large numbers.") from None


def decode(data: bytes) -> Any:
    """The value of canonical bytes; anything that is JSON but not canonical is refused.

    Raises:
        BadFile: not JSON, or not in canonical form (duplicate keys, spaces, another order, NaN).
    """
    try:
        value = json.loads(data)
        same = encode(value) == data
    except (ValueError, RecursionError, Usage) as error:
        raise BadFile(f"not JSON: {error}") from None
    if not same:
        raise BadFile("JSON that is not in canonical form")
    return value


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hex."""
    return hashlib.sha256(encode(value)).hexdigest()
