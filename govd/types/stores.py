"""Embeddings that are kept elsewhere: what a plugin implements to bring a kind of store.

Vectors that were computed before a forget still know what was forgotten. A store is found by its
address (`govd_open_store`), carries a stamp of the revision that its vectors are of, and is taken
from one stamp to another by `govd/stores`, which reads the originals portion by portion, edits
them, writes the result beside what is searched, reads it back, looks for rows that came meanwhile,
and switches. A plugin does the reading, the writing and the switching; everything that every store
needs alike (checks, going on after a crash, counting, searching afterwards) is done once, there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, Self, overload, runtime_checkable

from govd.types.models import LinearEdit
from govd.types.values import Floats, Json, Progress, Side, silent

Generation = Literal["searched", "base", "next"]
"""Which vectors of a store: those that its users search; those as the unedited model made them;
those that are written and not searched yet.
"""


@dataclass(frozen=True)
class StoreStamp:
    """Which revision the vectors of a store are of: `FILE.govd.json` beside a file, the schema key
    `govd` in Parquet and Arrow, the column `govd_revision` in tables.

    `origin` is the ledger's (`govd/<uuid>`), `model_digest` and `edit_digest` are SHA-256 (hex),
    the latter empty for the unedited model, whose `revision` is 0; `rows` says how many vectors
    there were, and `sha256` is over their bytes, row by row in the store's order, where it has one
    (else empty).
    """

    origin: str
    model: str
    model_digest: str
    revision: int
    edit_digest: str
    side: Side
    rows: int
    sha256: str = ""

    def as_json(self) -> dict[str, Json]:
        """What is written into a store."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The stamp that `as_json` wrote.

        Raises:
            ValueError: it is none.
        """
        names = {field.name: field.type for field in fields(cls)}
        if (
            not isinstance(value, Mapping)
            or not names.keys() - {"sha256"} <= value.keys()
        ):
            raise ValueError("no stamp: it needs " + ", ".join(names))
        kinds = {"int": int, "str": str, "Side": str}
        stamp = {name: value[name] for name in names if name in value}
        for name, part in stamp.items():
            if not isinstance(part, kinds[str(names[name])]) or isinstance(part, bool):
                raise ValueError(f"no stamp: {name} is {part!r}")
        return cls(**stamp)

    def is_of(self, other: StoreStamp) -> bool:
        """Whether both are of the same vectors, whatever was counted."""
        return (
            self.origin,
            self.model,
            self.model_digest,
            self.edit_digest,
            self.side,
        ) == (
            other.origin,
            other.model,
            other.model_digest,
            other.edit_digest,
            other.side,
        )


@dataclass(frozen=True)
class StoreFacts:
    """What a store is.

    `kind`: in a word (`npy`, `pgvector`). `dim`: width of its vectors. `dtype`: their type, as
    NumPy calls it. `rows`: how many are searched now. `size_bytes`: of those vectors. `keeps`: how
    originals are kept, in words (`a file beside it`, `the column embedding_base`). `index`: what is
    searched through, empty where each vector is looked at. `lossy`: why exact originals cannot be
    had from it, empty where they can. `at_once`: whether a switch is one step for those who search;
    else they meet both kinds of vectors while it lasts. `marks`: whether each row says what it is
    of (`govd_revision`). `drift`: by how much the score that its index gives may differ from the
    cosine with the vector itself; 2 where it is too coarse to say anything.
    """

    kind: str
    dim: int
    dtype: str
    rows: int
    size_bytes: int
    keeps: str
    index: str = ""
    lossy: str = ""
    at_once: bool = True
    marks: bool = False
    drift: float = 0.02


@dataclass(frozen=True)
class Portion:
    """Vectors that are read and written at once. `name` finds them again, in another process and
    after a crash; names of one generation differ.
    """

    name: str
    rows: int


@dataclass(frozen=True)
class Batch:
    """Vectors of a portion, `(n, d)`, with their keys; `marks`: the revision that each row says it
    is of (None: it says nothing), None where rows of this store say nothing. `rescaled`: the store
    brings vectors to unit length itself: last bits may differ from what was written.
    """

    keys: Sequence[str]
    vectors: Floats
    marks: Sequence[int | None] | None = None
    rescaled: bool = False


@dataclass(frozen=True)
class Hit:
    """A vector that was found: its key in the store, and the cosine of its angle to the query."""

    key: str
    score: float


@dataclass(frozen=True)
class Purged:
    """What was taken away. `until`: the time (UTC, ISO 8601) after which no snapshot, journal or
    version holds the old vectors; empty: none does now, None: the store cannot say. `remains`: what
    may still hold them, in words.
    """

    size_bytes: int
    until: str | None
    remains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pace:
    """How fast a patch writes: about so many rows a second. `how`: with which setting, in words;
    `setting`: what an address says for it, empty where that is as it is now.
    """

    how: str
    rows_per_second: float
    setting: str = ""


class VectorEdit(LinearEdit, Protocol):
    """An edit that can be applied to vectors; `govd.edit.Edit` is one."""

    def apply(self, vectors: Floats) -> Floats:
        """`(n, d)` vectors of the edit's side, unit length again, in the type that came in."""
        ...


