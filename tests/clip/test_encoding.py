"""Batches, padding, unreadable pictures, what is compiled when, and prototypes."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from govd.errors import UnreadableImage, Usage
from govd.types import ModelReference
from govd_clip import encode, prototypes
from govd_clip.plugin import ClipModel, govd_open_model

PICTURES = list(np.random.default_rng(5).integers(0, 256, (37, 16, 24, 3), np.uint8))


@pytest.fixture(scope="module")
def model(tiny: Path) -> ClipModel:
    opened = govd_open_model(ModelReference(str(tiny)))
    assert isinstance(opened, ClipModel)
    return opened


def test_a_byte_order_mark_is_no_letter(model: ClipModel) -> None:
    marked, plain = (
        model.encode_texts(["\ufeffa dog", "a \ufeffdog"]),
        model.encode_texts(["a dog"]),
    )
    np.testing.assert_array_equal(marked, np.repeat(plain, 2, 0))


def test_embeddings_do_not_depend_on_what_is_beside_them(model: ClipModel) -> None:
    texts = [("a cat " * (i % 9)).strip() for i in range(70)]
    together, seen = model.encode_texts(texts), list[tuple[str, int, int]]()
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for i in (0, 8, 69):
        np.testing.assert_allclose(
            model.encode_texts([texts[i]])[0], together[i], atol=1e-6
        )
    rows = model.encode_images(PICTURES, lambda *step: seen.append(step))
    assert seen == [("pictures", done, 37) for done in (0, 32, 32, 37)]
    for i in (0, 31, 36):
        np.testing.assert_allclose(
            model.encode_images([PICTURES[i]])[0], rows[i], atol=1e-6
        )
    assert model.encode_texts([]).shape == model.encode_images([]).shape == (0, 12)


def test_nothing_is_compiled_twice(model: ClipModel) -> None:
    def use(n: int) -> None:
        model.encode_texts(["a"] * n + ["do " * 40])
        model.encode_images(PICTURES[:n])
        model.synthesise(["a"] * min(n, 5), seed=n, steps=n)

    use(2)
    functions = (encode._texts, encode._images, prototypes._climb, prototypes._begin)
    before = [f._cache_size() for f in functions]
    use(4)
    use(3)
    assert [f._cache_size() for f in functions] == before


def test_a_picture_that_cannot_be_read_is_named(
    model: ClipModel, tmp_path: Path
) -> None:
    good, bad, cut = tmp_path / "good.png", tmp_path / "bad.png", tmp_path / "cut.png"
    Image.fromarray(PICTURES[0]).save(good)
    bad.write_text("no picture")
    cut.write_bytes(good.read_bytes()[:300])
    assert (
        model.encode_images([good]).tobytes()
        == model.encode_images(PICTURES[:1]).tobytes()
    )
    for path in (bad, cut, tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableImage) as raised:
            model.encode_images([good, path, good])
        assert raised.value.details["path"] == str(path)
    for array in (
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ):
        with pytest.raises(Usage, match="uint8"):
            model.encode_images([array])


def test_pictures_are_turned_as_their_exif_says(
    model: ClipModel, tmp_path: Path
) -> None:
    turned = Image.fromarray(PICTURES[0])
    exif = Image.Exif()
    exif[0x0112] = 3
    turned.save(tmp_path / "turned.png", exif=exif)
    upright = np.ascontiguousarray(PICTURES[0][::-1, ::-1])
    assert (
        model.encode_images([tmp_path / "turned.png"]).tobytes()
        == model.encode_images([upright]).tobytes()
    )


def test_prototypes_climb_towards_their_prompts(model: ClipModel) -> None:
    prompts, seen = ["a cat", "the red dog", "do", "re", "a dog at"], list[int]()
    made = model.synthesise(
        prompts, seed=1, steps=60, progress=lambda what, done, total: seen.append(done)
    )
    goals = model.encode_texts(prompts)
    start = model.synthesise(prompts, seed=1, steps=1)
    near, far = (np.sum(p.embeddings * goals, axis=1) for p in (made, start))
    # random weights leave little to climb; the model that ships is asked for more
    assert (near > far).all(), (
        near,
        far,
    )
    assert made.prompts == tuple(prompts)
    assert made.pictures.shape == (5, 16, 16, 3)
    assert made.pictures.dtype == np.uint8
    assert seen == [80, 160, 240, 260, 280, 300]
    assert (
        made.embeddings.tobytes() == model.encode_images(list(made.pictures)).tobytes()
    )


def test_prototypes_are_seeded_and_each_its_own(model: ClipModel) -> None:
    one = model.synthesise(["a cat", "do"], seed=4, steps=5)
    assert (
        one.pictures.tobytes()
        == model.synthesise(["a cat", "do"], seed=4, steps=5).pictures.tobytes()
    )
    assert (
        one.pictures.tobytes()
        != model.synthesise(["a cat", "do"], seed=5, steps=5).pictures.tobytes()
    )
    alone = model.synthesise(["do"], seed=4, steps=5).pictures[0].astype(int)
    assert np.abs(alone - one.pictures[1]).max() <= 2
    assert model.synthesise([], seed=0).pictures.shape == (0, 16, 16, 3)
    with pytest.raises(Usage, match="steps is 0"):
        model.synthesise(["a"], seed=0, steps=0)


def test_the_plugin_alone_does_not_import_jax_and_opening_not_torch(
    tiny: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from govd_clip import plugin; from govd.types import ModelReference as R\n"
        "assert 'jax' not in sys.modules\n"
        "m = plugin.govd_open_model(R(sys.argv[1])); assert 'model' not in vars(m._encoder)\n"
        "import jax; print(jax.config.jax_compilation_cache_dir)"
    )
    said = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")} | {
        "XDG_CACHE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny)],
        env=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("jax")
    assert str(tmp_path) in done.stdout


def test_what_is_loaded_is_loaded_once_however_many_ask(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`functools.cached_property` has no lock since Python 3.12."""
    model = govd_open_model(ModelReference(str(tiny)))
    assert isinstance(model, ClipModel)
    encoder, real, loads = model._encoder, encode.load, list[int]()

    def slow(*given: Any) -> Any:
        loads.append(1)
        time.sleep(0.3)
        return real(*given)

    monkeypatch.setattr(encode, "load", slow)
    with ThreadPoolExecutor(6) as pool:
        for name in ("model", "tokenizer", "preparation"):
            assert (
                len(
                    {
                        id(found)
                        for found in pool.map(
                            lambda _, name=name: getattr(encoder, name), range(6)
                        )
                    }
                )
                == 1
            )
    assert len(loads) == 1


def test_a_picture_that_a_processor_makes_nothing_of_is_refused(folder: Path) -> None:
    """Scaled so that its longer side fits, a very narrow picture has no pixel in width."""
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    side = settings["crop_size"]["height"]
    settings["size"] = {"max_height": side, "max_width": side}
    path.write_text(json.dumps(settings))
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    with pytest.raises(UnreadableImage, match=r"is 200 × 2 pixels.*makes nothing"):
        model.encode_images([np.zeros((2, 200, 3), np.uint8)])
