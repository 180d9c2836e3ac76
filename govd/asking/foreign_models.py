"""Models, methods, contributions and edits from foreign code: checked, and copied where they must
not change afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from govd.asking.plain import Nonsense, check_kind, plain_json, plain_text
from govd.edit.contribution import sealed
from govd.edit.factors import Edit
from govd.edit.tensors import AnyEdit, TensorEdit
from govd.types import (
    Contribution,
    ForgetSpec,
    Json,
    Model,
    ModelFacts,
)

SHA256: Final = 64


def model_of(answer: Any, arguments: Mapping[str, Any]) -> Model:
    """An opened model.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Model)
    facts = answer.facts
    check_kind(facts, ModelFacts)
    if (
        not isinstance(facts.digest, str)
        or len(facts.digest) != SHA256
        or set(facts.digest) - set("0123456789abcdef")
    ):
        raise Nonsense("a model whose digest is no SHA-256")
    if isinstance(facts.dim, bool) or not isinstance(facts.dim, int) or facts.dim < 0:
        raise Nonsense("a model whose dim is no number of dimensions")
    if not isinstance(facts.logit_scale, int | float) or not math.isfinite(
        facts.logit_scale
    ):
        raise Nonsense("a model whose logit_scale is no number")
    plain_json(
        {
            "files": facts.files,
            "backend": facts.backend,
            "device": facts.device,
            "architecture": facts.architecture,
        }
    )
    model: Model = answer
    return model


def methods_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Methods that can be asked.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Mapping)
    methods = {}
    for name, method in answer.items():
        plain_text(name, "a method's name")
        plain_text(getattr(method, "family", None), f"the family of {name}")
        strongest = getattr(method, "max_strength", None)
        if (
            isinstance(strongest, bool)
            or not isinstance(strongest, int | float)
            or not 0 < strongest < math.inf
        ):
            raise Nonsense(f"the max_strength of {name}, which is no number over 0")
        if not all(
            callable(getattr(method, part, None)) for part in ("contribute", "compose")
        ):
            raise Nonsense(f"the method {name}, which cannot contribute or compose")
        methods[str(name)] = method
    return methods


def contributed(answer: Any) -> tuple[dict[str, Any], dict[str, Json]]:
    """What a method contributes: tensors and facts.

    Raises:
        Nonsense: it is something else.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise Nonsense("something other than tensors and facts")
    facts = plain_json(answer[1])
    if not isinstance(facts, dict):
        raise Nonsense("facts that are no mapping")
    return tensors_of(answer[0]), facts


def contribution_of(answer: Any, arguments: Mapping[str, Any]) -> Contribution:
    """A contribution of what was asked. Its digest is taken anew: what it says of itself is not
    believed.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Contribution)
    tensors, facts = contributed((answer.tensors, answer.facts))
    spec: ForgetSpec = arguments["spec"]
    if answer.spec != spec:
        raise Nonsense("a contribution of something else than was asked")
    return sealed(arguments["basis"].digest, spec, tensors, facts)


def edit_of(answer: Any, arguments: Mapping[str, Any]) -> AnyEdit:
    """An edit for the basis that was asked for: of factors, or of tensors where it has no space.

    Raises:
        Nonsense: the answer is none.
    """
    basis = arguments["basis"]
    if not basis.has_space:
        check_kind(answer, TensorEdit)
        return TensorEdit(tensors_of(answer.deltas), plain_json(answer.facts))
    check_kind(answer, Edit)
    factors = tensors_of({"L": answer.L, "B": answer.B})
    left = factors["L"].shape
    right = factors["B"].shape
    if left != right or left[:1] != (basis.dim,) or answer.side != basis.side:
        raise Nonsense("an edit of another width or side")
    facts = plain_json(answer.facts)
    return replace(answer, L=factors["L"], B=factors["B"], side=basis.side, facts=facts)  # type: ignore[no-any-return]


def figures_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Json]:
    """Figures that can be recorded."""
    check_kind(answer, Mapping)
    return dict(plain_json(answer))


def tensors_of(tensors: Any) -> dict[str, Any]:
    """Named arrays in float64, finite; copies, so that nobody changes them afterwards.

    Raises:
        Nonsense: they are none.
    """
    check_kind(tensors, Mapping)
    arrays = {}
    for name, tensor in tensors.items():
        array = np.asarray(tensor)
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            spoken = plain_text(name, "a name", 80)
            raise Nonsense(
                f"the tensor {spoken}, which is of {array.dtype} or has values that are not finite"
            )
        arrays[plain_text(name, "a tensor's name")] = np.array(array, np.float64)
    return arrays
