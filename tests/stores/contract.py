"""What every kind of store must do, whichever library or server is under it.

A kind is tested by a class that inherits from `StoreContract` and has a fixture `kept`, a `Kept`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from govd.edit import Edit
from govd.errors import BadFile, Conflict, GovdError, Unsupported
from govd.stores.journal import Journal
from govd.stores.opening import GuardedStore
from govd.stores.patching import Outcome, Stopped, patch
from govd.stores.portions import Task
from govd.stores.remembering import remembered
from govd.types import Store, StoreStamp, silent

DIM = 16
BASE = StoreStamp("govd/test", "shop", "d" * 64, 0, "", "image", 0)
TOLERANCE = {"float16": 4e-3, "float32": 1e-5}


class Kept(Protocol):
    """A store as its users see it, made with `vectors` `(n, DIM)`, keys in their order."""

    vectors: Any

    def open(self) -> Store:
        """Open it anew, as another process would."""
        ...

    def searched(self) -> dict[str, Any]:
        """All vectors that its users search, by their keys."""
        ...

    def insert(self, vectors: Any) -> Sequence[str]:
        """As a user inserts rows while he knows nothing of govd; their keys."""
        ...

    def delete(self, key: str) -> bool:
        """As a user deletes a row; False where this kind of store has no deleting."""
        ...


def unit_rows(n: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    """Unit rows `(n, DIM)`."""
    rows = np.random.default_rng(seed).normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def arrays(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of a table as Arrow arrays: rows of vectors as lists of one length."""
    pa = pytest.importorskip("pyarrow")
    kind = pa.list_(pa.float32(), DIM)
    return {
        name: pa.array(list(values), kind if isinstance(values, np.ndarray) else None)
        for name, values in columns.items()
    }


def an_edit(seed: int, rank: int = 2) -> Edit:
    """An edit that takes `rank` directions away."""
    q, _ = np.linalg.qr(np.random.default_rng(100 + seed).normal(size=(DIM, rank)))
    return Edit(q, q)


def stamped(number: int, edit: Edit) -> StoreStamp:
    """The stamp of a revision."""
    return StoreStamp("govd/test", "shop", "d" * 64, number, edit.digest, "image", 0)


def guarded(store: Store) -> GuardedStore:
    """As govd uses it."""
    return GuardedStore(store, lambda what, work: work())


def to(
    kept: Kept,
    folder: Path,
    number: int,
    edit: Edit | None,
    store: Any = None,
    **how: Any,
) -> Outcome:
    """Patch a store to a revision."""
    at = store or guarded(kept.open())
    try:
        return patched(at, folder, number, edit, **how)
    finally:
        if store is None:
            at.close()


def patched(
    at: GuardedStore, folder: Path, number: int, edit: Edit | None, **how: Any
) -> Outcome:
    """The same of one that is open."""
    stamp = stamped(number, edit) if edit else BASE
    expected = at.stamp()
    task = Task(edit, expected, stamp, **how)
    plan = {"from": expected.as_json(), "to": stamp.as_json(), "at": "here"}
    journal = Journal(folder, "shop", plan)
    try:
        outcome = patch(at, task, journal, silent, lambda: False)
        journal.end()
        return outcome
    finally:
        journal.close()


