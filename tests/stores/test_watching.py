"""Stores that are verified on a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadFile
from govd.home.settings import Settings
from govd.service.service import Service, open_service
from tests.stores.shop import forget, kinds, patched, settings


@pytest.fixture
def watched(service: Service, path: Path) -> Any:
    """A home that verifies each store daily, with one that was patched."""
    home = service.core.home.folder
    service.stores.add(settings(path), "ann")
    forget(service)
    patched(service)
    service.close()
    (home / "govd.toml").write_text('[stores]\nverify_every = "1d"\n')
    with open_service(home) as again:
        yield again


def verdicts(service: Service) -> list[Any]:
    entries = service.audit.log(kind="store.verify")
    return [entry["payload"] for entry in entries]


def test_what_came_in_since_is_found_when_a_store_is_due(
    watched: Service, path: Path, rows: Any
) -> None:
    now = datetime.now(UTC)
    assert not watched.stores.watching.step(now)
    np.save(path, np.concatenate([np.load(path), rows[:3]]))
    assert watched.stores.watching.step(now + timedelta(days=2))
    assert not watched.stores.watching.step(now)
    (verdict,) = verdicts(watched)
    assert not verdict["well"]
    assert "3 rows came since the stamp" in verdict["faults"][0]
    assert watched.stores.show("shop")["faults"] == verdict["faults"]


def test_a_store_that_is_gone_is_told_once(watched: Service, path: Path) -> None:
    away = path.rename(path.with_suffix(".away"))
    later = datetime.now(UTC) + timedelta(days=2)
    assert watched.stores.watching.step(later)
    assert watched.stores.watching.step(later + timedelta(hours=2))
    (verdict,) = verdicts(watched)
    assert verdict["faults"][0].startswith("it could not be read")
    away.rename(path)
    assert watched.stores.watching.step(later + timedelta(hours=4))
    assert verdicts(watched)[-1]["well"]
    assert watched.stores.show("shop")["faults"] == []


def test_nothing_is_verified_unasked(service: Service, path: Path) -> None:
    service.stores.add(settings(path), "ann")
    later = datetime.now(UTC) + timedelta(days=900)
    assert not service.stores.watching.step(later)
    assert kinds(service) == ["store.add"]


def test_an_interval_is_written_as_one(tmp_path: Path) -> None:
    file = tmp_path / "govd.toml"
    file.write_text('[stores]\nverify_every = "weekly"\n')
    with pytest.raises(BadFile, match="stores_verify_every"):
        Settings.read(file)
