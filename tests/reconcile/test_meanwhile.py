"""What goes on while something is computed, what is the same, and that the ledger is the truth."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.errors import (
    BadFile,
    Conflict,
    GovdError,
    MachineFault,
    VerificationFailed,
)
from govd.ledger.entry import Draft
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.reconcile.deciding import Plugin, file, state
from tests.service.test_service import forget, published


def test_filing_and_answering_go_on_while_something_is_computed(
    service: Service, plugin: Plugin, pictures: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(spec: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    plugin.contribute = slow
    red = file(service, "red")
    worker = threading.Thread(target=service.reconciler.run)
    worker.start()
    try:
        assert begun.wait(20)
        done = threading.Event()

        def meanwhile() -> None:
            service.classify("m", [("x", next(pictures.rglob("*.png")))])
            service.embeddings("m", texts=["red"])
            file(service, "blue")
            service.status()
            done.set()

        threading.Thread(target=meanwhile, daemon=True).start()
        assert done.wait(10)
    finally:
        plugin.contribute = None
        go_on.set()
        worker.join(20)
    service.reconciler.run()
    assert state(service, red)[0] == "in_force"


def test_two_filings_with_examples_at_once(service: Service, pictures: Path) -> None:
    faults: list[GovdError] = []

    def ask(name: str) -> None:
        try:
            example = (pictures / "dark" / name / "0.png").read_bytes()
            for _ in range(5):
                request = file(service, name, examples=[example])
                service.requests.decide(request, "withdraw", "", "ann")
        except GovdError as fault:
            faults.append(fault)

    threads = [
        threading.Thread(target=ask, args=(name,)) for name in ("red", "blue", "green")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []


def test_what_is_filed_is_of_the_model_as_it_is_by_then(
    service: Service, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model changes after the options were understood, before the filing is an entry."""
    artifacts = service.core.artifacts
    put = artifacts.put

    def interrupted(data: bytes) -> str:
        monkeypatch.setattr(artifacts, "put", put)
        service.update_model("m", Given(use="open"), "bob")
        return put(data)

    example = next(pictures.rglob("*.png")).read_bytes()
    monkeypatch.setattr(artifacts, "put", interrupted)
    red = file(service, "red", examples=(example,))
    assert service.core.desk.model("m").use == "open"
    assert service.requests.show(red)["target"] == "level"


def test_what_is_covered_costs_nothing(service: Service) -> None:
    forget(service, "red")
    before = published(service)["edit_digest"]
    again = forget(service, "red", domains=("dark",), approve=False)
    assert again["state"] == "subsumed"
    assert again["predicted"]["disagreement"] == 0.0
    for cost in again["predicted"]["costs"].values():
        assert cost["share"] == cost["low"] == cost["high"] == 0.0
    assert again["predicted"]["subsumed_by"]
    assert published(service)["edit_digest"] == before


def test_every_domain_by_name_is_everywhere(service: Service) -> None:
    request = forget(service, "red", domains=("dark", "bright"))
    assert request["domains"] == []


def test_disagreement_is_what_a_request_adds(service: Service) -> None:
    forget(service, "blue", domains=("dark",))
    first = published(service)["metrics"]["data_free"]["predicted_disagreement"]
    found = service.requests.preview("m", ForgetOptions(concepts=("red",)))["predicted"]
    assert found["disagreement"] == pytest.approx(
        max(0.0, found["total_disagreement"] - first)
    )


def test_what_cannot_happen_is_not_appended(service: Service) -> None:
    red, size = file(service, "red"), service.core.desk.ledger.size()
    with pytest.raises(Conflict, match="cannot revert a forget that is filed"):
        service.core.desk.append([Draft("request.revert", red, "ann", "m", {})])
    assert service.core.desk.ledger.size() == size


def test_an_entry_of_something_impossible_changes_nothing_and_locks_nobody_out(
    service: Service, tmp_path: Path
) -> None:
    red = file(service, "red")
    service.core.desk.ledger.append(
        [
            Draft("request.revert", red, "mallory", "m", {}),
            Draft("revision.evaluate", "m/77", "mallory", "m", {}),
        ]
    )
    service.reconciler.run()
    assert state(service, red)[0] == "in_force"
    service.close()
    with open_service(tmp_path / "home") as again:
        assert again.requests.show(red)["state"] == "in_force"
        assert again.verification.rebuild()["same"]


def test_a_publish_of_what_nobody_composed_is_told_and_locks_nobody_out(
    service: Service, tmp_path: Path
) -> None:
    red = file(service, "red")
    service.core.desk.ledger.append(
        [Draft("revision.publish", "m/77", "mallory", "m", {})]
    )
    service.reconciler.run()
    service.close()
    with open_service(tmp_path / "home") as again:
        assert again.requests.show(red)["state"] == "in_force"
        (fault,) = again.verification.verify()["faults"]
        assert "publishes m/77, which no entry before it composed" in fault
        with pytest.raises(VerificationFailed, match="publishes m/77"):
            again.verification.rebuild()
        assert again.requests.show(red)["state"] == "in_force"


