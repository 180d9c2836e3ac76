"""Whether a store is what its stamp says: counts, every vector against its original, what came in
since, and what its index finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from govd.edit import Edit
from govd.edit.tensors import factors_of
from govd.models.core import Core
from govd.reconcile.measuring import Measuring
from govd.records.store import StoreRecord
from govd.stores.opening import GuardedStore, opened
from govd.stores.portions import ROWS, UNIT, unusable
from govd.stores.recognising import look, named, unit, watched
from govd.stores.registry import Registry
from govd.stores.remembering import WORD, Reading, Remembered, since
from govd.types import Batch, Floats, Json, StoreStamp

TOLERANCE: Final[Mapping[str, float]] = {
    "float16": 4e-3,
    "float32": 1e-5,
    "float64": 1e-9,
}
"""By how much a number of a vector may differ from the edit of its original, by their type."""

EXCERPT: Final = 80
"""Characters that are told of what somebody else wrote into a stamp."""


@dataclass
class Counts:
    """Of rows: all that are searched; `wrong` are not what the stamp's revision makes of their
    original; `without`: no original of them is kept, `unknown` of them because a patch left them,
    not knowing what encoded them; `unmarked`: they say nothing of what encoded them; `elsewhere`:
    they say another revision; `unusable`: zero or not finite; `named`: rows that came since and are
    recognised as something forgotten.
    """

    rows: int = 0
    wrong: int = 0
    without: int = 0
    unknown: int = 0
    unmarked: int = 0
    elsewhere: int = 0
    unusable: int = 0
    named: int = 0
    first: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """Without keys, which are the user's."""
        return {name: value for name, value in vars(self).items() if name != "first"}


class Verifying:
    """Looks at stores; changes nothing."""

    def __init__(self, core: Core, registry: Registry, measuring: Measuring) -> None:
        self.core = core
        self.registry = registry
        self.measuring = measuring

    def verify(self, store: StoreRecord) -> dict[str, Json]:
        """What was counted, `faults`, whether it is `well`, and whether vectors were `compared` at
        all: with a stamp that is not the ledger's there is nothing to compare them with.
        """
        with opened(self.core, store.url, self.registry.secret(store.name)) as at:
            stamp = at.stamp()
            facts = at.facts()
            counts = Counts(rows=facts.rows)
            faults = _of_stamp(store, stamp)
            dim = self.core.desk.model(store.model).dim
            if facts.dim != dim:
                faults.append(_of_width(store, facts.dim, dim))
            compared = stamp is not None and not faults
            stale = 0
            before = self._remembered(store)
            reading = Reading(before.every, most=WORD) if before else None
            if stamp is not None and not faults:
                counts = self._counted(store, at, reading)
                faults += _of_counts(store, stamp, counts)
                if before is not None and reading is not None:
                    faults += since(before, reading).faults(before.every > 1)
                stale = self._stale(store, at)
        if stale:
            faults.append(
                f"the index gives {stale} hits another score than their vectors have: it keeps"
                " vectors of another revision"
            )
        return {
            "revision": store.revision,
            "counts": counts.as_json(),
            "faults": faults,
            "well": not faults,
            "compared": compared,
        }

    def _remembered(self, store: StoreRecord) -> Remembered | None:
        """What its rows were when originals were purged; None where there are originals still, or
        they were patched since.
        """
        purged = store.purged or {}
        digest = purged.get("rows_digest")
        if digest is None or purged["edit_digest"] != store.stamp["edit_digest"]:
            return None
        return Remembered.from_bytes(self.core.artifacts.get(str(digest)))

    def _counted(
        self, store: StoreRecord, at: GuardedStore, reading: Reading | None
    ) -> Counts:
        model = self.core.desk.model(store.model)
        revision = (
            self.core.desk.revision(model.name, store.revision)
            if store.revision
            else None
        )
        edit = (
            factors_of(self.measuring.edit(revision, model.name)) if revision else None
        )
        tolerance = TOLERANCE.get(at.facts().dtype, 1e-5)
        counts = Counts()
        originals = _Originals(at) if store.revision else None
        texts = self._texts(store)
        basis = self.core.models.opened_for(model.name, revision).basis
        for portion in at.portions("searched", ROWS):
            batch = at.read("searched", portion)
            if reading is not None:
                reading.add(batch)
            counts.rows += len(batch.keys)
            bad = unusable(batch.vectors)
            counts.unusable += len(bad)
            late = _late(store, batch, counts)
            if originals is not None:
                without = _compared(batch, originals, edit, tolerance, counts, set(bad))
                late |= without
            if late and len(texts):
                rows = unit(batch.vectors[sorted(late - set(bad))])
                hits = np.zeros(len(rows), bool)
                for text in texts:
                    hits |= named(basis, rows, text)
                counts.named += int(hits.sum())
        return counts

    def _texts(self, store: StoreRecord) -> list[Floats]:
        """Vectors of the names that the store's revision has forgotten everywhere."""
        return [name.text for name in self._watched(store)]

    def _watched(self, store: StoreRecord) -> list[Json]:
        if not store.revision:
            return []
        revision = self.core.desk.revision(store.model, store.revision)
        filed = self.measuring.filed(revision)
        basis = self.core.models.opened_for(store.model, revision).basis
        return list(
            watched(list(zip(revision.contributions, filed, strict=True)), basis)
        )

    def _stale(self, store: StoreRecord, at: GuardedStore) -> int:
        """Hits of which the index gives another score than their vectors have."""
        if not store.revision:
            return 0
        revision = self.core.desk.revision(store.model, store.revision)
        basis = self.core.models.opened_for(store.model, revision).basis
        return sum(finding.stale for finding in look(at, basis, self._watched(store)))


