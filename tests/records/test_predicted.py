"""A prediction as an entry keeps it and as code reads it."""

import pytest

from govd.records.predicted import Predicted
from govd.requests import ForgetOptions
from govd.service.service import Service


def test_a_filed_forget_says_its_prediction_typed_and_as_it_is_in_the_entry(
    service: Service,
) -> None:
    request = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    request = service.requests.show(request.id)
    predicted = request.predicted
    assert predicted.as_json() == request["predicted"]
    assert predicted.costs is not None
    assert predicted.effect is not None
    cost = predicted.costs["all"]
    assert (
        predicted.disagreement
        == cost.share
        == request["predicted"]["costs"]["all"]["share"]
    )
    assert 0 < predicted.effect.pictures == request["predicted"]["effect"]["pictures"]
    assert predicted.effect.after <= predicted.effect.before
    assert (
        predicted.bounds["max_scope_share"]
        == service.core.home.settings.max_scope_share
    )
    assert predicted.measured


def test_what_a_preview_predicts_is_what_the_entry_keeps(service: Service) -> None:
    preview = service.requests.preview("m", ForgetOptions(concepts=("blue",)), "ann")
    request = service.requests.forget("m", ForgetOptions(concepts=("blue",)), "ann")
    service.reconciler.run()
    assert service.requests.show(request.id)["predicted"] == preview["predicted"]
    assert preview["predicted"]["effect"] == preview["effect"]


def test_a_private_forget_predicts_without_names(service: Service) -> None:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), private=True), "ann"
    )
    service.reconciler.run()
    predicted = service.requests.show(request.id).predicted
    assert predicted.costs
    assert all(not cost.label and not cost.domain for cost in predicted.costs.values())
    assert predicted.effect is not None
    assert "'red'" not in str(predicted.as_json())


@pytest.mark.parametrize("older", [{}, {"on": "9 texts", "total_disagreement": 0.1}])
def test_what_an_older_entry_does_not_say_is_none(older: dict[str, object]) -> None:
    predicted = Predicted.from_json(older)
    assert predicted.effect is None
    assert predicted.costs is None
    assert predicted.disagreement is None
    assert predicted.total_disagreement == older.get("total_disagreement")
    assert predicted.as_json() == {**older, "subsumed_by": None}