class StoreContract:
    """The tests. Stores of 400 rows have a dozen portions."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("govd.stores.patching.ROWS", 32)

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        folder = tmp_path / "home"
        folder.mkdir()
        return folder

    @pytest.fixture
    def claimed(self, kept: Kept) -> Kept:
        """Stamped as the unedited model's."""
        with_stamp = kept.open()
        with_stamp.claim(BASE)
        with_stamp.close()
        return kept

    def close_to(self, kept: Kept, some: Any, other: Any) -> None:
        """Equal to what the type of the vectors can say."""
        tolerance = TOLERANCE[kept.open().facts().dtype]
        np.testing.assert_allclose(
            np.asarray(some, np.float64), np.asarray(other, np.float64), atol=tolerance
        )

    def test_says_what_it_is(self, kept: Kept) -> None:
        facts = kept.open().facts()
        assert (facts.dim, facts.rows) == (DIM, len(kept.vectors))
        assert kept.open().stamp() is None

    def test_is_stamped_once(self, claimed: Kept) -> None:
        stamp = claimed.open().stamp()
        assert stamp is not None
        assert stamp.is_of(BASE)
        assert stamp.rows == len(claimed.vectors)
        with pytest.raises(Conflict):
            claimed.open().claim(stamped(1, an_edit(1)))

    def test_every_row_is_edited_from_its_original(
        self, claimed: Kept, home: Path
    ) -> None:
        before, edit = claimed.searched(), an_edit(1)
        outcome = to(claimed, home, 1, edit)
        after = claimed.searched()
        assert outcome.rows == outcome.stamp.rows == len(before)
        assert outcome.skipped == outcome.lost == 0
        assert list(after) == list(before)
        self.close_to(
            claimed, list(after.values()), edit.apply(np.stack(list(before.values())))
        )
        stamp = claimed.open().stamp()
        assert stamp == outcome.stamp
        assert stamp.revision == 1

    def test_nothing_is_edited_twice(self, claimed: Kept, home: Path) -> None:
        edit = an_edit(1)
        half = Edit(edit.L * 0.5, edit.B)  # twice is not the same as once
        to(claimed, home, 1, half)
        once = claimed.searched()
        to(claimed, home, 1, half)
        again = claimed.searched()
        assert all(np.array_equal(once[key], again[key]) for key in once)

    def test_goes_back_bit_for_bit(self, claimed: Kept, home: Path) -> None:
        before = claimed.searched()
        to(claimed, home, 1, an_edit(1))
        to(claimed, home, 0, None)
        after = claimed.searched()
        assert list(after) == list(before)
        assert all(np.array_equal(after[key], before[key]) for key in before)
        assert claimed.open().stamp().revision == 0  # type: ignore[union-attr]

    def test_the_way_to_a_revision_does_not_matter(
        self, claimed: Kept, home: Path
    ) -> None:
        to(claimed, home, 2, an_edit(2))
        straight = claimed.searched()
        to(claimed, home, 0, None)
        to(claimed, home, 1, an_edit(1))
        to(claimed, home, 2, an_edit(2))
        round_about = claimed.searched()
        assert all(np.array_equal(straight[key], round_about[key]) for key in straight)

    def test_somebody_was_quicker(self, claimed: Kept, home: Path) -> None:
        stale = claimed.open().stamp()
        to(claimed, home, 1, an_edit(1))
        before = claimed.searched()
        store = claimed.open()
        with pytest.raises(Conflict):
            store.prepare(stale, stamped(2, an_edit(2)))
        with pytest.raises(Conflict):
            store.switch(stale, stamped(2, an_edit(2)))
        after = claimed.searched()
        assert all(np.array_equal(after[key], before[key]) for key in before)

    def test_goes_on_where_it_was_cut_off(self, claimed: Kept, home: Path) -> None:
        before, edit = claimed.searched(), an_edit(1)
        at = guarded(claimed.open())
        expected = at.stamp()
        stamp = stamped(1, edit)
        plan = {"from": expected.as_json(), "to": stamp.as_json(), "at": "here"}
        journal = Journal(home, "shop", plan)
        with pytest.raises(Stopped):
            patch(
                at,
                Task(edit, expected, stamp),
                journal,
                silent,
                lambda: len(journal.done) > 1,
            )
        journal.close()
        at.close()
        meanwhile = claimed.searched()
        if claimed.open().facts().at_once:
            assert all(np.array_equal(meanwhile[key], before[key]) for key in before)
        outcome = to(claimed, home, 1, edit)
        assert 0 < outcome.resumed < outcome.rows
        after = claimed.searched()
        self.close_to(
            claimed, list(after.values()), edit.apply(np.stack(list(before.values())))
        )

    def test_rows_that_come_meanwhile_are_edited(
        self, claimed: Kept, home: Path
    ) -> None:
        late, edit = unit_rows(5, 9), an_edit(1)
        at = guarded(claimed.open())
        write, keys, first = at.inner.write, [], threading.Lock()

        def writing(*arguments: Any) -> None:
            with first:
                if not keys:
                    keys.extend(claimed.insert(late))
            write(*arguments)

        at.inner.write = writing  # type: ignore[method-assign]
        outcome = to(claimed, home, 1, edit, at)
        assert outcome.late == len(late)
        assert outcome.rows == outcome.stamp.rows == len(claimed.vectors) + len(late)
        after = claimed.searched()
        self.close_to(claimed, [after[key] for key in keys], edit.apply(late))
        to(claimed, home, 0, None)
        back = claimed.searched()
        stored = late.astype(back[keys[0]].dtype)
        assert all(
            np.array_equal(back[key], row)
            for key, row in zip(keys, stored, strict=True)
        )

    def test_rows_that_came_since_are_left_and_named(
        self, claimed: Kept, home: Path
    ) -> None:
        to(claimed, home, 1, an_edit(1))
        late = unit_rows(3, 9)
        keys = claimed.insert(late)
        outcome = to(claimed, home, 2, an_edit(2))
        assert outcome.skipped == 3
        assert outcome.rows == len(claimed.vectors) + 3
        after = claimed.searched()
        self.close_to(claimed, [after[key] for key in keys], late)

    def test_rows_of_unknown_kind_stay_as_they_are_whatever_follows(
        self, claimed: Kept, home: Path
    ) -> None:
        """They are nobody's originals: no later patch is made from them."""
        originals = claimed.searched()
        to(claimed, home, 1, an_edit(1))
        late = unit_rows(3, 9)
        keys = claimed.insert(late)
        to(claimed, home, 2, an_edit(2))
        assert to(claimed, home, 3, an_edit(3)).skipped == 3
        after = claimed.searched()
        self.close_to(claimed, [after[key] for key in keys], late)
        to(claimed, home, 0, None)
        back = claimed.searched()
        self.close_to(claimed, [back[key] for key in keys], late)
        assert all(np.array_equal(back[key], originals[key]) for key in originals)

    def test_rows_of_unknown_kind_come_back_bit_for_bit(
        self, claimed: Kept, home: Path
    ) -> None:
        """A store that was taken back to its originals has them beside these: what a patch then
        makes of them is undone like any other.
        """
        originals = claimed.searched()
        to(claimed, home, 1, an_edit(1))
        late = unit_rows(3, 9)
        keys = claimed.insert(late)
        to(claimed, home, 0, None)
        there = claimed.searched()
        for number in (1, 2, 0):
            to(claimed, home, number, an_edit(number) if number else None)
        back = claimed.searched()
        assert all(np.array_equal(back[key], there[key]) for key in keys)
        assert all(np.array_equal(back[key], originals[key]) for key in originals)

    def test_rows_that_came_since_are_edited_where_it_is_known_what_they_are(
        self, claimed: Kept, home: Path
    ) -> None:
        to(claimed, home, 1, an_edit(1))
        late = unit_rows(3, 9)
        keys = claimed.insert(late)
        outcome = to(claimed, home, 2, an_edit(2), unmarked="base")
        assert outcome.skipped == 0
        after = claimed.searched()
        self.close_to(claimed, [after[key] for key in keys], an_edit(2).apply(late))
        to(claimed, home, 0, None)
        back = claimed.searched()
        self.close_to(claimed, [back[key] for key in keys], late)
        assert len(back) == len(claimed.vectors) + 3

    def test_a_store_that_vanishes_is_no_store_without_rows(
        self, claimed: Kept, home: Path
    ) -> None:
        """A disk that is away in the middle of a patch: a clear fault, and it goes on."""
        path = getattr(claimed, "path", None)
        if path is None:
            pytest.skip("this kind of store is no path")
        before, edit = claimed.searched(), an_edit(1)
        away = path.with_name("away")
        at = guarded(claimed.open())
        write, first = at.inner.write, threading.Lock()

        def writing(*arguments: Any) -> None:
            with first:
                if not away.exists():
                    path.rename(away)
            write(*arguments)

        at.inner.write = writing  # type: ignore[method-assign]
        with pytest.raises(GovdError):
            to(claimed, home, 1, edit, at)
        away.rename(path)
        assert to(claimed, home, 1, edit).stamp.rows == len(before)
        after = claimed.searched()
        self.close_to(
            claimed, list(after.values()), edit.apply(np.stack(list(before.values())))
        )

    def test_what_is_deleted_stays_deleted(self, claimed: Kept, home: Path) -> None:
        keys = list(claimed.searched())
        if not claimed.delete(keys[3]):
            pytest.skip("this kind of store has no deleting")
        to(claimed, home, 1, an_edit(1))
        claimed.delete(keys[5])
        to(claimed, home, 2, an_edit(2))
        assert not {keys[3], keys[5]} & claimed.searched().keys()
        claimed.delete(keys[7])
        to(claimed, home, 0, None)
        assert not {keys[3], keys[5], keys[7]} & claimed.searched().keys()
        assert len(claimed.searched()) == len(claimed.vectors) - 3

    def test_finds_what_is_searched(self, claimed: Kept, home: Path) -> None:
        edit, queries = an_edit(1), unit_rows(4, 3)
        to(claimed, home, 1, edit)
        searched = claimed.searched()
        keys = list(searched)
        rows = np.stack(list(searched.values())).astype(np.float64)
        scores = queries @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
        for hits, row in zip(claimed.open().find(queries, 5), scores, strict=True):
            best = np.sort(row)[::-1][:5]
            np.testing.assert_allclose([hit.score for hit in hits], best, atol=2e-3)
            assert hits[0].key == keys[int(np.argmax(row))]
        some = claimed.open().fetch([keys[2], keys[0]])
        assert np.array_equal(some, np.stack([searched[keys[2]], searched[keys[0]]]))

    def test_rows_of_another_length_are_refused(
        self, claimed: Kept, home: Path
    ) -> None:
        claimed.insert(3 * unit_rows(1, 5))
        before = claimed.searched()
        with pytest.raises(BadFile, match="not of unit length"):
            to(claimed, home, 1, an_edit(1))
        after = claimed.searched()
        assert all(np.array_equal(after[key], before[key]) for key in before)

    def test_purging_takes_the_originals_away(self, claimed: Kept, home: Path) -> None:
        to(claimed, home, 1, an_edit(1))
        before = claimed.searched()
        store = claimed.open()
        rows = remembered(guarded(store), silent)
        purged = store.purge()
        assert purged.size_bytes > 0
        assert [stamp.revision for stamp in store.held()] == [1]
        again = remembered(guarded(store), silent)
        assert (rows.rows, rows.total) == (again.rows, again.total)
        store.close()
        after = claimed.searched()
        assert all(np.array_equal(after[key], before[key]) for key in before)
        with pytest.raises(Unsupported, match="no originals are kept"):
            to(claimed, home, 2, an_edit(2))

    def test_two_stores_are_not_mixed_up_by_an_unfinished_patch(
        self, claimed: Kept, home: Path
    ) -> None:
        """Another unfinished patch is dropped, not gone on with."""
        edit = an_edit(1)
        at = guarded(claimed.open())
        expected = at.stamp()
        at.prepare(expected, stamped(1, edit))
        portion = at.portions("searched", 32)[0]
        batch = at.read("searched", portion)
        at.write(
            portion, type(batch)(batch.keys, edit.apply(batch.vectors), batch.marks)
        )
        at.close()
        outcome = to(claimed, home, 2, an_edit(2))
        assert outcome.resumed == 0
        edited = claimed.searched()
        to(claimed, home, 0, None)
        before = claimed.searched()
        self.close_to(
            claimed,
            list(edited.values()),
            an_edit(2).apply(np.stack([before[key] for key in edited])),
        )