class _Originals:
    """Originals by their keys, read portion by portion in step with the searched ones."""

    def __init__(self, at: GuardedStore) -> None:
        self._at = at
        self._portions = iter(at.portions("base", ROWS))
        self._known: dict[str, Floats] = {}

    def of(self, keys: Batch) -> dict[str, Floats]:
        """Originals `(d,)` of a batch's keys; keys without one are left out."""
        missing = set(keys.keys)
        while not missing <= self._known.keys():
            portion = next(self._portions, None)
            if portion is None:
                break
            batch = self._at.read("base", portion)
            self._known |= dict(zip(batch.keys, batch.vectors, strict=True))
        return {key: self._known.pop(key) for key in missing & self._known.keys()}


def _of_stamp(store: StoreRecord, stamp: StoreStamp | None) -> list[str]:
    """What is wrong with a stamp, and what to do; empty where it is the ledger's."""
    expected = StoreStamp.from_json(store.stamp)
    if stamp is None:
        fault = "it has no stamp any more"
    elif stamp.is_of(expected):
        return []
    else:
        fault = f"its stamp {_other(stamp, expected)}"
    return [
        f"{fault}: somebody else changed the store, and none of its vectors was compared. Put back"
        f" what was there, or `govd store remove {store.name}` and `govd store add` it as it is now"
    ]


def _of_width(store: StoreRecord, dim: int, wanted: int) -> str:
    """That vectors of another width are there, and what to do."""
    return (
        f"its vectors are {dim} wide, those of {store.model} {wanted}: another model made them, and"
        " none was compared. Put back what was there, or `govd store remove"
        f" {store.name}`"
    )


def _other(stamp: StoreStamp, expected: StoreStamp) -> str:
    """In what a stamp differs from the ledger's, in words; the first thing that matters."""
    if stamp.origin != expected.origin:
        return f"is of another ledger ({stamp.origin[:EXCERPT]})"
    if stamp.model != expected.model:
        return f"is of the model {stamp.model[:EXCERPT]}, not {expected.model}"
    if stamp.model_digest != expected.model_digest:
        return f"is of another checkpoint of {stamp.model}"
    if stamp.side != expected.side:
        return f"is of the side {stamp.side}, not {expected.side}"
    if stamp.revision != expected.revision:
        return (
            f"says revision {stamp.revision}, the ledger revision {expected.revision}"
        )
    return f"says another edit than that of revision {expected.revision}"


def _late(store: StoreRecord, batch: Batch, counts: Counts) -> set[int]:
    """Places of rows that say nothing, or something else than the stamp."""
    if batch.marks is None:
        return set()
    late = set()
    for place, mark in enumerate(batch.marks):
        if mark is None and store.revision:
            counts.unmarked += 1
            late.add(place)
        elif mark is not None and mark != store.revision:
            counts.elsewhere += 1
            late.add(place)
    return late


def _compared(
    batch: Batch,
    originals: _Originals,
    edit: Edit | None,
    tolerance: float,
    counts: Counts,
    bad: set[int],
) -> set[int]:
    """Compare a batch with the edit of its originals; places of rows without one."""
    kept = originals.of(batch)
    unknown = {key for key, row in kept.items() if not np.isfinite(row).all()}
    counts.unknown += sum(
        key in unknown and i not in bad for i, key in enumerate(batch.keys)
    )
    kept = {key: row for key, row in kept.items() if key not in unknown}
    places = [i for i, key in enumerate(batch.keys) if key in kept and i not in bad]
    without = {i for i, key in enumerate(batch.keys) if key not in kept}
    counts.without += len(without)
    if places:
        rows = np.stack([kept[batch.keys[i]] for i in places])
        expected = rows if edit is None else edit.apply(rows)
        off = _off(rows, expected, batch.vectors[places])
        counts.wrong += int((off > tolerance).sum())
    return without


def _off(originals: Floats, expected: Floats, there: Floats) -> Floats:
    """By how much the farthest number of each row differs from what is expected, `(n,)` float64. A
    row of about unit length has been made a unit one, or, beside rows of other lengths, kept its
    own.
    """
    length = np.linalg.norm(originals.astype(np.float64), axis=1, keepdims=True)
    unit = expected.astype(np.float64)
    from_scaled = np.abs(unit * length - there).max(axis=1)
    from_unit = np.abs(unit - there).max(axis=1)
    distances: Floats = np.where(
        np.abs(length[:, 0] - 1) > UNIT,
        from_scaled,
        np.minimum(from_scaled, from_unit),
    )
    return distances


def _of_counts(store: StoreRecord, stamp: StoreStamp, counts: Counts) -> list[str]:
    """What the counts say is amiss."""
    faults = []
    if counts.rows > stamp.rows:
        faults.append(
            f"out of sync: {counts.rows - stamp.rows} rows came since the stamp"
        )
    if counts.rows < stamp.rows:
        faults.append(f"{stamp.rows - counts.rows} rows are not there any more")
    if counts.wrong:
        faults.append(
            f"out of sync: {counts.wrong} rows are not what revision {store.revision} makes of"
            " their originals"
        )
    if counts.unknown:
        faults.append(
            f"{counts.unknown} rows are as they came: it is not known what encoded them, and no"
            " patch changes them"
        )
    if counts.unmarked:
        faults.append(
            f"out of sync: {counts.unmarked} rows say nothing of what encoded them"
        )
    if counts.elsewhere:
        faults.append(f"out of sync: {counts.elsewhere} rows are of another revision")
    if counts.named:
        faults.append(
            f"{counts.named} of the rows that came since are recognised as something forgotten:"
            " the unedited model encoded them"
        )
    if counts.unusable:
        faults.append(f"{counts.unusable} rows are zero or not finite")
    return faults
