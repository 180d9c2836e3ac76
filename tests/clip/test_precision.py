"""A model that encodes in half precision: nearly the same vectors, a model of its own to the
ledger, and never numbers that are none.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from govd.errors import BadCheckpoint, Usage
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.types import ModelReference, Precision
from govd_clip.encode import Encoder
from govd_clip.plugin import ClipModel, govd_open_model
from govd_clip.precision import rounded
from tests.clip.other_families import siglip
from tests.clip.test_exports import LABELS
from tests.clip.test_folding import PICTURES, TEXTS

HALF: tuple[Precision, ...] = ("bfloat16", "float16")
PICTURE = PICTURES[:1]
FAR = {"bfloat16": 3e-3, "float16": 5e-5}
"""What of a cosine may be lost: some 2⁻⁸ and 2⁻¹¹ at each of a few roundings, squared."""


def opened(folder: Path, precision: Precision = "float32") -> ClipModel:
    model = govd_open_model(ModelReference(str(folder), precision=precision))
    assert isinstance(model, ClipModel)
    return model


@pytest.fixture(scope="module", params=["clip", "siglip"])
def base(
    request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return tiny if request.param == "clip" else siglip(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("precision", HALF)
def test_vectors_are_nearly_the_same_and_of_length_one(
    base: Path, precision: Precision
) -> None:
    half, single = opened(base, precision), opened(base)
    for here, there in (
        (half.encode_images(PICTURE), single.encode_images(PICTURE)),
        (half.encode_texts(TEXTS), single.encode_texts(TEXTS)),
    ):
        assert here.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(here, axis=1), 1.0, atol=1e-6)
        assert not np.array_equal(here, there)
        assert (1.0 - (here * there).sum(1)).max() < FAR[precision]
    assert half.facts.precision == precision


def test_what_sees_every_token_is_rounded(base: Path) -> None:
    model = opened(base)._encoder.model
    kinds = {
        name: leaf.dtype.name
        for name, leaf in named(rounded(model, "bfloat16"))
        if leaf.ndim > 1
    }
    assert {kind for name, kind in kinds.items() if "encoder" in name} == {"bfloat16"}
    single = {name for name, kind in kinds.items() if kind == "float32"}
    assert single
    assert all("head" in name or "projection" in name for name in single)
    assert rounded(model, "float32") is model


def named(model: Any) -> Iterator[tuple[str, Any]]:
    import jax

    for path, leaf in jax.tree_util.tree_leaves_with_path(model):
        yield jax.tree_util.keystr(path), leaf


def test_it_is_another_model(tiny: Path) -> None:
    models = [opened(tiny, precision) for precision in ("float32", *HALF)]
    assert len({model.facts.digest for model in models}) == 3
    assert len({str(model.facts.files) for model in models}) == 1


def test_what_is_too_large_for_float16_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = "vision_model.encoder.layers.0.mlp.fc2.bias"
    weights[name] = np.full_like(weights[name], 1e5)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match="not finite in float16") as told:
        opened(folder, "float16").encode_images(PICTURE)
    assert "--precision bfloat16" in str(told.value.advice)
    assert np.isfinite(opened(folder, "bfloat16").encode_images(PICTURE)).all()


@pytest.fixture(scope="module")
def home(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the model `m` in float16, of which something is forgotten."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "govd.toml").write_text(
        "max_predicted_disagreement = 1.0\nmax_scope_share = 1.0\n"
    )
    with open_service(folder) as service:
        service.add_model("m", str(tiny), given(precision="float16"), "ann")
        service.requests.forget("m", ForgetOptions(concepts=("dog",)), "ann")
        service.reconciler.run()
    return folder


@pytest.fixture
def service(home: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(home, tmp_path / "home")
    with open_service(tmp_path / "home") as opened:
        yield opened


def given(**more: Any) -> Given:
    return Given(labels=LABELS, anchors=("at", "re", "read"), use="open", **more)


def test_it_stays_as_it_was_registered_until_it_is_rebased(
    service: Service, tiny: Path
) -> None:
    facts = service.core.models.opened("m").model.facts
    assert facts.precision == service.models.show("m")["precision"] == "float16"
    service.update_model("m", Given(anchors=("at", "re")), "ann")
    assert service.models.show("m")["precision"] == "float16"
    before = service.serving("m")
    with pytest.raises(Usage, match="all of its embeddings") as told:
        service.update_model("m", Given(precision="float32"), "ann")
    assert f"govd model rebase m {tiny} --precision float32" in str(told.value.advice)
    service.update_model("m", Given(precision="float32"), "ann", str(tiny))
    assert not service.models.show("m")["precision"]
    after = service.core.models.opened("m").model.facts
    assert after.precision == "float32"
    assert after.digest != before.opened.model.facts.digest
    assert after.files == before.opened.model.facts.files
    service.reconciler.run()
    service.update_model("m", Given(labels=LABELS), "ann")
    assert service.core.models.opened("m").model.facts.precision == "float32"
    assert service.verification.verify(recompute=True)["holds"]


def test_what_is_exported_says_what_it_was_made_for(
    service: Service, tiny: Path, tmp_path: Path
) -> None:
    service.export("m", tmp_path / "out", "ann")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "computed in float16" in card
    edit = service.serving("m").edit
    wanted = edit.apply(opened(tiny).encode_images(PICTURE))
    np.testing.assert_allclose(
        opened(tmp_path / "out").encode_images(PICTURE), wanted, atol=1e-5
    )


def test_a_precision_that_nobody_has_is_refused(
    service: Service, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(Usage, match="fp16"):
        service.add_model("n", str(tiny), given(precision="fp16"), "ann")
    vectors = tmp_path / "v.npz"
    np.savez(vectors, names=np.array(["a", "b"]), vectors=np.eye(2, dtype=np.float32))
    with pytest.raises(Usage, match="the backend vectors") as told:
        service.update_model("m", Given(labels=("a",)), "ann", str(vectors))
    assert "--precision float32" in str(told.value.advice)
    with pytest.raises(Usage, match="the backend vectors"):
        service.add_model("n", str(vectors), Given(precision="float16"), "ann")
    assert [model["name"] for model in service.models.all()].count("n") == 0


def test_half_precision_takes_half_the_memory(tiny: Path) -> None:
    """And the whole model is not kept beside it."""
    encoder: Encoder = opened(tiny, "float16")._encoder
    encoder.encode_images(PICTURE)
    assert "model" not in encoder._loaded
    assert {leaf.dtype.name for leaf in encoder._weights.leaves} == {
        "float16",
        "float32",
    }
