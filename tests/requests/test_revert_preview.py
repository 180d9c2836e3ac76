"""What the preview of a revert says comes back, and that its entry keeps the same."""

from dataclasses import replace

import pytest

from govd.errors import Conflict, Denied
from govd.requests import ForgetOptions
from govd.service.service import Service
from tests.reconcile.deciding import file, state


def test_it_says_what_comes_back_and_what_becomes_of_the_rest(service: Service) -> None:
    file(service, "green")
    red = file(service, "red")
    service.reconciler.run()
    size = service.core.desk.ledger.size()
    preview = service.requests.preview_revert(red, "ann")
    assert service.core.desk.ledger.size() == size, "nothing is filed"
    assert preview["concepts"] == [{"name": "red", "aliases": []}]
    assert preview["effect"]["after"] > preview["effect"]["before"]
    assert preview["labelled"]["pictures"] == 12
    assert preview["labelled"]["after"] > preview["labelled"]["before"]
    assert set(preview["costs"]["all"]) == {"before", "after"}
    assert (preview["forgets"], preview["forgets_after"]) == (2, 1)
    assert preview["capacity"]["here"]["forgets"] == 2
    assert preview["capacity"]["then"]["forgets"] == 1
    assert preview["decision"]["event"] == "approve"
    assert not preview["takes_over"]
    request = service.requests.revert(red, "licence", "ann")
    service.reconciler.run()
    revision = service.core.desk.views.published("m")
    assert revision is not None
    measured = revision.metrics["data_free"]["predicted_disagreement"]
    assert preview["disagreement_after"] == measured
    kept = service.requests.show(request.id)["returns"]
    same = ("effect", "costs", "takes_over", "forgets_after", "disagreement_after")
    assert {name: kept[name] for name in same} == {name: preview[name] for name in same}


def test_it_names_the_forgets_that_take_over(service: Service) -> None:
    outer, inner = file(service, "red"), file(service, "red", domains=("dark",))
    private = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), domains=("bright",), private=True), "ann"
    )
    service.reconciler.run()
    preview = service.requests.preview_revert(outer)
    assert {row["id"] for row in preview["takes_over"]} == {inner, None}
    assert private.id not in str(preview["takes_over"])
    assert (preview["forgets"], preview["forgets_after"]) == (1, 2)
    covered = service.requests.preview_revert(inner)
    assert covered["covered_by"] == outer
    assert covered["effect"]["before"] == covered["effect"]["after"]
    hidden = service.requests.preview_revert(private.id)
    assert hidden["covered_by"] == "another forget", "its id would say what it is about"


def test_it_answers_for_a_revert_that_waits_and_its_approval_shows_the_same(
    service: Service,
) -> None:
    red = file(service, "red")
    service.reconciler.run()
    service.core.home.settings = replace(service.core.home.settings, approval="person")
    revert = str(service.requests.revert(red, "licence", "ann")["id"])
    service.reconciler.run()
    assert state(service, revert)[0] == "waiting"
    preview = service.requests.preview_revert(revert)
    assert preview["filed"] == {"id": revert, "state": "waiting"}
    assert preview["decision"]["event"] == "wait"
    assert service.requests.show(revert)["returns"]["effect"] == preview["effect"]


def test_what_cannot_be_reverted_has_no_preview(service: Service) -> None:
    red = file(service, "red")
    with pytest.raises(Conflict, match="nothing to revert"):
        service.requests.preview_revert(red)
    service.reconciler.run()
    service.requests.hold(red, "litigation", "ann")
    with pytest.raises(Denied, match="legal hold"):
        service.requests.preview_revert(red)
