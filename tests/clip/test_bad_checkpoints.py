"""Every way in which a checkpoint can be broken has an error that says which file and what to
do.
"""

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from govd.errors import BadCheckpoint
from govd.models.embeddings import Encoder
from govd.models.words import read_apart
from govd.types import ModelReference, silent
from govd_clip.plugin import govd_open_model
from tests.clip.breaking import WEIGHTS, only_bin, say

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 605247071\n"


def tensors(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        held = load_file(folder / WEIGHTS)
        edit(held)
        save_file(held, folder / WEIGHTS)

    return change


def wrapped(prefix: str) -> Callable[[dict[str, Any]], None]:
    """Every tensor's name with a wrapper's before it."""

    def change(held: dict[str, Any]) -> None:
        for name in list(held):
            held[f"{prefix}.{name}"] = held.pop(name)

    return change


def poison(held: dict[str, Any]) -> None:
    held["visual_projection.weight"][0, 0] = np.nan


def cut(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def no_tokenizer(folder: Path) -> None:
    (folder / "merges.txt").unlink()


def lost_shard(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    shards = {"logit_scale": "model-00001-of-00001.safetensors"}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": shards})
    )


def outside(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"logit_scale": "../other.safetensors"}})
    )


def header(text: bytes, data: bytes = b"") -> Callable[[Path], None]:
    """Weights with this header."""
    return lambda folder: (
        (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data)
        and None
    )


def line(**changes: Any) -> Callable[[Path], None]:
    """Weights whose header says something else of `logit_scale`."""

    def change(folder: Path) -> None:
        data = (folder / WEIGHTS).read_bytes()
        length = int.from_bytes(data[:8], "little")
        entries = json.loads(data[8 : 8 + length])
        entries["logit_scale"] |= changes
        text = json.dumps(entries).encode()
        (folder / WEIGHTS).write_bytes(
            len(text).to_bytes(8, "little") + text + data[8 + length :]
        )

    return change


def long_header(folder: Path) -> None:
    with (folder / WEIGHTS).open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(200_000_100)


