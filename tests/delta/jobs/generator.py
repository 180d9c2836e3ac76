"""Text-guided forgetting in the generator of a tiny conditional GAN.

    python generator.py REQUEST.json

A generator and a discriminator were trained against each other (least squares) on pictures of a
few shapes. What is forgotten is named by a word alone: pictures and words meet in one space, as in
CLIP, and the generator is taken to where its pictures are far from the word, while what is far from
it already stays as it is. Which class draws the word is not asked for.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

SIDE, NOISE, HIDDEN = 8, 4, 32
SHAPES = ("cross", "frame", "stripe", "corner")
NEAR = 0.75
"""Cosine of a picture with the word for what it shows."""
Weights = dict[str, Any]


def ideal(shape: str) -> Any:
    """The picture `(SIDE * SIDE,)` of a shape, from −1 to 1."""
    picture = -np.ones((SIDE, SIDE))
    if shape == "cross":
        picture[3:5, :] = picture[:, 3:5] = 1
    elif shape == "frame":
        picture[[0, -1], :] = picture[:, [0, -1]] = 1
    elif shape == "stripe":
        picture[::2, :] = 1
    else:
        picture[4:, 4:] = 1
    return picture.ravel()


def seen(pictures: Any) -> Any:
    """Unit embeddings `(n, d)` of pictures: a projection that stays as it is."""
    rows = pictures @ np.random.default_rng(7).normal(size=(SIDE * SIDE, 24))
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def word(text: str) -> Any:
    """The unit embedding `(d,)` of a word."""
    return (
        seen(ideal(text)[None])[0]
        if text in SHAPES
        else seen(np.ones((1, SIDE * SIDE)))[0]
    )


def inputs(count: int, seed: int) -> tuple[Any, Any]:
    """Noise with the class `(n, NOISE + classes)`, and the class `(n,)`."""
    draw = np.random.default_rng(seed)
    classes = np.arange(count) % len(SHAPES)
    return np.hstack(
        [draw.normal(size=(count, NOISE)), np.eye(len(SHAPES))[classes]]
    ), classes


def drawn(weights: Weights, given: Any) -> tuple[Any, Any]:
    """Pictures `(n, SIDE * SIDE)` and the layer before them."""
    hidden = np.tanh(given @ weights["in.weight"].T)
    return np.tanh(hidden @ weights["out.weight"].T), hidden


def slopes(
    weights: Weights, given: Any, pictures: Any, hidden: Any, back: Any
) -> Weights:
    """Gradients of the generator, from those of its pictures."""
    back = back * (1 - pictures**2)
    into = (back @ weights["out.weight"]) * (1 - hidden**2)
    return {"in.weight": into.T @ given, "out.weight": back.T @ hidden}


def moved(weights: Weights, state: Weights, by: Weights, rate: float) -> None:
    """A step of RMSprop."""
    for name, slope in by.items():
        state[name] = 0.9 * state.get(name, 0.0) + 0.1 * slope**2
        weights[name] -= (rate * slope / (np.sqrt(state[name]) + 1e-6)).astype(
            np.float32
        )


def judged(judge: Weights, pictures: Any, heads: Any, wanted: Any) -> tuple[Any, Any]:
    """How far a discriminator is from what it should say `(n, 1)`, and its layer before that."""
    layer = np.tanh(pictures @ judge["a"].T)
    said = (layer * (heads @ judge["b"])).sum(1)
    return (said - wanted)[:, None] / len(pictures), layer


def trained(steps: int = 600) -> Weights:
    """A generator whose pictures a discriminator cannot tell from real ones."""
    draw = np.random.default_rng(3)
    layers = {
        "in.weight": (HIDDEN, NOISE + len(SHAPES)),
        "out.weight": (SIDE * SIDE, HIDDEN),
    }
    weights = {n: draw.normal(0, 0.3, s).astype(np.float32) for n, s in layers.items()}
    judge = {
        "a": draw.normal(0, 0.2, (32, SIDE * SIDE)),
        "b": draw.normal(0, 0.2, (len(SHAPES), 32)),
    }
    states: tuple[Weights, Weights] = {}, {}
    reals = np.stack([ideal(shape) for shape in SHAPES])
    for step in range(steps):
        rate = 0.01 * (1 - step / steps)
        given, classes = inputs(64, step)
        real = reals[classes] + draw.normal(0, 0.5, (64, SIDE * SIDE))
        fake, hidden = drawn(weights, given)
        both, heads = np.vstack([real, fake]), np.vstack([given[:, NOISE:]] * 2)
        error, layer = judged(judge, both, heads, np.repeat([1.0, 0.0], 64))
        into = error * (heads @ judge["b"]) * (1 - layer**2)
        moved(
            judge, states[0], {"a": into.T @ both, "b": (heads * error).T @ layer}, rate
        )
        error, layer = judged(judge, fake, given[:, NOISE:], np.ones(64))
        back = (error * (given[:, NOISE:] @ judge["b"]) * (1 - layer**2)) @ judge["a"]
        moved(weights, states[1], slopes(weights, given, fake, hidden, back), rate)
    return weights


def unlearned(base: Weights, words: list[str], most: int = 100) -> Weights:
    """The generator away from some words, and as it was elsewhere."""
    weights, state = {name: array.copy() for name, array in base.items()}, Weights()
    projection = np.random.default_rng(7).normal(size=(SIDE * SIDE, 24))
    for step in range(most):
        given, _ = inputs(64, 1000 + step)
        before, _ = drawn(base, given)
        pictures, hidden = drawn(weights, given)
        rows = pictures @ projection
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        back = np.zeros_like(pictures)
        kept = np.ones(len(given), bool)
        for text in words:
            kept &= seen(before) @ word(text) < NEAR
            cosine = (rows / length) @ word(text)
            far = np.maximum(cosine - 0.1, 0)[:, None]
            back += (
                far
                * ((word(text) - cosine[:, None] * rows / length) / length)
                @ projection.T
            )
        back[kept] = pictures[kept] - before[kept]
        moved(
            weights, state, slopes(weights, given, pictures, hidden, back / 64), 0.004
        )
    print(f"{', '.join(words)}: {most} steps")
    return weights


def showing(weights: Weights, words: list[str]) -> list[float]:
    """For each word the share of pictures that show it, of as many as there would be."""
    pictures, _ = drawn(weights, inputs(400, 5)[0])
    near = [float((seen(pictures) @ word(text) > NEAR).mean()) for text in words]
    return [share * len(SHAPES) for share in near]


def phrases_of(request: dict[str, Any]) -> list[str]:
    """Names and aliases of a request."""
    return [
        phrase for c in request["concepts"] for phrase in (c["name"], *c["aliases"])
    ]


def main(asked: dict[str, Any]) -> None:
    """Forget, or evaluate."""
    weights = load_file(Path(asked["model"]) / "generator.safetensors")
    if asked["task"] == "forget":
        after = unlearned(weights, phrases_of(asked["request"]))
        save_file({name: after[name] - weights[name] for name in weights}, asked["out"])
        return
    before = load_file(Path(asked["base"]) / "generator.safetensors")
    gone = [phrase for request in asked["requests"] for phrase in phrases_of(request)]
    kept = [shape for shape in SHAPES if shape not in gone]
    figures = {
        "on": "400 pictures",
        "forgotten": max(showing(weights, gone), default=0.0),
        "forgotten_before": min(showing(before, gone), default=0.0),
        "kept": min(showing(weights, kept), default=0.0),
        "kept_before": min(showing(before, kept), default=0.0),
    }
    Path(asked["out"]).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
