"""The bounds that let a request wait: on what it costs, and on how much is asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govd.edit.extent import labelled_in_scope, pool_in_scope
from govd.home.settings import Settings
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd_bounds import apart, govd_vote

FINE = {
    "disagreement": 0.01,
    "total_disagreement": 0.02,
    "scope_share": 0.01,
    "total_scope_share": 0.02,
    "scope_share_added": 0.01,
}


def vote(**figures: Any) -> Any:
    return govd_vote("filed", {}, {**FINE, **figures})


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (
            {"disagreement": 0.06},
            "disagreement of what is kept is 0.060, over the bound of 0.050",
        ),
        (
            {"total_disagreement": 0.21},
            "with all that is in force, the predicted disagreement",
        ),
        (
            {"scope_share": 0.34},
            "the share of pictures that it is about is 0.340, over the bound of 0.200",
        ),
        (
            {"total_scope_share": 0.201},
            "with all that is in force, the share of pictures that is asked for is 0.201",
        ),
        ({"disagreement": 0.0500004}, "is 0.0500004, over the bound of 0.0500000"),
        (
            {"disagreement_high": 0.051},
            "disagreement of what is kept is at most 0.051, over the bound of 0.050",
        ),
        (
            {"disagreement_high": 0.0500004},
            "is at most 0.0500004, over the bound of 0.0500000",
        ),
        (
            {"total_disagreement_high": 0.22},
            (
                "with all that is in force, the predicted disagreement of what is kept is at most"
                " 0.220"
            ),
        ),
    ],
)
def test_each_figure_over_its_bound_waits_and_says_by_how_much(
    figures: dict[str, float], words: str
) -> None:
    said = vote(**figures)
    assert said.decision == "wait"
    assert words in said.reason


def test_what_goes_by_a_figure_that_has_no_interval_says_so() -> None:
    assert vote().reason.endswith(
        "within the bound of 0.050, though how far that may be off was not measured"
    )
    assert vote(disagreement_high=0.02).reason.endswith("within the bound of 0.050")


def test_pictures_that_show_a_label_are_what_counts_where_they_are_as_sure() -> None:
    def cost(high: float | None) -> dict[str, Any]:
        return {"shown": {"share": 0.02, "high": high, "pictures": 90}}

    over = {"disagreement": 0.07, "disagreement_high": 0.09}
    said = vote(**over, costs=cost(0.04))
    assert said.decision == "allow"
    assert "of pictures that show a label, is at most 0.040" in said.reason
    assert vote(**over, costs=cost(0.051)).decision == "wait"
    assert vote(**over, costs=cost(None)).decision == "wait", "its errors are not known"
    assert vote(disagreement=0.07, costs=cost(None)).decision == "allow"
    of_all = {"total_disagreement": 0.3, "total_disagreement_high": 0.4}
    high = {
        "total_shown_disagreement": 0.1,
        "total_shown_disagreement_high": 0.15,
    }
    assert vote(**of_all, costs=cost(0.04)).decision == "wait"
    assert vote(**of_all, **high, costs=cost(0.04)).decision == "allow"
    high["total_shown_disagreement_high"] = 0.25
    said = vote(**of_all, **high, costs=cost(0.04))
    assert said.decision == "wait"
    assert "label, is at most 0.250, over the bound of 0.200" in said.reason


def test_what_is_within_every_bound_or_adds_nothing_goes() -> None:
    assert vote().decision == vote(disagreement=0.05).decision == "allow"
    assert vote(disagreement=0.0, total_disagreement=0.9).decision == "allow"
    assert vote(total_scope_share=0.9, scope_share_added=0.0).decision == "allow"
    assert vote(scope_share=0.3, max_scope_share=0.4).decision == "allow"
    assert govd_vote("revert", {}, FINE) is None


def test_a_class_that_may_be_lost_in_other_domains_waits() -> None:
    lost = {"share": 0.3, "low": 0.1, "high": 0.6, "pictures": 20}
    said = vote(costs={"elsewhere": lost})
    assert said.decision == "wait"
    assert (
        "in other domains that may lose their name is 0.600, over the bound of 0.500"
        in said.reason
    )
    assert vote(costs={"elsewhere": {**lost, "high": 0.4}}).decision == "allow"
    assert vote(costs={"elsewhere": {**lost, "high": None}}).decision == "allow"


def test_the_label_that_loses_most_in_one_domain_waits_where_that_is_bounded() -> None:
    worst = {"share": 0.2, "low": 0.1, "high": 0.4, "pictures": 20}
    assert vote(costs={"worst_cell": worst}).decision == "allow"
    said = vote(costs={"worst_cell": worst}, max_worst_cell=0.3)
    assert said.decision == "wait"
    assert (
        "worst label's answers in one domain that may change is 0.400, over the bound of 0.300"
        in said.reason
    )
    assert vote(costs={"worst_cell": worst}, max_worst_cell=0.4).decision == "allow"
    sure = {**worst, "high": None}
    assert vote(costs={"worst_cell": sure}, max_worst_cell=0.3).decision == "allow"


def test_without_a_pool_what_is_exact_goes_and_what_is_about_domains_waits() -> None:
    unmeasured: dict[str, Any] = {**FINE, "measured": False, "disagreement": 0.9}
    domain = govd_vote(
        "filed", {"domains": ["line"]}, unmeasured | {"by_theorem": False}
    )
    assert domain is not None
    assert (domain.decision, "not measured" in domain.reason) == ("wait", True)
    exact = govd_vote("filed", {"domains": []}, unmeasured | {"by_theorem": True})
    assert exact is not None
    assert exact.decision == "allow"
    wide = govd_vote(
        "filed", {"domains": []}, unmeasured | {"by_theorem": True, "scope_share": 0.3}
    )
    assert wide is not None
    assert wide.decision == "wait", "how much is asked for is bounded whatever it costs"
    by_texts = govd_vote("filed", {"domains": []}, unmeasured | {"by_theorem": False})
    assert by_texts is not None
    assert by_texts.decision == "wait"


@given(st.floats(0, 1), st.floats(0, 1))
def test_digits_show_which_number_is_larger(value: float, limit: float) -> None:
    one, other = apart(value, limit)
    assert (one == other) is (value == limit)
    if value != limit:
        assert (float(one) > float(other)) is (value > limit)


def test_a_whole_domain_waits_whatever_it_is_said_to_cost(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    assert Settings().max_scope_share == 0.2
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "govd.toml").write_text(
        "max_predicted_disagreement = 1.0\nmax_total_disagreement = 1.0\n"
    )
    with open_service(tmp_path / "home") as service:
        service.add_model("m", "colours", given, "ann")
        domain = service.requests.forget(
            "m", ForgetOptions(all_concepts=True, domains=("dark",)), "ann"
        )
        one = service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
        service.reconciler.run()
        waiting = service.requests.show(domain["id"])
        assert waiting["state"] == "waiting"
        assert waiting["predicted"]["scope_share"] == pytest.approx(0.5, abs=0.05)
        assert "the share of pictures" in waiting["state_reason"]
        assert service.requests.show(one["id"])["state"] == "in_force"
        shares = []
        for name in ("blue", "green"):
            request = service.requests.forget(
                "m", ForgetOptions(concepts=(name,)), "ann"
            )
            service.reconciler.run()
            shares.append(service.requests.show(request["id"]))
        assert [r["state"] for r in shares] == [
            "in_force",
            "waiting",
        ], "three of twelve colours are a quarter"
        assert (
            shares[1]["predicted"]["scope_share"]
            < 0.2
            < shares[1]["predicted"]["total_scope_share"]
        )


def test_what_is_in_scope_is_what_a_loop_finds(service: Service) -> None:
    scopes = [("red",), ()], [("red", "blue"), ("dark",)], [(), ("dark",)]
    opened = service.core.models.opened("m")
    basis, data = opened.basis, service.measuring.evaluation("m")
    assert data is not None
    images, at = basis.thinned_pool()
    for concepts, domains in scopes:
        options = ForgetOptions(
            concepts=concepts, domains=domains, all_concepts=not concepts
        )
        request = service.requests.forget("m", options, "ann")
        service.reconciler.run()
        digest = service.requests.show(request["id"])["contribution"]
        contribution = service.contributions.stored.load(digest)
        pool = pool_in_scope(basis, contribution)
        for i, image in enumerate(images):
            best = basis.labels[int(np.argmax(basis.tensors["labels"] @ image))]
            domain = basis.domains[int(basis.tensors["pool_domains"][at[i]])]
            assert pool[i] == (
                (not concepts or best in concepts)
                and (not domains or domain in domains)
            )
        labelled = labelled_in_scope(basis, contribution, data)
        for i in range(len(data.vectors)):
            name, domain = (
                data.classes[data.class_of[i]],
                data.domains[data.domain_of[i]],
            )
            assert labelled[i] == (
                (not concepts or name in concepts)
                and (not domains or domain in domains)
            )


def of_checkpoint(**linear: Any) -> dict[str, Any]:
    return {"checkpoint": {"published": True, "predicted_disagreement": 0.3, **linear}}


@pytest.mark.parametrize(
    ("linear", "words"),
    [
        (
            {"costs": {"all": {"share": 0.2}, "shown": {"share": 0.08}}},
            "which gets the linear edit, the predicted disagreement of what is kept is 0.080",
        ),
        (
            {"costs": {"all": {"share": 0.01}}},
            "with all that is in force, is 0.300, over the bound of 0.200",
        ),
        (
            {"costs": {"elsewhere": {"share": 0.6}}},
            "in other domains that lose their name is 0.600, over the bound of 0.500",
        ),
    ],
)
def test_a_published_checkpoint_is_bounded_by_what_its_linear_edit_does(
    linear: dict[str, Any], words: str
) -> None:
    waiting = vote(**of_checkpoint(**linear))
    assert waiting.decision == "wait"
    assert words in waiting.reason
    assert any(name.startswith("checkpoint_") for name in waiting.inputs)
    unpublished = of_checkpoint(**linear, published=False)
    assert vote(**unpublished).decision == "allow"


def test_what_is_over_a_bound_in_both_edits_is_told_of_both() -> None:
    linear = of_checkpoint(costs={"all": {"share": 0.4}})
    waiting = vote(disagreement=0.06, **linear)
    own, _, of_weights = waiting.reason.partition("; ")
    assert own.endswith("is 0.060, over the bound of 0.050")
    assert of_weights.startswith("in the checkpoint that is published to a folder")
    assert "is 0.400, over the bound of 0.050, though how far that may be" in of_weights
    assert of_weights.endswith("off was not measured: a person must approve it")


def test_a_forget_that_costs_a_checkpoint_nothing_waits_for_no_total() -> None:
    free = {"all": {"share": 0.0}}
    assert vote(**of_checkpoint(costs=free)).decision == "allow"
