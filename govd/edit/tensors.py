"""Edits of models that have no space in which things are compared: sums of tensor deltas.

What a forget adds to such a model was computed by somebody else's job: for each weight that it
changes a delta, whole (`full:NAME`, of the weight's shape) or as two factors (`up:NAME` `(m, r)`
and `down:NAME` `(r, n)`, whose product is the delta). Each delta is rounded to multiples of
2^−40, and a sum of such multiples that stays below 2^13 is exact in float64: so neither the order
of filing nor a detour through forgets that were reverted changes a bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from govd.edit import exact
from govd.edit.algebra import Host
from govd.edit.basis import Basis
from govd.edit.compose import Method, compose
from govd.edit.factors import TENSORS, Edit
from govd.edit.files import (
    facts_from_texts,
    facts_to_texts,
    tensors_from_bytes,
    tensors_to_bytes,
)
from govd.errors import BadFile, OverCapacity, Unsupported, Usage
from govd.types import PRIVATE, Contribution, Floats, Json, Side

FULL, UP, DOWN = "full:", "up:", "down:"
"""How the names of a contribution's tensors begin."""
GRID: Final = 2.0**40
"""Steps of 1 to which deltas are rounded: about 1e-12."""
LARGEST: Final = 2.0**12
"""What the largest entries of all deltas of one weight may add up to; far more than any weight
changes by, and little enough for an exact sum.
"""
ENTRIES: Final = 1 << 31
"""Entries of one weight at most."""
BLOCK: Final = 1 << 18
"""Entries of a weight that are compared at once."""
OVERLAPS: Final = 20
"""Pairs of forgets that change the same weights which are named, those that share most first."""


@dataclass(frozen=True)
class TensorEdit:
    """`W' = W + Δ` for some weights of a model, rounded once to the weight's own type.

    `deltas` are float64, by the weights' names and of their shapes. `facts` say what composed it;
    they are no part of the digest.
    """

    deltas: Mapping[str, Floats]
    facts: Mapping[str, Json] = field(default_factory=dict)
    side: ClassVar[str] = "weights"
    conditions: ClassVar[tuple[()]] = ()

    def __post_init__(self) -> None:
        for name, delta in self.deltas.items():
            if delta.dtype != np.float64 or not np.isfinite(delta).all():
                raise Usage(
                    f"the delta of {name} is {delta.dtype}, or has values not finite"
                )

    @property
    def rank(self) -> int:
        """How many weights it changes."""
        return len(self.deltas)

    @property
    def linear(self) -> TensorEdit:
        """What can be written into weights: all of it."""
        return self

    @property
    def files_changed(self) -> int:
        """How many files of a checkpoint it may change at most."""
        return len(self.deltas)

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return sum(delta.nbytes for delta in self.deltas.values())

    @property
    def digest(self) -> str:
        """SHA-256 of names, shapes and values (float64, little endian), by name."""
        whole = hashlib.sha256(f"{TENSORS}\n".encode())
        for name in sorted(self.deltas):
            delta = self.deltas[name]
            whole.update(
                json.dumps([name, list(delta.shape)], ensure_ascii=False).encode()
            )
            whole.update(np.ascontiguousarray(delta, "<f8").tobytes())
        return whole.hexdigest()

    def extent(self) -> dict[str, Json]:
        """How much it changes: `weights` in how many `entries`, and the `edit_norm` (Frobenius)."""
        deltas = self.deltas.values()
        squares = sum(float(np.sum(delta * delta)) for delta in deltas)
        return {
            "weights": len(self.deltas),
            "entries": sum(int(np.count_nonzero(delta)) for delta in deltas),
            "edit_norm": float(np.sqrt(squares)),
        }

    def to_bytes(self) -> bytes:
        """A safetensors file with the deltas by the weights' names: the same bytes for the same
        edit and facts.
        """
        facts = facts_to_texts(self.facts)
        return tensors_to_bytes(self.deltas, {"format": TENSORS, **facts})

    def save(self, path: str | PathLike[str]) -> None:
        """Write the edit to a file."""
        Path(path).write_bytes(self.to_bytes())


