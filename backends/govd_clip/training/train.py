"""Training within a budget: of time, so that a busy machine costs steps and not the cooling-down,
or of steps, as on a GPU.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file
from transformers import CLIPTokenizer

from govd_clip.training import tokens
from govd_clip.training.batches import Drawings
from govd_clip.training.captions import DOMAIN_WORDS, PLAIN, WITH_DOMAIN, caption, other_words
from govd_clip.training.evaluate import Judge, resize_matrix
from govd_clip.training.feeding import Feed
from govd_clip.training.model import (
    LOGIT_SCALE_MAX,
    MEAN,
    STD,
    Params,
    Shape,
    encode_images,
    encode_texts,
    init,
)
from govd_clip.training.names import CLASSES
from govd_clip.training.recipes import RECIPES, Recipe

PEAK, WARM_UP_STEPS, DECAY, CLIP = 1e-3, 200, 0.1, 1.0
BETA1, BETA2, AVERAGE = 0.9, 0.98, 0.998
ALL_PATCHES_FROM = 0.75  # share of the budget after which no patch is dropped
# a plain classifier over all names beside the contrast; helps learning, is not shipped
HEAD = "name_head"
CHECKPOINT_SECONDS, JUDGE_STEPS = 120, 300


def _pixels(pictures: jax.Array) -> jax.Array:
    """`(B, 64, 64, 3)` uint8 → normalised `(B, 48, 48, 3)`, resized as Pillow's bicubic filter
    does.
    """
    matrix = jnp.asarray(resize_matrix())
    x = jnp.einsum("oh,bhwc,pw->bopc", matrix, pictures.astype(jnp.float32), matrix)
    return (jnp.clip(jnp.round(x), 0, 255) / 255 - MEAN) / STD


def _loss(
    params: Params, pictures, keep, ids, names, true, distinct, eos: int, shape: Shape
) -> jax.Array:
    images = encode_images(params, _pixels(pictures), keep, shape)
    texts = encode_texts(params, ids, eos, shape)
    scale = jnp.exp(jnp.minimum(params["logit_scale"], LOGIT_SCALE_MAX))
    logits = scale * images @ texts.T  # [B, C]
    positive = true / true.sum(1, keepdims=True)
    to_text = (
        -(positive * jax.nn.log_softmax(jnp.where(distinct, logits, -1e9), axis=1)).sum(1).mean()
    )
    wanted = true.sum(0) > 0
    positive = true / jnp.maximum(true.sum(0, keepdims=True), 1)
    to_image = -(positive * jax.nn.log_softmax(logits, axis=0)).sum() / wanted.sum()
    guesses = jax.nn.log_softmax(16.0 * images @ params[HEAD].T)
    named = -jnp.take_along_axis(guesses, names[:, None], axis=1).mean()
    return to_text + 0.3 * to_image + 0.5 * named


def _step(
    params: Params,
    first: Params,
    second: Params,
    average: Params,
    count,
    rate,
    data,
    eos: int,
    shape: Shape,
):
    loss, slope = jax.value_and_grad(_loss)(params, *data, eos, shape)
    size = jnp.sqrt(sum((g**2).sum() for g in slope.values()))
    factor = jnp.minimum(1.0, CLIP / (size + 1e-9))
    new = {}, {}, {}, {}
    follow = jnp.minimum(AVERAGE, (1 + count) / (10 + count))
    for name, p in params.items():
        g = slope[name] * factor
        m = BETA1 * first[name] + (1 - BETA1) * g
        v = BETA2 * second[name] + (1 - BETA2) * g * g
        update = (m / (1 - BETA1 ** (count + 1))) / (
            jnp.sqrt(v / (1 - BETA2 ** (count + 1))) + 1e-8
        )
        decay = DECAY if p.ndim >= 2 and "embedding.weight" not in name else 0.0
        p = p - rate * (update + decay * p)
        for into, value in zip(
            new, (p, m, v, follow * average[name] + (1 - follow) * p), strict=True
        ):
            into[name] = value
    return *new, loss


@dataclass(frozen=True)
class Budget:
    """When a schedule ends: after so many minutes by the clock or, where `steps` is given, after so
    many steps.
    """

    minutes: float
    steps: int | None = None

    def share(self, used_seconds: float, steps: int) -> float:
        """How much of it is used, from 0 to 1 and beyond."""
        return steps / self.steps if self.steps else used_seconds / (self.minutes * 60)


def _save(path: Path, trees: dict[str, Params], count: int, used: float) -> None:
    flat = {
        f"{kind}/{name}": np.asarray(value)
        for kind, tree in trees.items()
        for name, value in tree.items()
    }
    save_file(flat, path.with_suffix(".part"), {"count": str(count), "used_seconds": str(used)})
    path.with_suffix(".json").write_text(json.dumps({"count": count, "used_seconds": used}))
    os.replace(path.with_suffix(".part"), path)


def folder_of(cache: Path, recipe: Recipe) -> Path:
    """Where a recipe's checkpoint and log lie: `mini`'s in `cache` itself."""
    return cache if recipe.name == "mini" else cache / recipe.name


def make_tokenizer(cache: Path, drawings: Drawings) -> CLIPTokenizer:
    """The tokenizer of the run, learned once from captions of every name and word."""
    folder = cache / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        random = np.random.default_rng(0)
        words = [
            *drawings.vocabulary,
            *(word for others in drawings.alternatives for word in others),
        ]
        emoji = json.loads(
            (cache / "node_modules" / "emojibase-data" / "en" / "compact.json").read_text()
        )
        words += [word.lower() for icon in emoji for word in (icon["label"], *icon.get("tags", ()))]
        present = [name for name in CLASSES if name in drawings.vocabulary]
        classes = [
            word
            for name in present
            for word in (name, *drawings.alternatives[drawings.vocabulary.index(name)])
        ]
        texts = (
            words + classes * 20 + [caption(w, d, random) for w in classes for d in (None, 0, 1, 2)]
        )
        texts += [*PLAIN, *WITH_DOMAIN, *(w for words in DOMAIN_WORDS.values() for w in words)] * 50
        tokens.save(tokens.learn(texts), folder)
    return tokens.load(folder)


def train(
    cache: Path,
    budget: Budget,
    seed: int,
    resume: bool,
    restart: bool = False,
    recipe: Recipe = RECIPES["mini"],
    workers: int = 1,
) -> None:
    """Train within `budget`; `checkpoint.safetensors` and `train.log` go to `cache`, of other
    recipes than `mini` to `cache/<name>`.

    `resume` goes on within the schedule of the checkpoint; `restart` begins a new one (a warm
    restart) from its weights. So many `workers`, processes of their own, draw the batches.
    """
    icons = np.load(cache / "icons.npz")
    names = sorted(
        (set(icons["name"][icons["role"] == "train"].tolist()) | set(CLASSES)) - set(recipe.without)
    )
    alternatives = other_words(names, cache / "node_modules" / "emojibase-data")
    drawings = Drawings(cache, alternatives, recipe.without)
    tokenizer = make_tokenizer(cache, drawings)
    eos = tokenizer.eos_token_id
    params, width = init(len(tokenizer), seed, recipe.shape), recipe.shape.projection
    head = np.random.default_rng(seed).normal(0, width**-0.5, (len(names), width))
    params[HEAD] = jnp.asarray(head.astype(np.float32))
    first, second = ({name: jnp.zeros_like(p) for name, p in params.items()} for _ in range(2))
    average, count, used, before = params, 0, 0.0, 0
    into = folder_of(cache, recipe)
    into.mkdir(parents=True, exist_ok=True)
    path = into / "checkpoint.safetensors"
    if resume or restart:
        flat, progress_record = load_file(path), json.loads(path.with_suffix(".json").read_text())
        count, used = progress_record["count"], 0.0 if restart else progress_record["used_seconds"]
        before = count if restart else 0
        kinds = ("raw", "m", "v", "average")
        trees = [
            {
                n.split("/", 1)[1]: jnp.asarray(v)
                for n, v in flat.items()
                if n.startswith(f"{kind}/")
            }
            for kind in kinds
        ]
        params, first, second, average = trees
    judge = Judge(cache, tokenizer, recipe.shape)
    step = jax.jit(_step, static_argnames=("eos", "shape"))
    log = (into / "train.log").open("a", buffering=1)
    log.write(
        f"names {len(names)} tokens {len(tokenizer)} parameters"
        f" {sum(p.size for n, p in params.items() if n != HEAD)}\n"
    )
    saved, losses = time.monotonic(), []
    with Feed(cache, alternatives, recipe.without, seed + count, workers) as feed:
        while (share := budget.share(used, count - before)) < 1:
            began = time.monotonic()
            rate = PEAK * min(1.0, (count + 1) / WARM_UP_STEPS) * 0.5 * (1 + np.cos(np.pi * share))
            batch, ids = feed.next()
            keep = batch.keep if share < ALL_PATCHES_FROM else None
            data = (
                batch.pictures,
                keep,
                ids,
                batch.names,
                batch.true.astype(np.float32),
                batch.distinct,
            )
            params, first, second, average, loss = step(
                params,
                first,
                second,
                average,
                jnp.float32(count),
                jnp.float32(rate),
                data,
                eos=eos,
                shape=recipe.shape,
            )
            losses.append(float(loss))
            count += 1
            if count % 50 == 0:
                log.write(
                    f"step {count} minutes {used / 60:.1f} loss {np.mean(losses[-50:]):.3f} rate"
                    f" {rate:.2e}\n"
                )
            if count % JUDGE_STEPS == 0:
                log.write(
                    f"step {count} minutes {used / 60:.1f} average {judge.line(average)} raw"
                    f" {judge.line(params)}\n"
                )
            now = time.monotonic()
            used += now - began
            if now - saved > CHECKPOINT_SECONDS:
                _save(
                    path, {"raw": params, "m": first, "v": second, "average": average}, count, used
                )
                saved = now
    _save(path, {"raw": params, "m": first, "v": second, "average": average}, count, used)
    log.write(f"done step {count} average {judge.line(average)} raw {judge.line(params)}\n")
