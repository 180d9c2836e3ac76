"""Edits composed again from contributions, and whether these are what the requests asked for. Needs
NumPy and the methods, no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

import numpy as np

from govd.edit import AnyEdit, Basis, Edit, TensorEdit
from govd.edit.tensors import composed
from govd.errors import GovdError, NotFound
from govd.types import PRIVATE, Contribution, Floats, Json
from govd.verify.contributions import BROKEN, Fault, Parts
from govd.verify.filings import Log, check_names, check_parts, is_covered, name_list

COLUMNS: Final = 20_000
"""Directions of one edit that are composed again; more would take more memory than a reader should
need.
"""
CLOSE: Final = 1e-6
"""Largest difference of an entry of `B Lᵀ` between devices (float64 on the host, float32 products
on an accelerator).
"""


def recompute(
    entries: Iterable[Mapping[str, Any]], artifact: Callable[[str], bytes]
) -> list[dict[str, Json]]:
    """Each edit whose parts are at hand, composed again: `says` how it compares with what was
    published, `fault` what is wrong, `same_bytes` whether it is bit-equal (None: it was not
    composed again). After it what could not be checked of its requests, each as a record of its
    own, once.

    `entries` come in their order. `artifact` raises NotFound for what is not at hand.
    """
    log = Log()
    parts = Parts(artifact)
    records: list[dict[str, Json]] = []
    listed: set[str] = set()
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
        record = dict(blank)
        unchecked = list[str]()
        try:
            composed, unchecked = _again(entry["payload"], log, parts)
            record |= composed
        except NotFound as error:
            record["says"] = f"it was not composed again: {error.message}"
        except GovdError as error:
            record["fault"] = f"it cannot be composed again: {error.message}"
        records.append(record)
        records += [blank | {"says": text} for text in unchecked if text not in listed]
        listed |= set(unchecked)
    return records


def _again(
    payload: Mapping[str, Any], log: Log, parts: Parts
) -> tuple[dict[str, Json], list[str]]:
    """What composing a revision again came to, and what could not be checked of its requests."""
    from govd.methods import builtin

    methods = builtin()
    basis_digest = str(payload.get("basis"))
    digests = name_list(payload.get("contributions"), "contributions")
    requests = name_list(payload.get("requests"), "requests")
    subsumed = check_parts(requests, payload.get("subsumed"), digests, log)
    published = parts.edit(str(payload.get("edit")))
    if published.digest != payload.get("edit_digest"):
        raise Fault(
            "the published edit is not the one that the entry names",
            where=str(payload.get("edit")),
        )
    basis = parts.basis(basis_digest)
    contributions = []
    for digest in digests:
        if digest not in log.artifact_of:
            raise Fault("no entry before it made this contribution", where=digest)
        artifact = log.artifact_of[digest]
        contributions.append(parts.contribution(basis, basis_digest, digest, artifact))
    by_request = {
        request: contributions[digests.index(log.contribution_of[request])]
        for request in requests
    }
    unchecked = [
        text
        for request, contribution in by_request.items()
        for text in check_names(request, log, contribution, basis)
    ]
    unchecked += _check_subsumed(
        subsumed, by_request, log, parts, (basis, basis_digest)
    )
    if any(contribution.spec.method not in methods for contribution in contributions):
        missing = (
            "it was not composed again: one of its methods "
            "is a plugin's that is not installed here"
        )
        return {"says": missing}, unchecked
    again = _composed(basis, contributions, methods)
    private = sum(map(_is_private, by_request.values()))
    return _compared(again, published, len(requests), private), unchecked


def _check_subsumed(
    subsumed: Mapping[str, str],
    by_request: Mapping[str, Contribution],
    log: Log,
    parts: Parts,
    on: tuple[Basis, str],
) -> list[str]:
    """That each request of `subsumed` is covered by the one that it names, or by any of the edit's;
    what could not be checked of it. `on`: the basis with its digest.
    """
    unchecked: list[str] = []
    for inner, outer in subsumed.items():
        contribution = _at_hand(log.contribution_of.get(inner, ""), log, parts, on)
        if contribution is not None:
            unchecked += check_names(inner, log, contribution, on[0])
        outers = {outer: by_request[outer]} if outer else by_request
        if not is_covered(inner, contribution, outers, log):
            unchecked.append(
                f"that {inner} is covered was not checked: its contribution is not here"
            )
    return unchecked


def _at_hand(
    digest: str, log: Log, parts: Parts, on: tuple[Basis, str]
) -> Contribution | None:
    """A contribution, where it was made and its artifact is at hand."""
    if digest not in log.artifact_of:
        return None
    try:
        return parts.contribution(*on, digest, log.artifact_of[digest])
    except NotFound:
        return None


def _is_private(contribution: Contribution) -> bool:
    concepts = contribution.spec.scope.concepts
    return any(concept.name.startswith(PRIVATE) for concept in concepts)


def _composed(basis: Basis, contributions: list[Contribution], methods: Any) -> AnyEdit:
    if basis.has_space and sum(map(_columns, contributions)) > COLUMNS:
        raise NotFound(
            f"it has more than {COLUMNS} directions, which would take too much memory here"
        )
    try:
        with np.errstate(all="ignore"):
            return composed(basis, contributions, methods)
    except BROKEN as error:
        detail = f"{type(error).__name__}: {error}"
        fault = f"its basis and contributions do not fit each other ({detail})"
        raise Fault(fault[:300]) from None


def _columns(contribution: Contribution) -> int:
    """Directions of a contribution: the columns of its widest tensor (d, k)."""
    matrices = (tensor for tensor in contribution.tensors.values() if tensor.ndim == 2)
    return max((matrix.shape[-1] for matrix in matrices), default=0)


def _maps(edit: Edit) -> list[tuple[Floats, Floats, Floats]]:
    """An edit's factors with what they depend on: what a condition is asked by, nothing for those
    that are applied to every vector.
    """
    always = np.zeros(0)
    maps: list[tuple[Floats, Floats, Floats]] = [
        (always, edit.L, edit.B),
        (always, edit.linear.L, edit.linear.B),
    ]
    for condition in edit.conditions:
        maps.append((condition.place, condition.L, condition.B))
    return maps


def _apart(ours: tuple[Floats, Floats], others: tuple[Floats, Floats]) -> float:
    """How far two maps `B Lᵀ` are apart at most, row by row."""
    rows = zip(ours[0], others[0], strict=True)
    differences = (np.abs(ours[1] @ row - others[1] @ other) for row, other in rows)
    largest = [float(difference.max(initial=0)) for difference in differences]
    return max(largest, default=0.0)


def _furthest(edit: AnyEdit, published: AnyEdit) -> float:
    """How far an edit is from the published one at most.

    Raises:
        Fault: they are of different kinds, or ask for other conditions.
    """
    if isinstance(edit, TensorEdit) or isinstance(published, TensorEdit):
        _refuse_tensors(edit, published)
    if edit.dim != published.dim or edit.side != published.side:
        raise Fault("its edit, composed again, is of another width or side")
    maps = _maps(edit)
    published_maps = _maps(published)
    if len(maps) != len(published_maps):
        raise Fault("its edit, composed again, has other conditions")
    pairs = list(zip(maps, published_maps, strict=True))
    if any(
        our[0].shape != other[0].shape
        or not np.allclose(our[0], other[0], rtol=0, atol=CLOSE)
        for our, other in pairs
    ):
        raise Fault("its edit, composed again, has other conditions")
    return max((_apart(our[1:], other[1:]) for our, other in pairs), default=0.0)


def _refuse_tensors(edit: AnyEdit, published: AnyEdit) -> NoReturn:
    """Say how deltas of weights differ, which are added exactly: any difference is a fault.

    Raises:
        Fault: always.
    """
    if not isinstance(edit, TensorEdit) or not isinstance(published, TensorEdit):
        raise Fault("its edit, composed again, is of another kind")
    names = edit.deltas.keys()
    if names != published.deltas.keys():
        raise Fault("its edit, composed again, changes other weights")
    largest = []
    for name in names:
        delta = edit.deltas[name]
        published_delta = published.deltas[name]
        if delta.shape != published_delta.shape:
            raise Fault("its edit, composed again, changes other weights")
        largest.append(float(np.abs(delta - published_delta).max(initial=0)))
    raise Fault(f"its edit, composed again, differs by {max(largest, default=0.0):.1e}")


def _compared(
    edit: AnyEdit, published: AnyEdit, requests: int, private: int
) -> dict[str, Json]:
    origin = (
        f"from the contributions of its {requests} requests, each with the scope, method, target"
        " and strength that was filed"
    )
    if private:
        origin += (
            f" ({private} private: their names are commitments, so that is all that is known of"
            " what they are about)"
        )
    if edit.digest == published.digest:
        return {
            "says": f"its edit was composed again {origin}: the same bytes",
            "same_bytes": True,
        }
    difference = _furthest(edit, published)
    if difference <= CLOSE:
        closeness = f"equal within {difference:.1e} (composed by another device)"
        return {
            "says": f"its edit was composed again {origin}: {closeness}",
            "same_bytes": False,
        }
    return {
        "fault": f"its edit, composed again, differs by {difference:.1e}",
        "same_bytes": False,
    }
