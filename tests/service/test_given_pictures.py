"""Pictures that people give: examples of a concept, those of a checkpoint, prototypes."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.edit.files import tensors_from_bytes
from govd.errors import (
    BadFile,
    GovdError,
)
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.requests.options import understood
from govd.service.service import Service
from govd.types import Prototypes
from tests.service.test_service import cell, forget, published


def test_examples_are_pictures_of_the_concept(
    service: Service, pictures: Path, tmp_path: Path
) -> None:
    given = [
        p.read_bytes() for p in sorted((pictures / "dark" / "red").glob("*.png"))[:3]
    ]
    spec, _ = understood(service.core, "m", ForgetOptions(concepts=("red",)))
    plain = service.contributions.computing.compute(
        spec, service.core.models.opened("m")
    )
    request = forget(service, "red", examples=given)
    assert len(request["examples"]) == 3
    assert request["contribution"] != plain.digest
    terms = service.core.desk.views.contribution(request["contribution"])["facts"][
        "terms"
    ]  # type: ignore[index]
    assert terms[0]["images"] == plain.facts["terms"][0]["images"] + 3
    assert cell(published(service)["metrics"], "red", "dark")["after"] == 0
    assert service.verification.verify(recompute=True)["holds"]
    service.core.artifacts.path(request["examples"][0]).unlink()
    assert request["examples"][0] in service.verification.verify()["faults"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concepts": ("red", "blue")}, "single concept"),
        ({"concepts": ("red",), "method": "oblique"}, "takes no examples"),
        ({"concepts": ("red",), "private": True}, "kept as pictures"),
        ({"concepts": ("red",), "examples": [b"no picture"]}, "is no picture"),
    ],
)
def test_examples_that_cannot_be(
    service: Service, pictures: Path, options: dict[str, Any], said: str
) -> None:
    picture = next((pictures / "dark" / "red").glob("*.png")).read_bytes()
    with pytest.raises(GovdError, match=said):
        service.requests.forget(
            "m", ForgetOptions(**{"examples": [picture], **options}), "ann"
        )
    assert service.requests.all() == []


def test_pictures_that_cannot_be_read_are_skipped_and_counted(
    service: Service, given: Given, pictures: Path, pool: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures, tmp_path / "images")
    shutil.copytree(pool, tmp_path / "pool")
    (tmp_path / "images" / "dark" / "red" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "pool" / "broken.png").write_bytes(b"no picture")
    record = service.add_model(
        "a",
        "colours",
        replace(given, images=str(tmp_path / "images"), pool=str(tmp_path / "pool")),
        "ann",
    )
    whole = service.models.show("m")
    assert (record["images_unreadable"], record["pool_unreadable"]) == (1, 1)
    assert (record["pool"], whole["images_unreadable"]) == (whole["pool"], 0)
    shutil.rmtree(tmp_path / "pool")
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(BadFile, match="not one picture"):
        service.add_model(
            "b", "colours", replace(given, pool=str(tmp_path / "pool")), "ann"
        )
    assert "b" not in service.core.desk.views.models


def test_a_checkpoint_is_found_again_from_anywhere(
    service: Service, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "colours").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    seen: list[str] = []
    open_it = service.core.plugins.open_model
    monkeypatch.setattr(
        service.core.plugins,
        "open_model",
        lambda r: seen.append(r.reference) or open_it(replace(r, reference="colours")),
    )
    assert service.add_model("a", "colours", given, "ann")["reference"] == str(
        tmp_path / "here" / "colours"
    )
    assert seen == [str(tmp_path / "here" / "colours")]


def test_a_checkpoints_own_pictures_are_used_as_far_as_they_are_labels(
    service: Service, given: Given, pictures: Path
) -> None:
    model = service.core.models.opened("m").model
    facts = replace(model.facts, defaults={"images": pictures})
    model.facts = facts  # type: ignore[misc]
    service.core.plugins.open_model = lambda reference: model  # type: ignore[method-assign]
    record = service.add_model(
        "a",
        "colours",
        replace(given, labels=("red", "blue", "teal"), images=None),
        "ann",
    )
    assert service.evaluate("a", None)["metrics"]["images"] == 24
    assert record["images"] == str(pictures)
    record = service.add_model(
        "b", "colours", replace(given, labels=("teal", "mauve"), images=None), "ann"
    )
    assert (record["images"], record["evaluation"]) == (None, None)


def test_prototypes_are_kept_as_tensors_and_as_pictures(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(
        prompts: Any, *, seed: int, steps: int | None = None, progress: Any = None
    ) -> Prototypes:
        pictures = np.full((len(prompts), 8, 8, 3), 100 + seed, np.uint8)
        return Prototypes(
            tuple(prompts),
            service.core.models.opened("m").model.encode_texts(prompts),
            pictures,
        )

    monkeypatch.setattr(
        service.core.models.opened("m").model, "synthesise", drawn, raising=True
    )
    plain = service.requests.preview(
        "m", ForgetOptions(concepts=("red",), method="nullspace")
    )
    request = forget(service, "red", method="nullspace", prototypes=2)
    made = service.core.desk.views.contribution(request["contribution"])
    assert made is not None
    assert [row["prompt"] for row in made["facts"]["prototypes"]] == [
        "a picture of a red"
    ] * 2
    assert plain["predicted"]["rank"] < service.revision("m", 1)["rank"]
    whole, _ = tensors_from_bytes(
        service.core.artifacts.get(made["facts"]["prototypes"][0]["tensors"])
    )
    assert whole["pictures"].shape == (1, 8, 8, 3)
    said = service.bundles.bundle(tmp_path / "b.zip", request=request["id"])
    assert said["artifacts"] >= 2 + 4  # two of pictures, two of tensors
    picture = service.core.artifacts.path(made["facts"]["prototypes"][0]["png"])
    picture.unlink()
    assert picture.name in service.verification.verify()["faults"][0]