def pipe(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return change


def loop(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(name)

    return change


ABSURD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a thousand million layers": (
        say(text__num_hidden_layers=10**9),
        "num_hidden_layers is 1,000,000,000",
    ),
    "layers that the weights lack": (
        say(vision__num_hidden_layers=900),
        "num_hidden_layers is 900 in config.json, the weights have 2",
    ),
    "negative layers": (say(text__num_hidden_layers=-1), "config.json"),
    "negative width": (say(vision__hidden_size=-24), "config.json"),
    "a width beyond all": (say(text__hidden_size=2**40), "config.json"),
    "a vocabulary beyond all": (
        say(text__vocab_size=10**15),
        "vocab_size is 1,000,000,000,000,000",
    ),
    "a picture beyond all": (
        say(vision__image_size=10**12),
        "image_size is 1,000,000,000,000",
    ),
    "no patch": (say(vision__patch_size=0), "config.json"),
    "eps not a number": (
        say(text__layer_norm_eps=float("nan")),
        "layer_norm_eps is nan",
    ),
    "eps negative": (say(vision__layer_norm_eps=-1.0), "layer_norm_eps is -1.0"),
    "width a text": (say(text__hidden_size="wide"), "config.json"),
    "a tower that is a list": (say(text_config=[1, 2]), "config.json"),
    "an object without end": (
        lambda f: (f / "config.json").write_text(
            '{"a":' * 100_000 + "1" + "}" * 100_000
        ),
        "cannot be read as JSON",
    ),
    "quantised": (
        say(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        "quantization_config",
    ),
    "weights by another name": (
        say(transformers_weights="other.safetensors"),
        "transformers_weights",
    ),
    "header longer than the format has": (long_header, "header of 200,000,000 bytes"),
    "header beyond the file": (
        lambda f: (f / WEIGHTS).write_bytes(b"\xff" * 64),
        "is truncated",
    ),
    "header without end": (header(b'{"a":' * 50_000), "no safetensors header"),
    "header with a name twice": (
        header(
            b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
            b"0000",
        ),
        "no safetensors header",
    ),
    "header a list": (header(b"[]"), "no safetensors header"),
    "a negative offset": (line(data_offsets=[-4, 0]), "no safetensors header"),
    "an offset of a fraction": (line(data_offsets=[0.0, 4.0]), "no safetensors header"),
    "two tensors in one place": (
        line(data_offsets=[4, 8]),
        "does not begin where the tensor before it ends|is truncated",
    ),
    "a shape beyond all": (line(shape=[2**62, 2**62]), "another size than its shape"),
    "a type that is none": (line(dtype="F8_E4M3"), "logit_scale is F8_E4M3"),
    "a type that is a list": (line(dtype=["F32"]), "no safetensors header"),
    "config a pipe": (pipe("config.json"), "config.json: is not a regular file"),
    "weights a pipe": (pipe(WEIGHTS), "model.safetensors: is not a regular file"),
    "tokenizer a pipe": (
        pipe("tokenizer_config.json"),
        "tokenizer_config.json: is not a regular file",
    ),
    "an index a pipe": (
        lambda f: ((f / WEIGHTS).unlink(), pipe("model.safetensors.index.json")(f)),
        "is not a regular file",
    ),
    "a stray pipe": (
        pipe("added_tokens.json"),
        "added_tokens.json: is not a regular file",
    ),
    "config a link to itself": (loop("config.json"), "config.json"),
    "weights a link to themselves": (
        loop(WEIGHTS),
        "is a link to .*, where nothing is",
    ),
    "an adapter beside": (
        lambda f: (f / "adapter_config.json").write_text("{}"),
        "adapter_config.json lies beside.*merge_and_unload",
    ),
    "weights for TensorFlow": (
        lambda f: (f / WEIGHTS).rename(f / "tf_model.h5"),
        "model.safetensors is missing.*tf_model.h5",
    ),
    "weights of a variant": (
        lambda f: (f / WEIGHTS).rename(f / "model.fp16.safetensors"),
        "is missing.*model.fp16.safetensors",
    ),
    "a shard that can run code": (
        lambda f: (
            (f / WEIGHTS).unlink(),
            (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "pytorch_model.bin"}}'
            ),
        ),
        "no safetensors file",
    ),
}
AT_OPENING: dict[str, tuple[Callable[[Path], object], str]] = {
    "tokenizer missing": (no_tokenizer, "tokenizer is missing.*Copy tokenizer.json"),
    "preparation missing": (
        lambda f: (f / "preprocessor_config.json").unlink(),
        "preprocessor_config.json is missing",
    ),
    "weights missing": (
        lambda f: (f / WEIGHTS).unlink(),
        "model.safetensors is missing",
    ),
    "config missing": (
        lambda f: (f / "config.json").unlink(),
        "config.json is missing",
    ),
    "config cut": (
        lambda f: (f / "config.json").write_text("{"),
        "config.json.*cannot be read as JSON",
    ),
    "config a list": (
        lambda f: (f / "config.json").write_text("[]"),
        "not a JSON object",
    ),
    "weights cut": (cut, "model.safetensors: is truncated"),
    "weights empty": (
        lambda f: (f / WEIGHTS).write_bytes(b""),
        "model.safetensors: is truncated",
    ),
    "weights not safetensors": (
        lambda f: (f / WEIGHTS).write_bytes((9).to_bytes(8, "little") + b"no header"),
        "no safetensors header",
    ),
    "only pytorch_model.bin": (only_bin, "only as pytorch_model.bin.*save_pretrained"),
    "shard missing": (lost_shard, "shard model-00001-of-00001.safetensors is missing"),
    "shard outside": (outside, "names no files of this folder"),
    "shape": (
        say(projection_dim=10),
        "projection.weight has shape .* config.json asks for",
    ),
    "weight missing": (
        tensors(lambda held: held.pop("text_projection.weight")),
        "missing: text_projection.weight",
    ),
    **{
        f"{name} a pointer": (
            lambda f, name=name: (f / name).write_text(POINTER),
            f"{name}: is a Git LFS pointer.*git lfs pull",
        )
        for name in (
            WEIGHTS,
            "config.json",
            "vocab.json",
            "merges.txt",
            "preprocessor_config.json",
        )
    },
    **{
        f"{name} with a byte order mark": (
            lambda f, name=name, encoding=encoding: (f / name).write_text(
                (f / name).read_text(), encoding
            ),
            f"{name}: begins with a byte order mark.*without one",
        )
        for name, encoding in (
            ("config.json", "utf-8-sig"),
            ("preprocessor_config.json", "utf-16"),
            ("tokenizer_config.json", "utf-8-sig"),
        )
    },
    "weights that go on": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes() + b"more"),
        "model.safetensors: has more than its header says",
    ),
    "weights of a wrapper": (
        tensors(wrapped("module")),
        r"begins with module\., as a wrapper",
    ),
    "weights of a compiled wrapper": (
        tensors(wrapped("model._orig_mod")),
        r"begins with model\._orig_mod\., as a wrapper",
    ),
    "weight unused": (
        tensors(lambda held: held.update(extra=np.zeros(1, np.float32))),
        "not used by this config: extra",
    ),
    "fewer layers": (
        say(vision__num_hidden_layers=1),
        "not used by this config: .*13 more",
    ),
    "integers": (
        tensors(lambda held: held.update(logit_scale=np.zeros((), np.int32))),
        "logit_scale is I32",
    ),
    "logit scale": (
        tensors(lambda held: held.update(logit_scale=np.asarray(np.nan, np.float32))),
        "logit_scale is not finite",
    ),
    "scale for its logarithm": (
        tensors(lambda held: held.update(logit_scale=np.asarray(100, np.float32))),
        "logit_scale is 100, whose exponential .* store that",
    ),
    "no width": (say(projection_dim=None), "projection_dim is null, which is no whole"),
    "no end": (say(text__eos_token_id=None), "eos_token_id is null, which is no whole"),
    "no layers": (say(text__num_hidden_layers=0), "num_hidden_layers 0"),
    "activation": (say(text__hidden_act="relu"), "hidden_act is 'relu'"),
    "heads": (say(vision__num_attention_heads=7), "heads"),
    "not square": (say(vision__image_size=[16, 24]), "not square"),
    "channels": (say(vision__num_channels=1), "num_channels is 1"),
    "tokenizer cut": (
        lambda f: (f / "vocab.json").write_text("{"),
        "tokenizer does not load",
    ),
    "tokenizer's settings cut": (
        lambda f: (f / "tokenizer_config.json").write_text('{"model_max_length": 77,'),
        "tokenizer_config.json: cannot be read as JSON",
    ),
    "eos of another tokenizer": (
        say(text__eos_token_id=7),
        "eos_token_id is 7 in config.json, 511 in the tokenizer",
    ),
    "preparation of another size": (
        lambda f: (f / "preprocessor_config.json").write_text(
            '{"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}'
        ),
        "makes pictures of .24, 24., the model takes 16",
    ),
    "preparation cut": (
        lambda f: (f / "preprocessor_config.json").write_text("{"),
        "preprocessor_config.json does not load",
    ),
}
AT_USE: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero": (
        tensors(lambda held: held["visual_projection.weight"].fill(0)),
        "its embeddings are zero in float32",
    ),
    "not finite": (
        tensors(poison),
        "visual_projection.weight has values that are not finite",
    ),
}