class TableContract:
    """What every kind of table does alike whose keys and vectors are columns that its address
    names.
    """

    def opened(self, folder: Path, columns: dict[str, Any], query: str) -> Store:
        """A store of the table with these columns in a folder, written where none is there yet;
        `query` of its address.
        """
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("keys", "what"),
        [
            (["a", "b", "a"], "2 rows have the name 'a'"),
            (["a", None, "c"], "1 of 3 rows"),
        ],
    )
    def test_keys_that_are_none_are_refused(
        self, tmp_path: Path, keys: list[Any], what: str
    ) -> None:
        columns = {"name": keys, "v": unit_rows(3)}
        store = self.opened(tmp_path, columns, "?key=name")
        with pytest.raises(BadFile, match=what):
            store.claim(BASE)
        assert store.stamp() is None

    def test_another_column_of_the_table_is_no_second_store(
        self, tmp_path: Path
    ) -> None:
        """Its stamp and its originals are of the first."""
        columns = {"v": unit_rows(4, 1), "w": unit_rows(4, 2)}
        self.opened(tmp_path, columns, "?column=v").claim(BASE)
        for number, edit in [(1, an_edit(1)), (0, None)]:
            first = guarded(self.opened(tmp_path, columns, "?column=v"))
            patched(first, tmp_path, number, edit)
            assert first.stamp().rows == 4
            with pytest.raises(Conflict, match="of the column v, not of w"):
                self.opened(tmp_path, columns, "?column=w").stamp()
