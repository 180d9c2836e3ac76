"""A Hugging Face id, as a folder at one commit."""

from pathlib import Path
from typing import Any

import pytest

from govd.errors import BadCheckpoint, GovdError
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model
from tests.clip.breaking import only_bin


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


def test_a_hub_id_is_pinned_to_one_commit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, seen = folder.rename(folder.with_name("c0ffee")), list[Any]()
    hub(monkeypatch, commit, seen)
    model = govd_open_model(ModelReference("someone/clip-tiny", "main"))
    assert model is not None
    assert model.facts.hf_revision == "c0ffee"
    assert seen == [("someone/clip-tiny", "main"), ("someone/clip-tiny", "c0ffee")]
    only_bin(commit)
    with pytest.raises(BadCheckpoint, match=r"no safetensors weights.*save_pretrained"):
        govd_open_model(ModelReference("someone/clip-tiny", "main"))


def test_weights_that_are_not_in_the_cache_are_not_called_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(monkeypatch, folder, [])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (folder / "model.safetensors").unlink()
    with pytest.raises(GovdError, match=r"weights are not cached.*HF_HUB_OFFLINE"):
        govd_open_model(ModelReference("someone/clip-tiny", "main"))


def test_a_hub_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def none(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", none)
    with pytest.raises(GovdError, match="someone/clip: the Hub does not answer"):
        govd_open_model(ModelReference("someone/clip"))
