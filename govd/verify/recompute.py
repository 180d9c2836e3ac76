"""Edits composed again from contributions, and whether these are what the requests asked for. Needs
NumPy and the methods, no model.

The parts come from whoever is to be checked: whatever is wrong with one is a fault that names it,
never an error of this program.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from govd.edit import Basis, Edit, compose
from govd.edit.contribution import MALFORMED, contribution_from_bytes, sealed
from govd.edit.duals import SAME
from govd.errors import BadFile, GovdError, NotFound
from govd.types import PRIVATE, Concept, Contribution, Floats, Json, Scope

COLUMNS: Final = 20_000
"""Directions of one edit that are composed again; more would take more memory than a reader should
need.
"""
CACHED: Final = 256
CLOSE: Final = 1e-6
"""Largest difference of an entry of `B Lᵀ` between devices (float64 on the host, float32 products
on an accelerator).
"""
SPEC: Final = ("concepts", "domains", "method", "target", "strength", "prototypes", "examples")
BROKEN: Final = (*MALFORMED, ArithmeticError, AssertionError, MemoryError)


class Fault(BadFile):
    """What is wrong with a revision's parts."""


@dataclass
class Log:
    """What the entries said so far: filings, the contribution of each request, the artifact and the
    basis of each contribution.
    """

    filed: dict[str, dict[str, Any]] = field(default_factory=dict)
    contribution_of: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    basis: dict[str, str] = field(default_factory=dict)

    def take(self, entry: Mapping[str, Any]) -> None:
        """The next entry."""
        kind, subject, payload = entry["kind"], entry["subject"], entry["payload"]
        if kind == "contribution.make":
            self.made[subject], self.basis[subject] = (
                str(payload.get("artifact")),
                str(payload.get("basis")),
            )
        elif kind == "request.file" and payload.get("kind", "forget") == "forget":
            self.filed[subject] = {name: payload.get(name) for name in SPEC}
        elif (
            kind in ("request.approve", "request.wait", "request.recompute", "request.deny")
            and "contribution" in payload
        ):
            self.contribution_of[subject] = str(payload["contribution"])


def recompute(
    entries: Iterable[Mapping[str, Any]], artifact: Callable[[str], bytes]
) -> list[dict[str, Json]]:
    """Each edit whose parts are at hand, composed again: `says` how it compares with what was
    published, `fault` what is wrong, `same_bytes` whether it is bit-equal (None: it was not
    composed again). After it what could not be checked of its requests, each as a record of its
    own, once.

    `entries` come in their order. `artifact` raises NotFound for what is not at hand.
    """
    log, parts = Log(), _Parts(artifact)
    found: list[dict[str, Json]] = []
    told: set[str] = set()
    for entry in entries:
        if entry["kind"] != "revision.compose":
            log.take(entry)
            continue
        blank: dict[str, Json] = {
            "revision": entry["subject"],
            "says": "",
            "fault": "",
            "same_bytes": None,
        }
        said, unchecked = dict(blank), list[str]()
        try:
            composed, unchecked = _again(entry["payload"], log, parts)
            said |= composed
        except NotFound as error:
            said["says"] = f"it was not composed again: {error.message}"
        except GovdError as error:
            said["fault"] = f"it cannot be composed again: {error.message}"
        found.append(said)
        found += [blank | {"says": text} for text in unchecked if text not in told]
        told |= set(unchecked)
    return found


class _Parts:
    """Artifacts, read and kept for a while."""

    def __init__(self, artifact: Callable[[str], bytes]) -> None:
        self._artifact = artifact
        self._basis: tuple[str, Basis] | None = None
        self._kept: dict[tuple[str, str], Contribution] = {}

    def basis(self, digest: str) -> Basis:
        """A basis whose tensors fit each other."""
        if self._basis is None or self._basis[0] != digest:
            self._basis = digest, _read("basis", digest, self._artifact(digest), _basis)
        return self._basis[1]

    def edit(self, digest: str) -> Edit:
        """An edit."""
        found: Edit = _read(
            "edit", digest, self._artifact(digest), lambda data: Edit.from_bytes(data, "edit")
        )
        return found

    def contribution(
        self, basis: Basis, basis_digest: str, digest: str, artifact: str
    ) -> Contribution:
        """A contribution to edits on this basis, named as its contents say."""
        if (basis_digest, digest) not in self._kept:
            found = named_contribution(
                digest, artifact, basis_digest, self._artifact(artifact), basis
            )
            if len(self._kept) >= CACHED:
                self._kept.clear()
            self._kept[basis_digest, digest] = found
        return self._kept[basis_digest, digest]


