"""A model whose forgets of domains ask each vector for its domain, through the service."""

import json
from pathlib import Path

import numpy as np
import pytest

from govd import load_edit
from govd.errors import Usage
from govd.models.given import Given
from govd.requests.options import ForgetOptions
from govd.service.service import Service
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
