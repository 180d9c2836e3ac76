"""What is written and what is encoded with are the files that were registered, whatever lies in the
folder by now.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadCheckpoint
from govd_clip import registered
from govd_clip.checkpoint import sha256
from tests.clip.test_folding import PICTURES, TEXTS, edit, opened

INDEX = "model.safetensors.index.json"


def turned(path: Path, at: int = -1) -> None:
    """One byte of a file is another."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def other_weights(folder: Path, make: Any) -> None:
    shutil.copy(make(seed=9) / "model.safetensors", folder / "model.safetensors")


def as_shards(folder: Path, make: Any) -> None:
    """Another model's shards and index beside the registered file, which transformers would rather
    read.
    """
    for path in make(seed=9, shards=2).glob("model*"):
        shutil.copy(path, folder)


def link_elsewhere(folder: Path, make: Any) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(make(seed=9) / "model.safetensors")


def a_pipe(folder: Path, make: Any) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def appended(folder: Path, make: Any) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")


CHANGES: dict[str, Callable[[Path, Any], object]] = {
    "the last weight": lambda folder, make: turned(folder / "model.safetensors"),
    "the header": lambda folder, make: turned(folder / "model.safetensors", 2),
    "other weights": other_weights,
    "cut off": lambda folder, make: os.truncate(folder / "model.safetensors", 5000),
    "something appended": appended,
    "gone": lambda folder, make: (folder / "model.safetensors").unlink(),
    "a link elsewhere": link_elsewhere,
    "a pipe": a_pipe,
    "the tokenizer": lambda folder, make: (folder / "merges.txt").write_text(
        "#version: 0.2\n"
    ),
    "the config": (
        lambda folder, make: (folder / "config.json").write_text(
            (folder / "config.json").read_text() + " "
        )
    ),
    "preparation": lambda folder, make: turned(folder / "preprocessor_config.json", 3),
}


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("what", CHANGES)
def test_what_was_replaced_is_not_copied(
    make: Any, tmp_path: Path, what: str, rank: int
) -> None:
    folder = make()
    model = opened(folder)
    CHANGES[what](folder, make)
    with pytest.raises(
        BadCheckpoint,
        match=r"not the one that was registered|missing|leads out|cannot be read",
    ):
        model.write_checkpoint(edit("image", rank=rank), tmp_path)


@pytest.mark.parametrize(
    "name",
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", INDEX],
)
@pytest.mark.parametrize("side", ["image", "text"])
def test_each_shard_and_the_index_are_looked_at(
    make: Any, tmp_path: Path, name: str, side: str
) -> None:
    folder = make(shards=2)
    model = opened(folder)
    turned(folder / name, 8 if name == INDEX else -1)
    with pytest.raises(BadCheckpoint, match=r"not the one that was registered") as told:
        model.write_checkpoint(edit(side), tmp_path)
    assert name in told.value.where


@pytest.mark.parametrize("shards", [1, 2])
def test_what_was_added_beside_is_neither_copied_nor_read(
    make: Any, tmp_path: Path, shards: int
) -> None:
    folder = make(shards=shards)
    model = opened(folder)
    before = dict(model.facts.files)
    if shards == 1:
        as_shards(folder, make)
    else:
        other_weights(folder, make)
    (folder / "added_tokens.json").write_text("{}")
    written = model.write_checkpoint(edit("image"), tmp_path)
    assert set(written) == set(before) == {p.name for p in tmp_path.iterdir()}
    assert sum(written[name] != before[name] for name in before) == 1