AnyEdit = Edit | TensorEdit
"""Of a model with a space, or of one without."""


def edit_from_bytes(data: bytes, where: str = "") -> AnyEdit:
    """An edit of either kind, as its `to_bytes` wrote it.

    Raises:
        BadFile: not such a file, truncated, or of wrong shapes.
    """
    tensors, metadata = tensors_from_bytes(data, where)
    if metadata.get("format") != TENSORS:
        return Edit.from_tensors(tensors, metadata, where)
    try:
        return TensorEdit(tensors, facts_from_texts(metadata, without=("format",)))
    except (ValueError, Usage) as error:
        raise BadFile(f"this is no edit of tensors ({error})", where=where) from None


def unedited(dim: int, side: Side) -> AnyEdit:
    """The edit that changes nothing, of a model with `dim` dimensions; 0: of one without a
    space.
    """
    return Edit.nothing(dim, side) if dim else TensorEdit({})


def factors_of(edit: AnyEdit) -> Edit:
    """The edit, where it is one of vectors.

    Raises:
        Unsupported: it is of tensors.
    """
    if isinstance(edit, Edit):
        return edit
    raise Unsupported(
        "this model has no space of vectors, so it neither encodes, classifies nor predicts here",
        advice="`govd evaluate` runs its evaluation; `govd export` writes the edited weights.",
    )


def composed(
    basis: Basis, contributions: Sequence[Contribution], methods: Mapping[str, Method]
) -> AnyEdit:
    """The cumulative edit of a model of either kind, on the host. The order of `contributions` does
    not matter.

    Raises:
        Unsupported: methods whose systems cannot be solved together. OverCapacity: no room is left.
    """
    return (
        compose(basis, contributions, methods)
        if basis.has_space
        else summed(contributions)
    )


def summed(contributions: Sequence[Contribution]) -> TensorEdit:
    """The sum of the deltas of all contributions; weights whose sum is zero are left out.

    Raises:
        Unsupported: a contribution has no deltas, or two of a weight differ in shape. OverCapacity:
        the deltas of a weight are so large that their sum would be rounded.
    """
    ordered = sorted(contributions, key=lambda contribution: contribution.digest)
    names = sorted({name for contribution in ordered for name in weights(contribution)})
    deltas: dict[str, Floats] = {}
    overlaps = Overlaps(ordered)
    for name in names:
        changes = {
            place: delta_of(contribution, name)
            for place, contribution in enumerate(ordered)
            if name in weights(contribution)
        }
        total = _total(name, list(changes.values()))
        overlaps.add(name, changes)
        if total.any():
            deltas[name] = total
    facts: dict[str, Json] = {"composed_by": Host.name}
    return TensorEdit(deltas, facts | overlaps.as_json()) if ordered else TensorEdit({})


def _total(name: str, changes: Sequence[Floats]) -> Floats:
    """The exact sum of deltas of one weight."""
    if len({change.shape for change in changes}) > 1:
        shapes = ", ".join(str(change.shape) for change in changes)
        raise Unsupported(f"deltas of {name} have the shapes {shapes}")
    largest = sum(float(np.abs(change).max(initial=0.0)) for change in changes)
    if largest >= LARGEST:
        raise OverCapacity(
            f"the deltas of {name} add up to as much as {largest:g}, where {LARGEST:g} is the most",
            advice="A weight that changes so much is broken: look at the job that computed them.",
        )
    total = np.zeros(changes[0].shape)
    for change in changes:
        total += change
    return total


def weights(contribution: Contribution) -> frozenset[str]:
    """The names of the weights that a contribution changes.

    Raises:
        Unsupported: its tensors are no deltas.
    """
    tensors = contribution.tensors
    names = set[str]()
    for tensor in tensors:
        prefix, colon, name = tensor.partition(":")
        other = {UP: DOWN, DOWN: UP}.get(prefix + colon)
        if (prefix + colon) not in (FULL, UP, DOWN) or (
            other and other + name not in tensors
        ):
            raise Unsupported(
                f"a contribution whose tensor {tensor[:80]!r} is no delta"
            )
        names.add(name)
    return frozenset(names)


