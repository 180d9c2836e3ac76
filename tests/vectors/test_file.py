"""Files of vectors: what is read of them, and what is refused with the reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import BadCheckpoint, UnreadableImage, Unsupported
from govd.types import ModelReference
from govd_vectors.plugin import govd_open_model

NAMES = np.array(["dog", "cat", "red car"])


def rows(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def write(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_the_short_form_is_a_label_set_of_unit_vectors(
    tmp_path: Path, kind: str
) -> None:
    vectors = rows(3, 8).astype(kind)
    model = govd_open_model(
        ModelReference(write(tmp_path / "m.npz", names=NAMES, vectors=vectors))
    )
    assert model is not None
    wide = vectors.astype(np.float64)
    expected = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    assert (
        np.abs(model.encode_texts(["red car", "dog"]) - expected[[2, 0]]).max() < 1e-6
    )
    assert model.facts.dim == 8
    assert model.facts.words["labels"] == tuple(NAMES)
    assert model.facts.words["templates"] == ("{}",)
    assert model.facts.logit_scale == 100


@pytest.mark.parametrize("encode", [False, True])
def test_a_name_is_found_in_whatever_form_the_file_has_it(
    tmp_path: Path, encode: bool
) -> None:
    names = np.array(["cafe\u0301", "\ufeffdog ", "cat"])
    path = write(
        tmp_path / "m.npz",
        names=np.char.encode(names, "utf-8") if encode else names,
        vectors=rows(3, 8),
    )
    model = govd_open_model(ModelReference(path))
    assert model is not None
    assert model.facts.words["labels"] == ("caf\u00e9", "dog", "cat")
    assert model.encode_texts(["caf\u00e9", "dog"]).shape == (2, 8)


def test_prompts_domains_and_labels_are_told_apart(tmp_path: Path) -> None:
    prompts, cube = rows(4, 8, seed=1), rows(2, 2, 8, seed=2)
    path = write(
        tmp_path / "m.npz",
        text_names=NAMES,
        text_vectors=rows(3, 8),
        labels=np.array(2),
        prompt_names=np.array(["a {}|dog", "a {}|cat", "the {}|dog", "the {}|cat"]),
        prompt_vectors=prompts,
        domain_names=np.array(["photo", "sketch"]),
        domain_vectors=cube,
        logit_scale=np.array(14.3),
    )
    model = govd_open_model(ModelReference(path))
    assert model is not None
    words = model.facts.words
    assert (words["labels"], words["anchors"]) == (("dog", "cat"), ("red car",))
    assert (words["templates"], words["domains"]) == (
        ("a {}", "the {}"),
        ("photo", "sketch"),
    )
    answer = model.encode_texts(["the dog", "a sketch of a cat"])
    expected = np.stack(
        [
            prompts[2] / np.linalg.norm(prompts[2]),
            cube[1, 1] / np.linalg.norm(cube[1, 1]),
        ]
    )
    assert np.abs(answer - expected).max() < 1e-6
    assert model.facts.logit_scale == pytest.approx(14.3)
    with pytest.raises(Unsupported, match="a photo of a red car") as refused:
        model.encode_texts(["a photo of a red car"])
    assert "the first 2 of 3 texts" in refused.value.advice


def test_parquet_has_a_row_for_each_text(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    vectors = rows(3, 4).astype(np.float32)
    parquet.write_table(
        arrow.table({"name": list(NAMES), "vector": list(vectors)}),
        tmp_path / "m.parquet",
    )
    model = govd_open_model(ModelReference(str(tmp_path / "m.parquet")))
    assert model is not None
    assert model.encode_texts(["cat"])[0] @ vectors[1] == pytest.approx(
        np.linalg.norm(vectors[1]), rel=1e-5
    )
    parquet.write_table(arrow.table({"name": list(NAMES)}), tmp_path / "no.parquet")
    with pytest.raises(BadCheckpoint, match="no column vector"):
        govd_open_model(ModelReference(str(tmp_path / "no.parquet")))


@pytest.mark.parametrize("encode", [False, True])
def test_labels_of_the_pools_pictures_are_a_label_set(
    tmp_path: Path, encode: bool
) -> None:
    labels = np.array(["cat", "dog", "cat", "cat"])
    path = write(
        tmp_path / "m.npz",
        text_names=NAMES,
        text_vectors=rows(3, 8),
        image_vectors=rows(4, 8),
        labels=np.char.encode(labels, "utf-8") if encode else labels,
    )
    model = govd_open_model(ModelReference(path))
    assert model is not None
    assert model.facts.words["labels"] == ("dog", "cat")
    assert model.facts.words["anchors"] == ("red car",)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no texts": ({"image_vectors": rows(3, 8)}, "no array text_names"),
    "names as objects": (
        {"names": np.array(["a", None, 3], dtype=object), "vectors": rows(3, 8)},
        "not readable",
    ),
    "as many": ({"names": NAMES, "vectors": rows(2, 8)}, "3 names for 2 vectors"),
    "twins": (
        {"names": np.array(["dog", "dog"]), "vectors": rows(2, 8)},
        "'dog' is named twice",
    ),
    "zero": ({"names": NAMES, "vectors": np.zeros((3, 8))}, "row 0 is zero"),
    "nan": (
        {"names": NAMES, "vectors": np.where(np.eye(3, 8), np.nan, 1.0)},
        "zero or not finite",
    ),
    "flat": ({"names": NAMES, "vectors": rows(24)}, "shape"),
    "prompt without a bar": (
        {
            "text_names": NAMES,
            "text_vectors": rows(3, 8),
            "prompt_names": np.array(["a dog"]),
            "prompt_vectors": rows(1, 8),
        },
        "the prompt 'a dog'",
    ),
    "prompts of another width": (
        {
            "text_names": NAMES,
            "text_vectors": rows(3, 8),
            "prompt_names": np.array(["a {}|dog"]),
            "prompt_vectors": rows(1, 9),
        },
        "9 columns",
    ),
    "domains": (
        {
            "text_names": NAMES,
            "text_vectors": rows(3, 8),
            "domain_names": np.array(["a", "b"]),
            "domain_vectors": rows(3, 2, 8),
        },
        "domain_vectors has shape",
    ),
    "pool": (
        {"text_names": NAMES, "text_vectors": rows(3, 8), "image_vectors": rows(5, 9)},
        "image_vectors has shape",
    ),
    "labels": (
        {
            "text_names": NAMES,
            "text_vectors": rows(3, 8),
            "labels": np.array(["dog", "cow"]),
        },
        "'cow' is no text",
    ),
    "labels counted by no whole number": (
        {"text_names": NAMES, "text_vectors": rows(3, 8), "labels": np.array(2.0)},
        "labels is float64",
    ),
    "more labels than texts": (
        {"text_names": NAMES, "text_vectors": rows(3, 8), "labels": np.array(4)},
        "labels is 4",
    ),
    "scale": (
        {
            "text_names": NAMES,
            "text_vectors": rows(3, 8),
            "logit_scale": np.array(-1.0),
        },
        "logit_scale",
    ),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, case: str) -> None:
    arrays, words = BROKEN[case]
    path = write(tmp_path / "broken.npz", **arrays)
    with pytest.raises(BadCheckpoint, match=words) as refused:
        govd_open_model(ModelReference(path))
    assert str(tmp_path) in str(refused.value.message)
    assert refused.value.advice


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "m.npz", names=NAMES, vectors=rows(3, 8)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadCheckpoint, match="not readable"):
        govd_open_model(ModelReference(str(path)))
    np.savez_compressed(path, names=NAMES, vectors=rows(300, 8))
    data = path.read_bytes()
    path.write_bytes(data[:2000] + bytes(8) + data[2008:])
    with pytest.raises(BadCheckpoint, match="not readable"):
        govd_open_model(ModelReference(str(path)))


def test_what_is_not_in_the_file_is_refused_with_the_nearest_names(
    tmp_path: Path,
) -> None:
    model = govd_open_model(
        ModelReference(write(tmp_path / "m.npz", names=NAMES, vectors=rows(3, 8)))
    )
    assert model is not None
    with pytest.raises(Unsupported, match="red cart") as refused:
        model.encode_texts(["dog", "red cart"])
    assert "red car" in refused.value.advice
    with pytest.raises(UnreadableImage, match="cannot be encoded"):
        model.encode_images([tmp_path / "a.png"])
    assert govd_open_model(ModelReference(str(tmp_path))) is None


def test_of_many_texts_none_like_one_is_said_with_how_to_list_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "many.npz"
    names = [f"thing {i}" for i in range(60)]
    np.savez(path, names=names, vectors=np.eye(60, 64, dtype=np.float32))
    model = govd_open_model(ModelReference(str(path)))
    assert model is not None
    with pytest.raises(Unsupported) as refused:
        model.encode_texts(["quokka"])
    advice = refused.value.advice
    assert advice.startswith("None of 60 is spelled like it. They are its text_names")
    assert "thing" not in advice
    with pytest.raises(Unsupported, match="Did you mean thing 1"):
        model.encode_texts(["thing1"])
