"""Bases, contributions and edits, read from artifacts that come from whoever is to be checked:
whatever is wrong with one is a fault that names it, never an error of this program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from govd.edit import AnyEdit, Basis
from govd.edit.contribution import MALFORMED, contribution_from_bytes, sealed
from govd.edit.tensors import edit_from_bytes
from govd.errors import BadFile, GovdError
from govd.types import Contribution

CACHED: Final = 256
BROKEN: Final = (*MALFORMED, ArithmeticError, AssertionError, MemoryError)


class Fault(BadFile):
    """What is wrong with a revision's parts."""


class Parts:
    """Artifacts, read and kept for a while.

    `artifact` returns the bytes of a digest, and raises NotFound for what is not at hand.
    """

    def __init__(self, artifact: Callable[[str], bytes]) -> None:
        self._artifact = artifact
        self._basis: tuple[str, Basis] | None = None
        self._contributions: dict[tuple[str, str], Contribution] = {}

    def basis(self, digest: str) -> Basis:
        """A basis whose tensors fit each other.

        Raises:
            Fault: they do not. NotFound: it is not at hand.
        """
        if self._basis is None or self._basis[0] != digest:
            self._basis = digest, _read("basis", digest, self._artifact(digest), _basis)
        return self._basis[1]

    def edit(self, digest: str) -> AnyEdit:
        """An edit.

        Raises:
            Fault: it is none. NotFound: it is not at hand.
        """
        edit: AnyEdit = _read(
            "edit",
            digest,
            self._artifact(digest),
            lambda data: edit_from_bytes(data, "edit"),
        )
        return edit

    def contribution(
        self, basis: Basis, basis_digest: str, digest: str, artifact: str
    ) -> Contribution:
        """A contribution to edits on this basis (whose digest is `basis_digest`), named as its
        contents say: `digest` is its own, `artifact` that of the file.

        Raises:
            Fault: it is not. NotFound: it is not at hand.
        """
        if (basis_digest, digest) not in self._contributions:
            data = self._artifact(artifact)
            contribution = named_contribution(
                digest, artifact, basis_digest, data, basis
            )
            if len(self._contributions) >= CACHED:
                self._contributions.clear()
            self._contributions[basis_digest, digest] = contribution
        return self._contributions[basis_digest, digest]


def _read(what: str, digest: str, data: bytes, reader: Callable[[bytes], Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            return reader(data)
    except GovdError as error:
        raise Fault(f"the {what} is malformed: {error.what}", where=digest) from None
    except BROKEN as error:
        raise Fault(
            f"the {what} is malformed ({type(error).__name__}: {error})"[:300],
            where=digest,
        ) from None


def _basis(data: bytes) -> Basis:
    basis = Basis.from_bytes(data, "basis")
    names = [*basis.labels, *basis.vocabulary, *basis.domains, *basis.templates]
    dim = basis.dim
    shapes = {
        "metric_inverse": (dim, dim),
        "labels": (len(basis.labels), dim),
        "vocabulary": (len(basis.vocabulary), dim),
    }
    if basis.hard:
        shapes |= {"free_inverse": (dim, dim), "duals": (dim, len(basis.labels))}
    misshapen = [
        name for name, shape in shapes.items() if basis.tensors[name].shape != shape
    ]
    has_settings = all(isinstance(name, str) for name in names) and isinstance(
        basis.max_edit_norm, int | float
    )
    if misshapen or not has_settings:
        raise BadFile(f"its {', '.join(misshapen) or 'settings'} do not fit the rest")
    return basis


def named_contribution(
    digest: str,
    artifact: str,
    basis_digest: str,
    data: bytes,
    basis: Basis | None = None,
) -> Contribution:
    """The contribution in `data`, the bytes of `artifact`: its contents have this `digest` with
    that of its basis, `basis_digest`, and where the `basis` is at hand it fits that.

    Raises:
        Fault: it is not so.
    """
    contribution: Contribution = _read(
        "contribution",
        artifact,
        data,
        lambda data: _contribution(data, basis_digest, basis),
    )
    if contribution.digest != digest:
        raise Fault(
            f"the contribution {digest[:16]}… is not what its name says", where=artifact
        )
    return contribution


def _contribution(data: bytes, basis_digest: str, basis: Basis | None) -> Contribution:
    contribution = contribution_from_bytes(data, "contribution")
    for name, tensor in contribution.tensors.items():
        if tensor.dtype == np.int32 and tensor.ndim == 1:
            if basis is not None:
                _check_rows(name, tensor, basis)
        else:
            _check_directions(name, tensor, basis)
    resealed = sealed(
        basis_digest,
        contribution.spec,
        dict(contribution.tensors),
        dict(contribution.facts),
    )
    if resealed.digest != contribution.digest:
        raise BadFile("its contents are not those of the digest in it")
    return contribution


def _check_rows(name: str, rows: np.ndarray[Any, Any], basis: Basis) -> None:
    """That numbers of rows (k,) are of the basis's pool or domains."""
    pictures = len(basis.tensors["pool"]) if basis.has_pool else 0
    if len(rows) and not (
        rows.min() >= 0 and rows.max() < max(pictures, len(basis.domains))
    ):
        raise BadFile(
            f"its {name} names rows that are not there",
            advice="The basis is another, or the file is damaged.",
        )


def _check_directions(
    name: str, tensor: np.ndarray[Any, Any], basis: Basis | None
) -> None:
    """That a tensor has float64, and one of directions (d, k) the model's width; where it has no
    space there are none.
    """
    fits = True
    if (
        tensor.ndim == 2
        and name != "incidence"
        and basis is not None
        and basis.has_space
    ):
        fits = tensor.shape[0] == basis.dim
    if tensor.dtype != np.float64 or not fits:
        width = "" if basis is None else f", the model's width is {basis.dim}"
        raise BadFile(f"its {name} is {tensor.dtype} of shape {tensor.shape}{width}")
