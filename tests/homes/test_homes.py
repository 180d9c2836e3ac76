"""Homes that older code made: they open, verify, fold to the states that were told then, and
compose to the same digests.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from govd_example.backend import Colours

from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.offline import verify_offline

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("*.tar.xz"))
BY_ID = {
    "requests": ("id",),
    "models": ("name",),
    "tokens": ("id",),
    "revisions": ("model", "number"),
}
FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Of `extractall`: Python 3.11 knows it from 3.11.4 on (PEP 706), and these archives are our
own.
"""
Row = dict[str, Any]


@pytest.fixture(params=KEPT, ids=lambda path: path.name.partition(".")[0])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a home with what was kept of it."""
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, **FILTER)
    return tmp_path


@pytest.fixture
def kept(old: Path) -> Row:
    """What the code that made it said."""
    said: Row = json.loads((old / "kept.json").read_text(encoding="utf-8"))
    return said


@pytest.fixture
def opened(old: Path, example_plugins: None) -> Iterator[Service]:
    """The home, opened by this code."""
    with open_service(old / "home") as service:
        yield service


def now(service: Service) -> dict[str, list[Row]]:
    """What this code says."""
    models = [dict(m) for m in service.models.all()]
    revisions = [dict(r) for m in models for r in service.revisions(m["name"])]
    requests = [dict(r) for r in service.requests.all()]
    return {
        "requests": requests,
        "models": models,
        "tokens": [dict(t) for t in service.tokens.all()],
        "revisions": revisions,
    }


def same(before: Any, after: Any, where: str) -> Iterable[str]:
    """Where two differ; a field that is only in the newer one is no difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from same(value, after.get(name, "(nothing)"), f"{where}.{name}")
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
    ):
        for n, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from same(one, other, f"{where}[{n}]")
    elif before != after:
        yield f"{where}: {before!r} became {after!r}"


def compared(kept: Row, service: Service) -> list[str]:
    found: list[str] = []
    for noun, rows in now(service).items():
        keys = BY_ID[noun]
        before, after = (
            {tuple(r[k] for k in keys): r for r in table}
            for table in (kept[noun], rows)
        )
        assert set(before) == set(after)
        for key, row in before.items():
            found += same(row, after[key], f"{noun} {key}")
    return found


def test_there_are_homes_in_every_state() -> None:
    states = set()
    for path in KEPT:
        with tarfile.open(path) as tar:
            file = tar.extractfile("kept.json")
            assert file is not None
            said = json.load(file)
        states |= {r["state"] for r in said["requests"]} | {
            r["state"] for r in said["revisions"]
        }
    final = {
        "in_force",
        "subsumed",
        "reverted",
        "denied",
        "rejected",
        "withdrawn",
        "failed",
        "waiting",
        "done",
        "filed",
    }
    assert states >= final | {"published", "superseded", "refused"}


def test_it_opens_and_says_what_was_said(opened: Service, kept: Row) -> None:
    assert compared(kept, opened) == []
    assert opened.checkpoints.key() == kept["key"]


def test_it_folds_to_the_same_states_without_its_views(
    old: Path, kept: Row, example_plugins: None
) -> None:
    for name in ("views.db", "views.db-wal", "views.db-shm"):
        (old / "home" / name).unlink(missing_ok=True)
    with open_service(old / "home") as service:
        assert compared(kept, service) == []
        assert service.verification.rebuild()["same"]


def test_it_verifies_and_composes_to_the_same_bytes(opened: Service, kept: Row) -> None:
    verdict = opened.verification.verify(
        since=[kept["checkpoint"]],
        key=kept["key"],
        recompute=True,
        witnesses=[kept["witness"]],
    )
    assert verdict["holds"], verdict["faults"]
    again = {f["revision"]: f for f in verdict["recomputed"]}
    for revision, same_bytes in kept["recomputed"].items():
        composed = again[revision]
        assert not composed["fault"]
        if composed["same_bytes"] is None:  # said, never taken for false
            assert "not" in composed["says"]
        else:
            assert composed["same_bytes"] == same_bytes, composed["says"]


def test_its_bundles_verify(old: Path, kept: Row) -> None:
    bundles = sorted((old / "bundles").glob("*.zip"))
    assert bundles
    for path in bundles:
        # by the key that was changed since
        key = None if path.name == "early.zip" else kept["key"]
        found = verify_offline(
            path,
            key,
            [kept["witness"]] if path.name == "everything.zip" else (),
            again=True,
        )
        assert found["holds"], (path.name, found["faults"])


@pytest.fixture
def same_model(kept: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's backend under the digests that were registered: its own is of its source, which
    has changed since.
    """
    made_for = [*kept["models"], *(r["made_for"] for r in kept["revisions"])]
    known = {str(m["reference"]): str(m["digest"]) for m in made_for}
    begin = Colours.__init__

    def as_registered(self: Colours, reference: str) -> None:
        begin(self, reference)
        self.facts = replace(self.facts, digest=known.get(reference, self.facts.digest))

    monkeypatch.setattr(Colours, "__init__", as_registered)


def test_work_goes_on_in_it(old: Path, same_model: None, opened: Service) -> None:
    """New entries after the old ones: what was cut off goes on, something more is forgotten, and
    everything holds together.
    """
    (model,) = (m for m in opened.models.all() if m["name"] == "m")
    if model["reference"] == "mini":
        pytest.skip("its backend is not among the plugins of these tests")
    opened.reconciler.run()
    request = opened.requests.forget(
        "m", ForgetOptions(concepts=("purple",), reason="later"), "owner"
    )
    opened.reconciler.run()
    # bounds may be others than they were then
    if opened.requests.show(request["id"])["state"] == "waiting":
        opened.requests.decide(request["id"], "approve", "seen", "owner")
        opened.reconciler.run()
    last = opened.core.desk.views.last("m")
    assert last is not None
    assert request["id"] in last["requests"], opened.requests.show(request["id"])[
        "state_reason"
    ]
    assert all(r["state"] != "filed" for r in opened.requests.all())
    verdict = opened.verification.verify(recompute=True)
    assert verdict["holds"], verdict["faults"]
    assert opened.verification.rebuild()["same"]
