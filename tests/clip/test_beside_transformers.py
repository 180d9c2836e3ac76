"""Whatever transformers opens as a CLIPModel: the same tokens, pixels and embeddings, or a refusal
that says what differs.
"""

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file

from govd.errors import BadCheckpoint
from govd.types import ModelReference
from govd_clip.plugin import govd_open_model
from govd_clip.preparation import Processor
from govd_clip.reading_config import read_config
from govd_clip.tokens import Tokenizer
from tests.clip.conftest import EOS, config, save, tokenizer, weights

Make = Callable[..., Path]
TEXTS = [
    "a photo of a cat",
    "",
    "red",
    "many words " * 30,
    "Ünïcode 🐈 déjà vu",
    f"{EOS} in the middle",
    "a  b\tc\nD",
    "don't STOP's",
    "12 zebra",
]
PICTURES = [
    Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (5, 5, 3), np.uint8)
    ).resize(size, Image.Resampling.BICUBIC)
    for size in ((48, 40), (33, 90), (64, 64), (20, 25), (16, 16), (7, 200))
]


def changed(path: Path, **values: Any) -> None:
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, **values}))


def oracle(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings of `TEXTS` and `PICTURES` by torch in float32."""
    torch = pytest.importorskip("torch")
    from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    context = model.config.text_config.max_position_embeddings
    words = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=context, return_tensors="pt"
    )
    pixels = AutoImageProcessor.from_pretrained(folder)(PICTURES, return_tensors="pt")[
        "pixel_values"
    ]
    with torch.no_grad():
        texts = model.text_projection(model.text_model(**words).pooler_output).numpy()
        images = model.visual_projection(
            model.vision_model(pixel_values=pixels).pooler_output
        ).numpy()
    return tuple(
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (texts, images)
    )  # type: ignore[return-value]


def drawn(folder: Path, seed: int) -> Path:
    """A checkpoint with everything in it drawn at random among what people have."""
    draw = random.Random(seed)
    patch, heads = draw.choice([4, 8, 7]), draw.choice([1, 2, 3])
    said = config(
        act=draw.choice(["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh"]),
        eos=draw.choice([511, 511, 2]),
        image=patch * draw.choice([2, 3]) + draw.choice([0, 0, 3]),
        patch=patch,
        width=heads * draw.choice([8, 10]),
        dim=draw.choice([6, 12, 30]),
    )
    text, vision = said["text_config"], said["vision_config"]
    vision["num_attention_heads"] = heads
    text["num_hidden_layers"], vision["num_hidden_layers"] = (
        draw.choice([1, 2]),
        draw.choice([1, 2]),
    )
    text["layer_norm_eps"], vision["layer_norm_eps"] = (
        draw.choice([1e-5, 1e-2]),
        draw.choice([1e-5, 1e-6]),
    )
    text["projection_dim"] = draw.choice([said["projection_dim"], 512])
    text["max_position_embeddings"] = draw.choice([20, 40])
    tensors = weights(said, seed)
    if draw.random() < 0.4:  # configs of 2022: the later one wins, its defaults too
        said["text_config_dict"] = draw.choice(
            [None, dict(text), {**text, "layer_norm_eps": 1e-3}]
        )
        said["vision_config_dict"] = draw.choice([None, dict(vision)])
    kinds = draw.choice(
        [(np.float32,), (np.float16,), (np.float64,), (np.float32, np.float16)]
    )
    tensors = {
        name: rows.astype(draw.choice(kinds)) for name, rows in sorted(tensors.items())
    }
    if draw.random() < 0.3:
        tensors["text_model.embeddings.position_ids"] = np.arange(
            text["max_position_embeddings"], dtype=np.int64
        )[None]
    (folder / "config.json").write_text(json.dumps(said))
    save(folder, tensors, draw.choice([1, 1, 3]))
    tokenizer(folder)
    size = vision["image_size"]
    pictures = {
        "size": {"shortest_edge": size + draw.choice([0, 5])},
        "crop_size": {"height": size, "width": size},
        "resample": draw.choice([2, 3]),
    }
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", **pictures})
    )
    return folder


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(10))
def test_checkpoints_at_random_give_the_embeddings_of_torch(
    seed: int, tmp_path: Path
) -> None:
    folder = drawn(tmp_path, seed)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    texts, images = oracle(folder)
    np.testing.assert_allclose(model.encode_texts(TEXTS), texts, atol=1e-4)
    np.testing.assert_allclose(
        model.encode_images([np.asarray(p) for p in PICTURES]), images, atol=1e-4
    )


def beside_single(folder: Path) -> None:
    """Shards of another training, left over beside `model.safetensors`."""
    other = {
        name: np.asarray(rows * 2)
        for name, rows in load_file(folder / "model.safetensors").items()
    }
    save(folder, other, 2)


def bin_beside(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"an older training")


LEFTOVERS: dict[str, Callable[[Path], None]] = {
    "shards": beside_single,
    "pytorch_model.bin": bin_beside,
}


@pytest.mark.parity
@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_of_several_weights_those_win_that_transformers_loads(
    leftover: str, make: Make
) -> None:
    folder = make(seed=5)
    LEFTOVERS[leftover](folder)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    np.testing.assert_allclose(model.encode_texts(TEXTS), oracle(folder)[0], atol=1e-4)
    written = folder / "written"
    written.mkdir()
    from govd.edit import Edit

    files = model.write_checkpoint(Edit.nothing(model.facts.dim, "image"), written)
    assert "model.safetensors.index.json" not in files


SIZES = st.sampled_from(
    [
        16,
        {"shortest_edge": 16},
        {"shortest_edge": 20},
        {"shortest_edge": 12},
        {"height": 16, "width": 16},
        {"height": 20, "width": 18},
        [16, 16],
    ]
)
PROCESSORS = st.fixed_dictionaries(
    {},
    optional={
        "image_processor_type": st.sampled_from(
            [
                "CLIPImageProcessor",
                "CLIPImageProcessorFast",
                "ViTImageProcessor",
                "SiglipImageProcessor",
                "BlipImageProcessor",
                "LayoutLMv2ImageProcessor",
            ]
        ),
        "feature_extractor_type": st.sampled_from(
            ["CLIPFeatureExtractor", "ViTFeatureExtractor"]
        ),
        "size": SIZES,
        "crop_size": st.sampled_from(
            [
                16,
                {"height": 16, "width": 16},
                {"height": 15, "width": 17},
                {"height": 24, "width": 24},
            ]
        ),
        "do_resize": st.booleans(),
        "do_center_crop": st.booleans(),
        "do_rescale": st.booleans(),
        "do_normalize": st.booleans(),
        "do_convert_rgb": st.booleans(),
        "resample": st.sampled_from([0, 1, 2, 3, 4, 5, "bicubic", None, 99]),
        "rescale_factor": st.sampled_from([1 / 255, 1 / 127.5, 0.0]),
        "image_mean": st.sampled_from(
            [[0.5, 0.5, 0.5], [0.4, 0.5, 0.6], [0.5], 0.5, None]
        ),
        "image_std": st.sampled_from(
            [[0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [0.0, 1.0, 1.0], None]
        ),
        "use_square_size": st.booleans(),
        "do_pad": st.booleans(),
    },
)


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=PROCESSORS, nested=st.sampled_from(["alone", "nested", "beside", "empty"]))
def test_pictures_are_prepared_as_transformers_does_or_refused(
    said: dict[str, Any], nested: str, tmp_path: Path, tiny: Path
) -> None:
    from transformers import AutoImageProcessor

    (tmp_path / "config.json").write_text((tiny / "config.json").read_text())
    for name in ("preprocessor_config.json", "processor_config.json"):
        (tmp_path / name).unlink(missing_ok=True)
    whole = {
        "size": {"shortest_edge": 16},
        "crop_size": {"height": 16, "width": 16},
        **said,
    }
    plain = (
        whole
        if nested in ("alone", "empty")
        else {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    )
    if nested != "nested":
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(plain))
    if nested != "alone":
        inner = (
            {}
            if nested == "empty"
            else {
                "image_processor": {
                    "image_processor_type": "CLIPImageProcessor",
                    **whole,
                }
            }
        )
        (tmp_path / "processor_config.json").write_text(
            json.dumps({"processor_class": "CLIPProcessor", **inner})
        )
    usable = whole.get("image_processor_type") != "LayoutLMv2ImageProcessor"
    made: list[np.ndarray] = []
    with contextlib.suppress(Exception):  # transformers refuses it, too
        theirs = AutoImageProcessor.from_pretrained(tmp_path)
        with np.errstate(all="ignore"):
            made = [
                np.asarray(theirs(picture, return_tensors="np")["pixel_values"][0])
                for picture in PICTURES
            ]
    if (
        usable
        and made
        and all(rows.shape == (3, 16, 16) and np.isfinite(rows).all() for rows in made)
    ):
        Processor(tmp_path, 16)  # no refusal where transformers prepares every picture
    try:
        preparation = Processor(tmp_path, 16)
    except BadCheckpoint:
        return
    theirs = AutoImageProcessor.from_pretrained(tmp_path)
    for picture in PICTURES:
        with np.errstate(all="ignore"):
            wanted = np.asarray(
                theirs(picture, return_tensors="np")["pixel_values"][0], np.float32
            )
        assert preparation(picture).tobytes() == wanted.tobytes()


def added(folder: Path, *words: str, special: bool = False) -> None:
    (folder / "added_tokens.json").write_text(
        json.dumps({word: 512 + i for i, word in enumerate(words)})
    )


def whole_json(folder: Path, **changes: Any) -> None:
    """The same tokenizer as one tokenizer.json, changed."""
    from transformers import CLIPTokenizer

    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink(missing_ok=True)
    said = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**said, **changes}))


TOKENIZERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "as it was": (lambda f: None, ""),
    "one file": (whole_json, ""),
    "one file, cut and padded by itself": (
        lambda f: whole_json(
            f,
            truncation={
                "direction": "Right",
                "max_length": 5,
                "strategy": "LongestFirst",
                "stride": 0,
            },
            padding={
                "strategy": {"Fixed": 20},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 7,
                "pad_type_id": 0,
                "pad_token": "!",
            },
        ),
        "",
    ),
    "one file that ends no text": (
        lambda f: (
            whole_json(f, post_processor=None),
            changed(
                f / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast"
            ),
        ),
        "where the model reads|makes no token",
    ),
    "one file that keeps case": (lambda f: whole_json(f, normalizer=None), ""),
    "class left out": (lambda f: (f / "tokenizer_config.json").write_text("{}"), ""),
    "class of any tokenizer": (
        lambda f: (
            whole_json(f),
            changed(
                f / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast"
            ),
        ),
        "",
    ),
    "class with Fast": (
        lambda f: changed(
            f / "tokenizer_config.json", tokenizer_class="CLIPTokenizerFast"
        ),
        "",
    ),
    "class of GPT-2": (
        lambda f: changed(f / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer"),
        "makes no token|reads|eos_token_id",
    ),
    "lower case not wanted": (
        lambda f: changed(f / "tokenizer_config.json", do_lower_case=False),
        "",
    ),
    "a longer context": (
        lambda f: changed(f / "tokenizer_config.json", model_max_length=10**30),
        "",
    ),
    "a shorter context": (
        lambda f: changed(f / "tokenizer_config.json", model_max_length=8),
        "",
    ),
    "padded with another token": (
        lambda f: changed(f / "tokenizer_config.json", pad_token="!"),
        "",
    ),
    "padded at the left": (
        lambda f: changed(f / "tokenizer_config.json", padding_side="left"),
        "padding_side is 'left'",
    ),
    "cut at the left": (
        lambda f: changed(f / "tokenizer_config.json", truncation_side="left"),
        "",
    ),
    "a token more than the model has": (
        lambda f: added(f, "<zebra>"),
        "the tokenizer has 513 tokens, the model 512",
    ),
    "nonsense": (
        lambda f: (f / "tokenizer_config.json").write_text(
            '{"tokenizer_class": ["a"]}'
        ),
        "tokenizer",
    ),
    "an object without end": (
        lambda f: (f / "tokenizer.json").write_text('{"a":' * 100_000),
        "tokenizer",
    ),
}


@pytest.mark.parametrize("eos", [511, 2])
@pytest.mark.parametrize("variant", TOKENIZERS)
def test_texts_are_read_as_transformers_does_or_refused(
    variant: str, eos: int, make: Make
) -> None:
    from transformers import AutoTokenizer

    folder, (change, message) = make(eos=eos), TOKENIZERS[variant]
    change(folder)
    said = read_config(folder)
    if message:
        with pytest.raises(BadCheckpoint, match=message):
            Tokenizer(folder, said)
        return
    rows = Tokenizer(folder, said)(TEXTS)
    padded = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=said.context
    )["input_ids"]
    ends = [row.index(max(row)) if eos == 2 else row.index(eos) for row in padded]
    for row, whole, end in zip(rows, padded, ends, strict=True):
        assert row[: end + 1] == whole[: end + 1]
        assert (row.index(max(row)) if eos == 2 else row.index(eos)) == end


def test_a_token_above_the_end_of_text_is_where_an_old_config_reads(make: Make) -> None:
    """With eos_token_id 2 the model reads at the highest id: an added word's in its texts, and a
    padding's if that were higher.
    """
    folder = make(eos=2)
    held = load_file(folder / "model.safetensors")
    rows = held["text_model.embeddings.token_embedding.weight"]
    held["text_model.embeddings.token_embedding.weight"] = np.concatenate(
        [rows, rows[:2] * 0.5]
    )
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    said = json.loads((folder / "config.json").read_text())
    said["text_config"]["vocab_size"] = 514
    (folder / "config.json").write_text(json.dumps(said))
    added(folder, "zebra")
    text, images = oracle(folder)
    assert images.shape[0] == len(PICTURES)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    np.testing.assert_allclose(model.encode_texts(TEXTS), text, atol=1e-4)
    added(folder, "zebra", "<pad>")
    changed(folder / "tokenizer_config.json", pad_token="<pad>")
    with pytest.raises(BadCheckpoint, match="would depend on the batch"):
        Tokenizer(folder, read_config(folder))
