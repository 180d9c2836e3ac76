"""What requests asked for, as the entries say, and whether contributions are of that."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from govd.edit import Basis
from govd.edit.contribution import MALFORMED
from govd.edit.duals import SAME
from govd.types import PRIVATE, Concept, Contribution, Json, Scope
from govd.verify.contributions import Fault

SPEC: Final = (
    "concepts",
    "domains",
    "method",
    "target",
    "strength",
    "prototypes",
    "examples",
)


@dataclass
class Log:
    """What the entries said so far: filings, the contribution of each request, the artifact and the
    basis of each contribution.
    """

    filed: dict[str, dict[str, Any]] = field(default_factory=dict)
    contribution_of: dict[str, str] = field(default_factory=dict)
    artifact_of: dict[str, str] = field(default_factory=dict)
    basis_of: dict[str, str] = field(default_factory=dict)

    def take(self, entry: Mapping[str, Any]) -> None:
        """The next entry."""
        kind = entry["kind"]
        subject = entry["subject"]
        payload = entry["payload"]
        if kind == "contribution.make":
            self.artifact_of[subject] = str(payload.get("artifact"))
            self.basis_of[subject] = str(payload.get("basis"))
        elif kind == "request.file" and payload.get("kind", "forget") == "forget":
            self.filed[subject] = {name: payload.get(name) for name in SPEC}
        elif (
            kind
            in ("request.approve", "request.wait", "request.recompute", "request.deny")
            and "contribution" in payload
        ):
            self.contribution_of[subject] = str(payload["contribution"])


def check_parts(
    requests: list[str], covered: Any, digests: list[str], log: Log
) -> dict[str, str]:
    """That the edit is made of the contributions of its requests, and of no others; the requests
    that it covers, each with the one by which ("": the ledger does not say, as one of the two is
    private).

    `requests`, `covered` and `digests` are the entry's requests, subsumed requests and
    contributions.

    Raises:
        Fault: it is not so.
    """
    subsumed: dict[str, str] = {} if covered is None else covered
    if not isinstance(subsumed, dict) or not all(
        isinstance(outer, str) for outer in subsumed.values()
    ):
        raise Fault("the entry's subsumed requests are no such list")
    for request in [*requests, *subsumed]:
        if request not in log.filed:
            raise Fault(
                "the filing of this request is not among the entries before it",
                where=request,
            )
    for request in requests:
        digest = log.contribution_of.get(request)
        if digest is None:
            raise Fault(
                "no entry before it says which contribution is this request's",
                where=request,
            )
        if digest not in digests:
            raise Fault(
                f"the contribution {digest[:16]}… of this request is not in the edit",
                where=request,
            )
    unasked = set(digests) - {log.contribution_of[request] for request in requests}
    if unasked:
        raise Fault(
            f"the contribution {min(unasked)[:16]}… in the edit is of no request that is in force"
        )
    for inner, outer in subsumed.items():
        if outer and outer not in requests:
            raise Fault(
                f"it is said to be covered by {outer[:40]}, which is not in the edit",
                where=inner,
            )
    return subsumed


def name_list(names: Any, field_name: str) -> list[str]:
    """An entry's field as a list of names that are all different.

    Raises:
        Fault: it is none.
    """
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or len(set(names)) < len(names):
        raise Fault(f"the entry's {field_name} are no list of names")
    return list(names)


def _scope(filed: Mapping[str, Any], request: str) -> Scope:
    try:
        concepts = tuple(
            Concept(str(c["name"]), tuple(map(str, c["aliases"])))
            for c in filed["concepts"]
        )
        return Scope(concepts, tuple(map(str, filed["domains"])))
    except MALFORMED:
        raise Fault("its filing has no scope", where=request) from None


def check_spec(request: str, log: Log, contribution: Contribution) -> Scope:
    """The scope of a filed request; its contribution has it, with the method, target and strength
    that were filed.

    Raises:
        Fault: it has not.
    """
    spec = contribution.spec
    filed = log.filed[request]
    scope = _scope(filed, request)
    contributed: dict[str, Json] = {
        **spec.scope.as_json(),
        "method": spec.method,
        "target": spec.target,
        "strength": spec.strength,
    }
    contributed |= {"prototypes": spec.prototypes, "examples": list(spec.examples)}
    filed_spec = filed | scope.as_json()
    filed_spec |= {
        "examples": filed.get("examples") or [],
        "prototypes": filed.get("prototypes") or 0,
    }
    differing = [name for name in SPEC if contributed[name] != filed_spec[name]]
    if differing:
        raise Fault(
            f"the contribution is of another {', '.join(differing)} than the request asked for",
            where=request,
        )
    return scope


def check_names(
    request: str, log: Log, contribution: Contribution, basis: Basis
) -> list[str]:
    """That a contribution is of what its request asked: the same spec, and targets that are not
    those of other names; what only the model could tell of these.

    A phrase that is no anchor has the embedding of one that the model reads alike. That it does is
    plain where both are spelled alike.

    Raises:
        Fault: it is of something else.
    """
    scope = check_spec(request, log, contribution)
    if not scope.concepts or any(c.name.startswith(PRIVATE) for c in scope.concepts):
        return []
    anchors = [*basis.labels, *basis.vocabulary]
    rows = np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]])
    phrases = {phrase for concept in scope.concepts for phrase in concept.phrases}
    named_rows = {
        row.tobytes()
        for name, row in zip(anchors, rows, strict=True)
        if name in phrases
    }
    no_anchors = phrases - set(anchors)
    spellings = {_spelled(phrase) for phrase in no_anchors}
    unchecked: list[str] = []
    targets = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    for column in targets.T if targets is not None and targets.ndim == 2 else ():
        key = np.ascontiguousarray(column).tobytes()
        anchor = basis.anchor_names.get(key)
        if anchor is None or key in named_rows or _spelled(anchor) in spellings:
            continue
        if not no_anchors:
            raise Fault(
                f"the contribution's tensors are about {anchor[:80]!r}, which the request does not"
                " name",
                where=request,
            )
        unchecked.append(
            f"that what {request} names is {anchor[:80]!r} to the model was not checked: it takes"
            " the model to tell"
        )
    return unchecked


def _spelled(phrase: str) -> str:
    """A phrase without case, accents, spaces and punctuation; itself where nothing is left."""
    return (
        "".join(
            c for c in unicodedata.normalize("NFKD", phrase).casefold() if c.isalnum()
        )
        or phrase
    )


def is_covered(
    inner: str,
    contribution: Contribution | None,
    outers: Mapping[str, Contribution],
    log: Log,
) -> bool:
    """Whether it was seen that one of the `outers` takes away all that the request `inner` asked
    for; False where its own `contribution` is needed for that and not at hand.

    Concepts are compared by the texts that contributions take away: neither spelling nor a private
    name makes a difference.

    Raises:
        Fault: none of them does.
    """
    scope = _scope(log.filed[inner], inner)
    strength = log.filed[inner].get("strength")
    if not isinstance(strength, int | float):
        raise Fault("its filing has no strength", where=inner)
    spanning = [
        outer
        for outer in outers.values()
        if outer.spec.strength >= strength and _spans(outer.spec.scope, scope)
    ]
    if any(_takes(outer, scope, contribution) for outer in spanning):
        return True
    if spanning and contribution is None:
        return False
    claimed = "by one of the edit, and none covers it"
    if len(outers) == 1:
        claimed = f"by {next(iter(outers))[:40]}, which does not cover it"
    raise Fault(f"it is said to be covered {claimed}", where=inner)


def _spans(outer: Scope, inner: Scope) -> bool:
    """Whether the domains of one scope lie in those of another, and its concepts may."""
    domains = not outer.domains or (
        bool(inner.domains) and set(inner.domains) <= set(outer.domains)
    )
    return domains and (not outer.concepts or bool(inner.concepts))


def _takes(outer: Contribution, scope: Scope, inner: Contribution | None) -> bool:
    """Whether a contribution takes away every text of a scope, whose contribution is `inner`; by
    the names where texts are not known.
    """
    if not outer.spec.scope.concepts:
        return True
    outer_texts = _targets(outer)
    inner_texts = None if inner is None else _targets(inner)
    if outer_texts is None or inner_texts is None:
        return outer.spec.scope.covers(scope)
    with np.errstate(all="ignore"):
        distances = (
            np.abs(outer_texts - text[:, None]).max(0) for text in inner_texts.T
        )
        return all(float(distance.min()) < SAME for distance in distances)


def _targets(contribution: Contribution) -> np.ndarray[Any, Any] | None:
    """The texts `(d, p)` that a contribution takes away wherever its scope is; None where its
    tensors do not say.
    """
    tensors = contribution.tensors
    everywhere = None if contribution.spec.scope.domains else tensors.get("texts")
    texts = tensors.get("targets", everywhere)
    if texts is not None and texts.ndim == 2 and texts.size:
        return texts
    return None
