"""A contribution as data: what names it, and its bytes as an artifact. Pure: reads nothing of the
ledger, of models or of requests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.errors import BadFile
from govd.ledger import canonical
from govd.types import Concept, Contribution, ForgetSpec, Json, Scope

MALFORMED: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    OverflowError,
)
"""What Python raises where data is not of the shape that was expected."""


def sealed(
    basis: str, spec: ForgetSpec, tensors: Mapping[str, Any], facts: Mapping[str, Json]
) -> Contribution:
    """A contribution named by what it depends on and what it is; never by ids, times or actors.
    Tensors are float64, or int32 where a method gives whole numbers.

    Args:
        basis: digest of the basis that it was computed for.
        spec: what is to be forgotten, and how.
        tensors: by name, as the method needs them to compose.
        facts: what a reader is told; no part of the digest.
    """
    tensors = {name: _of_kind(tensor) for name, tensor in tensors.items()}
    content = hashlib.sha256(tensors_to_bytes(tensors, {})).hexdigest()
    return Contribution(
        spec,
        tensors,
        facts,
        canonical.digest({"basis": basis, "spec": spec.as_json(), "tensors": content}),
    )


def _of_kind(tensor: Any) -> Any:
    array = np.asarray(tensor)
    return (
        array.astype(np.int32) if array.dtype.kind == "i" else array.astype(np.float64)
    )


def spec_from(said: Mapping[str, Any]) -> ForgetSpec:
    """Read `ForgetSpec.as_json`."""
    scope = Scope(
        tuple(
            Concept(c["name"], tuple(c["aliases"])) for c in said["scope"]["concepts"]
        ),
        tuple(said["scope"]["domains"]),
    )
    examples = tuple(said.get("examples", ()))
    return ForgetSpec(
        scope,
        said["method"],
        said["target"],
        said["strength"],
        said["prototypes"],
        said["seed"],
        examples,
    )


def contribution_to_bytes(contribution: Contribution) -> bytes:
    """A safetensors file: the tensors, and as metadata the digest, the spec and the facts."""
    metadata = {
        "digest": contribution.digest,
        "spec": json.dumps(
            contribution.spec.as_json(), sort_keys=True, ensure_ascii=False
        ),
    }
    metadata["facts"] = json.dumps(
        dict(contribution.facts), sort_keys=True, ensure_ascii=False
    )
    return tensors_to_bytes(contribution.tensors, metadata)


def contribution_from_bytes(data: bytes, where: str = "") -> Contribution:
    """Read what `contribution_to_bytes` wrote; the digest is what the file says, and for `sealed`
    to confirm.

    Raises:
        BadFile: not such a file, truncated, or with metadata of another shape.
    """
    tensors, metadata = tensors_from_bytes(data, where)
    try:
        spec = spec_from(json.loads(metadata["spec"]))
        facts = json.loads(metadata["facts"])
        names = [
            spec.method,
            *spec.scope.domains,
            *spec.examples,
            *(p for c in spec.scope.concepts for p in c.phrases),
        ]
        whole = all(
            isinstance(n, int) and not isinstance(n, bool)
            for n in (spec.prototypes, spec.seed)
        )
        fine = (
            all(isinstance(name, str) for name in names)
            and isinstance(spec.target, str | None)
            and whole
        )
        if (
            not fine
            or not isinstance(facts, dict)
            or not isinstance(spec.strength, int | float)
        ):
            raise ValueError("its metadata is not of a contribution")
        return Contribution(spec, tensors, facts, metadata["digest"])
    except MALFORMED as error:
        raise BadFile(
            f"this is no contribution ({type(error).__name__}: {error})"[:300],
            where=where,
        ) from None
