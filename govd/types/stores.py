"""Embeddings that are kept elsewhere: what a plugin implements to bring a kind of store.

Vectors that were computed before a forget still know what was forgotten. A store is found by its
address (`govd_open_store`), carries a stamp of the revision that its vectors are of, and is taken
from one stamp to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from govd.types.models import LinearEdit
from govd.types.values import Floats, Progress, Side, silent


@dataclass(frozen=True)
class StoreStamp:
    """Which revision the vectors of a store are of: `NAME.govd.json` beside a file, the schema key
    `govd` in Parquet and Arrow, the column `govd_revision` in tables.

    `origin` is the ledger's (`govd/<uuid>`), `model_digest` and `edit_digest` are SHA-256 (hex),
    `revision` is 0 for the unedited model, `rows` how many vectors there were, and `sha256` is over
    their bytes where the store has them in a fixed order, else empty.
    """

    origin: str
    model: str
    model_digest: str
    revision: int
    edit_digest: str
    side: Side
    rows: int
    sha256: str = ""


@dataclass(frozen=True)
class Hit:
    """A vector that was found: its key in the store, and the cosine of its angle to the query."""

    key: str
    score: float


@dataclass(frozen=True)
class Patched:
    """What patching wrote, or with `dry_run` would write: `rows` of vectors, how many bytes that
    is, and in how many seconds.

    `reversible`: the originals are kept, so that any other revision can be had from them exactly.
    """

    rows: int
    size_bytes: int
    seconds: float
    reversible: bool


@dataclass(frozen=True)
class Purged:
    """What was taken away. `until`: the time (UTC, ISO 8601) after which no snapshot, journal or
    version holds the old vectors; empty: none does now, None: the store cannot say.
    """

    size_bytes: int
    until: str | None


class VectorEdit(LinearEdit, Protocol):
    """An edit that can be applied to vectors; `govd.edit.Edit` is one."""

    def apply(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of the edit's side, unit length again, in the type that came in."""
        ...


@runtime_checkable
class Store(Protocol):
    """Vectors of one model that are kept elsewhere. Opening reads nothing large.

    Each call may be repeated: what was cut off goes on where it was, and no vector is edited twice.
    """

    def stamp(self) -> StoreStamp | None:
        """What the store says of its own vectors; None where it is unstamped, which govd refuses to
        patch until somebody says what they are.
        """
        ...

    def count(self) -> int:
        """How many vectors there are now."""
        ...

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """For each of the unit queries `(n, d)` float32, at most `limit` hits, the best first, by
        the index that the store's users search.
        """
        ...

    def patch(
        self,
        edit: VectorEdit,
        expected: StoreStamp,
        stamp: StoreStamp,
        *,
        dry_run: bool = False,
        progress: Progress = silent,
    ) -> Patched:
        """Write `edit` of the unedited vectors, stamped `stamp`, beside those that are searched, or
        in their place where the store has no other way.

        Args:
            edit: what is applied to each vector as the unedited model made it.
            expected: the stamp that was read before; another one means that somebody was quicker.
            stamp: what the vectors are afterwards; its `rows` and `sha256` are filled in here.
            dry_run: write nothing, and say what it would be.
            progress: told of rows.

        Raises:
            Conflict: the store's stamp is not `expected`. Unsupported: the originals are not kept,
            and the edit cannot be undone from its result. MachineFault: no room, or not reachable.
        """
        ...

    def verify(self, edit: VectorEdit, stamp: StoreStamp) -> Sequence[str]:
        """What is not as the stamp says: rows that came since, vectors of another revision, an
        index that still finds the old ones. A sentence each; empty where all is well.
        """
        ...

    def swap(self, stamp: StoreStamp) -> None:
        """Let searches be answered from the vectors of this stamp, at once.

        Raises:
            NotFound: the store holds none of this stamp.
        """
        ...

    def purge(self, progress: Progress = silent) -> Purged:
        """Take away every vector that is not searched, originals included, and compact. After it
        nothing can be undone.
        """
        ...
