"""What one request, model, plugin or folder does wrong is its own: the others go on, and nothing
stays stuck.
"""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.errors import (
    BadFile,
    Conflict,
    GovdError,
    KeyReused,
    MachineFault,
    Usage,
    VerificationFailed,
)
from govd.hookspecs import hookimpl
from govd.ledger.entry import Draft
from govd.models.given import Given
from govd.reconcile.pauses import FIRST_PAUSE_SECONDS
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.types import Contribution, Gate, Vote
from tests.service.test_service import forget, published, revert


def file(service: Service, *concepts: str, model: str = "m", **options: Any) -> str:
    return str(service.forget(model, ForgetOptions(concepts=concepts, **options), "ann")["id"])


def state(service: Service, request: str) -> tuple[str, str]:
    found = service.requests.show(request)
    return str(found["state"]), str(found["state_reason"])


class Plugin:
    """A plugin whose answers a test sets."""

    def __init__(self) -> None:
        self.gate: Any = None
        self.votes: dict[str, Any] = {}
        self.contribute: Any = None

    @hookimpl
    def govd_gate(self, revision: Mapping[str, Any]) -> Any:
        return self.gate

    @hookimpl
    def govd_vote(self, moment: str) -> Any:
        return self.votes.get(moment)

    @hookimpl
    def govd_compute_contribution(self, spec: Any) -> Contribution | None:
        return self.contribute(spec) if self.contribute else None


@pytest.fixture
def plugin(service: Service) -> Plugin:
    found = Plugin()
    service.core.plugins.manager.register(found, "test")
    return found


@pytest.fixture
def other(service: Service, given: Given) -> Service:
    """A second model, `a`, whose turn comes before that of `m`."""
    service.add_model("a", "colours", given, "ann")
    return service


def test_a_plugins_fault_lets_its_request_wait_and_the_others_go_on(
    other: Service, plugin: Plugin
) -> None:
    def broken(spec: Any) -> None:
        if spec.scope.concepts[0].name == "red":
            raise ZeroDivisionError("no tensor")

    plugin.contribute = broken
    red, blue = file(other, "red", model="a"), file(other, "blue")
    other.reconcile()
    assert state(other, red)[0] == "waiting"
    assert "plugin test" in state(other, red)[1]
    assert state(other, blue)[0] == "in_force"
    with pytest.raises(Conflict, match="not computed"):
        other.requests.decide(red, "approve", "", "bob")
    plugin.contribute = None
    other.requests.decide(red, "retry", "", "bob")
    other.reconcile()
    assert state(other, red)[0] == "in_force"


def test_a_method_of_a_plugin_that_raises_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service.core.plugins.methods["swap"], "contribute", lambda problem: [][0], raising=True
    )
    request = file(service, "red", method="swap")
    service.reconcile()
    assert state(service, request)[0] == "waiting"
    assert "method swap" in state(service, request)[1]


