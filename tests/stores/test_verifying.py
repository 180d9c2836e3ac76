"""What `store verify` finds, before and after a purge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.cli.show_stores import show_verdict
from govd.errors import Unsupported
from govd.service.service import Service
from govd.stores.finding import Query
from govd.stores.plans import PatchOptions
from govd.stores.remembering import Reading, Remembered, Since, since
from govd.types import Batch
from tests.stores.shop import forget, patched, settings


def test_verify_finds_vectors_that_the_unedited_model_added_later(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    there = np.load(path)
    np.save(path, np.concatenate([there, rows[:40]]))
    verdict = service.stores.verify("shop", "ann")["verdict"]
    assert not verdict["well"]
    assert any(
        "out of sync: 40 rows came since" in fault for fault in verdict["faults"]
    )
    assert verdict["counts"]["without"] == 40
    assert verdict["counts"]["named"] > 0


def test_verify_finds_vectors_that_were_changed(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    there = np.load(path)
    there[:7] = rows[7:14]
    np.save(path, there)
    verdict = service.stores.verify("shop", "ann")["verdict"]
    assert verdict["counts"]["wrong"] == 7
    assert any("not what revision 1 makes" in fault for fault in verdict["faults"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"origin": "govd/other"}, "is of another ledger (govd/other)"),
        ({"model": "n"}, "is of the model n, not m"),
        ({"model_digest": "0"}, "is of another checkpoint of m"),
        ({"side": "text"}, "is of the side text, not image"),
        (
            {"revision": 7, "edit_digest": "0"},
            "says revision 7, the ledger revision 1",
        ),
        ({"edit_digest": "0"}, "says another edit than that of revision 1"),
        (None, "it has no stamp any more"),
    ],
)
def test_a_store_that_somebody_else_stamped_is_not_compared_and_counted_all_the_same(
    service: Service,
    path: Path,
    rows: Any,
    change: dict[str, Any] | None,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    stamp = Path(f"{path}.govd.json")
    before = json.loads(stamp.read_text())
    stamp.unlink() if change is None else stamp.write_text(
        json.dumps({**before, **change})
    )
    store = service.stores.verify("shop", "ann")
    verdict = store["verdict"]
    assert (verdict["well"], verdict["compared"]) == (False, False)
    assert verdict["counts"]["rows"] == len(rows)
    (told,) = verdict["faults"]
    assert fault in told
    assert "govd store remove shop" in told
    show_verdict(store)
    printed = capsys.readouterr().out
    assert f"{len(rows)} rows, not known to be vectors of revision 1" in printed


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_of_about_unit_length_are_what_was_made_of_them(
    service: Service, path: Path, rows: Any, dtype: Any
) -> None:
    """As single precision leaves them in double, or a careless average in single."""
    length = 1 + np.linspace(-0.009, 0.009, len(rows), dtype=dtype)
    np.save(path, rows.astype(np.float32).astype(dtype) * length[:, None])
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    assert service.stores.verify("shop", "ann")["verdict"]["well"]
    there = np.load(path)
    there[:7] *= 1.001
    np.save(path, there)
    assert service.stores.verify("shop", "ann")["verdict"]["counts"]["wrong"] == 7


def test_after_purging_nothing_is_undone(service: Service, path: Path) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    purged = service.stores.purge("shop", "originals may not be kept", "ann")
    assert purged["purged"]["size_bytes"] > 0
    with pytest.raises(Unsupported, match="no originals are kept"):
        service.stores.patch("shop", PatchOptions(revision=0), "ann")
    assert service.stores.show("shop")["state"] == "ready", (
        "what is refused makes no entry"
    )


def test_verify_finds_what_was_changed_after_a_purge(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    service.stores.purge("shop", "originals may not be kept", "ann")
    assert service.stores.verify("shop", "ann")["verdict"]["well"]
    there = np.load(path)
    there[:7] = rows[7:14]
    np.save(path, there)
    faults = service.stores.verify("shop", "ann")["verdict"]["faults"]
    assert any("7 rows are not what they were" in fault for fault in faults)
    np.save(path, np.concatenate([np.load(path)[7:], rows[:9]]))
    faults = service.stores.verify("shop", "ann")["verdict"]["faults"]
    assert any("2 rows came since originals were purged" in fault for fault in faults)


def test_digests_of_rows_stay_few_and_tell_a_change_of_any_row(rows: Any) -> None:
    rows = np.unique(rows, axis=0)
    keys = [f"row {number}" for number in range(len(rows))]
    reading = Reading(most=10)
    reading.add(Batch(keys, rows))
    before = Remembered.from_bytes(reading.remembered().as_bytes())
    assert before.every > 1
    assert 0 < len(before.digests) <= 10
    again = Reading(before.every, most=len(rows))
    order = np.random.default_rng(0).permutation(len(rows))
    again.add(Batch([keys[i] for i in order], rows[order]))
    assert since(before, again) == Since(0, 0, 0, len(before.digests), False)
    for place in range(len(rows)):
        other, turned = Reading(before.every, most=len(rows)), rows.copy()
        turned[place] = turned[place][::-1]
        other.add(Batch(keys, turned))
        assert list(since(before, other).faults(True))


def test_rows_of_any_length_are_found_by_their_direction(
    service: Service, path: Path, rows: Any
) -> None:
    """No index keeps anything there: what a search says is what the rows are."""
    lengths = np.ones((len(rows), 1), np.float32)
    lengths[:3, 0] = (1e-30, 1e30, 1e-40)
    np.save(path, rows * lengths)
    service.stores.add(settings(path), "ann")
    forget(service)
    store = patched(service)
    assert store["faults"] == [f"3 of {len(rows)} rows were left as they were"]
    verdict = service.stores.verify("shop", "ann")["verdict"]
    assert verdict["faults"] == ["3 rows are zero or not finite"]


@pytest.mark.filterwarnings("error")
def test_rows_that_are_not_finite_are_searched_without_a_word(
    service: Service, path: Path, rows: Any
) -> None:
    damaged = rows.copy()
    damaged[0, 0], damaged[1, 0] = np.inf, np.nan
    np.save(path, damaged)
    service.stores.add(settings(path), "ann")
    hits = service.stores.find("shop", Query("red", limit=len(rows)))["hits"]
    assert {hit["key"] for hit in hits[-2:]} == {"0", "1"}


def test_rows_that_a_patch_left_are_told_for_what_they_are(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    np.save(path, np.concatenate([np.load(path), rows[:3]]))
    patched(service, revision=0)
    patched(service)
    verdict = service.stores.verify("shop", "ann")["verdict"]
    assert verdict["counts"]["unknown"] == 3
    assert verdict["counts"]["wrong"] == 0
    assert any("3 rows are as they came" in fault for fault in verdict["faults"])


def test_vectors_of_another_width_are_told_and_not_compared(
    service: Service, path: Path, rows: Any
) -> None:
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    np.save(path, rows[:, :3])
    verdict = service.stores.verify("shop", "ann")["verdict"]
    assert not verdict["compared"]
    assert verdict["faults"] == [
        f"its vectors are 3 wide, those of m {rows.shape[1]}: another model made them, and none"
        " was compared. Put back what was there, or `govd store remove shop`"
    ]