def test_views_that_cannot_be_written_catch_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    with monkeypatch.context() as patched:
        put = service.core.desk.views.records.put

        def full(rows: Any) -> None:
            put(rows)
            raise sqlite3.OperationalError("database or disk is full")

        patched.setattr(service.core.desk.views.records, "put", full)
        with pytest.raises((MachineFault, sqlite3.OperationalError)):
            file(service, "red")
    assert service.core.desk.views.size < service.core.desk.ledger.size()
    service.reconciler.run()
    assert [r["state"] for r in service.requests.all()] == ["in_force"]
    assert service.verification.rebuild()["same"]


def test_a_key_is_kept_though_the_date_was_extended(service: Service) -> None:
    from datetime import UTC, datetime, timedelta

    options = ForgetOptions(concepts=("navy",), idempotency_key="k")
    first = service.requests.forget("m", options, "ann")
    service.reconciler.run()
    service.requests.extend(
        first["id"],
        (datetime.now(UTC) + timedelta(days=40)).date().isoformat(),
        "complex",
        "ann",
    )
    assert service.requests.forget("m", options, "ann")["id"] == first["id"]


def test_previews_keep_nothing(service: Service) -> None:
    before = service.core.artifacts.digests()
    service.requests.preview("m", ForgetOptions(concepts=("red",)))
    assert service.core.artifacts.digests() == before


def test_nobody_composes_on_a_device_that_is_not_there(service: Service) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, compose_on="device"),
    )
    red = file(service, "red")
    service.reconciler.run()
    assert state(service, red)[0] == "waiting"
    assert "no plugin composes on a device" in state(service, red)[1]


def test_faults_are_raised_when_all_is_done(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service.core.artifacts,
        "put",
        lambda data: (_ for _ in ()).throw(MachineFault("full")),
    )
    red = file(service, "red")
    with pytest.raises(MachineFault, match="full"):
        service.reconciler.run()
    assert state(service, red)[0] == "filed"
    monkeypatch.undo()
    service.reconciler.run()
    assert state(service, red)[0] == "in_force"


def test_a_contribution_that_is_damaged_blames_no_request(service: Service) -> None:
    red = forget(service, "red")
    made = service.core.desk.views.contribution(red["contribution"])
    assert made is not None
    service.core.artifacts.path(made["artifact"]).write_bytes(b"x")
    blue = file(service, "blue")
    with pytest.raises(BadFile, match="bytes do not match"):
        service.reconciler.run()
    assert state(service, blue)[0] == "filed"


def test_an_approval_in_the_middle_of_composing_waits_for_the_next_revision(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, approval="person"),
    )
    red, blue = file(service, "red"), file(service, "blue")
    service.reconciler.run()
    service.requests.decide(red, "approve", "", "bob")
    opened, begun = service.core.models.opened, []

    def slow(name: str) -> Any:
        if not begun:
            begun.append(name)
            service.requests.decide(blue, "approve", "", "bob")
        return opened(name)

    monkeypatch.setattr(service.core.models, "opened", slow)
    service.reconciler.run()
    for revision in service.revisions("m"):
        assert (
            len(revision["requests"]) + len(revision["subsumed"])
            >= len(revision["contributions"])
            > 0
        )
        assert len(revision["requests"]) == len(revision["contributions"])
    assert [state(service, r)[0] for r in (red, blue)] == ["in_force", "in_force"]
    assert service.verification.verify(recompute=True)["holds"]


@pytest.mark.parametrize("kind", ["forget", "revert"])
def test_an_approval_just_before_the_end_waits_for_the_revision_that_has_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is served is what was wanted a moment ago: nothing is said of it that came since."""
    people = replace(service.core.home.settings, approval="person")
    object.__setattr__(service.core.home, "settings", people)
    red, blue = file(service, "red"), file(service, "blue")
    service.reconciler.run()
    service.requests.decide(red, "approve", "", "bob")
    service.reconciler.run()
    late = blue
    if kind == "revert":
        late = str(service.requests.revert(red, "back", "ann")["id"])
        service.reconciler.run()
    settling, begun = service.reconciler.revisions._settling, []
    desired = settling.desired

    def approved_then(model: str) -> Any:
        wanted = desired(model)
        if not begun:
            begun.append(model)
            service.requests.decide(late, "approve", "", "cyd")
        return wanted

    monkeypatch.setattr(settling, "desired", approved_then)
    service.reconciler.run()
    assert begun
    assert service.requests.show(late)["revision"] == 2
    carried = {
        number: set(service.revision("m", number)["requests"]) for number in (1, 2)
    }
    assert carried == {1: {red}, 2: {red, blue} if kind == "forget" else set()}
    assert service.verification.verify()["holds"]


def test_an_alias_is_taken_away_too(service: Service) -> None:
    first = str(forget(service, "red")["id"])
    second = forget(service, "red", aliases=("ruby",))
    assert second["state"] == "in_force"
    assert state(service, first)[0] == "subsumed"
    third = forget(service, "ruby", approve=False)
    assert third["state"] == "subsumed"