def delta_of(contribution: Contribution, name: str) -> Floats:
    """What a contribution adds to one weight, in multiples of 1/`GRID`.

    Raises:
        Unsupported: its factors do not fit each other.
    """
    tensors = contribution.tensors
    if FULL + name in tensors:
        return np.round(tensors[FULL + name] * GRID) / GRID
    up = tensors[UP + name]
    down = tensors[DOWN + name]
    if up.ndim != 2 or down.ndim != 2 or up.shape[1] != down.shape[0]:
        raise Unsupported(f"factors of {name} of shapes {up.shape} and {down.shape}")
    if up.shape[0] * down.shape[1] > ENTRIES:
        raise OverCapacity(
            f"factors of {name} whose product has more than {ENTRIES:,} entries"
        )
    return np.round(exact.matmul(up, down) * GRID) / GRID


class Overlaps:
    """Which forgets change the same entries of the same weights, and by how much: their edits are
    added, and neither job knew of the other.
    """

    def __init__(self, ordered: Sequence[Contribution]) -> None:
        self.ordered = ordered
        self._names: dict[tuple[int, int], list[str]] = {}
        self._figures: dict[tuple[int, int], np.ndarray[Any, Any]] = {}

    def add(self, name: str, changes: Mapping[int, Floats]) -> None:
        """One weight's deltas, by the place of their contribution."""
        places = sorted(changes)
        if len(places) < 2:
            return
        flat = [changes[place].ravel() for place in places]
        products, shared, both = (
            np.zeros((len(places), len(places))) for _ in range(3)
        )
        for start in range(0, flat[0].size, BLOCK):
            block = np.stack([delta[start : start + BLOCK] for delta in flat])
            changed = (block != 0).astype(np.float64)
            products += block @ block.T
            shared += (block * block) @ changed.T
            both += changed @ changed.T
        for i, j in zip(*np.nonzero(np.triu(both, 1)), strict=True):
            pair = places[i], places[j]
            figures = [
                products[i, j],
                products[i, i],
                products[j, j],
                shared[i, j],
                shared[j, i],
            ]
            self._names.setdefault(pair, []).append(name)
            self._figures[pair] = self._figures.get(pair, 0.0) + np.array(figures)

    def as_json(self) -> dict[str, Json]:
        """`overlapping`: how many pairs of forgets change the same entries; `overlaps`: those that
        share most, each with `between` (what the two forget, and their contributions), `weights`
        that both change, `cosine` of their deltas there (1: the same change twice, −1: one undoes
        the other) and `shared`, the larger share of a delta's squared length there that lies in
        entries which both change. Of private forgets nothing but the count is told.
        """
        rows = [
            self._row(pair)
            for pair in self._figures
            if not any(map(self._private, pair))
        ]
        rows.sort(
            key=lambda row: (
                -row["shared"],
                -abs(row["cosine"]),
                row["between"][0]["of"],
            )
        )
        return {"overlapping": len(self._figures), "overlaps": rows[:OVERLAPS]}

    def _row(self, pair: tuple[int, int]) -> dict[str, Json]:
        product, first_norm, second_norm, own_shared, others_shared = self._figures[
            pair
        ]
        return {
            "between": [self._told(place) for place in pair],
            "weights": self._names[pair][:OVERLAPS],
            "cosine": round(float(product / np.sqrt(first_norm * second_norm)), 4),
            "shared": round(
                float(max(own_shared / first_norm, others_shared / second_norm)), 4
            ),
        }

    def _told(self, place: int) -> dict[str, Json]:
        contribution = self.ordered[place]
        scope = contribution.spec.scope
        names = [concept.name for concept in scope.concepts] or ["everything"]
        return {"forgets": [*names, *scope.domains], "of": contribution.digest}

    def _private(self, place: int) -> bool:
        concepts = self.ordered[place].spec.scope.concepts
        return any(concept.name.startswith(PRIVATE) for concept in concepts)
