"""Canonical JSON (RFC 8785): one sequence of bytes for one value, so that hashes of it mean
something.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import rfc8785

from govd.errors import BadFile, Usage

_SAFE: Final = 2**53 - 1
_INFINITE: Final = float("inf")
_plain = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    check_circular=False,
).encode


class _Slow(Exception):
    pass


def _simple(value: Any) -> Any:
    """The value with whole floats as integers, where Python's encoder then writes it as RFC 8785
    wants; `_Slow` where it might not.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        if -_SAFE <= value <= _SAFE:
            return value
    elif kind is float:
        if value.is_integer() and -_SAFE <= value <= _SAFE:
            return int(value)
        if 1e-4 <= abs(value) < 1e15 or (
            value and (abs(value) < 1e-9 or 1e21 <= abs(value) < _INFINITE)
        ):
            return value
    elif kind is dict:
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise _Slow
            plain[key] = item if type(item) is str else _simple(item)
        return plain
    elif kind is list or kind is tuple:
        return [item if type(item) is str else _simple(item) for item in value]
    raise _Slow


def _whole(text: str) -> int:
    if len(text) > 15:
        raise _Slow
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if (
        text.endswith(".0")
        or ("e" in text and not (value and (abs(value) < 1e-9 or abs(value) >= 1e21)))
        or repr(value) != text
    ):
        # Python has 1e-05, 1e-07 and 1e+16 where RFC 8785 has 0.00001, 1e-7 and 10000000000000000
        raise _Slow
    return value


# : Reads what Python's encoder writes as RFC 8785 does; `_Slow` at numbers that it writes in
# another way, and at long integers.
_parse = json.JSONDecoder(parse_int=_whole, parse_float=_fraction).decode


def encode(value: Any) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        Usage: the value is not JSON: NaN, an integer beyond 2⁵³, a key that is no string.
    """
    try:
        return _plain(_simple(value)).encode()
    except (_Slow, RecursionError, UnicodeEncodeError):
        pass  # what is left is rare, and the library's
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise Usage(
            f"this cannot be written as canonical JSON: {error}",
            advice="Use strings for large numbers.",
        ) from None


def decode(data: bytes) -> Any:
    """The value of canonical bytes; anything that is JSON but not canonical is refused.

    Raises:
        BadFile: not JSON, or not in canonical form (duplicate keys, spaces, another order, NaN).
    """
    try:
        value = _parse(data.decode())
        if (data.isascii() or max(data) < 0xF0) and _plain(value).encode() == data:
            return value
    except (_Slow, ValueError, RecursionError):
        pass  # what is wrong with it, or that it is rare, is found below
    try:
        value = json.loads(data, parse_int=_number)
        same = encode(value) == data
    except (ValueError, RecursionError, Usage) as error:
        raise BadFile(f"not JSON: {error}") from None
    if not same:
        raise BadFile("JSON that is not in canonical form")
    return value


def _number(text: str) -> int | float:
    """A whole number; beyond 2⁵³ it can only have been a float."""
    if len(text) < 16 or abs(int(text)) <= _SAFE:
        return int(text)
    return float(text)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hex."""
    return hashlib.sha256(encode(value)).hexdigest()
