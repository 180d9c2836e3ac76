"""What a preview answers, and that it does so whatever stands already."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.contributions.calibrating import Calibrating
from govd.edit.calibration import Calibration
from govd.edit.tried import Tried
from govd.errors import GovdError
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service


def preview(service: Service, *concepts: str, **more: Any) -> Any:
    return service.requests.preview(
        "m", ForgetOptions(concepts=concepts, all_concepts=not concepts, **more), "ann"
    )


def test_it_says_what_works_what_it_costs_and_who_decides(service: Service) -> None:
    size = service.core.desk.ledger.size()
    found = preview(service, "red")
    assert found["effect"]["before"] > 0
    assert found["effect"]["after"] <= found["effect"]["before"]
    assert {row["prompt"] for row in found["effect"]["by_prompt"]} >= {""}
    assert found["labelled"]["pictures"] > 0
    assert set(found["costs"]) >= {"all", "worst_label"}
    assert found["search"]["pictures"] == found["labelled"]["pictures"]
    assert found["search"]["before"] > found["search"]["after"]
    assert found["decision"]["event"] == "approve"
    assert found["decision"]["waits_for"] is None
    assert [vote["decision"] for vote in found["decision"]["votes"]] == ["allow"] * len(
        found["decision"]["votes"]
    )
    assert found["decision"]["votes"]
    assert sum(row["asked"] for row in found["others"]) == 1
    assert {row["strength"] for row in found["others"]} >= {0.5, 1.0, 1.5}
    assert all(
        {"name", "what", "cosine", "involved", "ask"} <= set(row)
        for row in found["near"]
    )
    assert "red" not in [row["name"] for row in found["near"]]
    assert service.core.desk.ledger.size() == size, "nothing is filed"


def test_it_says_where_on_the_capacity_curve_it_leads(service: Service) -> None:
    found = preview(service, "red")["capacity"]
    assert found["points"]
    assert found["here"] == {"forgets": 0, "changed": 0.0}
    assert found["then"]["forgets"] == 1
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    (model,) = service.status()["models"]
    same = {name: found[name] for name in ("of", "points")}
    assert model["capacity"] == {**same, "here": found["then"]}


def test_what_is_in_force_is_counted_alike_by_preview_and_status(
    service: Service,
) -> None:
    for scope in ({"concepts": ("red",)}, {"concepts": ("red",), "domains": ("dark",)}):
        service.requests.forget("m", ForgetOptions(**scope), "ann")
    service.reconciler.run()
    found = preview(service, "blue")
    (model,) = service.status()["models"]
    assert found["capacity"]["here"] == model["capacity"]["here"]
    assert (found["predicted"]["forgets"], found["predicted"]["forgets_after"]) == (
        1,
        2,
    )
    assert found["capacity"]["then"]["forgets"] == 2
    outer = preview(service, "red", "orange")["predicted"]
    assert len(outer["covers"]) == 1
    assert (outer["forgets"], outer["forgets_after"]) == (1, 1)


def test_status_answers_where_what_was_measured_is_damaged(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", given, "ann")
        path = service.core.artifacts.path(service.core.desk.model("m")["calibration"])
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with open_service(tmp_path / "home") as service:
        (model,) = service.status()["models"]
        assert model["capacity"] is None
        assert not service.verification.verify()["holds"]


def test_what_asking_pictures_would_cost_is_what_it_then_costs(
    service: Service,
) -> None:
    assert preview(service, "red", target="level")["asking"] is None
    service.requests.forget("m", ForgetOptions(concepts=("green",)), "ann")
    service.reconciler.run()
    scopes = (("red",), ()), (("red",), ("dark",)), ((), ("dark",))
    previews = [
        preview(service, *concepts, domains=domains) for concepts, domains in scopes
    ]
    service.update_model("m", Given(conditional=True), "ann")
    service.reconciler.run()
    for (concepts, domains), before in zip(scopes, previews, strict=True):
        now = preview(service, *concepts, domains=domains)
        would = before["asking"]
        assert now["asking"] is None, "it asks"
        total = would["total_disagreement"]
        assert now["predicted"]["total_disagreement"] == total
        checkpoint = now["predicted"]["checkpoint"]
        assert checkpoint["predicted_disagreement"] >= total
        for name in ("pictures", "after"):
            assert would["effect"][name] == now["effect"][name], (concepts, domains)
        assert checkpoint["effect"]["after"] == before["effect"]["after"]
        assert total <= before["predicted"]["total_disagreement"]


def test_the_effect_is_what_serving_then_says(service: Service) -> None:
    found = preview(service, "red")
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    opened = service.core.models.opened("m")
    edit = service.measuring.edit(service.core.desk.views.published("m"), "m")
    images, texts = opened.basis.images, opened.basis.tensors["labels"]
    red = opened.basis.labels.index("red")
    before, after = (
        (images @ texts.T).argmax(1),
        (edit.move(images) @ texts.T).argmax(1),
    )
    (together,) = [row for row in found["effect"]["by_prompt"] if not row["prompt"]]
    assert together == {
        "prompt": "",
        "before": int((before == red).sum()),
        "after": int((after == red)[before == red].sum()),
    }
    others = before != red
    assert found["costs"]["all"]["share"] == pytest.approx(
        float((before != after)[others].mean())
    )


@pytest.mark.parametrize("state", ["waiting", "in_force"])
def test_the_same_scope_may_wait_or_be_in_force(
    tmp_path: Path, example_plugins: None, given: Given, state: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if state == "waiting":
        (home / "govd.toml").write_text('approval = "person"\n')
    with open_service(home) as service:
        service.add_model("m", "colours", given, "ann")
        alone = preview(service, "red")
        request = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
        service.reconciler.run()
        beside = preview(service, "red")
        assert beside["same_scope"] == {
            "id": request["id"],
            "state": state,
            "private": False,
        }
        assert beside["effect"] == alone["effect"], (
            "it is counted without the one that stands"
        )
        assert beside["costs"] == alone["costs"]
        stronger = preview(service, "red", strength=0.5)
        assert stronger["same_scope"]["id"] == request["id"]
        assert preview(service, "blue")["same_scope"] is None


def test_of_a_private_request_only_its_state_is_told(service: Service) -> None:
    service.requests.forget("m", ForgetOptions(concepts=("red",), private=True), "ann")
    service.reconciler.run()
    assert preview(service, "red")["same_scope"] == {
        "id": None,
        "state": "in_force",
        "private": True,
    }
    told = service.requests.all()[0]["predicted"]["costs"]
    assert told
    assert not any(
        "label" in figure or "domain" in figure for figure in told.values()
    ), "what loses most tells what is near"


def test_policies_are_asked_as_filing_asks_them(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "govd.toml").write_text("max_scope_share = 0.01\n")
    with open_service(home) as service:
        service.add_model("m", "colours", given, "ann")
        found = preview(service, "red")
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
        service.reconciler.run()
        (request,) = service.requests.all()
        assert (found["decision"]["event"], request["state"]) == ("wait", "waiting")
        assert found["decision"]["reason"] == request["state_reason"]
        assert found["decision"]["waits_for"] == "a person"
        votes = [
            (vote["policy"], vote["decision"], vote["reason"])
            for vote in found["decision"]["votes"]
        ]
        assert votes == [
            (vote["policy"], vote["decision"], vote["reason"])
            for vote in request["votes"]
        ]


def test_a_cell_says_what_becomes_of_the_same_class_elsewhere(service: Service) -> None:
    found = preview(service, "red", domains=("dark",))
    assert found["costs"]["elsewhere"]["label"] == "red"
    basis = service.core.models.opened("m").basis
    domain = np.asarray(basis.tensors["pool_domains"])[basis.thinned_pool()[1]]
    elsewhere = (basis.base_answers == basis.labels.index("red")) & (
        domain != basis.domains.index("dark")
    )
    assert found["costs"]["elsewhere"]["pictures"] == int(elsewhere.sum())
    inside, outside = found["labelled"], found["labelled_elsewhere"]
    assert (inside["pictures"], outside["pictures"]) == (6, 6)
    assert inside["after"] < inside["before"]
    assert outside["after"] == outside["by_prompt"][0]["after"] > inside["after"]
    whole = preview(service, domains=("dark",))
    assert whole["labelled_elsewhere"] is None
    assert whole["effect"]["what"] == "domains"
    assert whole["near"] == []
    assert whole["labelled"]["what"] == "domains"
    assert whole["labelled"]["before"] == whole["labelled"]["pictures"] == 72
    (told,) = whole["told_apart"]
    assert told["domain"] == "dark"
    assert told["pictures"] == 72
    assert told["taken"] / told["pictures"] > told["others_taken"] / told["others"]


def test_what_is_refused_when_filed_is_refused_beforehand(service: Service) -> None:
    everything = service.core.models.opened("m").basis.anchors[0]
    with pytest.raises(GovdError) as filing:
        service.requests.forget("m", ForgetOptions(concepts=everything), "ann")
    with pytest.raises(GovdError) as previewing:
        preview(service, *everything)
    assert str(previewing.value) == str(filing.value)


def test_how_much_more_changes_without_pictures_to_count_on(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", replace(given, pool=None, images=None), "ann")
        first = service.requests.show(
            service.requests.forget("m", options("red"), "ann").id
        ).id
        service.reconciler.run()
        if service.requests.show(first).state == "waiting":
            service.requests.decide(first, "approve", "seen", "bob")
            service.reconciler.run()
        assert service.requests.show(first).state == "in_force"
        standing = predicted(service, "red", domains=("dark",))
        assert standing["disagreement"] == 0.0, "it is covered by what stands"
        more = predicted(service, "blue")
        assert more["total_disagreement"] >= standing["total_disagreement"]
        assert more["disagreement"] == pytest.approx(
            more["total_disagreement"] - standing["total_disagreement"]
        )


def test_a_prediction_has_ends_where_its_errors_were_measured(service: Service) -> None:
    found = predicted(service, "red")
    assert found["measured"]
    assert found["disagreement_high"] >= found["disagreement"]
    assert found["total_disagreement_high"] >= found["total_disagreement"]
    effect = preview(service, "red")["effect"]
    assert (
        0
        <= effect["after_low"]
        <= effect["after"]
        <= effect["after_high"]
        <= effect["pictures"]
    )


@pytest.mark.parametrize("private", [False, True])
def test_what_covers_a_forget_is_named_where_it_is_not_private(
    service: Service, private: bool
) -> None:
    wide = service.requests.forget("m", options("red", private=private), "ann").id
    service.reconciler.run()
    assert service.requests.show(wide).state == "in_force"
    narrow = predicted(service, "red", domains=("dark",))
    assert narrow["subsumed_by"] == ("another forget" if private else wide)
    assert (narrow["forgets"], narrow["forgets_after"]) == (1, 1), "it adds nothing"
    assert predicted(service, "blue")["subsumed_by"] is None


@pytest.mark.parametrize("private", [False, True])
def test_what_a_forget_covers_is_named_where_it_is_not_private(
    service: Service, private: bool
) -> None:
    narrow = options("red", domains=("dark",), private=private)
    covered = service.requests.forget("m", narrow, "ann").id
    service.reconciler.run()
    service.requests.decide(covered, "approve", "", "bob")
    service.reconciler.run()
    assert service.requests.show(covered).state == "in_force"
    wide = predicted(service, "red")
    assert list(wide["covers"]) == ["" if private else covered]
    assert covered not in str(wide) or not private


def test_another_method_may_be_previewed_for_the_only_forget(service: Service) -> None:
    red = options("red", method="nullspace")
    service.requests.forget("m", red, "ann")
    service.reconciler.run()
    assert (
        preview(service, "red", method="oblique")["same_scope"]["state"] == "in_force"
    )
    with pytest.raises(GovdError, match="cannot be solved as one system"):
        preview(service, "blue", method="oblique")


def test_errors_of_nothing_leave_what_chance_does(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = ("named", "all", "shown", "worst_label", "worst_cell", "elsewhere")
    none = dict.fromkeys(figures, [0.0] * 99)
    calibration = Calibration(none, 1.0, {"elsewhere": Tried(0.5, 1000.0).as_row()})
    monkeypatch.setattr(Calibrating, "of", lambda *_: calibration)
    monkeypatch.setattr(Calibrating, "capacity", lambda *_: None)
    found = preview(service, "red")
    effect = found["effect"]
    assert effect["after_low"] < effect["after"] < effect["after_high"]
    gone = preview(service, "orange")["effect"]
    assert gone["after_low"] == gone["after"] == gone["after_high"] == 0
    worst = [found["costs"].pop(name) for name in ("worst_label", "worst_cell")]
    assert all(w["low"] <= w["share"] < w["high"] < 0.5 for w in worst)
    for figure in found["costs"].values():
        assert figure["low"] == figure["share"] == figure["high"]
    elsewhere = preview(service, "red", domains=("dark",))["costs"]["elsewhere"]
    assert elsewhere["share"] == pytest.approx(0.5, abs=0.05), "as random cells"
    assert elsewhere["low"] < elsewhere["share"] < elsewhere["high"]


def options(*concepts: str, **more: Any) -> ForgetOptions:
    return ForgetOptions(concepts=concepts, **more)


def predicted(service: Service, *concepts: str, **more: Any) -> Any:
    return preview(service, *concepts, **more)["predicted"]
