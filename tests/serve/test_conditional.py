"""A model whose forgets of domains ask each vector for its domain, through the service."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd import load_edit
from govd.cli.report.evaluation import page
from govd.cli.show_evaluation import print_evaluation
from govd.cli.show_preview import show_preview
from govd.cli.show_revisions import show_export, show_revisions
from govd.edit.prediction import watch_for
from govd.errors import NoWeights, Usage
from govd.models.given import Given
from govd.requests.options import ForgetOptions
from govd.service.service import Service
from govd.verify.carried import OF_PICTURES, of_linear
from govd.verify.claim import Claim
from govd.verify.honest import honest, share
from govd.verify.signed_folder import verify_folder
from tests.service.test_service import cell, forget, published, revert


@pytest.fixture
def asking(service: Service) -> Service:
    service.update_model("m", Given(conditional=True), "ann")
    return service


def test_a_cell_goes_and_both_edits_have_their_figures(
    asking: Service, tmp_path: Path
) -> None:
    assert asking.models.show("m")["conditional"] is True
    predicted = asking.requests.preview(
        "m", ForgetOptions(concepts=("blue",), domains=("dark",))
    )["predicted"]
    assert {"predicted_disagreement", "edit_norm"} <= set(predicted["checkpoint"])
    forget(asking, "blue", domains=("dark",))
    revision = published(asking)
    assert revision["facts"]["conditional"] == ["dark"]
    metrics = revision["metrics"]
    assert cell(metrics, "blue", "dark")["after"] <= 0.2
    assert (
        cell(metrics, "blue", "bright")["after"]
        >= cell(metrics, "blue", "bright")["before"] - 0.1
    )
    assert "cells" in metrics["checkpoint"]
    assert asking.verification.verify(recompute=True)["holds"]
    said = asking.export("m", tmp_path / "edit", "ann", format="edit")
    edit = load_edit(tmp_path / "edit" / "m.edit.safetensors")
    assert edit.digest == said["edit_digest"] == revision["edit_digest"]
    assert len(edit.conditions) == 1
    assert "carries" not in said


def test_a_checkpoint_carries_the_linear_edit_and_says_so(
    asking: Service, tmp_path: Path
) -> None:
    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    forget(asking, "blue", domains=("dark",))
    asking.reconciler.run()
    assert (
        json.loads((tmp_path / "out" / "current" / "revision.json").read_text())[
            "carries"
        ]
        == "linear"
    )
    assert (
        "a checkpoint carries the linear one" in asking.verification.verify()["claim"]
    )


def statement(folder: Path) -> dict[str, Any]:
    """What the signed statement in a folder says."""
    envelope = json.loads((folder / "statement.dsse.json").read_text())
    predicate: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))[
        "predicate"
    ]
    return predicate


def test_what_is_signed_has_figures_of_the_edit_that_is_given_away(
    asking: Service, tmp_path: Path
) -> None:
    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    forget(asking, "blue", domains=("dark",))
    asking.reconciler.run()
    asking.reconciler.measure()
    metrics = published(asking)["metrics"]
    linear = metrics["checkpoint"]
    assert linear["retain_agreement"] != metrics["retain_agreement"]
    asking.export("m", tmp_path / "edit", "ann", format="edit")
    said = asking.export("m", tmp_path / "queries", "ann", format="edit", side="text")
    assert said["carries"] == "linear"
    for folder, figures in (
        (tmp_path / "out" / "current", linear),
        (tmp_path / "queries", linear),
        (tmp_path / "edit", metrics),
    ):
        predicate = statement(folder)
        assert predicate["metrics"]["retain_agreement"] == figures["retain_agreement"]
        is_linear = figures is linear
        assert predicate.get("carries") == ("linear" if is_linear else None), folder
        claim = verify_folder(folder, asking.checkpoints.key())["claim"]
        assert ("These are figures of the linear edit" in claim) == is_linear
        was_measured = folder.parent == tmp_path  # what is published comes first
        assert ("with examples it is still found" in claim) == was_measured
    facts = json.loads((tmp_path / "out" / "current" / "govd.json").read_text())
    assert facts["carries"] == "linear"
    card = (tmp_path / "out" / "current" / "README.md").read_text()
    agreement = f"| | {share(linear['retain_agreement'])} | |"
    assert f"(`retain_agreement`) {agreement}" in card
    assert "Of the **linear** edit, which this checkpoint carries." in card


def test_a_card_of_figures_that_are_another_edits_is_written_again(
    asking: Service, tmp_path: Path
) -> None:
    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    forget(asking, "blue", domains=("dark",))
    mark = tmp_path / "out" / "current" / "revision.json"
    older = json.loads(mark.read_text())
    del older["conditional"]
    mark.write_text(json.dumps(older))
    asking.reconciler.run()
    assert json.loads(mark.read_text())["conditional"] is True


def test_an_edit_alone_is_published_with_what_it_asks(
    asking: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_weights(edit: object, folder: Path) -> dict[str, str]:
        raise NoWeights("there are none")

    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    model = asking.core.models.opened("m").model.inner  # type: ignore[attr-defined]
    monkeypatch.setattr(model, "write_checkpoint", no_weights)
    forget(asking, "blue", domains=("dark",))
    current = tmp_path / "out" / "current"
    assert load_edit(current / "edit.safetensors").conditions
    assert "carries" not in json.loads((current / "revision.json").read_text())
    assert "carries" not in statement(current)


def test_an_older_statement_is_not_taken_for_figures_of_what_it_carries() -> None:
    request = {"id": "a", "concepts": [{"name": "red"}], "domains": [], "target": None}
    older = {
        "edit_digest": "00",
        "carries": "linear",
        "metrics": {"forget_acc": 0.0},
        "requests": [request],
    }
    claim = Claim("m", 1, older, requests=["a"])
    assert "conditional edit, of answers and vectors, and not of what" in honest(claim)
    claim.predicate["figures_of"] = "linear"
    assert "These are figures of the linear edit" in honest(claim)


def test_a_concept_is_taken_from_pictures_that_it_names(asking: Service) -> None:
    predicted = asking.requests.preview("m", ForgetOptions(concepts=("red",)))
    assert {"predicted_disagreement"} <= set(predicted["predicted"]["checkpoint"])
    forget(asking, "red")
    revision, edit = published(asking), asking.serving("m").edit
    assert (revision["facts"]["conditional"], revision["facts"]["asks_answers"]) == (
        [],
        True,
    )
    assert revision["metrics"]["forget_acc"] <= 0.2
    assert "retain_agreement" in revision["metrics"]["checkpoint"]
    (condition,) = edit.conditions
    pictures = asking.core.models.opened("m").basis.tensors["pool"]
    asked = condition.holds(pictures)
    assert 0 < asked.mean() < 0.5
    assert (edit.move(pictures)[~asked] == pictures[~asked]).all()
    assert asking.verification.verify(recompute=True)["holds"]


def test_a_revert_and_the_way_back_to_linear_edits(asking: Service) -> None:
    everywhere = forget(asking, "red")
    alone = published(asking)["edit_digest"]
    cell_of = forget(asking, "blue", domains=("dark",))
    assert published(asking)["edit_digest"] != alone
    revert(asking, cell_of)
    assert published(asking)["edit_digest"] == alone
    asking.update_model("m", Given(conditional=False), "ann")
    asking.reconciler.run()
    assert not asking.core.models.basis(asking.core.desk.model("m")).conditional
    assert not asking.models.show("m")["conditional"]
    asking.update_model("m", Given(anchors=("wood", "sea")), "ann")
    assert not asking.core.models.basis(asking.core.desk.model("m")).conditional
    assert asking.requests.show(everywhere["id"])["state"] == "in_force"


def test_served_vectors_of_other_domains_stay_as_they_are(asking: Service) -> None:
    forget(asking, "blue", domains=("dark",))
    edit = asking.serving("m").edit
    vectors = (
        asking.core.models.opened("m").basis.tensors["pool"]
        if asking.core.models.opened("m").basis.has_pool
        else np.eye(edit.dim)
    )
    others = ~edit.conditions[0].holds(vectors)
    assert others.any()
    assert np.abs(edit.apply(vectors)[others] - vectors[others]).max() < 1e-12


def test_there_is_none_of_texts(service: Service) -> None:
    record = service.models.show("m")
    with pytest.raises(Usage, match="asks pictures"):
        service.add_model(
            "n",
            record["reference"],
            Given(conditional=True, side="text", domains=("dark", "bright")),
            "ann",
        )


def test_an_evaluation_says_of_which_edit_its_figures_are(
    asking: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asking.evaluate("m", None)["metrics"]["figures_of"] == "linear"
    forget(asking, "blue", domains=("dark",))
    answer = asking.evaluate("m", None, report=True)
    metrics = answer["metrics"]
    linear = metrics["checkpoint"]
    assert metrics["figures_of"] == "conditional"
    stored = published(asking)["metrics"]["checkpoint"]
    assert linear["retain_agreement"] == stored["retain_agreement"]
    agreement = share(linear["retain_agreement"])
    assert agreement != share(metrics["retain_agreement"])
    text = " ".join(page(answer).split())
    assert f"<b>{agreement}</b>of a checkpoint's other answers" in text
    print_evaluation({**answer, "report": None})
    printed = " ".join(capsys.readouterr().out.split())
    before, _, after = printed.partition("a checkpoint, by the linear edit")
    assert "the conditional edit" in before
    assert agreement in after.partition("What follows")[0]
    low, high = linear["intervals"]["retain_agreement"]
    assert low <= linear["retain_agreement"] <= high


def test_a_checkpoint_is_not_published_unasked_beyond_the_bounds(
    asking: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ForgetOptions(concepts=("blue",), domains=("dark",))
    found = asking.requests.preview("m", options)
    linear = found["predicted"]["checkpoint"]
    assert linear["published"] is False
    own = found["costs"]["shown"]
    between = (own["high"] + linear["costs"]["shown"]["share"]) / 2
    assert own["high"] < between, "the linear edit costs more"
    settings = replace(
        asking.core.home.settings, max_predicted_disagreement=float(between)
    )
    monkeypatch.setattr(asking.core.home, "settings", settings)
    assert asking.requests.preview("m", options)["decision"]["event"] == "approve"
    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    request = forget(asking, "blue", domains=("dark",), approve=False)
    assert request["state"] == "waiting"
    assert "in the checkpoint that is published to a folder" in request["state_reason"]
    assert not (tmp_path / "out" / "1").exists()


def test_a_preview_tells_what_a_checkpoint_leaves_named(
    asking: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ForgetOptions(concepts=("blue",), domains=("dark",))
    found = asking.requests.preview("m", options)
    effect = found["predicted"]["checkpoint"]["effect"]
    assert effect["before"] == found["effect"]["before"]
    assert (effect["after_low"], effect["after_high"]) == (None, None)
    forget(asking, "blue", domains=("dark",))
    edit = asking.serving("m").edit
    basis = asking.core.models.opened("m").basis
    watch = watch_for(basis, [])
    assert watch is not None
    dark = watch.domain == basis.domains.index("dark")
    blue = basis.labels.index("blue")
    (together,) = [row for row in effect["by_prompt"] if not row["prompt"]]
    is_named = watch.answers(edit.linear)[dark & (watch.top == blue)] == blue
    assert together["after"] == int(is_named.sum())
    show_preview(found)
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        f"by the linear edit: before {effect['before']} → after {effect['after']} are"
        in printed
    )
    assert "by it alone, there all other answers" in printed
    assert "without intervals: how far predictions are off was measured of" in printed


def test_figures_of_a_checkpoint_that_were_measured_have_intervals(
    asking: Service,
) -> None:
    forget(asking, "blue", domains=("dark",))
    asking.reconciler.measure()
    linear = of_linear(published(asking)["metrics"])
    for name in ("retain_agreement", "retain_acc", "forget_acc", "forget_named"):
        low, high = linear["intervals"][name]
        assert low <= linear[name] <= high, name
    own = published(asking)["metrics"]["intervals"]
    assert own["retain_agreement"] != linear["intervals"]["retain_agreement"]


def test_a_list_of_revisions_says_whose_figures_it_has(
    asking: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget(asking, "blue", domains=("dark",))
    (unpublished,) = asking.revisions("m")
    assert (unpublished["figures_of"], "carries" in unpublished) == (
        "conditional",
        False,
    )
    asking.update_model("m", Given(publish_to=str(tmp_path / "out")), "ann")
    (revision,) = asking.revisions("m")
    assert (revision["figures_of"], revision["carries"]) == ("conditional", "linear")
    assert asking.revision("m", 1)["carries"] == "linear"
    show_revisions([revision])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{share(revision['metrics']['forget_acc'])} *" in printed
    assert "its checkpoint has the linear one, with other figures" in printed
    assert printed.endswith("govd revision show m 1")
    asking.update_model("m", Given(conditional=False), "ann")
    assert "figures_of" not in asking.revisions("m")[-1]
    show_revisions([unpublished])
    assert "*" not in capsys.readouterr().out


def test_an_export_says_that_it_is_not_the_revisions_own_edit(
    asking: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget(asking, "blue", domains=("dark",))
    for name, side, carries in (("own", None, False), ("queries", "text", True)):
        written = asking.export("m", tmp_path / name, "ann", format="edit", side=side)
        show_export(written)
        printed = " ".join(capsys.readouterr().out.split())
        assert ("This carries the linear edit" in printed) == carries
        assert ("govd revision show m 1" in printed) == carries


def test_an_edit_of_queries_says_that_its_figures_are_of_pictures(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget(service, "blue", domains=("dark",))
    for name, side in (("own", None), ("queries", "text")):
        written = service.export("m", tmp_path / name, "ann", format="edit", side=side)
        is_other = side == "text"
        assert written.get("figures_side") == ("image" if is_other else None)
        show_export(written)
        printed = " ".join(capsys.readouterr().out.split())
        assert (OF_PICTURES in printed) == is_other
        assert statement(tmp_path / name).get("figures_side") == (
            "image" if is_other else None
        )
        claim = verify_folder(tmp_path / name, service.checkpoints.key())["claim"]
        assert (OF_PICTURES in claim) == is_other
    data = service.measuring.evaluation("m")
    assert data is not None
    basis = service.core.models.opened("m").basis
    own = load_edit(tmp_path / "own" / "m.edit.safetensors")
    queries = load_edit(tmp_path / "queries" / "m.edit.safetensors")
    by_pictures = own.apply(data.vectors) @ basis.tensors["labels"].T
    by_queries = data.vectors @ queries.apply_to_queries(basis.tensors["labels"]).T
    assert (by_pictures.argmax(axis=1) == by_queries.argmax(axis=1)).all()
