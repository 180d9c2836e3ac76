"""Training within a budget: of time, so that a busy machine costs steps and not the cooling-down,
or of steps, as on a GPU.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file
from transformers import CLIPTokenizer

from govd_clip.training import tokens
from govd_clip.training.batches import Drawings
from govd_clip.training.captions import (
    DOMAIN_WORDS,
    PLAIN,
    WITH_DOMAIN,
    caption,
    other_words,
)
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

PEAK = 1e-3
WARM_UP_STEPS = 200
DECAY = 0.1
CLIP = 1.0
BETA1 = 0.9
BETA2 = 0.98
AVERAGE = 0.998
ALL_PATCHES_FROM = 0.75  # share of the budget after which no patch is dropped
# a plain classifier over all names beside the contrast; helps learning, is not shipped
HEAD = "name_head"
CHECKPOINT_SECONDS = 120
JUDGE_STEPS = 300


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
    distinct_logits = jnp.where(distinct, logits, -1e9)
    to_text = -(positive * jax.nn.log_softmax(distinct_logits, axis=1)).sum(1).mean()
    has_text = true.sum(0) > 0
    positive = true / jnp.maximum(true.sum(0, keepdims=True), 1)
    by_text = positive * jax.nn.log_softmax(logits, axis=0)
    to_image = -by_text.sum() / has_text.sum()
    guesses = jax.nn.log_softmax(16.0 * images @ params[HEAD].T)
    name_loss = -jnp.take_along_axis(guesses, names[:, None], axis=1).mean()
    return to_text + 0.3 * to_image + 0.5 * name_loss


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
        mean = m / (1 - BETA1 ** (count + 1))
        spread = jnp.sqrt(v / (1 - BETA2 ** (count + 1)))
        update = mean / (spread + 1e-8)
        decay = 0.0
        if p.ndim >= 2 and "embedding.weight" not in name:
            decay = DECAY
        p = p - rate * (update + decay * p)
        averaged = follow * average[name] + (1 - follow) * p
        for into, value in zip(new, (p, m, v, averaged), strict=True):
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
        if self.steps:
            return steps / self.steps
        return used_seconds / (self.minutes * 60)


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
            *(word for synonyms in drawings.alternatives for word in synonyms),
        ]
        emoji_names = cache / "node_modules" / "emojibase-data" / "en" / "compact.json"
        emoji = json.loads(emoji_names.read_text())
        words += [
            word.lower()
            for icon in emoji
            for word in (icon["label"], *icon.get("tags", ()))
        ]
        present = [name for name in CLASSES if name in drawings.vocabulary]
        classes = [
            word
            for name in present
            for word in (name, *drawings.alternatives[drawings.vocabulary.index(name)])
        ]
        domains = (None, 0, 1, 2)
        captions = [caption(word, d, random) for word in classes for d in domains]
        domain_words = [w for words in DOMAIN_WORDS.values() for w in words]
        templates = [*PLAIN, *WITH_DOMAIN, *domain_words]
        texts = words + classes * 20 + captions + templates * 50
        tokens.save(tokens.learn(texts), folder)
    return tokens.load(folder)


@dataclass(frozen=True)
class Start:
    """How a training begins: from random parameters; where `resume`, within the schedule of the
    checkpoint; where `restart`, with a new schedule from its weights (a warm restart).
    """

    seed: int
    resume: bool = False
    restart: bool = False


KINDS = ("raw", "m", "v", "average")


@dataclass
class _State:
    """Parameters, both moments of their slope, their running average, how many steps were taken and
    how many seconds they took.
    """

    params: Params
    first: Params
    second: Params
    average: Params
    count: int = 0
    used: float = 0.0

    @classmethod
    def random(cls, vocabulary: int, names: int, seed: int, shape: Shape) -> "_State":
        params = init(vocabulary, seed, shape)
        width = shape.projection
        head = np.random.default_rng(seed).normal(0, width**-0.5, (names, width))
        params[HEAD] = jnp.asarray(head.astype(np.float32))
        first, second = (
            {name: jnp.zeros_like(p) for name, p in params.items()} for _ in range(2)
        )
        return cls(params, first, second, params)

    @classmethod
    def read(cls, path: Path, restart: bool) -> "_State":
        flat = load_file(path)
        record = json.loads(path.with_suffix(".json").read_text())
        params, first, second, average = (
            {
                name.split("/", 1)[1]: jnp.asarray(value)
                for name, value in flat.items()
                if name.startswith(f"{kind}/")
            }
            for kind in KINDS
        )
        used = 0.0 if restart else record["used_seconds"]
        return cls(params, first, second, average, record["count"], used)

    def save(self, path: Path) -> None:
        trees = (self.params, self.first, self.second, self.average)
        flat = {
            f"{kind}/{name}": np.asarray(value)
            for kind, tree in zip(KINDS, trees, strict=True)
            for name, value in tree.items()
        }
        texts = {"count": str(self.count), "used_seconds": str(self.used)}
        save_file(flat, path.with_suffix(".part"), texts)
        record = {"count": self.count, "used_seconds": self.used}
        path.with_suffix(".json").write_text(json.dumps(record))
        os.replace(path.with_suffix(".part"), path)

    def step(self, compiled, data, rate: float, eos: int, shape: Shape) -> float:
        """Takes one step; returns its loss."""
        trees = self.params, self.first, self.second, self.average
        count = jnp.float32(self.count)
        *trees, loss = compiled(
            *trees, count, jnp.float32(rate), data, eos=eos, shape=shape
        )
        self.params, self.first, self.second, self.average = trees
        self.count += 1
        return float(loss)


def _rate(count: int, share: float) -> float:
    """Warm-up by steps, then half a cosine over the budget."""
    warmth = min(1.0, (count + 1) / WARM_UP_STEPS)
    return PEAK * warmth * 0.5 * (1 + np.cos(np.pi * share))


def train(
    cache: Path,
    budget: Budget,
    start: Start,
    recipe: Recipe = RECIPES["mini"],
    workers: int = 1,
) -> None:
    """Train within `budget`; `checkpoint.safetensors` and `train.log` go to `cache`, of other
    recipes than `mini` to `cache/<name>`.

    Args:
        cache: what the dataset step wrote.
        budget: when the schedule ends.
        start: from where it begins.
        recipe: shape of the model, and the names that it never sees.
        workers: processes of their own that draw the batches.
    """
    icons = np.load(cache / "icons.npz")
    drawn = icons["name"][icons["role"] == "train"].tolist()
    names = sorted({*drawn, *CLASSES} - set(recipe.without))
    alternatives = other_words(names, cache / "node_modules" / "emojibase-data")
    tokenizer = make_tokenizer(cache, Drawings(cache, alternatives, recipe.without))
    into = folder_of(cache, recipe)
    into.mkdir(parents=True, exist_ok=True)
    path = into / "checkpoint.safetensors"
    if start.resume or start.restart:
        state = _State.read(path, start.restart)
    else:
        state = _State.random(len(tokenizer), len(names), start.seed, recipe.shape)
    before = state.count if start.restart else 0
    judge = Judge(cache, tokenizer, recipe.shape)
    log = (into / "train.log").open("a", buffering=1)
    size = sum(p.size for name, p in state.params.items() if name != HEAD)
    log.write(f"names {len(names)} tokens {len(tokenizer)} parameters {size}\n")
    with Feed(
        cache, alternatives, recipe.without, start.seed + state.count, workers
    ) as feed:
        _run(state, feed, budget, before, path, judge, log)
    state.save(path)
    averaged = judge.line(state.average)
    raw = judge.line(state.params)
    log.write(f"done step {state.count} average {averaged} raw {raw}\n")


def _run(
    state: _State,
    feed: Feed,
    budget: Budget,
    before: int,
    path: Path,
    judge: Judge,
    log: TextIO,
) -> None:
    """Steps until the budget is used; `before` steps were taken before its schedule began."""
    compiled = jax.jit(_step, static_argnames=("eos", "shape"))
    eos = judge.tokenizer.eos_token_id
    shape = judge.shape
    saved = time.monotonic()
    losses = []
    while (share := budget.share(state.used, state.count - before)) < 1:
        began = time.monotonic()
        rate = _rate(state.count, share)
        batch, ids = feed.next()
        keep = batch.keep if share < ALL_PATCHES_FROM else None
        true = batch.true.astype(np.float32)
        data = (batch.pictures, keep, ids, batch.names, true, batch.distinct)
        losses.append(state.step(compiled, data, rate, eos, shape))
        at = f"step {state.count} minutes {state.used / 60:.1f}"
        if state.count % 50 == 0:
            log.write(f"{at} loss {np.mean(losses[-50:]):.3f} rate {rate:.2e}\n")
        if state.count % JUDGE_STEPS == 0:
            averaged = judge.line(state.average)
            raw = judge.line(state.params)
            log.write(f"{at} average {averaged} raw {raw}\n")
        now = time.monotonic()
        state.used += now - began
        if now - saved > CHECKPOINT_SECONDS:
            state.save(path)
            saved = now
