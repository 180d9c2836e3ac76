"""Canonical JSON: RFC 8785's own examples, and the quick way beside the library's."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.errors import BadFile, Usage
from govd.ledger import canonical

numbers = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            0.0,
            -0.0,
            1e-7,
            1e-6,
            1e-5,
            1e-4,
            1e15,
            1e16,
            1e21,
            1e22,
            5e-324,
            1.7976931348623157e308,
            333333333.33333329,
        ]
    ),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=600, deadline=None)
def test_the_quick_way_writes_what_the_library_writes(value: object) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical.encode(canonical.decode(data)) == data


@given(
    values,
    st.sampled_from(
        [{"indent": 1}, {"separators": (", ", ":")}, {"ensure_ascii": True}, {}]
    ),
)
@settings(max_examples=300, deadline=None)
def test_other_spellings_are_refused(value: object, options: dict[str, object]) -> None:
    data = json.dumps(value, **options).encode()  # type: ignore[arg-type]
    if data == rfc8785.dumps(value):  # type: ignore[arg-type]
        assert canonical.encode(canonical.decode(data)) == data
    else:
        with pytest.raises(BadFile):
            canonical.decode(data)


def test_the_order_of_keys_is_that_of_utf_16() -> None:
    keys = ["€", "\r", "\ufb33", "1", "😀", "\x80", "ö"]  # RFC 8785, section 3.2.3
    said = canonical.encode(dict.fromkeys(keys, 0)).decode()
    assert list(json.loads(said)) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b"[1e3]",
        b"[1E3]",
        b"[-0]",
        b"[NaN]",
        b"[9007199254740993]",
        b'"\xff"',
        b"[1e-5]",
        b"[" * 5000,
    ],
)
def test_what_is_json_but_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(BadFile):
        canonical.decode(data)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**60, {1: 2}, object(), "\ud800"]
)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(Usage):
        canonical.encode(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-30, 30))
def test_numbers_are_written_as_the_library_writes_them(
    number: float, power: int
) -> None:
    for value in (number, 10.0**power, 3.5 * 10.0**power, -(10.0**power)):
        data = canonical.encode([value])
        assert data == rfc8785.dumps([value])
        assert canonical.decode(data) == [value]
        for other in (repr(value).encode(), f"{value:e}".encode()):
            if other != data[1:-1] and float(other) == value:
                with pytest.raises(BadFile):
                    canonical.decode(b"[" + other + b"]")
