"""A checkpoint that lists its files' digests: what is used as a default is what was packed, or it
is not used.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("jax")

import govd_clip
from govd.errors import BadCheckpoint
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model

MINI = Path(govd_clip.__file__).parent / "mini"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """`mini` elsewhere; large files that no test changes are links."""
    folder = tmp_path / "mini"
    shutil.copytree(
        MINI,
        folder,
        copy_function=os.link
        if os.stat(MINI).st_dev == os.stat(tmp_path).st_dev
        else shutil.copy2,
    )
    return folder


def changed(path: Path) -> None:
    """The same file with its last byte flipped."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()  # it may be a link to the one that ships
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        "pool.npy",
        "prototypes.safetensors",
        "embeddings.safetensors",
        "labels.txt",
        "paraphrases.json",
        "templates.txt",
        "domains.txt",
    ],
)
def test_one_flipped_bit_of_a_default_is_refused(copy: Path, name: str) -> None:
    changed(copy / name)
    with pytest.raises(
        BadCheckpoint,
        match=f"{name}: this file was changed.*digests.json.*Fetch the checkpoint again",
    ):
        govd_open_model(ModelReference(str(copy)))


def test_an_evaluation_picture_that_was_changed_removed_or_added_is_refused(
    copy: Path,
) -> None:
    first, second, *_ = sorted((copy / "images").rglob("*.png"))
    changed(first)
    with pytest.raises(BadCheckpoint, match="this file was changed"):
        govd_open_model(ModelReference(str(copy)))
    first.unlink()
    with pytest.raises(BadCheckpoint, match="lists this file, but it is missing"):
        govd_open_model(ModelReference(str(copy)))
    shutil.copy2(MINI / first.relative_to(copy), first)
    shutil.copy2(second, second.with_name("another.png"))
    with pytest.raises(
        BadCheckpoint, match=r"another\.png: digests.json does not list this file"
    ):
        govd_open_model(ModelReference(str(copy)))


@pytest.mark.parametrize("text", ["[]", "{", '{"pool.npy": 1}', '{"pool.npy": "abc"}'])
def test_a_list_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "digests.json").unlink()
    (copy / "digests.json").write_text(text)
    with pytest.raises(BadCheckpoint, match="list"):
        govd_open_model(ModelReference(str(copy)))


def test_without_the_list_the_files_are_taken_as_they_are(copy: Path) -> None:
    changed(copy / "pool.npy")
    (copy / "digests.json").unlink()
    opened = govd_open_model(ModelReference(str(copy)))
    assert opened is not None
    assert opened.facts.defaults["pool"] == copy / "pool.npy"


def test_every_default_that_ships_is_listed() -> None:
    opened = govd_open_model(ModelReference("mini"))
    assert opened is not None
    listed = json.loads((MINI / "digests.json").read_text(encoding="utf-8"))
    files = [p for p in opened.facts.defaults.values() if p.is_file()]
    assert len(files) == 7
    assert all(p.name in listed for p in files)
