"""What is handed to foreign code and what is taken from it: records that cannot be changed, answers
that are what the hook promises.

A check is run where the plugin is run, within its time: looking at an object of somebody else's
class is calling his code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, get_args

import numpy as np

from govd.asking.plain import DEPTH, Nonsense, check_kind, plain_json, plain_text
from govd.edit.contribution import sealed
from govd.edit.factors import Edit
from govd.edit.tensors import AnyEdit, TensorEdit
from govd.types import (
    DOCUMENT_BYTES,
    BatchRunner,
    Contribution,
    Decision,
    Document,
    ForgetSpec,
    Gate,
    Json,
    Model,
    ModelFacts,
    Needs,
    Proposals,
    ReadyPolicy,
    RowForm,
    Store,
    Vote,
)

SMALL: Final = 20_000
"""Values and characters that a vote or gate may bring at most."""
REASON: Final = 2_000
"""Characters of a reason that are kept."""
PEOPLE: Final = 100
"""People whose approval a vote may need at most."""
ROLE: Final = 100
"""Characters of a role's name that are kept."""
SHA256: Final = 64
DOCUMENTS: Final = 1000
"""Documents that one look at a feed may bring."""
CURSOR: Final = 1_000_000
"""Values and characters of a feed's cursor."""
NAMED: Final = 255
"""Characters of a document's name."""


def _decision(value: Any) -> Decision:
    text = plain_text(value, "a decision")
    for decision in get_args(Decision):
        if text == decision:
            return decision  # type: ignore[no-any-return]
    raise Nonsense(f"a decision that is none of {', '.join(get_args(Decision))}")


def vote_of(answer: Any, arguments: Mapping[str, Any]) -> Vote:
    """A vote; whose it is, is not for itself to say.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Vote)
    inputs = plain_json(answer.inputs, SMALL)
    if not isinstance(inputs, dict):
        raise Nonsense("inputs that are no mapping")
    return Vote(
        _decision(answer.decision),
        plain_text(answer.policy, "a policy", 200),
        plain_text(answer.reason, "a reason", REASON),
        inputs,
        _needs(answer.needs),
    )


def _needs(needs: Any) -> Needs | None:
    """What a wait needs, as our own object."""
    if needs is None:
        return None
    check_kind(needs, Needs)
    if (
        isinstance(needs.n, bool)
        or not isinstance(needs.n, int)
        or not 1 <= needs.n <= PEOPLE
    ):
        raise Nonsense(f"a need of other than 1 to {PEOPLE} people")
    if not isinstance(needs.not_filer, bool):
        raise Nonsense("a need whose not_filer is neither true nor false")
    role = None if needs.role is None else plain_text(needs.role, "a role", ROLE)
    return Needs(int(needs.n), role, needs.not_filer)


def of_kind(kind: type, answer: Any, arguments: Mapping[str, Any]) -> Any:
    """What has the calls of a protocol: a store, a runner of batches."""
    check_kind(answer, kind)
    return answer


def gate_of(answer: Any, arguments: Mapping[str, Any]) -> Gate:
    """A gate's word."""
    check_kind(answer, Gate)
    return Gate(
        _decision(answer.decision),
        plain_text(answer.gate, "a gate", 200),
        plain_text(answer.reason, "a reason", REASON),
    )


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
    left, right = factors["L"].shape, factors["B"].shape
    if left != right or left[:1] != (basis.dim,) or answer.side != basis.side:
        raise Nonsense("an edit of another width or side")
    facts = plain_json(answer.facts)
    return replace(answer, L=factors["L"], B=factors["B"], side=basis.side, facts=facts)  # type: ignore[no-any-return]


def figures_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Json]:
    """Figures that can be recorded."""
    check_kind(answer, Mapping)
    return dict(plain_json(answer))


def policies_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, ReadyPolicy]:
    """Ready policies by their names.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Mapping)
    policies: dict[str, ReadyPolicy] = {}
    for name, policy in answer.items():
        check_kind(policy, ReadyPolicy)
        plain_json(policy.as_json())
        if name != policy.name or not isinstance(policy.text, str):
            raise Nonsense(f"a ready policy {name!r} that is called {policy.name!r}")
        policies[plain_text(name, "a policy's name")] = policy
    return policies


def files_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """File names with their SHA-256."""
    check_kind(answer, Mapping)
    return {
        plain_text(name, "a file's name"): plain_text(digest, "a digest", SHA256)
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
    return [plain_text(line, "a line", REASON) for line in answer]


def stamp_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A time stamp: `token` and what else was said.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Mapping)
    if not isinstance(answer.get("token"), bytes | bytearray):
        raise Nonsense("a time stamp without the bytes of a token")
    return {"token": bytes(answer["token"])} | {
        name: plain_json(value, SMALL)
        for name, value in answer.items()
        if name != "token"
    }


def proposals_of(answer: Any, arguments: Mapping[str, Any]) -> Proposals:
    """What a look at a feed brought, as our own objects.

    Raises:
        Nonsense: the answer is none, or larger than is read.
    """
    check_kind(answer, Proposals)
    if len(answer.documents) > DOCUMENTS or len(answer.waiting) > DOCUMENTS:
        raise Nonsense(f"more than {DOCUMENTS} documents at once")
    cursor = plain_json(answer.cursor, CURSOR)
    if not isinstance(cursor, dict):
        raise Nonsense("a cursor that is no mapping")
    waiting = tuple(plain_text(line, "a line", REASON) for line in answer.waiting)
    return Proposals(tuple(map(_document, answer.documents)), cursor, waiting)


def _document(document: Any) -> Document:
    check_kind(document, Document)
    if not isinstance(document.data, bytes) or len(document.data) > DOCUMENT_BYTES:
        raise Nonsense(f"a document that is not at most {DOCUMENT_BYTES} bytes")
    if document.form not in get_args(RowForm):
        raise Nonsense(
            f"a document whose form is none of {', '.join(get_args(RowForm))}"
        )
    name = plain_text(document.name, "a document's name", NAMED)
    delivery = plain_text(document.delivery, "a delivery", NAMED)
    return Document(name, bytes(document.data), document.form, delivery)


def answered_of(answer: Any, arguments: Mapping[str, Any]) -> bool:
    """That a document's answers were written."""
    check_kind(answer, bool)
    return bool(answer)


def anything(answer: Any, arguments: Mapping[str, Any]) -> Any:
    """What nobody looks at."""
    return answer


CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "govd_vote": vote_of,
    "govd_gate": gate_of,
    "govd_methods": methods_of,
    "govd_policies": policies_of,
    "govd_open_model": model_of,
    "govd_compute_contribution": contribution_of,
    "govd_compose_edit": edit_of,
    "govd_evaluate": figures_of,
    "govd_export": files_of,
    "govd_open_store": partial(of_kind, Store),
    "govd_batch_runner": partial(of_kind, BatchRunner),
    "govd_propose": proposals_of,
    "govd_answered": answered_of,
    "govd_witness": lines_of,
    "govd_timestamp": stamp_of,
}
"""What each hook's answer is looked at by."""