def test_a_bug_fails_its_request_and_is_told_when_the_others_are_done(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = other.requests.computing.of_request

    def buggy(request: Any, opened: Any = None) -> Any:
        if request["model"] == "a":
            raise ValueError("zero-size array")
        return compute(request, opened)

    monkeypatch.setattr(other.requests.computing, "of_request", buggy)
    red, blue = file(other, "red", model="a"), file(other, "blue")
    with pytest.raises(ValueError, match="zero-size"):
        other.reconcile()
    assert state(other, red)[0] == "failed"
    assert "a bug in govd" in state(other, red)[1]
    assert state(other, blue)[0] == "in_force"
    assert other.reconcile() is False  # nothing is tried for ever


def test_a_model_that_cannot_be_evaluated_does_not_hold_up_another(
    other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = other.measuring.fast
    monkeypatch.setattr(
        other.measuring,
        "fast",
        lambda *given: fast(*given) if other.core.desk.views.last("a") is None else [][0],
    )
    red = file(other, "red", model="a")
    with pytest.raises(IndexError):
        other.reconcile()
    blue = file(other, "blue")
    monkeypatch.setattr(
        other.measuring,
        "fast",
        lambda opened, *rest: fast(opened, *rest) if other.core.desk.views.last("m") else [][0],
    )
    other.reconcile()
    assert state(other, blue)[0] == "in_force"
    assert state(other, red)[0] == "in_force"  # and it went on where it had stopped
    assert [r["state"] for r in other.revisions("a")] == ["published"]


def test_what_was_composed_for_something_else_is_superseded_not_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(service.measuring, "fast", lambda *given: [][0])
        red = file(service, "red")
        with pytest.raises(IndexError):
            service.reconcile()
    service.requests.decide(red, "withdraw", "", "ann")
    service.reconcile()
    assert forget(service, "red")["state"] == "in_force"
    assert [r["state"] for r in service.revisions("m")] == ["superseded", "published"]


@pytest.mark.parametrize(
    "answer", [Gate("denied", "test", "a typo"), "yes", Gate("wait", "test", "not today")]
)  # type: ignore[arg-type]
def test_a_gate_that_does_not_allow_holds_back_and_is_asked_again(
    service: Service, plugin: Plugin, answer: Any
) -> None:
    plugin.gate = answer
    red = file(service, "red")
    service.reconcile()
    assert service.core.desk.views.published("m") is None
    assert service.revisions("m")[0]["state"] == "waiting"
    size = service.core.desk.ledger.size()
    assert service.reconcile() is False
    assert service.core.desk.ledger.size() == size  # asked again, and it says the same
    plugin.gate = Gate("allow", "test", "fine")
    time.sleep(2.1 * FIRST_PAUSE_SECONDS)  # one that failed is not asked at every look
    service.reconcile()
    assert state(service, red)[0] == "in_force"


def test_a_gate_that_denies_refuses_the_revision(service: Service, plugin: Plugin) -> None:
    plugin.gate = Gate("deny", "test", "never")
    file(service, "red")
    service.reconcile()
    assert service.revisions("m")[0]["state"] == "refused"
    assert service.reconcile() is False


def test_who_approves_his_own_request_is_told_and_so_is_the_home_that_does_it_by_itself(
    service: Service, plugin: Plugin
) -> None:
    red = file(service, "red")
    service.reconcile()
    (automatic,) = service.requests.show(red)["approvals"]
    assert (automatic["automatic"], automatic["by_filer"], automatic["role"]) == (True, True, None)
    plugin.votes = {"filed": Vote("wait", "test", "somebody must look")}
    blue = file(service, "blue")
    service.reconcile()
    service.requests.decide(blue, "approve", "my own", service.requests.show(blue)["filed_by"])
    (own,) = service.requests.show(blue)["approvals"]
    assert own["by_filer"]
    assert "automatic" not in own


def test_policies_are_asked_when_a_person_approves(service: Service, plugin: Plugin) -> None:
    plugin.votes = {
        "filed": Vote("wait", "test", "somebody must look"),
        "approve": Vote("wait", "test", "two must look"),
    }
    red = file(service, "red")
    service.reconcile()
    assert service.requests.decide(red, "approve", "seen", "bob")["state"] == "waiting"
    assert state(service, red)[1] == "test: two must look"
    plugin.votes["approve"] = Vote("allow", "test", "enough")
    assert service.requests.decide(red, "approve", "seen", "carol")["state"] == "approved"
    service.reconcile()
    found = service.requests.show(red)
    assert [(v["moment"], v["decision"]) for v in found["votes"] if v["policy"] == "test"] == [
        ("filed", "wait"),
        ("approve", "wait"),
        ("approve", "allow"),
    ]
    assert [a["principal"] for a in found["approvals"]] == ["carol"]
    assert [(a["principal"], a["reason"]) for a in found["approvals_held"]] == [("bob", "seen")]
    assert not found["approvals"][0]["by_filer"]
    (attempt,) = service.audit.log(kind="request.approval")
    assert (attempt["actor"], attempt["payload"]["held_by"]) == ("bob", "test: two must look")
    plugin.votes["approve"] = Vote("deny", "test", "never")
    blue = file(service, "blue")
    service.reconcile()
    assert service.requests.decide(blue, "approve", "seen", "bob")["state"] == "denied"


def test_what_is_over_the_bound_waits_for_a_person_and_one_is_enough(service: Service) -> None:
    object.__setattr__(
        service.core.home,
        "settings",
        replace(service.core.home.settings, max_predicted_disagreement=-1.0),
    )
    request = file(service, domains=("dark",), all_concepts=True)
    service.reconcile()
    found = service.requests.show(request)
    assert found["state"] == "waiting"
    assert found["state_reason"].startswith("bounds: ")
    service.requests.decide(request, "approve", "the cost is accepted", "bob")
    service.reconcile()
    assert state(service, request)[0] == "in_force"


def test_many_small_forgets_add_up(service: Service) -> None:
    """Each is under the bound on one request; from the fourth on all together are over theirs."""
    bounds = {
        "max_predicted_disagreement": 0.12,
        "max_total_disagreement": 0.15,
        "max_lost_elsewhere": 1.0,
    }
    object.__setattr__(service.core.home, "settings", replace(service.core.home.settings, **bounds))
    states, totals = [], []
    for concept in ("red", "blue", "green", "yellow", "brown"):
        request = file(service, concept, domains=("dark",), method="bilateral")
        service.reconcile()
        record = service.requests.show(request)
        (inputs,) = (vote["inputs"] for vote in record["votes"] if vote["policy"] == "bounds")
        assert 0 < inputs["disagreement_high"] <= 0.12, "none is over the bound on a single request"
        states.append(record["state"])
        totals.append(inputs["total_disagreement_high"])
        if record["state"] == "waiting":
            reason = record["state_reason"]
            assert reason.startswith(
                "bounds: with all that is in force, the predicted disagreement of what is kept is"
                " at most 0.17"
            ), reason
            service.requests.decide(request, "approve", "seen", "bob")
            service.reconcile()
            assert state(service, request)[0] == "in_force"
    assert states == ["in_force", "in_force", "in_force", "waiting", "waiting"]
    assert totals[2] < 0.15 < totals[3]


def test_nobody_approves_what_was_not_looked_at(service: Service) -> None:
    red = file(service, "red")
    with pytest.raises(Conflict, match="being looked at"):
        service.requests.decide(red, "approve", "", "bob")
    service.reconcile()
    undo = service.revert(red, "back", "ann")["id"]
    with pytest.raises(Conflict, match="being looked at"):
        service.requests.decide(undo, "approve", "", "bob")


def test_a_failed_request_is_looked_at_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(service.requests.computing, "of_request", lambda *given: [][0])
        red = file(service, "red")
        with pytest.raises(IndexError):
            service.reconcile()
    forget(service, "blue")
    service.requests.decide(red, "retry", "", "ann")
    service.reconcile()
    assert state(service, red)[0] == "in_force"
    assert service.requests.show(red)["votes"]


# -- delivery


def test_a_folder_that_cannot_be_written_holds_up_nobody_and_is_not_littered(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    write, model = (
        service.core.models.opened("a").model.write_checkpoint,
        service.core.models.opened("a").model,
    )
    model.write_checkpoint = lambda edit, part: (part / "half").write_text("x") and _full()  # type: ignore[method-assign]
    red, blue = file(service, "red", model="a"), file(service, "blue")
    for _ in range(3):
        with pytest.raises(MachineFault, match="delivery is tried again"):
            service.reconcile()
    assert [state(service, r)[0] for r in (red, blue)] == ["in_force", "in_force"]
    assert list(folder.iterdir()) == []
    model.write_checkpoint = write  # type: ignore[method-assign]
    service.reconcile()
    assert json.loads((folder / "current" / "revision.json").read_text())["number"] == 1


def _full() -> dict[str, str]:
    raise OSError(28, "No space left on device")


def test_what_was_delivered_and_changed_is_delivered_again(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    file(service, "red", model="a")
    service.reconcile()
    path = folder / "1" / "edit.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert service.reconcile()
    assert path.read_bytes() == good
    assert not list(folder.glob(".*"))
    shutil.rmtree(folder)
    service.reconcile()
    assert (folder / "current" / "edit.safetensors").read_bytes() == good


# -- answers meanwhile


def test_filing_and_answering_go_on_while_something_is_computed(
    service: Service, plugin: Plugin, pictures: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(spec: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    plugin.contribute = slow
    red = file(service, "red")
    worker = threading.Thread(target=service.reconcile)
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
    service.reconcile()
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

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("red", "blue", "green")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []


# -- what is the same, and what is inside what


def test_spelling_makes_no_second_concept(service: Service) -> None:
    forget(service, "red")
    before = published(service)["edit_digest"]
    again = forget(service, "Red", approve=False)
    assert again["state"] == "subsumed"
    assert again["predicted"]["disagreement"] == 0.0
    assert again["predicted"]["subsumed_by"]
    assert published(service)["edit_digest"] == before
    both = file(service, "blue", "BLUE")
    service.reconcile()
    assert state(service, both)[0] == "failed"
    assert "the same to this model" in state(service, both)[1]


def test_every_domain_by_name_is_everywhere(service: Service) -> None:
    request = forget(service, "red", domains=("dark", "bright"))
    assert request["domains"] == []


def test_a_private_forget_is_covered_by_a_wider_one_even_without_its_text(service: Service) -> None:
    private = forget(service, "red", domains=("dark",), private=True)
    wide = forget(service, "red")
    assert state(service, str(private["id"]))[0] == "subsumed"
    digest = published(service)["edit_digest"]
    service.requests.shred(str(private["id"]), "fulfilled", "dpo")
    service.reconcile()
    assert published(service)["edit_digest"] == digest
    revert(service, wide)
    assert state(service, str(private["id"]))[0] == "in_force"


def test_disagreement_is_what_a_request_adds(service: Service) -> None:
    forget(service, "blue", domains=("dark",))
    first = published(service)["metrics"]["data_free"]["predicted_disagreement"]
    found = service.preview("m", ForgetOptions(concepts=("red",)))["predicted"]
    assert found["disagreement"] == pytest.approx(max(0.0, found["total_disagreement"] - first))


# -- the ledger is the truth


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
    service.reconcile()
    assert state(service, red)[0] == "in_force"
    service.close()
    with open_service(tmp_path / "home") as again:
        assert again.requests.show(red)["state"] == "in_force"
        assert again.verification.rebuild()["same"]


def test_a_publish_of_what_nobody_composed_is_told_and_locks_nobody_out(
    service: Service, tmp_path: Path
) -> None:
    red = file(service, "red")
    service.core.desk.ledger.append([Draft("revision.publish", "m/77", "mallory", "m", {})])
    service.reconcile()
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
    service.reconcile()
    assert [r["state"] for r in service.requests.all()] == ["in_force"]
    assert service.verification.rebuild()["same"]


def test_a_key_is_kept_though_the_date_was_extended(service: Service) -> None:
    from datetime import UTC, datetime, timedelta

    options = ForgetOptions(concepts=("navy",), idempotency_key="k")
    first = service.forget("m", options, "ann")
    service.reconcile()
    service.requests.extend(
        first["id"], (datetime.now(UTC) + timedelta(days=40)).date().isoformat(), "complex", "ann"
    )
    assert service.forget("m", options, "ann")["id"] == first["id"]


def test_previews_keep_nothing(service: Service) -> None:
    before = service.core.artifacts.digests()
    service.preview("m", ForgetOptions(concepts=("red",)))
    assert service.core.artifacts.digests() == before


def test_a_model_whose_requests_wait_is_not_removed(service: Service) -> None:
    navy = file(service, "navy")
    service.reconcile()
    with pytest.raises(Conflict, match=navy):
        service.models.remove("m", "ann")


def test_nobody_composes_on_a_device_that_is_not_there(service: Service) -> None:
    object.__setattr__(
        service.core.home, "settings", replace(service.core.home.settings, compose_on="device")
    )
    red = file(service, "red")
    service.reconcile()
    assert state(service, red)[0] == "waiting"
    assert "no plugin composes on a device" in state(service, red)[1]


# -- private requests


def test_what_is_said_of_a_private_request_is_private(service: Service) -> None:
    object.__setattr__(
        service.core.home, "settings", replace(service.core.home.settings, approval="person")
    )
    request = file(service, "red", private=True)
    service.reconcile()
    key = "Ms Example's key"
    service.requests.decide(request, "approve", "Ms Example consented", "bob")
    service.reconcile()
    undo = service.revert(request, "Ms Example changed her mind", "ann", key)
    assert service.revert(request, "Ms Example changed her mind", "ann", key)["id"] == undo["id"]
    service.reconcile()
    service.requests.decide(undo["id"], "approve", "Ms Example called", "bob")
    service.reconcile()
    assert service.requests.show(request)["state"] == "reverted"
    said = b"".join(body for _, body in service.core.desk.ledger.bodies())
    assert b"Example" not in said
    assert service.requests.reveal(undo["id"], "dpo")["reason"] == "Ms Example changed her mind"
    assert [s["reason"] for s in service.requests.reveal(request, "dpo")["said"]] == [
        "Ms Example consented"
    ]
    service.requests.shred(request, "fulfilled", "dpo")
    assert service.core.private.names() == []
    assert service.requests.show(undo["id"])["shredded_at"]


def test_a_lost_box_does_not_stop_filing(service: Service) -> None:
    request = forget(service, "red", private=True)
    (service.core.private.folder / f"{request['id']}.box").unlink()
    assert forget(service, "blue")["state"] == "in_force"


def test_shredding_again_finishes_what_a_fault_left(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.private,
            "shred",
            lambda name: (_ for _ in ()).throw(MachineFault("read-only")),
        )
        with pytest.raises(MachineFault):
            service.requests.shred(request, "fulfilled", "dpo")
    service.requests.shred(request, "fulfilled", "dpo")
    assert service.core.private.names() == []


# -- models that change


def test_a_rebase_lets_what_was_shredded_wait_and_publishes_nothing_until_somebody_decides(
    service: Service, pool: Path
) -> None:
    private, blue = (
        str(forget(service, "red", private=True)["id"]),
        str(forget(service, "blue")["id"]),
    )
    service.requests.shred(private, "fulfilled", "dpo")
    before, old = service.serving("m"), service.models.show("m")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    assert state(service, private)[0] == "waiting"
    assert "its text was destroyed" in state(service, private)[1]
    assert service.revisions("m")[-1]["state"] == "waiting"
    now = service.serving("m")
    assert (now.number, now.opened.model.facts.digest) == (
        before.number,
        old["digest"],
    )  # what was served is served
    with pytest.raises(Conflict, match="not computed for what the model is now"):
        service.requests.decide(private, "approve", "", "bob")
    service.requests.decide(private, "withdraw", "she agreed", "dpo")
    service.reconcile()
    assert state(service, blue)[0] == "in_force"
    assert service.serving("m").opened.model.facts.digest != old["digest"]
    assert service.serving("m").edit.rank == 1


def test_a_model_that_is_set_back_has_its_shredded_forgets_again(
    service: Service, pool: Path
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    digest = published(service)["edit_digest"]
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours-2")
    service.update_model("m", Given(pool=str(pool)), "ann", "colours")
    assert state(service, private)[0] == "in_force"
    assert published(service)["edit_digest"] == digest


def test_faults_are_raised_when_all_is_done(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service.core.artifacts, "put", lambda data: (_ for _ in ()).throw(MachineFault("full"))
    )
    red = file(service, "red")
    with pytest.raises(MachineFault, match="full"):
        service.reconcile()
    assert state(service, red)[0] == "filed"
    monkeypatch.undo()
    service.reconcile()
    assert state(service, red)[0] == "in_force"


def test_a_contribution_that_is_damaged_blames_no_request(service: Service) -> None:
    red = forget(service, "red")
    made = service.core.desk.views.contribution(red["contribution"])
    assert made is not None
    service.core.artifacts.path(made["artifact"]).write_bytes(b"x")
    blue = file(service, "blue")
    with pytest.raises(BadFile, match="bytes do not match"):
        service.reconcile()
    assert state(service, blue)[0] == "filed"


def test_nothing_shredded_comes_back_by_a_retry(service: Service) -> None:
    private = str(forget(service, "red", private=True)["id"])
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model("m", Given(anchors=("wood",)), "ann")
    assert state(service, private)[0] == "waiting"
    with pytest.raises(Conflict, match="nothing can be looked at again"):
        service.requests.decide(private, "retry", "", "bob")
    assert service.serving("m").edit.rank == 1
    forget(service, "blue")
    assert (
        service.revisions("m")[-1]["state"] == "waiting"
    )  # and nothing new is published meanwhile


def test_a_change_of_the_model_approves_nothing(service: Service) -> None:
    object.__setattr__(
        service.core.home, "settings", replace(service.core.home.settings, approval="person")
    )
    private = file(service, "red", private=True)
    service.reconcile()
    service.requests.shred(private, "fulfilled", "dpo")
    service.update_model("m", Given(publish_to=str(service.core.home.folder.parent / "x")), "ann")
    assert state(service, private)[0] == "waiting"


def test_an_update_that_changes_nothing_of_the_basis_computes_nothing_anew(
    service: Service, tmp_path: Path
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    service.requests.shred(private, "fulfilled", "dpo")
    basis = service.models.show("m")["basis"]
    for i in range(3):
        service.update_model("m", Given(publish_to=str(tmp_path / f"served-{i}")), "ann")
        assert service.models.show("m")["basis"] == basis
    assert state(service, private)[0] == "in_force"
    assert service.audit.log(kind="request.recompute") == []
    assert (
        json.loads((tmp_path / "served-2" / "current" / "revision.json").read_text())["number"] == 1
    )


def test_an_approval_in_the_middle_of_composing_waits_for_the_next_revision(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(
        service.core.home, "settings", replace(service.core.home.settings, approval="person")
    )
    red, blue = file(service, "red"), file(service, "blue")
    service.reconcile()
    service.requests.decide(red, "approve", "", "bob")
    opened, begun = service.core.models.opened, []

    def slow(name: str) -> Any:
        if not begun:
            begun.append(name)
            service.requests.decide(blue, "approve", "", "bob")
        return opened(name)

    monkeypatch.setattr(service.core.models, "opened", slow)
    service.reconcile()
    for revision in service.revisions("m"):
        assert (
            len(revision["requests"]) + len(revision["subsumed"])
            >= len(revision["contributions"])
            > 0
        )
        assert len(revision["requests"]) == len(revision["contributions"])
    assert [state(service, r)[0] for r in (red, blue)] == ["in_force", "in_force"]
    assert service.verification.verify(again=True)["holds"]


def test_an_alias_is_taken_away_too(service: Service) -> None:
    first = str(forget(service, "red")["id"])
    second = forget(service, "red", aliases=("ruby",))
    assert second["state"] == "in_force"
    assert state(service, first)[0] == "subsumed"
    third = forget(service, "ruby", approve=False)
    assert third["state"] == "subsumed"


def test_the_ledger_does_not_say_what_a_private_forget_is_about(service: Service) -> None:
    private = forget(service, "red", private=True)
    wide = forget(service, "Red")
    assert state(service, str(wide["id"]))[0] == "subsumed"
    for entry in service.core.desk.ledger.entries():
        if entry["kind"] in ("request.subsume", "revision.compose"):
            assert private["id"] not in json.dumps(entry["payload"].get("subsumed", {})) + str(
                entry["payload"].get("reason")
            )
    with pytest.raises(Conflict, match="by a private request") as told:
        service.forget("m", ForgetOptions(concepts=("red",)), "ann")
    assert private["id"] not in str(told.value)
    found = service.preview("m", ForgetOptions(concepts=("red",)))
    assert found["same_scope"] == {"id": None, "state": "in_force", "private": True}
    assert private["id"] not in json.dumps(found)


def test_two_models_are_not_published_to_one_folder(
    service: Service, given: Given, tmp_path: Path
) -> None:
    with_folder = replace(given, publish_to=str(tmp_path / "served"))
    service.add_model("a", "colours", with_folder, "ann")
    with pytest.raises(Conflict, match="a is published to this folder"):
        service.add_model("b", "colours", with_folder, "ann")
    with pytest.raises(Conflict, match="a is published to this folder"):
        service.update_model("m", Given(publish_to=str(tmp_path / "served")), "ann")


def test_a_delivery_whose_entry_was_lost_is_told(
    service: Service, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_model("a", "colours", replace(given, publish_to=str(tmp_path / "served")), "ann")
    file(service, "red", model="a")
    record = service.core.desk.append
    lost = "revision.deliver"
    monkeypatch.setattr(
        service.core.desk,
        "append",
        lambda drafts: [] if [d.kind for d in drafts] == [lost] else record(drafts),
    )
    service.reconcile()
    assert service.revision("a", 1)["files"] == {}
    monkeypatch.undo()
    service.reconcile()
    assert set(service.revision("a", 1)["files"]) == {"edit.safetensors"}


def test_a_private_key_files_once_for_good(service: Service) -> None:
    options = ForgetOptions(concepts=("red",), private=True, idempotency_key="Ms Example's key")
    first = service.forget("m", options, "ann")["id"]
    service.reconcile()
    revert(service, {"id": first})
    assert service.forget("m", options, "ann")["id"] == first
    service.requests.shred(first, "fulfilled", "dpo")
    assert service.forget("m", options, "ann")["id"] == first
    assert b"Example" not in b"".join(body for _, body in service.core.desk.ledger.bodies())


def test_a_reason_that_was_sealed_but_never_filed_is_in_nobodys_way(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.desk.ledger,
            "append",
            lambda *given: (_ for _ in ()).throw(MachineFault("full")),
        )
        with pytest.raises(MachineFault):
            service.requests.hold(private, "case 7", "legal")
    service.requests.hold(private, "case 7", "legal")
    assert service.requests.reveal(private, "dpo")["said"][0]["reason"] == "case 7"


def test_files_that_were_changed_with_what_is_said_of_them_are_written_again(
    service: Service, given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    service.add_model("a", "colours", replace(given, publish_to=str(folder)), "ann")
    file(service, "red", model="a")
    service.reconcile()
    good = service.revision("a", 1)["files"]
    (folder / "1" / "edit.safetensors").write_bytes(b"another")
    said = json.loads((folder / "1" / "revision.json").read_text())
    said["files"]["edit.safetensors"] = hashlib.sha256(b"another").hexdigest()
    (folder / "1" / "revision.json").write_text(json.dumps(said))
    assert not service.verification.verify()["holds"]
    service.reconcile()
    assert service.revision("a", 1)["files"] == good
    assert (
        hashlib.sha256((folder / "current" / "edit.safetensors").read_bytes()).hexdigest()
        == good["edit.safetensors"]
    )
    assert len(service.audit.log(kind="revision.deliver")) == 1
    assert service.verification.verify()["holds"]


@pytest.mark.parametrize("first", [True, False])
def test_no_entry_links_a_private_forget_to_a_public_one(service: Service, first: bool) -> None:
    private = str(forget(service, "red", private=first)["id"])
    if first:
        service.requests.shred(private, "fulfilled", "dpo")
    other = forget(service, "Red", private=not first)
    hidden, open_ = (private, str(other["id"])) if first else (str(other["id"]), private)
    for entry in service.core.desk.ledger.entries():
        said = json.dumps(entry["payload"])
        if entry["subject"] == open_:
            assert hidden not in said
        if entry["subject"] == hidden:
            assert open_ not in said
    assert service.requests.show(str(other["id"]))["predicted"]["subsumed_by"] == "another forget"


def test_a_key_of_a_shredded_request_does_not_swallow_another(service: Service) -> None:
    blue = str(forget(service, "blue")["id"])
    options = ForgetOptions(concepts=("red",), private=True, idempotency_key="k")
    private = service.forget("m", options, "ann")["id"]
    service.reconcile()
    service.requests.shred(private, "fulfilled", "dpo")
    assert service.forget("m", options, "ann")["id"] == private
    for other in (
        replace(options, domains=("dark",)),
        replace(options, concepts=("red", "green")),
        replace(options, strength=0.5),
    ):
        with pytest.raises(KeyReused):
            service.forget("m", other, "ann")
    assert service.revert(blue, "back", "ann", "k")["kind"] == "revert"
    with pytest.raises(Usage, match="begins with private:"):
        service.forget(
            "m",
            ForgetOptions(concepts=("green",), idempotency_key=service.requests.privacy.keyed("k")),
            "ann",
        )


def test_a_reason_that_an_entry_names_is_never_written_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    private = str(forget(service, "red", private=True)["id"])
    with monkeypatch.context() as patched:
        patched.setattr(
            service.core.desk.views.records,
            "put",
            lambda rows: (_ for _ in ()).throw(
                sqlite3.OperationalError("database or disk is full")
            ),
        )
        with pytest.raises((MachineFault, sqlite3.OperationalError)):
            service.requests.hold(private, "case 7", "legal")
    with pytest.raises(Conflict, match="held already"):
        service.requests.hold(private, "again", "legal")
    service.requests.release(private, "closed", "legal")
    assert [s["reason"] for s in service.requests.reveal(private, "dpo")["said"]] == [
        "case 7",
        "closed",
    ]


def test_a_key_that_was_never_changed_to_takes_no_place(service: Service, tmp_path: Path) -> None:
    from govd.ledger.signing import Signer

    forget(service, "red")
    known = service.checkpoints.key()
    service.close()
    keys = tmp_path / "home" / "keys"
    (keys / "signing.key").rename(keys / "kept")
    Signer.at(keys / "next.key", service.core.desk.ledger.origin)
    with pytest.raises(BadFile, match="key that signs this ledger is missing"):
        open_service(tmp_path / "home")
    assert sorted(p.name for p in keys.glob("*.key")) in (
        ["derivation.key", "next.key"],
        ["next.key"],
    )
    (keys / "kept").rename(keys / "signing.key")
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == known
        rotated = again.checkpoints.rotate_key("routine", "ann")["new"]
    (keys / "signing.key").rename(keys / "next.key")  # cut off between the entry and the name
    with open_service(tmp_path / "home") as again:
        assert again.checkpoints.key() == rotated
        assert again.verification.verify()["holds"]
