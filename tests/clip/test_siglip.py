"""SigLIP: encoded as torch does it, edited on either side, and what is exported gives the edited
embeddings.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from govd.errors import BadCheckpoint, Unsupported
from govd_clip.plugin import govd_export
from tests.clip.other_families import siglip
from tests.clip.test_folding import PICTURES, TEXTS, applied, edit, opened


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return siglip(tmp_path_factory.mktemp("siglip"))


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def in_torch(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and texts, `(n, d)` each, as transformers' SiglipModel embeds them."""
    torch = pytest.importorskip("torch")
    from transformers import AutoTokenizer, SiglipModel

    model = SiglipModel.from_pretrained(folder).eval()
    pixels = np.stack([opened(folder)._encoder.pixels(p) for p in PICTURES])
    ids = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding="max_length", truncation=True, max_length=12, return_tensors="pt"
    )["input_ids"]
    with torch.no_grad():
        images = model.get_image_features(pixel_values=torch.tensor(pixels))
        texts = model.get_text_features(input_ids=ids)
    images, texts = (
        getattr(rows, "pooler_output", rows).numpy() for rows in (images, texts)
    )
    return unit(images), unit(texts)


@pytest.mark.parity
def test_it_encodes_as_torch_does(base: Path) -> None:
    images, texts = in_torch(base)
    model = opened(base)
    np.testing.assert_allclose(model.encode_images(PICTURES), images, atol=1e-5)
    np.testing.assert_allclose(model.encode_texts(TEXTS), texts, atol=1e-5)
    alone = np.vstack([model.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, texts, atol=1e-5)
    assert model.facts.architecture == "SigLIP ViT-12/8@16"


@pytest.mark.parity
def test_texts_are_edited_in_the_head_and_torch_reads_them(
    base: Path, tmp_path: Path
) -> None:
    change, model = edit("text"), opened(base)
    model.write_checkpoint(change, tmp_path)
    before, after = (
        load_file(folder / "model.safetensors") for folder in (base, tmp_path)
    )
    differ = {name for name in before if not np.array_equal(before[name], after[name])}
    assert differ == {"text_model.head.weight", "text_model.head.bias"}
    images, texts = in_torch(tmp_path)
    np.testing.assert_allclose(
        texts, applied(model.encode_texts(TEXTS), change), atol=1e-5
    )
    np.testing.assert_allclose(images, model.encode_images(PICTURES), atol=1e-5)


@pytest.mark.parity
def test_pictures_are_edited_by_an_added_map_as_the_card_says(
    base: Path, tmp_path: Path
) -> None:
    change, model = edit("image"), opened(base)
    written = model.write_checkpoint(change, tmp_path)
    assert {n for n in written if written[n] != model.facts.files.get(n)} == {
        "govd_edit.safetensors"
    }
    factors = load_file(tmp_path / "govd_edit.safetensors")
    rows, _ = in_torch(tmp_path)
    told = unit(rows - (rows @ factors["L"]) @ factors["B"].T)
    wanted = applied(model.encode_images(PICTURES), change)
    np.testing.assert_allclose(told, wanted, atol=1e-5)
    np.testing.assert_allclose(
        opened(tmp_path).encode_images(PICTURES), wanted, atol=1e-5
    )
    card = model.facts.card["image"]
    assert "added linear map" in card
    assert "has forgotten nothing" in card
    assert 'images - (images @ edit["L"]) @ edit["B"].T' in card


def test_a_second_edit_comes_behind_the_first(base: Path, tmp_path: Path) -> None:
    once, twice = tmp_path / "once", tmp_path / "twice"
    once.mkdir()
    twice.mkdir()
    opened(base).write_checkpoint(edit("image"), once)
    edited, second = opened(once), edit("image", rank=1)
    assert edited.facts.digest != opened(base).facts.digest
    edited.write_checkpoint(second, twice)
    wanted = applied(edited.encode_images(PICTURES), second)
    np.testing.assert_allclose(opened(twice).encode_images(PICTURES), wanted, atol=1e-5)
    with pytest.raises(Unsupported, match="joint space of 12"):
        edited.write_checkpoint(edit("image", dim=8), tmp_path)
    third = tmp_path / "third"
    third.mkdir()
    edited.write_checkpoint(edit("text"), third)
    assert (third / "govd_edit.safetensors").read_bytes() == (
        once / "govd_edit.safetensors"
    ).read_bytes()


def test_a_picture_alone_is_mapped_as_among_others(base: Path, tmp_path: Path) -> None:
    opened(base).write_checkpoint(edit("image"), tmp_path)
    model = opened(tmp_path)
    alone = np.concatenate([model.encode_images([picture]) for picture in PICTURES])
    np.testing.assert_allclose(alone, model.encode_images(PICTURES), atol=1e-5)


def test_a_map_that_is_no_map_is_refused(base: Path, tmp_path: Path) -> None:
    opened(base).write_checkpoint(edit("image"), tmp_path)
    (tmp_path / "govd_edit.safetensors").write_bytes(b"x")
    with pytest.raises(BadCheckpoint, match="is no linear map"):
        opened(tmp_path).encode_images(PICTURES)


def test_open_clip_has_it_on_other_towers(base: Path, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="timm's towers"):
        govd_export(opened(base), edit("text"), "open_clip", tmp_path)  # type: ignore[arg-type]


def test_a_tower_without_its_head_is_refused(tmp_path: Path) -> None:
    siglip(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    said["vision_config"]["vision_use_head"] = False
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(BadCheckpoint, match="vision_use_head is off"):
        opened(tmp_path)


def test_a_sentencepiece_tokenizer_is_read_as_transformers_reads_it(
    base: Path, tmp_path: Path
) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    siglip(tmp_path)
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    lines = tmp_path / "lines.txt"
    lines.write_text("a photo of the red dog\nmany cats do read words\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=22,
        minloglevel=2,
    )
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "SiglipTokenizer", "model_max_length": 12})
    )
    model = opened(tmp_path)
    assert "spiece.model" in model.facts.files
    assert {len(row) for row in model._encoder.tokens(TEXTS)} == {12}
    rows = model.encode_texts(["A red DOG!", "a red dog"])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