def _read(what: str, digest: str, data: bytes, reader: Callable[[bytes], Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            return reader(data)
    except GovdError as error:
        raise Fault(f"the {what} is malformed: {error.what}", where=digest) from None
    except BROKEN as error:
        raise Fault(
            f"the {what} is malformed ({type(error).__name__}: {error})"[:300], where=digest
        ) from None


def _basis(data: bytes) -> Basis:
    basis = Basis.from_bytes(data, "basis")
    names = [
        n
        for names in (basis.labels, basis.vocabulary, basis.domains, basis.templates)
        for n in names
    ]
    dim = basis.dim
    wide = {"labels": len(basis.labels), "vocabulary": len(basis.vocabulary)}
    shapes = {"metric_inverse": (dim, dim), **{name: (count, dim) for name, count in wide.items()}}
    if basis.hard:
        shapes |= {"free_inverse": (dim, dim), "duals": (dim, len(basis.labels))}
    wrong = [name for name, shape in shapes.items() if basis.tensors[name].shape != shape]
    if (
        wrong
        or not all(isinstance(n, str) for n in names)
        or not isinstance(basis.max_edit_norm, int | float)
    ):
        raise BadFile(f"its {', '.join(wrong) or 'settings'} do not fit the rest")
    return basis


def named_contribution(
    digest: str, artifact: str, basis_digest: str, data: bytes, basis: Basis | None = None
) -> Contribution:
    """A contribution that is named as its contents say, and, where its basis is at hand, fits that;
    else a Fault.
    """
    found: Contribution = _read(
        "contribution", artifact, data, lambda data: _contribution(data, basis_digest, basis)
    )
    if found.digest != digest:
        raise Fault(f"the contribution {digest[:16]}… is not what its name says", where=artifact)
    return found


def _contribution(data: bytes, basis_digest: str, basis: Basis | None) -> Contribution:
    found = contribution_from_bytes(data, "contribution")
    pictures = len(basis.tensors["pool"]) if basis is not None and basis.has_pool else 0
    for name, tensor in found.tensors.items():
        if tensor.dtype == np.int32 and tensor.ndim == 1:
            if (
                basis is not None
                and len(tensor)
                and not (tensor.min() >= 0 and tensor.max() < max(pictures, len(basis.domains)))
            ):
                raise BadFile(
                    f"its {name} names rows that are not there",
                    advice="The basis is another, or the file is damaged.",
                )
            continue
        wide = (
            tensor.ndim == 2
            and name != "incidence"
            and basis is not None
            and tensor.shape[0] != basis.dim
        )
        if tensor.dtype != np.float64 or wide:
            known = "" if basis is None else f", the model's width is {basis.dim}"
            raise BadFile(f"its {name} is {tensor.dtype} of shape {tensor.shape}{known}")
    made = sealed(basis_digest, found.spec, dict(found.tensors), dict(found.facts))
    if made.digest != found.digest:
        raise BadFile("its contents are not those of the digest in it")
    return made


def _again(
    payload: Mapping[str, Any], log: Log, parts: _Parts
) -> tuple[dict[str, Json], list[str]]:
    """What composing a revision again came to, and what could not be checked of its requests."""
    from govd.methods import builtin

    methods, basis_digest = builtin(), str(payload.get("basis"))
    digests = _texts(payload.get("contributions"), "contributions")
    requests = _texts(payload.get("requests"), "requests")
    subsumed = _bound(requests, payload.get("subsumed"), digests, log)
    published = parts.edit(str(payload.get("edit")))
    if published.digest != payload.get("edit_digest"):
        raise Fault(
            "the published edit is not the one that the entry names", where=str(payload.get("edit"))
        )
    basis = parts.basis(basis_digest)
    contributions = []
    for digest in digests:
        if digest not in log.made:
            raise Fault("no entry before it made this contribution", where=digest)
        contributions.append(parts.contribution(basis, basis_digest, digest, log.made[digest]))
    own = {
        request: contributions[digests.index(log.contribution_of[request])] for request in requests
    }
    unchecked = [
        text
        for request, contribution in own.items()
        for text in _asked(request, log, contribution, basis)
    ]
    for inner, outer in subsumed.items():
        try:
            digest = log.contribution_of.get(inner, "")
            mine = (
                parts.contribution(basis, basis_digest, digest, log.made[digest])
                if digest in log.made
                else None
            )
        except NotFound:
            mine = None
        if mine is not None:
            unchecked += _asked(inner, log, mine, basis)
        if not _covered(inner, mine, {outer: own[outer]} if outer else own, log):
            unchecked.append(
                f"that {inner} is covered was not checked: its contribution is not here"
            )
    if any(c.spec.method not in methods for c in contributions):
        return {
            "says": (
                "it was not composed again: one of its methods is a plugin's that is not installed"
                " here"
            )
        }, unchecked
    private = sum(
        any(c.name.startswith(PRIVATE) for c in o.spec.scope.concepts) for o in own.values()
    )
    return (
        _compared(_composed(basis, contributions, methods), published, len(requests), private),
        unchecked,
    )


def _texts(said: Any, what: str) -> list[str]:
    if (
        not isinstance(said, list)
        or not all(isinstance(s, str) for s in said)
        or len(set(said)) < len(said)
    ):
        raise Fault(f"the entry's {what} are no list of names")
    return said


def _bound(requests: list[str], said: Any, digests: list[str], log: Log) -> dict[str, str]:
    """That the edit is made of the contributions of its requests, and of no others; the requests
    that it covers, each with the one by which ("": the ledger does not say, as one of the two is
    private).
    """
    subsumed: dict[str, str] = {} if said is None else said
    if not isinstance(subsumed, dict) or not all(
        isinstance(outer, str) for outer in subsumed.values()
    ):
        raise Fault("the entry's subsumed requests are no such list")
    for request in [*requests, *subsumed]:
        if request not in log.filed:
            raise Fault(
                "the filing of this request is not among the entries before it", where=request
            )
    for request in requests:
        own = log.contribution_of.get(request)
        if own is None:
            raise Fault(
                "no entry before it says which contribution is this request's", where=request
            )
        if own not in digests:
            raise Fault(
                f"the contribution {own[:16]}… of this request is not in the edit", where=request
            )
    strange = set(digests) - {log.contribution_of[r] for r in requests}
    if strange:
        raise Fault(
            f"the contribution {min(strange)[:16]}… in the edit is of no request that is in force"
        )
    for inner, outer in subsumed.items():
        if outer and outer not in requests:
            raise Fault(
                f"it is said to be covered by {outer[:40]}, which is not in the edit", where=inner
            )
    return subsumed


def _covered(
    inner: str, mine: Contribution | None, outers: Mapping[str, Contribution], log: Log
) -> bool:
    """Whether it was seen that one of the `outers` takes away all that a request asked for; False
    where its contribution, `mine`, is needed for that and not at hand.

    Concepts are compared by the texts that contributions take away: neither spelling nor a private
    name makes a difference.

    Raises:
        Fault: none of them does.
    """
    scope, strength = _scope(log.filed[inner], inner), log.filed[inner].get("strength")
    if not isinstance(strength, int | float):
        raise Fault("its filing has no strength", where=inner)
    wide = [
        c for c in outers.values() if c.spec.strength >= strength and _spans(c.spec.scope, scope)
    ]
    if any(_takes(c, scope, mine) for c in wide):
        return True
    if wide and mine is None:
        return False
    by = (
        f"by {next(iter(outers))[:40]}, which does not cover it"
        if len(outers) == 1
        else "by one of the edit, and none covers it"
    )
    raise Fault(f"it is said to be covered {by}", where=inner)


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
    mine, theirs = _targets(outer), None if inner is None else _targets(inner)
    if mine is None or theirs is None:
        return outer.spec.scope.covers(scope)
    with np.errstate(all="ignore"):
        return all(float(np.abs(mine - text[:, None]).max(0).min()) < SAME for text in theirs.T)


def _targets(contribution: Contribution) -> np.ndarray[Any, Any] | None:
    """The texts `(d, p)` that a contribution takes away wherever its scope is; None where its
    tensors do not say.
    """
    tensors = contribution.tensors
    found = tensors.get(
        "targets", None if contribution.spec.scope.domains else tensors.get("texts")
    )
    return found if found is not None and found.ndim == 2 and found.size else None


def _scope(filed: Mapping[str, Any], request: str) -> Scope:
    try:
        concepts = tuple(
            Concept(str(c["name"]), tuple(map(str, c["aliases"]))) for c in filed["concepts"]
        )
        return Scope(concepts, tuple(map(str, filed["domains"])))
    except MALFORMED:
        raise Fault("its filing has no scope", where=request) from None


def _asked(request: str, log: Log, contribution: Contribution, basis: Basis) -> list[str]:
    """That a contribution is of what its request asked: the same spec, and targets that are not
    those of other names; what only the model could tell of these.

    A phrase that is no anchor has the embedding of one that the model reads alike. That it does is
    plain where both are spelled alike.
    """
    scope = check_spec(request, log, contribution)
    if not scope.concepts or any(c.name.startswith(PRIVATE) for c in scope.concepts):
        return []
    names, rows = (
        [*basis.labels, *basis.vocabulary],
        np.concatenate([basis.tensors["labels"], basis.tensors["vocabulary"]]),
    )
    phrases = {p for c in scope.concepts for p in c.phrases}
    own = {row.tobytes() for name, row in zip(names, rows, strict=True) if name in phrases}
    strange = phrases - set(names)
    unchecked: list[str] = []
    targets = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    for column in targets.T if targets is not None and targets.ndim == 2 else ():
        key = np.ascontiguousarray(column).tobytes()
        about = basis.anchor_names.get(key)
        if about is None or key in own or _spelled(about) in {_spelled(p) for p in strange}:
            continue
        if not strange:
            raise Fault(
                f"the contribution's tensors are about {about[:80]!r}, which the request does not"
                " name",
                where=request,
            )
        unchecked.append(
            f"that what {request} names is {about[:80]!r} to the model was not checked: it takes"
            " the model to tell"
        )
    return unchecked


def check_spec(request: str, log: Log, contribution: Contribution) -> Scope:
    """The scope of a filed request; its contribution has it, with the method, target and strength
    that were filed.

    Raises:
        Fault: it has not.
    """
    spec, filed, scope = contribution.spec, log.filed[request], _scope(log.filed[request], request)
    mine: dict[str, Json] = {
        **spec.scope.as_json(),
        "method": spec.method,
        "target": spec.target,
        "strength": spec.strength,
    }
    mine |= {"prototypes": spec.prototypes, "examples": list(spec.examples)}
    wanted = (
        filed
        | scope.as_json()
        | {
            "examples": filed.get("examples") or [],
            "prototypes": filed.get("prototypes") or 0,
        }
    )
    wrong = [name for name in SPEC if mine[name] != wanted[name]]
    if wrong:
        raise Fault(
            f"the contribution is of another {', '.join(wrong)} than the request asked for",
            where=request,
        )
    return scope


def _spelled(phrase: str) -> str:
    """A phrase without case, accents, spaces and punctuation; itself where nothing is left."""
    return (
        "".join(c for c in unicodedata.normalize("NFKD", phrase).casefold() if c.isalnum())
        or phrase
    )


def _composed(basis: Basis, contributions: list[Contribution], methods: Any) -> Edit:
    if (
        sum(
            max((t.shape[-1] for t in c.tensors.values() if t.ndim == 2), default=0)
            for c in contributions
        )
        > COLUMNS
    ):
        raise NotFound(
            f"it has more than {COLUMNS} directions, which would take too much memory here"
        )
    try:
        with np.errstate(all="ignore"):
            return compose(basis, contributions, methods)
    except BROKEN as error:
        raise Fault(
            f"its basis and contributions do not fit each other ({type(error).__name__}: {error})"[
                :300
            ]
        ) from None


def _maps(edit: Edit) -> list[tuple[Floats, Floats, Floats]]:
    """An edit's factors with what they depend on: selector and threshold, nothing for those that
    are applied to every vector.
    """
    always = np.zeros(edit.dim + 1)
    linear = edit.linear
    maps: list[tuple[Floats, Floats, Floats]] = [
        (always, edit.L, edit.B),
        (always, linear.L, linear.B),
    ]
    return maps + [(np.append(c.selector, c.threshold), c.L, c.B) for c in edit.conditions]


def _apart(ours: tuple[Floats, Floats], others: tuple[Floats, Floats]) -> float:
    """How far two maps `B Lᵀ` are apart at most, row by row."""
    rows = zip(ours[0], others[0], strict=True)
    return max(
        (float(np.abs(ours[1] @ a - others[1] @ b).max(initial=0)) for a, b in rows), default=0.0
    )


def _compared(edit: Edit, published: Edit, requests: int, private: int) -> dict[str, Json]:
    of = (
        f"from the contributions of its {requests} requests, each with the scope, method, target"
        " and strength that was filed"
    )
    if private:
        of += (
            f" ({private} private: their names are commitments, so that is all that is known of"
            " what they are about)"
        )
    if edit.digest == published.digest:
        return {"says": f"its edit was composed again {of}: the same bytes", "same_bytes": True}
    if edit.dim != published.dim or edit.side != published.side:
        raise Fault("composed again its edit is of another width or side")
    ours, others = _maps(edit), _maps(published)
    if len(ours) != len(others) or any(
        not np.allclose(a[0], b[0], rtol=0, atol=CLOSE) for a, b in zip(ours, others, strict=True)
    ):
        raise Fault("composed again its edit asks for other conditions")
    far = max((_apart(a[1:], b[1:]) for a, b in zip(ours, others, strict=True)), default=0.0)
    if far <= CLOSE:
        return {
            "says": (
                f"its edit was composed again {of}: equal within {far:.1e} (composed by another"
                " device)"
            ),
            "same_bytes": False,
        }
    return {"fault": f"composed again its edit differs by {far:.1e}", "same_bytes": False}
