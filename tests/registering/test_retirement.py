"""`model remove` with forgets in force: the model is retired, and nothing is published back."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from govd.cli.show_audit import show_as_of
from govd.errors import Conflict, MachineFault, NotFound
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.bundle import verified
from govd.verify.sentences import sentence_of
from tests.audit.asking import tick


def forget(service: Service, *concepts: str, private: bool = False) -> str:
    request = service.requests.forget(
        "a", ForgetOptions(concepts=concepts, private=private), "ann"
    )
    service.reconciler.run()
    return str(request["id"])


@pytest.fixture
def served(service: Service, given: Given, tmp_path: Path) -> Service:
    """The model `a`, published, with two forgets in force and one that the first covers."""
    service.add_model(
        "a", "colours", replace(given, publish_to=str(tmp_path / "served")), "ann"
    )
    for concepts in (("red",), ("green",)):
        forget(service, *concepts)
    service.requests.forget(
        "a", ForgetOptions(concepts=("red",), domains=("dark",)), "ann"
    )
    service.reconciler.run()
    return service


@pytest.fixture
def retired(served: Service) -> Service:
    served.models.remove("a", "ann", "the contract ended")
    served.reconciler.run()
    return served


def numbers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_its_requests_keep_their_states_and_say_so(retired: Service) -> None:
    requests = retired.requests.all(model="a")
    assert [r["state"] for r in requests] == ["in_force", "in_force", "subsumed"]
    for request in requests:
        assert request["model_retired"]["by"] == "ann"
        assert request["model_retired"]["reason"] == "the contract ended"
        assert "its model was retired on" in request["state_reason"]
    assert len(retired.revisions("a")) == 2
    assert retired.revision("a", 2)["state"] == "published"
    assert retired.diff("a", 1, 2)["added"] == [requests[1]["id"]]
    assert retired.core.desk.views.revision("a", 3) is None


def test_nothing_answers_for_it_and_its_name_is_not_used_again(
    retired: Service, given: Given
) -> None:
    with pytest.raises(NotFound, match="was retired on"):
        retired.serving("a")
    with pytest.raises(NotFound, match="was retired on"):
        retired.requests.forget("a", ForgetOptions(concepts=("blue",)), "ann")
    with pytest.raises(NotFound, match="was retired on"):
        retired.update_model("a", Given(use="open"), "ann")
    with pytest.raises(NotFound, match="was retired on"):
        retired.models.remove("a", "ann")
    with pytest.raises(Conflict, match="called a was retired"):
        retired.add_model("a", "colours", given, "ann")
    assert retired.models.show("a")["state"] == "retired"
    assert [(m["name"], m["state"]) for m in retired.models.all()] == [
        ("a", "retired"),
        ("m", "registered"),
    ]


def test_nothing_is_decided_about_its_requests_any_more(retired: Service) -> None:
    request = str(retired.requests.all(model="a")[0]["id"])
    size = retired.core.desk.ledger.size()
    with pytest.raises(Conflict, match="was retired on"):
        retired.requests.revert(request, "back", "ann")
    for event in ("approve", "reject", "withdraw", "retry"):
        with pytest.raises(Conflict, match="was retired on"):
            retired.requests.decide(request, event, "because", "ann")
    with pytest.raises(Conflict, match="was retired on"):
        retired.requests.extend(request, "2030-01-01", "because", "ann")
    assert retired.core.desk.ledger.size() == size
    retired.requests.hold(request, "case 7", "legal")
    assert not retired.reconciler.run()
    assert retired.requests.show(request)["state"] == "in_force"


def test_its_private_texts_can_still_be_read_and_destroyed(served: Service) -> None:
    private = forget(served, "blue", private=True)
    served.models.remove("a", "ann")
    assert served.requests.reveal(private, "dpo")["concepts"][0]["name"] == "blue"
    served.requests.shred(private, "fulfilled", "dpo")
    assert served.requests.show(private)["state"] == "in_force"
    assert served.verification.verify()["holds"]


def test_current_goes_and_published_revisions_stay(
    retired: Service, tmp_path: Path
) -> None:
    assert numbers(tmp_path / "served") == ["1", "2"]
    assert (
        json.loads((tmp_path / "served" / "2" / "revision.json").read_text())["number"]
        == 2
    )
    verdict = retired.verification.verify(recompute=True)
    assert verdict["holds"], verdict["faults"]
    (tmp_path / "served" / "current").symlink_to("1")
    assert "is retired" in retired.verification.verify()["faults"][0]


def test_published_revisions_go_where_it_is_asked_for(
    served: Service, tmp_path: Path
) -> None:
    (tmp_path / "served" / "1" / "mine").write_text("kept")
    (tmp_path / "served" / "notes").write_text("kept")
    found = served.models.remove("a", "ann", delete_published=True)
    assert numbers(tmp_path / "served") == ["1", "notes"]
    assert found["left"] == ["1"]
    assert found["current_removed"]


def test_a_current_of_somebody_else_is_left_and_the_model_stays(
    served: Service, tmp_path: Path
) -> None:
    (tmp_path / "served" / "current").unlink()
    (tmp_path / "served" / "current").symlink_to("/srv")
    size = served.core.desk.ledger.size()
    with pytest.raises(MachineFault, match="current leads to /srv"):
        served.models.remove("a", "ann")
    assert os.readlink(tmp_path / "served" / "current") == "/srv"
    assert served.core.desk.ledger.size() == size
    assert served.models.show("a")["state"] == "registered"


def test_a_removal_that_is_not_recorded_puts_current_back(
    served: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            served.core.desk.ledger,
            "append",
            lambda *given: (_ for _ in ()).throw(MachineFault("full")),
        )
        with pytest.raises(MachineFault):
            served.models.remove("a", "ann")
    served.reconciler.run()
    assert os.readlink(tmp_path / "served" / "current") == "2"


def test_the_ledger_answers_about_it_as_before(
    served: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tick()
    served.models.remove("a", "ann", "the contract ended")
    after = tick()
    then, now = (served.audit.as_of(at, "a")["models"][0] for at in (before, after))
    assert (then["revision"], then["registered"]) == (2, True)
    assert (now["revision"], now["registered"], now["removed"], now["retired"]) == (
        None,
        False,
        True,
        True,
    )
    show_as_of(served.audit.as_of(after, "a"))
    assert "retired" in capsys.readouterr().out
    assert len(served.audit.why("a", 2)["requests"]) == 2
    request = str(served.requests.all(model="a")[0]["id"])
    (last,) = [
        e for e in served.audit.trail(request)["entries"] if e["kind"] == "model.remove"
    ]
    assert (
        sentence_of(last)
        == "a was retired with 3 forgets in force, which keep their states: the contract ended"
    )
    status = served.status()
    assert [m["name"] for m in status["models"]] == ["m"]
    (gone,) = status["retired"]
    assert (gone["name"], gone["in_force"], gone["subsumed"], gone["reason"]) == (
        "a",
        2,
        1,
        "the contract ended",
    )
    assert status["waiting"] == []


def test_bundles_and_rebuilt_views_say_that_it_was_retired(
    retired: Service, tmp_path: Path
) -> None:
    request = str(retired.requests.all(model="a")[0]["id"])
    for name, question in (
        ("r", {"request": request}),
        ("v", {"revision": ("a", 2)}),
        ("all", {}),
    ):
        retired.bundles.bundle(tmp_path / name, **question)  # type: ignore[arg-type]
        with verified(tmp_path / name) as opened:
            assert opened.verdict.holds, opened.verdict.faults
            assert (
                "which was published (its model was retired later), forgets"
                in opened.claim
            )
            assert any(
                "a was retired with 3 forgets in force" in line
                for line in opened.recorded
            )
    assert retired.verification.rebuild()["same"]
    retired.close()
    with open_service(tmp_path / "home") as again:
        assert again.models.show("a")["state"] == "retired"
        assert [r["state"] for r in again.requests.all(model="a")] == [
            "in_force",
            "in_force",
            "subsumed",
        ]
        assert not again.reconciler.run()


def test_a_model_without_forgets_in_force_is_removed_as_ever(
    service: Service, given: Given, tmp_path: Path
) -> None:
    service.add_model(
        "a",
        "colours",
        replace(given, publish_to=str(tmp_path / "served"), publish_base=True),
        "ann",
    )
    found = service.models.remove("a", "ann")
    assert found["state"] == "removed"
    assert numbers(tmp_path / "served") == ["0"]
    assert (
        service.core.desk.ledger.some([service.core.desk.ledger.size() - 1])[0][
            "payload"
        ]
        == {}
    )
    service.add_model("a", "colours", given, "ann")
    assert service.models.show("a")["state"] == "registered"


def test_what_is_not_decided_is_decided_first(served: Service) -> None:
    object.__setattr__(
        served.core.home,
        "settings",
        replace(served.core.home.settings, approval="person"),
    )
    waits = forget(served, "blue")
    with pytest.raises(Conflict, match=waits):
        served.models.remove("a", "ann")
    served.requests.decide(waits, "reject", "not now", "bob")
    assert served.models.remove("a", "ann")["state"] == "retired"
