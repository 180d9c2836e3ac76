"""Every way in which a checkpoint can be broken has an error that says which file and what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from govd.errors import BadCheckpoint, GovdError
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model

WEIGHTS = "model.safetensors"


def say(**changes: Any) -> Callable[[Path], None]:
    """Change config.json: `text__hidden_act="relu"` changes `text_config.hidden_act`."""

    def change(folder: Path) -> None:
        said = json.loads((folder / "config.json").read_text())
        for name, value in changes.items():
            side, _, key = name.rpartition("__")
            (said[f"{side}_config"] if side else said)[key] = value
        (folder / "config.json").write_text(json.dumps(said))

    return change


def tensors(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        held = load_file(folder / WEIGHTS)
        edit(held)
        save_file(held, folder / WEIGHTS)

    return change


def poison(held: dict[str, Any]) -> None:
    held["visual_projection.weight"][0, 0] = np.nan


def cut(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def only_bin(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def no_tokenizer(folder: Path) -> None:
    (folder / "merges.txt").unlink()


def lost_shard(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    shards = {"logit_scale": "model-00001-of-00001.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def outside(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"logit_scale": "../other.safetensors"}}))


AT_OPENING: dict[str, tuple[Callable[[Path], object], str]] = {
    "tokenizer missing": (no_tokenizer, "tokenizer is missing.*Copy tokenizer.json"),
    "preparation missing": (lambda f: (f / "preprocessor_config.json").unlink(), "preprocessor_config.json is missing"),
    "weights missing": (lambda f: (f / WEIGHTS).unlink(), "model.safetensors is missing"),
    "config missing": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "config cut": (lambda f: (f / "config.json").write_text("{"), "config.json.*cannot be read as JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
    "weights cut": (cut, "model.safetensors: is truncated"),
    "weights empty": (lambda f: (f / WEIGHTS).write_bytes(b""), "model.safetensors: is truncated"),
    "weights not safetensors": (lambda f: (f / WEIGHTS).write_bytes((9).to_bytes(8, "little") + b"no header"), "no safetensors header"),
    "only pytorch_model.bin": (only_bin, "only as pytorch_model.bin.*save_pretrained"),
    "shard missing": (lost_shard, "shard model-00001-of-00001.safetensors is missing"),
    "shard outside": (outside, "names no files of this folder"),
    "shape": (say(projection_dim=10), "projection.weight has shape .* config.json asks for"),
    "weight missing": (tensors(lambda held: held.pop("text_projection.weight")), "missing: text_projection.weight"),
    "weight unused": (tensors(lambda held: held.update(extra=np.zeros(1, np.float32))), "not used by this config: extra"),
    "fewer layers": (say(vision__num_hidden_layers=1), "not used by this config: .*13 more"),
    "integers": (tensors(lambda held: held.update(logit_scale=np.zeros((), np.int32))), "logit_scale is I32"),
    "logit scale": (tensors(lambda held: held.update(logit_scale=np.asarray(np.nan, np.float32))), "logit_scale is not finite"),
    "activation": (say(text__hidden_act="relu"), "hidden_act is 'relu'"),
    "heads": (say(vision__num_attention_heads=7), "heads"),
    "not square": (say(vision__image_size=[16, 24]), "not square"),
    "channels": (say(vision__num_channels=1), "num_channels is 1"),
}
AT_USE: dict[str, tuple[Callable[[Path], object], str]] = {
    "not finite": (tensors(poison), "visual_projection.weight has values that are not finite"),
    "tokenizer cut": (lambda f: (f / "vocab.json").write_text("{"), "tokenizer does not load"),
    "eos of another tokenizer": (say(text__eos_token_id=7), "eos_token_id is 7 in config.json, 511 in the tokenizer"),
    "preparation of another size": (
        lambda f: (f / "preprocessor_config.json").write_text('{"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}'),
        "makes pictures of .24, 24., the model takes 16",
    ),
    "preparation cut": (lambda f: (f / "preprocessor_config.json").write_text("{"), "preprocessor_config.json does not load"),
}


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "broken"))


@pytest.mark.parametrize("fault", AT_OPENING)
def test_refused_at_opening(fault: str, folder: Path) -> None:
    breaks, message = AT_OPENING[fault]
    breaks(folder)
    with pytest.raises(BadCheckpoint, match=message) as raised:
        govd_open_model(ModelReference(str(folder)))
    assert raised.value.advice
    assert str(folder) in raised.value.where


@pytest.mark.parametrize("fault", AT_USE)
def test_refused_at_first_use(fault: str, folder: Path) -> None:
    breaks, message = AT_USE[fault]
    breaks(folder)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    with pytest.raises(BadCheckpoint, match=message) as raised:
        (model.encode_texts(["a"]), model.encode_images([np.zeros((9, 9, 3), np.uint8)]))
    assert raised.value.advice


def test_what_is_no_clip_model_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "siglip").mkdir()
    (tmp_path / "siglip" / "config.json").write_text('{"model_type": "siglip"}')
    (tmp_path / "words.npz").write_bytes(b"")
    for name in (str(tmp_path / "siglip"), str(tmp_path / "words.npz"), str(tmp_path / "none"), "a name", str(tmp_path)):
        assert govd_open_model(ModelReference(name)) is None


def hub(monkeypatch: pytest.MonkeyPatch, folder: Path, seen: list[Any]) -> None:
    import huggingface_hub

    def one(repo: str, name: str, *, revision: str | None) -> str:
        seen.append((repo, revision))
        return str(folder / name)

    def all_of_it(repo: str, *, revision: str, allow_patterns: list[str]) -> str:
        seen.append((repo, revision))
        assert not any("bin" in p or "msgpack" in p for p in allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", one)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", all_of_it)


def test_a_hub_id_is_pinned_to_one_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, seen = folder.rename(folder.with_name("c0ffee")), list[Any]()
    hub(monkeypatch, commit, seen)
    model = govd_open_model(ModelReference("someone/clip-tiny", "main"))
    assert model is not None
    assert model.facts.hf_revision == "c0ffee"
    assert seen == [("someone/clip-tiny", "main"), ("someone/clip-tiny", "c0ffee")]
    only_bin(commit)
    with pytest.raises(BadCheckpoint, match=r"no safetensors weights.*save_pretrained"):
        govd_open_model(ModelReference("someone/clip-tiny", "main"))


def test_a_hub_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def none(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", none)
    with pytest.raises(GovdError, match="someone/clip: the Hub does not answer"):
        govd_open_model(ModelReference("someone/clip"))
