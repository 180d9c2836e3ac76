"""The model that ships: what its card says of it holds for the files that are here."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")

import govd_clip
from govd.edit import exact
from govd.models.embeddings import Encoder, Known
from govd.types import ModelReference
from govd_clip.plugin import ClipModel, govd_open_model

FOLDER = Path(govd_clip.__file__).parent / "mini"


@pytest.fixture(scope="module")
def mini() -> ClipModel:
    found = govd_open_model(ModelReference("mini"))
    assert isinstance(found, ClipModel)
    return found


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


def test_every_file_is_the_one_that_was_written() -> None:
    digests = json.loads((FOLDER / "digests.json").read_text())
    found = {
        str(p.relative_to(FOLDER)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in FOLDER.rglob("*")
        if p.is_file()
    }
    found.pop("digests.json")
    assert found == digests
    assert (FOLDER / "model.safetensors").stat().st_size <= 20e6
    assert sum(p.stat().st_size for p in (FOLDER / "images").rglob("*.png")) <= 10e6


def test_zero_shot_accuracy_on_vendors_it_never_saw(mini: ClipModel) -> None:
    labels, templates = lines("labels.txt"), lines("templates.txt")
    assert len(labels) == 100
    texts = Encoder(mini).averaged(labels, templates)
    for domain in lines("domains.txt"):
        paths = sorted((FOLDER / "images" / domain).glob("*/*.png"))
        guesses = (mini.encode_images(paths) @ texts.T).argmax(1)
        right = np.mean(
            [labels[g] == p.parent.name for g, p in zip(guesses, paths, strict=True)]
        )
        assert right >= 0.85, (domain, right)


def test_families_have_one_role_each() -> None:
    pytest.importorskip("govd_clip.training.sets")
    from govd_clip.training.sets import ALLOWED_LICENCES, SETS

    roles: dict[str, set[str]] = {}
    for icon_set in SETS:
        roles.setdefault(icon_set.family, set()).add(icon_set.role)
    assert all(len(found) == 1 for found in roles.values()), roles
    notices = (FOLDER / "NOTICES").read_text(encoding="utf-8")
    for icon_set in SETS:
        (line,) = [row for row in notices.splitlines() if f"({icon_set.name})" in row]
        assert any(f": {licence};" in line for licence in ALLOWED_LICENCES), line


def test_the_pool_shows_nothing_of_the_evaluation_set() -> None:
    from PIL import Image

    pool = set(lines("pool_digests.txt"))
    assert len(np.load(FOLDER / "pool.npy")) == len(lines("pool_digests.txt"))
    for path in (FOLDER / "images").rglob("*.png"):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert hashlib.sha256(pixels.tobytes()).hexdigest() not in pool


def test_the_calibration_drawings_are_of_this_model_and_of_vendors_that_are_not_judged(
    mini: ClipModel,
) -> None:
    from govd.edit.files import tensors_from_bytes

    tensors, said = tensors_from_bytes(
        (FOLDER / "calibration.safetensors").read_bytes()
    )
    assert said["model"] == mini.facts.digest
    pooled = tensors["pool_row"] >= 0
    assert (
        tensors["vectors"][pooled]
        == np.load(FOLDER / "pool.npy")[tensors["pool_row"][pooled]]
    ).all()
    used = {json.loads(said["sets"])[i] for i in tensors["set_of"]}
    judged = {p.name.split("-")[0] for p in (FOLDER / "images").rglob("*.png")}
    assert not {name.split("-")[0] for name in used} & judged
    texts = Encoder(mini).averaged(lines("labels.txt"), lines("templates.txt"))
    assert (
        (tensors["vectors"] @ texts.T).argmax(1) == tensors["class_of"]
    ).mean() > 0.85


def test_the_embeddings_that_ship_are_those_of_the_model(mini: ClipModel) -> None:
    known = Known.read(FOLDER / "embeddings.safetensors", mini.facts)
    draw = np.random.default_rng(0)
    texts = [
        list(known.texts)[i] for i in draw.choice(len(known.texts), 40, replace=False)
    ]
    assert (
        np.abs(
            mini.encode_texts(texts) - np.stack([known.texts[t] for t in texts])
        ).max()
        < 1e-5
    )
    paths = sorted((FOLDER / "images").rglob("*.png"))[::40]
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths]
    assert (
        np.abs(
            mini.encode_images(paths) - np.stack([known.images[d] for d in digests])
        ).max()
        < 1e-5
    )


@pytest.mark.parity
def test_torch_gives_the_same_embeddings(mini: ClipModel) -> None:
    torch = pytest.importorskip("torch")
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    theirs = CLIPModel.from_pretrained(FOLDER).eval()
    tokenizer, processor = (
        CLIPTokenizer.from_pretrained(FOLDER),
        CLIPImageProcessorPil.from_pretrained(FOLDER),
    )
    texts = [
        t.replace("{}", label)
        for label in lines("labels.txt")[::10]
        for t in lines("templates.txt")
    ]
    paths = sorted((FOLDER / "images").rglob("*.png"))[::30]
    from PIL import Image

    with torch.inference_mode():
        words = tokenizer(texts, padding=True, return_tensors="pt")
        text = theirs.text_projection(theirs.text_model(**words).pooler_output).numpy()
        pixels = processor(
            [Image.open(p).convert("RGB") for p in paths], return_tensors="np"
        )["pixel_values"]
        image = theirs.visual_projection(
            theirs.vision_model(
                pixel_values=torch.from_numpy(np.asarray(pixels))
            ).pooler_output
        ).numpy()
    assert np.abs(exact.unit(text) - mini.encode_texts(texts)).max() < 1e-4
    assert np.abs(exact.unit(image) - mini.encode_images(paths)).max() < 1e-4


def test_a_prototype_looks_like_its_word_to_the_model(mini: ClipModel) -> None:
    prompts = ["a picture of a dog", "a line of a house"]
    made, start = (
        mini.synthesise(prompts, seed=0),
        mini.synthesise(prompts, seed=0, steps=1),
    )
    goals = mini.encode_texts(prompts)
    near, far = (np.sum(p.embeddings * goals, axis=1) for p in (made, start))
    assert (near > far + 0.2).all(), (near, far)
    assert made.pictures.shape == (2, 48, 48, 3)
    again = mini.synthesise(prompts[:1], seed=0)
    assert (again.pictures[0] == made.pictures[0]).mean() > 0.99, (
        "a picture does not depend on those beside it"
    )


def test_the_exported_checkpoint_gives_the_edited_embeddings(
    mini: ClipModel, tmp_path: Path
) -> None:
    from govd.edit import Edit

    draw = np.random.default_rng(0)
    edit = Edit(draw.normal(size=(128, 3)) / 12, draw.normal(size=(128, 3)) / 12)
    mini.write_checkpoint(edit, tmp_path)
    paths = sorted((FOLDER / "images").rglob("*.png"))[::60]
    reopened = govd_open_model(ModelReference(str(tmp_path)))
    assert reopened is not None
    assert (
        np.abs(
            reopened.encode_images(paths) - edit.apply(mini.encode_images(paths))
        ).max()
        < 1e-5
    )
    torch = pytest.importorskip("torch")
    from PIL import Image
    from transformers import CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    theirs, processor = (
        CLIPModel.from_pretrained(tmp_path).eval(),
        CLIPImageProcessorPil.from_pretrained(tmp_path),
    )
    pixels = processor(
        [Image.open(p).convert("RGB") for p in paths], return_tensors="np"
    )["pixel_values"]
    with torch.inference_mode():
        image = theirs.visual_projection(
            theirs.vision_model(
                pixel_values=torch.from_numpy(np.asarray(pixels))
            ).pooler_output
        ).numpy()
    assert (
        np.abs(exact.unit(image) - edit.apply(mini.encode_images(paths))).max() < 1e-4
    )
