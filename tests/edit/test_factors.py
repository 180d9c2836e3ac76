"""An edit applied, folded, written and read."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govd.edit import Edit, load_edit
from govd.errors import BadFile, Usage

draw = np.random.default_rng(0)
L, B = draw.normal(size=(12, 3)), draw.normal(size=(12, 3))


def test_it_does_what_its_formula_says() -> None:
    x = draw.normal(size=(5, 12))
    image, text = Edit(L, B), Edit(L, B, "text")
    assert np.allclose(image.move(x), x - x @ L @ B.T)
    assert np.allclose(text.move(x), x - x @ B @ L.T)
    t = draw.normal(size=(4, 12))
    assert np.allclose(image.move(x) @ t.T, x @ text.move(t).T), (
        "the same scores from either side"
    )
    assert np.allclose(np.linalg.norm(image.apply(x), axis=1), 1)


@given(seed=st.integers(0, 2**32 - 1), side=st.sampled_from(["image", "text"]))
@settings(max_examples=25, deadline=None)
def test_folding_into_weights_is_applying_to_embeddings(seed: int, side: str) -> None:
    random = np.random.default_rng(seed)
    edit = Edit(random.normal(size=(12, 2)) / 4, random.normal(size=(12, 2)) / 4, side)  # type: ignore[arg-type]
    weight, hidden = random.normal(size=(12, 7)), random.normal(size=(20, 7))
    plain = hidden @ weight.T
    stored = (plain / np.linalg.norm(plain, axis=1, keepdims=True)).astype(np.float32)
    folded = hidden @ edit.fold(weight).T
    assert (
        np.abs(
            edit.apply(stored) - folded / np.linalg.norm(folded, axis=1, keepdims=True)
        ).max()
        < 1e-5
    )


def test_round_trip_and_digest(tmp_path: Path) -> None:
    edit = Edit(L, B, "text", {"model": "m", "revision": 3})
    edit.save(tmp_path / "e.safetensors")
    again = load_edit(tmp_path / "e.safetensors")
    assert (again.digest, again.side, dict(again.facts)) == (
        edit.digest,
        "text",
        {"model": "m", "revision": 3},
    )
    assert again.to_bytes() == edit.to_bytes()
    assert Edit(L, B).digest != edit.digest
    assert Edit(L, B, "text").digest == edit.digest, "facts are no part of it"
    other = L.copy()
    other[0, 0] = np.nextafter(other[0, 0], 9)
    assert Edit(other, B, "text").digest != edit.digest
    from safetensors.numpy import load_file

    assert set(load_file(tmp_path / "e.safetensors")) == {"L", "B"}


def test_broken_files_are_told(tmp_path: Path) -> None:
    data = Edit(L, B).to_bytes()
    from govd.edit.files import tensors_to_bytes

    edit = Edit(L, B)
    kept = replace(edit, facts={"edit_digest": edit.digest}).to_bytes()
    (tmp_path / "whole").write_bytes(kept)
    assert load_edit(tmp_path / "whole").digest == edit.digest
    bad = {
        "numbers": kept[:-5] + bytes([kept[-5] ^ 1]) + kept[-4:],
        "cut": data[:-9],
        "header": data[:20],
        "nothing": b"",
        "nan": tensors_to_bytes(
            {"L": np.full((2, 1), np.nan), "B": np.ones((2, 1))},
            {"format": "govd-edit-1", "side": "image"},
        ),
        "shape": tensors_to_bytes(
            {"L": np.ones((2, 2)), "B": np.ones((2, 1))},
            {"format": "govd-edit-1", "side": "image"},
        ),
        "other": tensors_to_bytes({"L": np.ones((2, 2))}, {}),
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadFile, match=name):
            load_edit(tmp_path / name)
    with pytest.raises(BadFile):
        load_edit(tmp_path / "missing")


def test_vectors_that_do_not_fit() -> None:
    with pytest.raises(Usage, match=r"\(n, 12\)"):
        Edit(L, B).apply(np.ones((3, 4)))
    with pytest.raises(Usage, match="not finite"):
        Edit(L, B).apply(np.full((3, 12), np.inf))
    with pytest.raises(Usage, match="side"):
        Edit(L, B, "both")  # type: ignore[arg-type]


def test_loading_an_edit_needs_no_framework(tmp_path: Path) -> None:
    Edit(L, B).save(tmp_path / "e")
    code = (
        "import sys, govd, numpy; e = govd.load_edit(sys.argv[1]); e.apply(numpy.ones((2, 12)));"
        " print([m for m in ('jax', 'torch', 'transformers', 'sqlalchemy', 'fastapi') if m in"
        " sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "e")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert out.stdout.strip() == "[]"
