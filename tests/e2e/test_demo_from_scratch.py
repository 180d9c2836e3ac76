"""`govd demo --from-scratch`: what is computed anew is compared, and what differs is told."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")

import govd_clip
from govd.cli.demo import scratch
from govd.cli.demo.story import MODEL
from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.errors import VerificationFailed
from govd.models.embeddings import Known, file_digest
from govd.models.given import Given
from govd.service.service import Service, open_service
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model

MINI = Path(govd_clip.__file__).parent / "mini"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`mini` with a single prototype of few steps, for drawing takes long."""
    folder = tmp_path_factory.mktemp("scratch") / "mini"
    shutil.copytree(MINI, folder)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    made = model.synthesise(["a line of a umbrella"], seed=0, steps=20)
    said = {
        "prompts": '["a line of a umbrella"]',
        "concepts": '["umbrella"]',
        "domains": '["line"]',
        "seed": "0",
        "steps": "20",
    }
    path = folder / "prototypes.safetensors"
    path.write_bytes(
        tensors_to_bytes(
            {"embeddings": made.embeddings, "pictures": made.pictures}, said
        )
    )
    listed = json.loads((folder / "digests.json").read_text(encoding="utf-8"))
    (folder / "digests.json").write_text(
        json.dumps(listed | {path.name: file_digest(path)}), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    """A home in which everything was encoded anew."""
    with open_service(folder.parent / "home") as opened:
        opened.add_model(MODEL, str(folder), Given(from_scratch=True), "ann")
        yield opened


@pytest.mark.slow
def test_all_of_it_is_computed_anew_and_compared(service: Service) -> None:
    opened = service.core.models.opened(MODEL)
    shipped = Known.read(opened.model.facts.defaults["embeddings"], opened.model.facts)
    assert set(shipped.images) == set(opened.encoder.known.images)
    assert opened.encoder.encoded >= len(shipped.images) + 5000
    texts, pictures, pool, prototypes = scratch.compared(service)
    assert "texts encoded anew" in texts
    assert f"{len(shipped.images):,} evaluation pictures encoded anew" in pictures
    assert "drawings are not in the package" in pool
    assert "cosine" in prototypes


@pytest.mark.slow
def test_what_differs_is_told(service: Service, folder: Path) -> None:
    path = folder / "prototypes.safetensors"
    kept = path.read_bytes()
    tensors, said = tensors_from_bytes(kept)
    try:
        path.write_bytes(
            tensors_to_bytes({**tensors, "embeddings": -tensors["embeddings"]}, said)
        )
        with pytest.raises(VerificationFailed, match="drawn anew is another"):
            scratch.compared(service)
    finally:
        path.write_bytes(kept)
    pool = folder / "pool.npy"
    os.rename(pool, folder / "kept")
    try:
        np.save(pool, np.load(folder / "kept")[::-1])
        with pytest.raises(VerificationFailed, match="the pool is not the one"):
            scratch.compared(service)
    finally:
        os.replace(folder / "kept", pool)
    known = service.core.models.opened(MODEL).encoder.known
    digest = next(iter(known.images))
    right = known.images[digest]
    known.images[digest] = right + np.float32(1e-3)
    try:
        with pytest.raises(
            VerificationFailed, match="evaluation pictures encoded anew differ by 1"
        ):
            scratch.compared(service)
    finally:
        known.images[digest] = right
