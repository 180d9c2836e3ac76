"""The whole way of a request through the service, on a model of twelve colours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govd.errors import (
    Conflict,
    GovdError,
    KeyReused,
    NotFound,
    OverCapacity,
    Unsupported,
    Usage,
)
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service


def forget(
    service: Service, *concepts: str, approve: bool = True, **options: Any
) -> dict[str, Any]:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=concepts, **options), "ann"
    )
    service.reconciler.run()
    if approve and service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    return dict(service.requests.show(request["id"]))


def revert(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    filed = service.requests.revert(request["id"], "taken back", "ann")
    service.reconciler.run()
    return dict(service.requests.show(filed["id"]))


def published(service: Service) -> dict[str, Any]:
    found = service.core.desk.views.published("m")
    assert found is not None
    return found


def cell(metrics: dict[str, Any], name: str, domain: str) -> dict[str, Any]:
    return next(
        c for c in metrics["cells"] if c["class"] == name and c["domain"] == domain
    )


def test_the_base_knows_its_colours(service: Service) -> None:
    found = service.evaluate("m", None)
    assert found["revision"] == 0
    assert found["metrics"]["accuracy"] > 0.9


def test_a_concept_goes_everywhere_and_the_rest_stays(service: Service) -> None:
    request = forget(service, "red")
    assert request["state"] == "in_force"
    assert request["method"] == "fitted"
    metrics = published(service)["metrics"]
    assert metrics["forget_acc_before"] > 0.9
    assert metrics["forget_acc"] <= 0.1
    assert metrics["retain_agreement"] > 0.95
    assert metrics["retain_acc"] >= metrics["retain_acc_before"] - 0.03


def test_a_concept_goes_in_one_domain_only(service: Service) -> None:
    forget(service, "blue", domains=("dark",))
    metrics = published(service)["metrics"]
    assert cell(metrics, "blue", "dark")["after"] <= 0.2
    assert (
        cell(metrics, "blue", "bright")["after"]
        >= cell(metrics, "blue", "bright")["before"] - 0.2
    )


def test_a_whole_domain_loses_more_than_the_other(service: Service) -> None:
    forget(service, all_concepts=True, domains=("dark",))
    cells = published(service)["metrics"]["cells"]
    lost = {
        d: sum(c["before"] - c["after"] for c in cells if c["domain"] == d)
        for d in ("bright", "dark")
    }
    assert lost["dark"] > 2 * max(lost["bright"], 0.5)


@pytest.mark.parametrize(
    "method", ["nullspace", "ccup", "oblique", "bilateral", "fitted", "swap"]
)
def test_every_method_goes_through_the_same_door(service: Service, method: str) -> None:
    request = forget(service, "green", method=method)
    assert request["state"] == "in_force", request["state_reason"]
    metrics = published(service)["metrics"]
    assert metrics["forget_acc"] < metrics["forget_acc_before"]
    # the published ones are known to leave much
    if method in (
        "oblique",
        "bilateral",
        "fitted",
    ):
        assert metrics["forget_acc"] < 0.2


def test_as_if_it_had_never_been(
    service: Service, tmp_path: Path, given: Given
) -> None:
    first, second, third = (
        forget(service, "red"),
        forget(service, "blue", domains=("dark",)),
        forget(service, "pink"),
    )
    revert(service, second)
    with open_service(tmp_path / "other") as other:
        other.add_model("m", "colours", given, "zoe")
        forget(other, "pink")
        forget(other, "red")
        assert published(other)["edit_digest"] == published(service)["edit_digest"]
    revert(service, first)
    revert(service, third)
    assert published(service)["rank"] == 0
    assert service.serving("m").edit.rank == 0
    assert [r["state"] for r in service.requests.all() if r["kind"] == "forget"] == [
        "reverted"
    ] * 3


def test_a_covered_request_adds_nothing_and_takes_over(service: Service) -> None:
    wide = forget(service, "red")
    alone = published(service)["edit_digest"]
    narrow = forget(service, "red", domains=("dark",))
    assert narrow["state"] == "subsumed"
    assert wide["id"] in narrow["state_reason"]
    assert published(service)["edit_digest"] == alone
    revert(service, wide)
    assert service.requests.show(narrow["id"])["state"] == "in_force"
    assert cell(published(service)["metrics"], "red", "bright")["after"] > 0.8
    revert(service, narrow)
    assert published(service)["rank"] == 0


def test_policies_deny_and_let_wait(service: Service) -> None:
    denied = forget(service, "grey")
    assert denied["state"] == "denied"
    assert "grey stays" in denied["state_reason"]
    waiting = forget(service, "navy", approve=False)
    assert waiting["state"] == "waiting"
    assert service.core.desk.views.published("m") is None
    with pytest.raises(Usage, match="needs a reason"):
        service.requests.decide(waiting["id"], "reject", "", "bob")
    service.requests.decide(waiting["id"], "approve", "fine", "bob")
    service.reconciler.run()
    assert service.requests.show(waiting["id"])["state"] == "in_force"
    kinds = [e["kind"] for e in service.audit.trail(waiting["id"])["entries"]]
    assert kinds[0] == "request.file"
    assert {
        "request.vote",
        "request.wait",
        "request.approve",
        "revision.publish",
        "request.publish",
    } <= set(kinds)


def test_a_denied_request_makes_its_filing_and_its_decision(service: Service) -> None:
    before = service.core.desk.ledger.size()
    forget(service, "grey")
    kinds = [e["kind"] for e in service.core.desk.ledger.entries(before)]
    assert [k for k in kinds if k.startswith("request.") and k != "request.vote"] == [
        "request.file",
        "request.deny",
    ]


BAD: dict[str, tuple[dict[str, Any], type[GovdError], str]] = {
    "unknown model": ({"model": "n", "concepts": ("red",)}, NotFound, "Registered: m"),
    "unknown domain": (
        {"concepts": ("red",), "domains": ("sepia",)},
        NotFound,
        "bright, dark",
    ),
    "empty concept": ({"concepts": ("  ",)}, Usage, "empty concept"),
    "nothing named": ({}, Usage, "no concept. Name concepts"),
    "everything and a concept": (
        {"concepts": ("red",), "all_concepts": True},
        Usage,
        "are both given",
    ),
    "everything": ({"all_concepts": True}, Usage, "whole model"),
    "every domain": (
        {"all_concepts": True, "domains": ("bright", "dark")},
        Usage,
        "whole model",
    ),
    "10,000 concepts": (
        {"concepts": tuple(f"c{i}" for i in range(10_000))},
        Usage,
        "max_concepts",
    ),
    "strength 0": ({"concepts": ("red",), "strength": 0.0}, Usage, "out of range"),
    "strength nan": (
        {"concepts": ("red",), "strength": float("nan")},
        Usage,
        "out of range",
    ),
    "strength over the method's": (
        {"concepts": ("red",), "method": "nullspace", "strength": 1.1},
        Usage,
        "at most 1",
    ),
    "unknown method": ({"concepts": ("red",), "method": "wish"}, NotFound, "bilateral"),
    "unknown target": ({"concepts": ("red",), "target": "soon"}, Usage, "unnamed"),
    "twice": ({"concepts": ("red", "red")}, Usage, "twice"),
    "an alias for two": (
        {"concepts": ("red", "blue"), "aliases": ("rose",)},
        Usage,
        "single concept",
    ),
    "no anchor left": (
        {"concepts": tuple(__import__("govd_example.backend").backend.NAMES)},
        OverCapacity,
        "no anchor",
    ),
    "a date that is none": ({"concepts": ("red",), "due": "soon"}, Usage, "2027-01-31"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_input_is_told_and_leaves_no_entry(service: Service, case: str) -> None:
    options, error, text = BAD[case]
    options = dict(options)
    model = options.pop("model", "m")
    before = service.core.desk.ledger.size()
    with pytest.raises(error, match=text):
        service.requests.forget(model, ForgetOptions(**options), "ann")
    assert service.core.desk.ledger.size() == before


def test_duplicates_are_told(service: Service) -> None:
    first = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), idempotency_key="k1"), "ann"
    )
    assert (
        service.requests.forget(
            "m", ForgetOptions(concepts=("red",), idempotency_key="k1"), "ann"
        )["id"]
        == first["id"]
    )
    with pytest.raises(KeyReused, match=first["id"]):
        service.requests.forget(
            "m", ForgetOptions(concepts=("blue",), idempotency_key="k1"), "ann"
        )
    with pytest.raises(Conflict, match=first["id"]):
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    found = service.requests.preview("m", ForgetOptions(concepts=("red",)))
    (standing,) = service.requests.all(state="in_force")
    assert found["same_scope"] == {
        "id": standing["id"],
        "state": "in_force",
        "private": False,
    }


def test_reverts_of_what_is_not_in_force(service: Service) -> None:
    request = forget(service, "grey")
    with pytest.raises(Conflict, match="denied"):
        service.requests.revert(request["id"], "", "ann")
    with pytest.raises(NotFound):
        service.requests.revert("nothing", "", "ann")
    red = forget(service, "red")
    service.requests.revert(red["id"], "", "ann")
    with pytest.raises(Conflict, match="already been filed"):
        service.requests.revert(red["id"], "", "ann")


def test_methods_that_cannot_be_solved_together_are_refused_with_the_reason(
    service: Service,
) -> None:
    red = forget(service, "red", method="nullspace")
    with pytest.raises(Conflict, match=red["id"]):
        service.requests.forget(
            "m", ForgetOptions(concepts=("blue",), method="bilateral"), "ann"
        )
    assert forget(service, "blue", method="nullspace")["state"] == "in_force"


def test_preview_files_nothing_and_says_what_would_be(service: Service) -> None:
    before = service.core.desk.ledger.size()
    found = service.requests.preview("m", ForgetOptions(concepts=("red",)))
    assert service.core.desk.ledger.size() == before
    assert 0 <= found["predicted"]["predicted_disagreement"] <= 1
    request = forget(service, "red")
    assert request["predicted"] == found["predicted"]


def test_over_a_bound_it_is_filed_and_waits_with_the_figure(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    home = tmp_path / "strict"
    home.mkdir()
    (home / "govd.toml").write_text("max_scope_share = 0.0\n")
    with open_service(home) as service:
        service.add_model("m", "colours", given, "ann")
        request = forget(service, all_concepts=True, domains=("dark",), approve=False)
        assert request["state"] == "waiting"
        assert "over the bound of 0.000" in request["state_reason"]


def test_a_person_must_approve_where_the_home_says_so(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    home = tmp_path / "strict"
    home.mkdir()
    (home / "govd.toml").write_text('approval = "person"\n')
    with open_service(home) as service:
        service.add_model("m", "colours", given, "ann")
        assert forget(service, "red", approve=False)["state"] == "waiting"


def test_models_are_checked_before_anything_is_kept(
    service: Service, given: Given, tmp_path: Path
) -> None:
    before = service.core.desk.ledger.size()
    cases: list[tuple[str, str, Given, type[GovdError], str]] = [
        ("m", "colours", given, Conflict, "already"),
        ("no/name", "colours", given, Usage, "no name"),
        ("n", "nowhere", given, Unsupported, "no backend recognises"),
        ("n", "colours", replace(given, labels=("red",)), Usage, "labels"),
        ("n", "colours", replace(given, templates=("no hole",)), Usage, "exactly once"),
        ("n", "colours", replace(given, templates=()), Usage, "templates is empty"),
        ("n", "colours", replace(given, labels=("red", "blue")), Usage, "no labels"),
        ("n", "colours", replace(given, pool=str(tmp_path)), GovdError, "no pictures"),
        ("n", "colours", replace(given, use="other"), Usage, "uses"),
    ]
    for name, reference, options, error, text in cases:
        with pytest.raises(error, match=text):
            service.add_model(name, reference, options, "ann")
    assert service.core.desk.ledger.size() == before


def test_a_revision_answers_alone(service: Service, pictures: Path) -> None:
    forget(service, "red")
    image = str(pictures / "bright" / "red" / "0.png")
    after = service.classify("m", [(image, Path(image))])[0]
    before = service.classify("m", [(image, Path(image))], base=True)[0]
    assert (before["label"], before["revision"]) == ("red", 0)
    assert after["label"] != "red"
    assert after["revision"] == 1
    rows, number = service.embeddings("m", images=[Path(image)])
    base, _ = service.embeddings("m", images=[Path(image)], base=True)
    assert number == 1
    assert abs(service.serving("m").edit.apply(base) - rows).max() < 1e-6
    with pytest.raises(Usage, match="both revision 1 and the unedited model"):
        service.classify("m", [(image, Path(image))], revision=1, base=True)


def test_unreadable_pictures_are_told_one_by_one(
    service: Service, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    good = pictures / "dark" / "blue" / "0.png"
    answers = service.classify(
        "m", [("good", good), ("broken", tmp_path / "broken.png")]
    )
    assert [a["label"] for a in answers] == ["blue", None]
    assert "no picture" in answers[1]["error"]


def test_exports_are_recorded_and_never_overwrite(
    service: Service, tmp_path: Path
) -> None:
    import govd

    forget(service, "red")
    made = service.export("m", tmp_path / "out", "ann", format="edit")
    edit = govd.load_edit(tmp_path / "out" / "m.edit.safetensors")
    assert edit.digest == published(service)["edit_digest"] == made["edit_digest"]
    with pytest.raises(Usage, match="not empty"):
        service.export("m", tmp_path / "out", "ann", format="edit")
    with pytest.raises(Usage, match="no plugin writes"):
        service.export("m", tmp_path / "new" / "onnx", "ann", format="onnx")
    assert not (tmp_path / "new").exists()
    assert [e["kind"] for e in service.audit.log(kind="export")] == ["export.write"]


def test_publish_to_follows_every_revision(
    tmp_path: Path, example_plugins: None, given: Given
) -> None:
    import json

    folder = tmp_path / "served"
    with open_service(tmp_path / "home") as service:
        service.add_model(
            "m",
            "colours",
            replace(given, publish_to=str(folder), publish_base=True),
            "ann",
        )
        assert (
            json.loads((folder / "current" / "revision.json").read_text())["number"]
            == 0
        )
        request = forget(service, "red")
        assert (
            json.loads((folder / "current" / "revision.json").read_text())[
                "edit_digest"
            ]
            == published(service)["edit_digest"]
        )
        revert(service, request)
        assert (
            json.loads((folder / "current" / "revision.json").read_text())["number"]
            == 2
        )
        assert not list(folder.glob(".*"))


def test_slower_measurements_follow_as_entries_of_their_own(service: Service) -> None:
    forget(service, "red")
    assert "leaks" not in published(service)["metrics"]
    assert service.reconciler.measure()
    (leak,) = published(service)["metrics"]["leaks"]
    assert leak["probe_before"] > 0.9
    assert not service.reconciler.measure()
    assert [e["kind"] for e in service.audit.log(kind="revision")][
        -1
    ] == "revision.measure"


def test_the_ledger_verifies_and_a_lost_artifact_is_noticed(service: Service) -> None:
    forget(service, "red")
    verdict = service.verification.verify()
    assert verdict["holds"], verdict["faults"]
    assert verdict["artifacts"] >= 4
    artifact = published(service)["edit"]
    service.core.artifacts.path(artifact).unlink()
    verdict = service.verification.verify()
    assert not verdict["holds"]
    assert artifact in verdict["faults"][0]


def test_a_home_is_opened_by_what_its_rooms_are_called_by() -> None:
    """Scripts that open a home import the room, not the file that it lies in today."""
    from govd.home import Home
    from govd.service import Service as OpenedService
    from govd.service import open_service as opened

    assert (opened, OpenedService) == (open_service, Service)
    assert Home.__name__ == "Home"
    with pytest.raises(ImportError):
        from govd.service import nothing_of_the_kind  # noqa: F401