def test_a_file_that_is_replaced_between_two_blocks_is_noticed(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place, while it is copied: what was read is part of the old and part of the new file."""
    folder = make()
    model = opened(folder)
    path = folder / "model.safetensors"
    block, reads = registered.Hashed.read, list[int]()
    monkeypatch.setattr(registered, "BLOCK", 1000)

    def meanwhile(self: registered.Hashed, count: int) -> bytes:
        reads.append(count)
        if len(reads) == 5:
            turned(path)
        return block(self, count)

    monkeypatch.setattr(registered.Hashed, "read", meanwhile)
    with pytest.raises(BadCheckpoint, match="not the one that was registered"):
        model.write_checkpoint(edit("image"), tmp_path)
    assert len(reads) > 5


def test_a_file_that_is_renamed_away_while_it_is_copied_is_the_registered_one(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    model = opened(folder)
    (tmp_path / "before").mkdir()
    before = model.write_checkpoint(edit("image"), tmp_path / "before")
    block, other = registered.Hashed.read, make(seed=9) / "model.safetensors"

    def meanwhile(self: registered.Hashed, count: int) -> bytes:
        if other.exists():
            os.replace(other, folder / "model.safetensors")
        return block(self, count)

    monkeypatch.setattr(registered.Hashed, "read", meanwhile)
    (tmp_path / "after").mkdir()
    assert model.write_checkpoint(edit("image"), tmp_path / "after") == before
    assert (
        sha256(tmp_path / "after" / "model.safetensors") == before["model.safetensors"]
    )
    assert not other.exists()


@pytest.mark.parametrize("what", ["other weights", "the last weight", "gone"])
def test_weights_that_were_replaced_before_they_were_loaded_answer_nothing(
    make: Any, what: str
) -> None:
    folder = make()
    model = opened(folder)
    CHANGES[what](folder, make)
    with pytest.raises(BadCheckpoint):
        model.encode_images(PICTURES)


def test_a_tokenizer_that_was_replaced_or_added_answers_nothing(
    make: Any, tmp_path: Path
) -> None:
    folder = make()
    model = opened(folder)
    (folder / "added_tokens.json").write_text("{}")
    with pytest.raises(BadCheckpoint, match="added since"):
        model.encode_texts(TEXTS)
    (folder / "added_tokens.json").unlink()
    model.encode_texts(TEXTS)
    other = opened(folder)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(
        json.dumps({**said, "image_mean": [0.1, 0.2, 0.3]})
    )
    with pytest.raises(BadCheckpoint, match="not the one that was registered"):
        other.encode_images(PICTURES)


def test_what_was_loaded_goes_on_answering(make: Any) -> None:
    folder = make()
    model = opened(folder)
    before = model.encode_images(PICTURES)
    other_weights(folder, make)
    np.testing.assert_array_equal(model.encode_images(PICTURES), before)


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "merges.txt", "preprocessor_config.json"],
)
def test_a_link_that_leads_out_of_the_checkpoint_is_not_followed(
    make: Any, tmp_path: Path, name: str
) -> None:
    folder = make()
    os.replace(folder / name, tmp_path / "secret")
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(BadCheckpoint, match="leads out of the checkpoint") as told:
        opened(folder)
    assert name in told.value.where


def test_links_within_the_checkpoint_and_into_the_hubs_cache_are_followed(
    make: Any, tmp_path: Path
) -> None:
    folder, cache = make(), tmp_path / "models--me--clip"
    snapshot = cache / "snapshots" / "0123abc"
    (cache / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for i, path in enumerate(sorted(folder.iterdir())):
        shutil.copy(path, cache / "blobs" / f"b{i}")
        (snapshot / path.name).symlink_to(Path("../../blobs") / f"b{i}")
    assert opened(snapshot).facts.digest == opened(folder).facts.digest
    (tmp_path / "out").mkdir()
    opened(snapshot).write_checkpoint(edit("image"), tmp_path / "out")
    assert not any(path.is_symlink() for path in (tmp_path / "out").iterdir())
    (folder / "kept").mkdir()
    os.replace(folder / "merges.txt", folder / "kept" / "merges.txt")
    (folder / "merges.txt").symlink_to("kept/merges.txt")
    (tmp_path / "called").symlink_to(folder)
    assert opened(tmp_path / "called").facts.digest == opened(snapshot).facts.digest


def test_an_update_does_not_register_what_was_replaced(
    make: Any, tmp_path: Path
) -> None:
    """Through the service, with the plugin itself: the labels are changed, and the weights were
    replaced meanwhile.
    """
    from govd.errors import Unsupported
    from govd.models.given import Given
    from govd.service.service import open_service

    folder = make()
    with open_service(tmp_path / "home") as service:
        service.add_model(
            "m",
            str(folder),
            Given(labels=("cat", "dog", "red"), anchors=("do", "re")),
            "ann",
        )
        digest = service.models.show("m")["digest"]
        other_weights(folder, make)
        with pytest.raises(Unsupported, match="not the checkpoint that was registered"):
            service.update_model("m", Given(labels=("cat", "dog")), "ann")
        assert service.models.show("m")["digest"] == digest
        with pytest.raises(BadCheckpoint, match="not the one that was registered"):
            service.export("m", tmp_path / "new" / "out", "ann")
        assert not (tmp_path / "new").exists()
        service.update_model("m", Given(), "ann", str(folder))
        assert service.models.show("m")["digest"] != digest
