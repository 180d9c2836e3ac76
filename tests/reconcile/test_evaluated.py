"""What an evaluation tells beyond accuracies, and what of it a revision keeps."""

import pytest

from govd.errors import PluginFault
from govd.models.given import Given
from govd.service.service import Service
from tests.service.test_service import forget, published


def test_an_evaluation_has_intervals_retrieval_and_scores(service: Service) -> None:
    forget(service, "red")
    forget(service, "blue", domains=("dark",))
    metrics = service.evaluate("m", None)["metrics"]
    low, high = metrics["intervals"]["retain_acc"]
    assert low <= metrics["retain_acc"] <= high
    assert all(
        cell["interval"][0] <= cell["after"] <= cell["interval"][1]
        for cell in metrics["cells"]
    )
    assert metrics["forget_named"] >= metrics["forget_acc"]
    assert metrics["retrieval"]["forgotten"]["after"]["i2t@1"] == metrics["forget_acc"]
    assert metrics["published_scores"]["adu_h"]["mem"] == metrics["retain_acc"]
    red, blue = metrics["concepts"]
    for concept, name in (
        ((red, "red"), (blue, "blue"))
        if red["scope"].startswith("red")
        else ((blue, "red"), (red, "blue"))
    ):
        assert concept["redirects"], concept
        assert name not in {r["label"] for r in concept["redirects"]}


def test_a_published_revision_is_measured_when_it_serves(service: Service) -> None:
    forget(service, "red")
    assert "intervals" not in published(service)["metrics"], (
        "publishing does not wait for it"
    )
    assert service.reconciler.measure()
    metrics = published(service)["metrics"]
    assert metrics["intervals"] == service.evaluate("m", None)["metrics"]["intervals"]
    assert {"retrieval", "published_scores", "forget_named"} <= set(metrics)


def test_cells_of_a_revision_have_the_intervals_of_its_evaluation(
    service: Service,
) -> None:
    service.update_model("m", Given(conditional=True), "ann")
    forget(service, "blue", domains=("dark",))
    metrics = published(service)["metrics"]
    measured = service.evaluate("m", None)["metrics"]
    assert metrics["cells"] == measured["cells"]
    assert metrics["checkpoint"]["cells"] == measured["checkpoint"]["cells"]
    for cell in (*metrics["cells"], *metrics["checkpoint"]["cells"]):
        assert cell["interval"][0] <= cell["after"] <= cell["interval"][1]


def test_the_base_has_intervals_and_no_scores_of_forgetting(service: Service) -> None:
    metrics = service.evaluate("m", None, base=True)["metrics"]
    assert set(metrics["retrieval"]) == {"retained"}
    assert metrics["published_scores"] == {}
    assert set(metrics["intervals"]) == {
        "accuracy",
        "accuracy_before",
        "retain_acc",
        "retain_acc_before",
        "retain_agreement",
    }


def test_an_edit_is_read_once_and_is_the_one_that_was_composed(
    service: Service,
) -> None:
    forget(service, "red")
    revision = service.core.desk.views.published("m")
    assert revision is not None
    edit = service.measuring.edit(revision, "m")
    assert service.measuring.edit(revision, "m") is edit
    assert edit.digest == revision.edit_digest
    with pytest.raises(PluginFault, match="not the one that was composed"):
        service.measuring.edit(revision.with_(edit_digest="0" * 64), "m")
    assert service.measuring.edit(None, "m").rank == 0
