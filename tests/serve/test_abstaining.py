"""Answers that say when they had better be none."""

from pathlib import Path

from fastapi.testclient import TestClient

from govd.cli.show_revisions import show_answers
from govd.edit.abstaining import calibrated
from govd.models.given import Given
from govd.service.service import Service
from govd.web.app import create_app
from govd.web.context import Context
from tests.service.test_service import forget


def images(folder: Path, *names: str) -> list[tuple[str, Path]]:
    return [
        (str(path), path)
        for name in names
        for path in sorted(folder.glob(f"*/{name}/*.png"))
    ]


def test_an_answer_says_so_beside_its_label_and_scores(
    service: Service, pictures: Path
) -> None:
    forget(service, "red")
    answers = service.classify("m", images(pictures, "red", "blue"))
    assert all(isinstance(a["abstain"], bool) for a in answers)
    assert all(a["label"] and len(a["scores"]) == 12 for a in answers), (
        "never in the place of scores"
    )
    now = service.serving("m")
    basis, filed = (
        now.opened.basis,
        service.measuring.filed(service.core.desk.revision("m", 1)),
    )
    known = calibrated(basis, now.edit, filed, *basis.anchors)
    assert known is not None
    below = known.below
    for answer in answers:
        assert answer["abstain"] == (
            max(answer["scores"].values()) < below or answer["label"] == "red"
        )
    figures = service.evaluate("m", None)["metrics"]["abstain"]
    assert figures["below"] == below
    assert figures["forgotten"] >= figures["retained"]


def test_labels_that_somebody_lists_are_calibrated_as_they_are(
    service: Service, pictures: Path
) -> None:
    answers = service.classify(
        "m", images(pictures, "red", "blue"), labels=["blue", "green"]
    )
    assert {
        a["abstain"] for a in answers if a["label"] == "blue" and "/blue/" in a["path"]
    } == {False}


def test_without_a_pool_there_is_no_such_field(
    service: Service, pictures: Path
) -> None:
    service.add_model(
        "bare",
        "colours",
        Given(labels=("red", "blue", "green"), images=None, pool=None),
        "ann",
    )
    assert all(
        "abstain" not in a for a in service.classify("bare", images(pictures, "red"))
    )


def test_it_is_answered_over_http_and_shown(
    service: Service, pictures: Path, capsys: object
) -> None:
    headers = {"Authorization": f"Bearer {service.core.home.token()}"}
    with TestClient(
        create_app(Context(service, service.reconciler.run)),
        "http://localhost",
        headers=headers,
    ) as client:
        answers = client.post(
            "/v1/models/m/classify",
            json={"paths": [p for p, _ in images(pictures, "red")]},
        ).json()
    assert answers == service.classify("m", images(pictures, "red"))
    show_answers([{**answers[0], "abstain": True}])
    assert "abstains" in capsys.readouterr().out  # type: ignore[attr-defined]