class RowNumbers(Sequence[str]):
    """Keys of rows that are known by their number alone: `start`, `start + 1`, … as text."""

    def __init__(self, rows: range) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> RowNumbers: ...
    def __getitem__(self, place: int | slice) -> str | RowNumbers:
        rows: Any = self.rows[place]
        return RowNumbers(rows) if isinstance(rows, range) else str(rows)


@runtime_checkable
class Store(Protocol):
    """Vectors of one model that are kept elsewhere. Opening reads nothing large.

    Each call may be repeated: what was cut off goes on where it was. Calls with different portions
    may come from several threads at once, and from several processes that opened the same address.

    What is searched is never written before `switch`, where the store has a way to keep both. What
    somebody deletes from it meanwhile stays deleted, whatever is switched to. What comes in
    meanwhile is `late`: it belongs to no portion of `base` or `next` yet.
    """

    def facts(self) -> StoreFacts:
        """What it is, as it is now."""
        ...

    def stamp(self) -> StoreStamp | None:
        """What the store says of the vectors that are searched; None where it is unstamped."""
        ...

    def held(self) -> Sequence[StoreStamp]:
        """Stamps of all vectors that it holds whole: those that are searched, the originals, what
        was switched away from and is kept. An unfinished `next` is not among them.
        """
        ...

    def claim(self, stamp: StoreStamp) -> StoreStamp:
        """Stamp what is unstamped; `rows` and `sha256` are filled in.

        Raises:
            Conflict: it has a stamp. MachineFault: it cannot be written.
        """
        ...

    def portions(self, generation: Generation, rows: int) -> Sequence[Portion]:
        """The vectors of a generation in portions of about `rows`, always the same for the same
        content. Empty where there is no such generation.
        """
        ...

    def read(self, generation: Generation, portion: Portion) -> Batch:
        """The vectors of a portion.

        Raises:
            BadFile: they cannot be read as vectors.
        """
        ...

    def prepare(self, expected: StoreStamp, stamp: StoreStamp) -> None:
        """Make room for a `next` of this stamp. One that was begun for the same two stamps is kept
        as it is; another unfinished one is dropped.

        Raises:
            Conflict: the store's stamp is not `expected`. MachineFault: no room, or not writable.
        """
        ...

    def write(
        self, portion: Portion, batch: Batch, originals: Floats | None = None
    ) -> None:
        """Write vectors of `next`, over what a cut-off call left of the same portion. Rows that
        somebody deleted or changed since they were read are left out, where the store can tell: it
        has no `next` of them then, and what was changed is `late`. `originals` come along for late
        rows where `base` is kept already: the same rows as the unedited model made them, not a
        number where that is not known; `base` then has either no such rows, or says the same.

        Raises:
            MachineFault: it cannot be written.
        """
        ...

    def late(self, rows: int) -> Sequence[Portion]:
        """Portions of `searched` whose rows `next` does not have: they came in meanwhile, or since
        the last switch.
        """
        ...

    def switch(self, expected: StoreStamp, stamp: StoreStamp) -> StoreStamp | None:
        """Let searches be answered from the held vectors of this stamp, or from `next`; the stamp
        with what was counted. The originals are kept, and an index is built before anything is
        found through it. None: rows came in meanwhile that `next` lacks, nothing was switched.

        Raises:
            Conflict: the store's stamp is not `expected`, or nothing of `stamp` is there.
        """
        ...

    def find(self, queries: Floats, limit: int) -> Sequence[Sequence[Hit]]:
        """For each of the unit queries `(n, d)` float32, at most `limit` hits, the best first, by
        the index that the store's users search.
        """
        ...

    def fetch(self, keys: Sequence[str]) -> Floats:
        """The searched vectors `(n, d)` of these keys, in their order, past any index.

        Raises:
            NotFound: one of them is not there.
        """
        ...

    def purge(self, progress: Progress = silent) -> Purged:
        """Take away every vector that is not searched, originals and an unfinished `next` included,
        and compact. After it nothing can be undone.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A store that tells beforehand how fast it is written, where a setting decides that."""

    def paces(self) -> Sequence[Pace]:
        """As it is set, then as it might be; empty where nothing would be faster. Measured on a few
        of its vectors beside it: nothing of the store is written.
        """
        ...
