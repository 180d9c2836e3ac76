"""A checkpoint that is exported: signed, loaded by transformers and by govd, the same bytes twice,
and nothing at all where its base was replaced.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadCheckpoint, MachineFault
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.verify.signed_folder import verify_folder
from govd_clip.plugin import ClipModel
from tests.clip.test_folding import PICTURES, opened

LABELS = ("cat", "dog", "the red at", "do re")


@pytest.fixture(scope="module")
def home(
    make: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Path]]:
    """A home with a model of half precision in shards that has forgotten something in private."""
    base = make(dtype=np.float16, shards=2)
    folder = tmp_path_factory.mktemp("home")
    (folder / "govd.toml").write_text(
        "max_predicted_disagreement = 1.0\nmax_scope_share = 1.0\n"
    )
    with open_service(folder) as service:
        given = Given(labels=LABELS, anchors=("at", "re", "read"), use="open")
        service.add_model("m", str(base), given, "ann")
        request = service.requests.forget(
            "m", ForgetOptions(concepts=("dog",), private=True), "ann"
        )
        service.reconciler.run()
        if service.requests.show(request["id"])["state"] == "waiting":
            service.requests.decide(request["id"], "approve", "seen", "bob")
            service.reconciler.run()
        yield service, base


def export(service: Service, folder: Path) -> dict[str, Any]:
    return dict(service.export("m", folder, "ann", disclose=True, recipient="ward"))


def test_it_loads_in_govd_with_its_types_shards_and_files(
    home: tuple[Service, Path], tmp_path: Path
) -> None:
    service, base = home
    files = export(service, tmp_path / "a")["files"]
    assert export(service, tmp_path / "b")["files"] == files, "twice the same bytes"
    assert set(files) - {p.name for p in base.iterdir()} == {
        "README.md",
        "govd.json",
        "model.sig",
        "statement.dsse.json",
    }
    assert verify_folder(tmp_path / "a", service.checkpoints.key())["holds"]
    card = (tmp_path / "a" / "README.md").read_text()
    assert "| dog | everywhere |" in card, "it was disclosed to whoever gets it"
    assert "float16" in card
    wanted = service.serving("m").edit.apply(opened(base).encode_images(PICTURES))
    np.testing.assert_allclose(
        opened(tmp_path / "a").encode_images(PICTURES), wanted, atol=1e-5
    )


@pytest.mark.parity
def test_it_loads_in_torch_as_the_base_does(
    home: tuple[Service, Path], tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    from transformers import CLIPModel

    export(home[0], tmp_path / "a")
    assert json.loads((tmp_path / "a" / "govd.json").read_text())["model"] == "m"
    assert (tmp_path / "a" / "config.json").read_bytes() == (
        home[1] / "config.json"
    ).read_bytes()
    before, after = (
        CLIPModel.from_pretrained(path, dtype="auto").state_dict()
        for path in (home[1], tmp_path / "a")
    )
    assert {tensor.dtype for tensor in after.values()} == {torch.float16}, (
        "as its config says"
    )
    assert [n for n in before if not torch.equal(before[n], after[n])] == [
        "visual_projection.weight"
    ]


def test_a_base_that_was_replaced_is_exported_to_nobody(
    home: tuple[Service, Path], make: Any, tmp_path: Path
) -> None:
    service, base = home
    kept = tmp_path / "kept"
    shutil.copytree(base, kept)
    for path in make(dtype=np.float16, shards=2, seed=9).glob("model*"):
        shutil.copy(path, base)
    with pytest.raises(BadCheckpoint, match="not the one that was registered"):
        export(service, tmp_path / "new" / "a")
    assert not (tmp_path / "new").exists()
    entry = service.core.desk.ledger.entries(service.core.desk.ledger.size() - 1)
    last = dict(next(iter(entry)))
    assert (last["kind"], last["subject"], last["actor"]) == (
        "export.fail",
        "m/1",
        "ann",
    )
    assert "not the one that was registered" in last["payload"]["reason"]
    shutil.copytree(kept, base, dirs_exist_ok=True)
    assert export(service, tmp_path / "new" / "a")["files"]


def test_a_folder_that_somebody_else_takes_meanwhile_stays_theirs(
    home: tuple[Service, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, target = home[0], tmp_path / "out"
    write = ClipModel.write_checkpoint

    def replaced(model: Any, edit: Any, folder: Path) -> Any:
        files = write(model, edit, folder)
        target.rename(tmp_path / "moved")
        target.mkdir()
        (target / "theirs.txt").write_text("theirs")
        return files

    monkeypatch.setattr(ClipModel, "write_checkpoint", replaced)
    with pytest.raises(MachineFault, match="cannot be written"):
        export(service, target)
    assert [path.name for path in target.iterdir()] == ["theirs.txt"]
    assert (
        "cannot be written"
        in service.audit.log(kind="export.fail")[-1]["payload"]["reason"]
    )
