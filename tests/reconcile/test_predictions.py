"""Predictions are held against what a revision measures, and the error is kept."""

from dataclasses import replace
from typing import Any

import pytest

from govd.errors import NotFound
from govd.models.given import Given
from govd.service.service import Service
from tests.reconcile.deciding import file


def figures(row: Any) -> dict[str, Any]:
    return {figure["metric"]: figure for figure in row["figures"]}


def test_each_new_forget_is_held_against_labelled_pictures(service: Service) -> None:
    red, green = file(service, "red"), file(service, "green")
    service.reconciler.run()
    revision = service.core.desk.views.published("m")
    assert revision is not None
    rows = {row["request"]: row for row in revision.predictions}
    assert set(rows) == {red, green}
    for request, row in rows.items():
        assert row["on"] == "144 labelled images"
        predicted = service.requests.show(request).predicted
        assert predicted.effect is not None
        assert predicted.effect.named is not None
        assert predicted.costs is not None
        compared = figures(row)
        assert compared["named"]["predicted"] == predicted.effect.named.share
        assert compared["own_cost"]["predicted"] == predicted.disagreement
        assert compared["own_cost"]["high"] == predicted.disagreement_high
        if request == green:  # red was predicted without it
            assert compared["cost"]["predicted"] == predicted.total_disagreement
        else:
            assert "cost" not in compared
        for figure in compared.values():
            assert figure["error"] == figure["measured"] - figure["predicted"]
            assert figure["held"] == (
                (figure["low"] or 0) <= figure["measured"] <= figure["high"]
            )
    shown = service.requests.show(red)["prediction"]
    assert shown["revision"] == 1
    assert shown["figures"] == rows[red]["figures"]
    file(service, "blue")
    service.reconciler.run()
    later = service.core.desk.views.published("m")
    assert later is not None
    assert red not in {row["request"] for row in later.predictions}, (
        "only of those that are new"
    )


def test_what_is_measured_is_what_an_oracle_counts(service: Service) -> None:
    """By hand: every labelled picture answered with the stored edit, prompt by prompt."""
    import numpy as np

    from govd.edit.metrics import scores

    request = file(service, "green")
    service.reconciler.run()
    revision = service.core.desk.views.published("m")
    assert revision is not None
    opened = service.core.models.opened("m")
    basis, edit = opened.basis, service.measuring.edit(revision, "m")
    data = service.measuring.evaluation("m", revision)
    assert data is not None
    names, anchors = basis.anchors
    green = [
        i for i in range(len(data.vectors)) if data.classes[data.class_of[i]] == "green"
    ]
    counts = []
    for texts in (anchors, *basis.tensors["label_prompts"]):
        answers = scores(edit, data.vectors[green], texts).argmax(1)
        counts.append(sum(names[a] == "green" for a in answers) / len(green))
    answered = (data.vectors @ anchors.T).argmax(1)
    after = scores(edit, data.vectors, anchors).argmax(1)
    true = [data.classes[c] for c in data.class_of]
    kept = [
        i for i, name in enumerate(true) if "green" not in (name, names[answered[i]])
    ]
    changed = float(np.mean([answered[i] != after[i] for i in kept]))
    (row,) = revision.predictions
    compared = figures(row)
    assert row["request"] == request
    assert compared["named"]["measured"] == pytest.approx(max(counts))
    assert compared["cost"]["measured"] == pytest.approx(changed)
    assert compared["own_cost"]["measured"] == pytest.approx(changed), (
        "it is the only one"
    )
    assert compared["cost"]["pictures"] == len(kept)


def test_without_labelled_pictures_it_says_so(service: Service, given: Given) -> None:
    service.add_model("p", "colours", replace(given, images=None), "ann")
    request = file(service, "red", model="p", criteria=("cost<=1", "named<=1"))
    level = file(service, "blue", model="p", criteria=("level<=0.5",))
    service.reconciler.run()
    revision = service.core.desk.views.published("p")
    assert revision is not None
    (row,) = revision.predictions
    assert row["on"] is None
    assert "no labelled pictures" in row["why"]
    assert {figure["measured"] for figure in row["figures"]} == {None}
    judged = revision.criteria[request]
    assert judged["set"] is None
    assert "pool embeddings" in judged["on"]
    assert set(judged["figures"]) == {"cost", "named"}
    shown = service.requests.show(level)
    assert shown.state == "waiting"
    assert (
        "level<=0.5 cannot be judged: it takes labelled pictures" in shown.state_reason
    )


def test_audit_lists_them_with_what_they_come_to(service: Service) -> None:
    red = file(service, "red")
    service.reconciler.run()
    report = service.audit.predictions("m")
    assert {row["request"] for row in report["predictions"]} == {red}
    assert {row["metric"] for row in report["predictions"]} >= {
        "named",
        "own_cost",
        "cost",
    }
    for line in report["summary"]:
        rows = [row for row in report["predictions"] if row["metric"] == line["metric"]]
        assert line["figures"] == len(rows)
        assert line["held"] == sum(row["held"] is True for row in rows)
        assert line["mean_error"] == sum(row["error"] for row in rows) / len(rows)
    assert not service.audit.predictions(since="2099-01-01")["predictions"]
    with pytest.raises(NotFound):
        service.audit.predictions("no-such-model")
