"""Contributions as bytes: what names one, how it is stored and read again. Pure; needs no home."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from govd.edit.factors import tensors_from_bytes, tensors_to_bytes
from govd.errors import BadFile
from govd.ledger import canonical
from govd.types import Concept, Contribution, Floats, ForgetSpec, Json, Scope


def sealed(basis: str, spec: ForgetSpec, tensors: Mapping[str, Floats], facts: Mapping[str, Json]) -> Contribution:
    """A contribution named by what it depends on and what it is; never by ids, times or actors. `basis` is that one's digest."""
    content = hashlib.sha256(tensors_to_bytes(tensors, {})).hexdigest()
    return Contribution(spec, tensors, facts, canonical.digest({"basis": basis, "spec": spec.as_json(), "tensors": content}))


def spec_from(said: Mapping[str, Any]) -> ForgetSpec:
    """Read `ForgetSpec.as_json`."""
    scope = Scope(tuple(Concept(c["name"], tuple(c["aliases"])) for c in said["scope"]["concepts"]), tuple(said["scope"]["domains"]))
    examples = tuple(said.get("examples", ()))
    return ForgetSpec(scope, said["method"], said["target"], said["strength"], said["prototypes"], said["seed"], examples)


def to_bytes(contribution: Contribution) -> bytes:
    """A safetensors file with spec and facts in its metadata: the same bytes for the same contribution."""
    said = {"digest": contribution.digest, "spec": _text(contribution.spec.as_json()), "facts": _text(dict(contribution.facts))}
    return tensors_to_bytes(contribution.tensors, said)


def from_bytes(data: bytes, where: str = "") -> Contribution:
    """Read what `to_bytes` wrote.

    Raises:
        BadFile: it is no contribution.
    """
    tensors, said = tensors_from_bytes(data, where)
    try:
        return Contribution(spec_from(json.loads(said["spec"])), tensors, json.loads(said["facts"]), said["digest"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadFile(f"this is no contribution ({type(error).__name__}: {error})", where=where) from None


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