@pytest.mark.parametrize("fault", AT_OPENING)
def test_refused_at_opening(fault: str, folder: Path) -> None:
    breaks, message = AT_OPENING[fault]
    breaks(folder)
    with pytest.raises(BadCheckpoint, match=message) as raised:
        govd_open_model(ModelReference(str(folder)))
    assert raised.value.advice
    assert str(folder) in raised.value.where


@pytest.mark.parametrize("fault", ABSURD)
def test_what_is_absurd_is_refused_in_little_time_and_memory(
    fault: str, folder: Path
) -> None:
    breaks, message = ABSURD[fault]
    breaks(folder)
    started, before = (
        time.monotonic(),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    )
    with pytest.raises(BadCheckpoint, match=message) as raised:
        govd_open_model(ModelReference(str(folder)))
    assert raised.value.advice
    assert str(folder) in raised.value.where
    assert time.monotonic() - started < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


@pytest.mark.parametrize("fault", AT_USE)
def test_refused_at_first_use(fault: str, folder: Path) -> None:
    breaks, message = AT_USE[fault]
    breaks(folder)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    with pytest.raises(BadCheckpoint, match=message) as raised:
        (
            model.encode_texts(["a"]),
            model.encode_images([np.zeros((9, 9, 3), np.uint8)]),
        )
    assert raised.value.advice


def test_a_model_that_reads_every_text_alike_is_damaged(folder: Path) -> None:
    """Not its tokenizer, which cuts nothing."""

    def emptied(held: dict[str, Any]) -> None:
        for name in held:
            if name.startswith(("text_model.encoder", "text_model.embeddings")):
                held[name] = np.zeros_like(held[name])

    tensors(emptied)(folder)
    model = govd_open_model(ModelReference(str(folder)))
    assert model is not None
    with pytest.raises(BadCheckpoint, match="the same vector of every text"):
        read_apart(Encoder(model), ["dog", "cat"], [1, 2], ["{}"], None, silent)
