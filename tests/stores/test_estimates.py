"""What is told of a patch before it begins, and while it is not over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.cli.show_stores import show_estimate, show_store
from govd.errors import Conflict
from govd.service.service import Service
from govd.stores.plans import PatchOptions
from govd.types import Pace
from govd_npy import NpyStore
from tests.stores.shop import forget, patched, settings


@pytest.fixture
def shop(service: Service, path: Path) -> Service:
    service.stores.add(settings(path), "ann")
    forget(service)
    return service


def told(service: Service) -> Any:
    return service.stores.patch("shop", PatchOptions(dry_run=True), "ann")


def test_the_last_patch_tells_how_fast_the_next_one_is(
    shop: Service, rows: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(shop)["estimate"]["last"] is None
    last = patched(shop)["last"]
    forget(shop, "green")
    plan = told(shop)
    rate = plan["estimate"]["last"]["rows_per_second"]
    assert rate == pytest.approx(len(rows) / last["seconds"], abs=0.1)
    show_estimate(plan)
    assert "The last patch did" in capsys.readouterr().out


def test_both_ways_of_writing_are_told_where_a_setting_decides(
    shop: Service,
    rows: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paces = [
        Pace("beside the HNSW index v", 0.1),
        Pace("after dropping it", 2.0, "index=drop"),
    ]
    monkeypatch.setattr(NpyStore, "paces", lambda _: paces, raising=False)
    plan = told(shop)
    seconds = [pace["seconds"] for pace in plan["estimate"]["paces"]]
    assert seconds == [len(rows) * 10, len(rows) / 2]
    show_estimate(plan)
    words = capsys.readouterr().out
    assert "beside the HNSW index v: about 0 rows/s" in words
    assert "after dropping it (index=drop in its address): about 2 rows/s" in words
    patched(shop)
    assert (
        shop.stores.patch("shop", PatchOptions(revision=0, dry_run=True), "ann")[
            "estimate"
        ]["paces"]
        == []
    ), "originals are only switched to"


def test_who_goes_on_with_a_patch_that_is_not_over(
    shop: Service, path: Path, rows: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    store = shop.stores.patch("shop", PatchOptions(), "ann")
    show_store(store)
    assert "a patch to revision 1 is not over" in capsys.readouterr().out
    with pytest.raises(Conflict) as fault:
        shop.stores.patch("shop", PatchOptions(), "ann")
    assert "govd reconcile" in fault.value.advice
    assert np.array_equal(np.load(path), rows)
