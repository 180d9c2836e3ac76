"""Arrays as safetensors files: the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from govd.errors import BadFile
from govd.types import Json


def tensors_to_bytes(tensors: Mapping[str, Any], said: Mapping[str, str]) -> bytes:
    """A safetensors file, tensors and metadata in the order of their names, so that the same
    content has the same bytes.
    """
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    header: dict[str, Any] = {"__metadata__": {k: said[k] for k in sorted(said)}}
    at = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": _CODES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(
        header, separators=(",", ":"), ensure_ascii=False, sort_keys=True
    ).encode()
    text += b" " * (-len(text) % 8)
    return b"".join(
        [
            len(text).to_bytes(8, "little"),
            text,
            *(array.tobytes() for array in arrays.values()),
        ]
    )


def tensors_from_bytes(
    data: bytes, where: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        BadFile: truncated, malformed, or with values that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError) as error:
        raise BadFile(
            f"no safetensors file, or a truncated one ({error})", where=where
        ) from None
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise BadFile(f"{name} has values that are not finite", where=where)
    return tensors, metadata


def facts_to_texts(facts: Mapping[str, Json]) -> dict[str, str]:
    """Facts as a file's metadata says them, which has texts alone."""
    return {
        name: json.dumps(fact, sort_keys=True, ensure_ascii=False)
        for name, fact in facts.items()
    }


def facts_from_texts(
    metadata: Mapping[str, str], without: Collection[str]
) -> dict[str, Json]:
    """The facts in a file's metadata. `without`: names of it that are no facts.

    Raises:
        ValueError: a text of it is no JSON.
    """
    return {
        name: json.loads(text) for name, text in metadata.items() if name not in without
    }


_CODES = {
    "<f8": "F64",
    "<f4": "F32",
    "<f2": "F16",
    "<i8": "I64",
    "<i4": "I32",
    "|u1": "U8",
}
