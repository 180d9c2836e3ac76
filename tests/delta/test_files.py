"""Tensors in files: read as float64, rounded to their own type, every other byte left alone."""

import hashlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from govd_delta.files import copied, slots, stored, values

KINDS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 2**32))
def test_values_are_rounded_as_their_type_rounds(kind: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(3, 4)) * 10.0 ** draw.integers(-4, 4, (3, 4))
    single = rows.astype(np.float32) if kind == "BF16" else rows
    expected = single.astype(KINDS[kind])
    data = stored(rows, kind)
    assert data == expected.tobytes()
    assert np.array_equal(values(data, kind, (3, 4)), expected.astype(np.float64))


@pytest.mark.parametrize(
    ("kind", "large"), [("F16", 1e5), ("BF16", 3.4e38), ("F32", 1e39)]
)
def test_a_value_that_is_too_large_for_its_type_is_refused(
    kind: str, large: float
) -> None:
    with pytest.raises(OverflowError, match=kind):
        stored(np.array([large]), kind)


def test_a_copy_differs_in_the_tensor_that_changes_alone(tmp_path: Path) -> None:
    tensors = {name: np.arange(6, dtype=np.float32) + i for i, name in enumerate("abc")}
    save_file(tensors, tmp_path / "a.safetensors", {"by": "somebody"})
    slot = slots(tmp_path / "a.safetensors")["b"]
    target = tmp_path / "b.safetensors"
    digests = copied(
        tmp_path / "a.safetensors", target, {slot: lambda data: data[::-1]}
    )
    before, after = (path.read_bytes() for path in (tmp_path / "a.safetensors", target))
    assert digests == tuple(
        hashlib.sha256(data).hexdigest() for data in (before, after)
    )
    assert (
        after
        == before[: slot.begin]
        + before[slot.begin : slot.end][::-1]
        + before[slot.end :]
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 16,
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"nope",
        (15).to_bytes(8, "little") + b'{"a":{"dtype":1',
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        slots(tmp_path / "a.safetensors")
