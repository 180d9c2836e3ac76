"""What is handed to foreign code and what is taken from it: records that cannot be changed, answers
that are what the hook promises.

A check is run where the plugin is run, within its time: looking at an object of somebody else's
class is calling his code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, get_args

import numpy as np

from govd.edit.contribution import sealed
from govd.edit.factors import Edit
from govd.types import (
    Contribution,
    Decision,
    ForgetSpec,
    Gate,
    Json,
    Model,
    ModelFacts,
    Needs,
    Store,
    Vote,
)

DEPTH: Final = 32
"""Levels of an answer's mappings and lists at most."""
SMALL: Final = 20_000
"""Values and characters that a vote or gate may bring at most."""
LARGE: Final = 20_000_000
"""The same of figures."""
REASON: Final = 2_000
"""Characters of a reason that are kept."""
PEOPLE: Final = 100
"""People whose approval a vote may need at most."""
ROLE: Final = 100
"""Characters of a role's name that are kept."""
SHA256: Final = 64


class Nonsense(Exception):
    """An answer that is not what the hook promises."""


def read_only(value: Any) -> Any:
    """JSON values that nobody can change: mapping proxies over copies, and tuples, all the way
    down. Anything else as it is, but for the facts of contributions.
    """
    if isinstance(value, Contribution):
        return replace(
            value, tensors=MappingProxyType(dict(value.tensors)), facts=read_only(value.facts)
        )
    if isinstance(value, Mapping):
        return MappingProxyType({key: read_only(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(read_only(item) for item in value)
    return value


def plain_json(value: Any, most: int = LARGE) -> Json:
    """JSON values of what a plugin answered, as our own objects; NumPy's numbers as Python's.

    Raises:
        Nonsense: something that JSON cannot say, not finite, or too much of it.
    """
    return _Plain(most).of(value, 0)


class _Plain:
    def __init__(self, most: int) -> None:
        self.left, self.most = most, most

    def of(self, value: Any, depth: int) -> Json:
        if isinstance(value, np.generic):
            value = value.item()
        self.left -= len(value) + 1 if isinstance(value, str | Mapping | list | tuple) else 1
        if self.left < 0:
            raise Nonsense(f"more than {self.most} values and characters")
        if depth > DEPTH:
            raise Nonsense(f"more than {DEPTH} levels")
        if isinstance(value, str):
            return _text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            if abs(value) >= 2**53:
                raise Nonsense("an integer beyond 2^53")
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise Nonsense(f"a number that is {value}")
            return float(value)
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise Nonsense("a mapping whose keys are no texts")
            return {_text(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item, depth + 1) for item in value]
        raise Nonsense(f"a {type(value).__name__}, which JSON cannot say")


def _text(value: Any, what: str = "a text", most: int | None = None) -> str:
    if not isinstance(value, str):
        raise Nonsense(f"{what} that is a {type(value).__name__}")
    text = (
        str.__str__(value).encode("utf-8", "replace").decode("utf-8")
    )  # no lone surrogates: no file could hold them
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def _is(answer: Any, kind: type) -> None:
    if not isinstance(answer, kind):
        raise Nonsense(f"a {type(answer).__name__} in the place of a {kind.__name__}")


def _decision(value: Any) -> Decision:
    text = _text(value, "a decision")
    for decision in get_args(Decision):
        if text == decision:
            return decision  # type: ignore[no-any-return]
    raise Nonsense(f"a decision that is none of {', '.join(get_args(Decision))}")


def vote_of(answer: Any, arguments: Mapping[str, Any]) -> Vote:
    """A vote; whose it is, is not for itself to say.

    Raises:
        Nonsense: the answer is none.
    """
    _is(answer, Vote)
    inputs = plain_json(answer.inputs, SMALL)
    if not isinstance(inputs, dict):
        raise Nonsense("inputs that are no mapping")
    return Vote(
        _decision(answer.decision),
        _text(answer.policy, "a policy", 200),
        _text(answer.reason, "a reason", REASON),
        inputs,
        _needs(answer.needs),
    )


def _needs(needs: Any) -> Needs | None:
    """What a wait needs, as our own object."""
    if needs is None:
        return None
    _is(needs, Needs)
    if isinstance(needs.n, bool) or not isinstance(needs.n, int) or not 1 <= needs.n <= PEOPLE:
        raise Nonsense(f"a need of other than 1 to {PEOPLE} people")
    if not isinstance(needs.not_filer, bool):
        raise Nonsense("a need whose not_filer is neither true nor false")
    role = None if needs.role is None else _text(needs.role, "a role", ROLE)
    return Needs(int(needs.n), role, needs.not_filer)


def store_of(answer: Any, arguments: Mapping[str, Any]) -> Store:
    """An opened store."""
    _is(answer, Store)
    store: Store = answer
    return store


def gate_of(answer: Any, arguments: Mapping[str, Any]) -> Gate:
    """A gate's word."""
    _is(answer, Gate)
    return Gate(
        _decision(answer.decision),
        _text(answer.gate, "a gate", 200),
        _text(answer.reason, "a reason", REASON),
    )


def methods_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Methods that can be asked.

    Raises:
        Nonsense: the answer is none.
    """
    _is(answer, Mapping)
    methods = {}
    for name, method in answer.items():
        _text(name, "a method's name")
        _text(getattr(method, "family", None), f"the family of {name}")
        strongest = getattr(method, "max_strength", None)
        if (
            isinstance(strongest, bool)
            or not isinstance(strongest, int | float)
            or not 0 < strongest < math.inf
        ):
            raise Nonsense(f"the max_strength of {name}, which is no number over 0")
        if not all(callable(getattr(method, part, None)) for part in ("contribute", "compose")):
            raise Nonsense(f"the method {name}, which cannot contribute or compose")
        methods[str(name)] = method
    return methods


def model_of(answer: Any, arguments: Mapping[str, Any]) -> Model:
    """An opened model.

    Raises:
        Nonsense: the answer is none.
    """
    _is(answer, Model)
    facts = answer.facts
    _is(facts, ModelFacts)
    if (
        not isinstance(facts.digest, str)
        or len(facts.digest) != SHA256
        or set(facts.digest) - set("0123456789abcdef")
    ):
        raise Nonsense("a model whose digest is no SHA-256")
    if isinstance(facts.dim, bool) or not isinstance(facts.dim, int) or facts.dim < 1:
        raise Nonsense("a model whose dim is no number of dimensions")
    if not isinstance(facts.logit_scale, int | float) or not math.isfinite(facts.logit_scale):
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


def tensors_of(tensors: Any) -> dict[str, Any]:
    """Named arrays in float64, finite; copies, so that nobody changes them afterwards.

    Raises:
        Nonsense: they are none.
    """
    _is(tensors, Mapping)
    arrays = {}
    for name, tensor in tensors.items():
        array = np.asarray(tensor)
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise Nonsense(
                f"the tensor {_text(name, 'a name', 80)}, which is of {array.dtype} or has values"
                " that are not finite"
            )
        arrays[_text(name, "a tensor's name")] = np.array(array, np.float64)
    return arrays


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
    _is(answer, Contribution)
    tensors, facts = contributed((answer.tensors, answer.facts))
    spec: ForgetSpec = arguments["spec"]
    if answer.spec != spec:
        raise Nonsense("a contribution of something else than was asked")
    return sealed(arguments["basis"].digest, spec, tensors, facts)


def edit_of(answer: Any, arguments: Mapping[str, Any]) -> Edit:
    """An edit for the basis that was asked for.

    Raises:
        Nonsense: the answer is none.
    """
    _is(answer, Edit)
    basis = arguments["basis"]
    factors = tensors_of({"L": answer.L, "B": answer.B})
    if (
        factors["L"].shape != factors["B"].shape
        or factors["L"].shape[:1] != (basis.dim,)
        or answer.side != basis.side
    ):
        raise Nonsense("an edit of another width or side")
    edit: Edit = replace(
        answer, L=factors["L"], B=factors["B"], side=basis.side, facts=plain_json(answer.facts)
    )
    return edit


def figures_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Json]:
    """Figures that can be recorded."""
    _is(answer, Mapping)
    figures: dict[str, Json] = plain_json(answer)
    return figures


def files_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """File names with their SHA-256."""
    _is(answer, Mapping)
    return {
        _text(name, "a file's name"): _text(digest, "a digest", SHA256)
        for name, digest in answer.items()
    }


def lines_of(answer: Any, arguments: Mapping[str, Any]) -> list[str]:
    """Signature lines.

    Raises:
        Nonsense: the answer is none.
    """
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        raise Nonsense(f"a {type(answer).__name__} in the place of signature lines")
    if len(answer) > DEPTH:
        raise Nonsense(f"{len(answer)} signature lines")
    return [_text(line, "a line", REASON) for line in answer]


def stamp_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A time stamp: `token` and what else was said.

    Raises:
        Nonsense: the answer is none.
    """
    _is(answer, Mapping)
    if not isinstance(answer.get("token"), bytes | bytearray):
        raise Nonsense("a time stamp without the bytes of a token")
    return {"token": bytes(answer["token"])} | {
        name: plain_json(value, SMALL) for name, value in answer.items() if name != "token"
    }


def anything(answer: Any, arguments: Mapping[str, Any]) -> Any:
    """What nobody looks at."""
    return answer


CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "govd_vote": vote_of,
    "govd_gate": gate_of,
    "govd_methods": methods_of,
    "govd_open_model": model_of,
    "govd_compute_contribution": contribution_of,
    "govd_compose_edit": edit_of,
    "govd_evaluate": figures_of,
    "govd_export": files_of,
    "govd_open_store": store_of,
    "govd_witness": lines_of,
    "govd_timestamp": stamp_of,
}
"""What each hook's answer is looked at by."""
