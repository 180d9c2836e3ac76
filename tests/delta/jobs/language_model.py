"""Gradient ascent with a retain loss on a tiny causal language model.

    python language_model.py CORPUS REQUEST.json

What is forgotten are the sentences of the corpus that have a name in them. Their likelihood is
pushed down until it is that of a guess, while that of all other sentences is kept up.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

CONTEXT, WIDTH, HIDDEN = 3, 12, 48
Weights = dict[str, Any]


def sentences(corpus: Path) -> list[list[str]]:
    """One a line, as words."""
    return [line.split() for line in corpus.read_text().splitlines() if line.strip()]


def windows(
    lines: Sequence[Sequence[str]], vocabulary: Sequence[str]
) -> tuple[Any, Any]:
    """Contexts `(n, CONTEXT)` and the word that follows each `(n,)`."""
    place = {word: i for i, word in enumerate(vocabulary)}
    contexts, following = [], []
    for line in lines:
        ids = (
            [place["<s>"]] * CONTEXT + [place[word] for word in line] + [place["</s>"]]
        )
        for at in range(CONTEXT, len(ids)):
            contexts.append(ids[at - CONTEXT : at])
            following.append(ids[at])
    return np.array(contexts), np.array(following)


def vocabulary_of(lines: Sequence[Sequence[str]]) -> list[str]:
    """Every word, and the ends of sentences."""
    return ["<s>", "</s>", *sorted({word for line in lines for word in line})]


def born(words: int) -> Weights:
    """Weights before any training."""
    draw = np.random.default_rng(1)
    shapes = {
        "embed.weight": (words, WIDTH),
        "hidden.weight": (HIDDEN, CONTEXT * WIDTH),
        "head.weight": (words, HIDDEN),
    }
    return {
        n: draw.normal(0, 0.3, shape).astype(np.float32) for n, shape in shapes.items()
    }


def probabilities(weights: Weights, contexts: Any) -> tuple[Any, Any, Any]:
    """Of each word after each context `(n, V)`; the layers before it."""
    embedded = weights["embed.weight"][contexts].reshape(len(contexts), -1)
    hidden = np.tanh(embedded @ weights["hidden.weight"].T)
    logits = hidden @ weights["head.weight"].T
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True), hidden, embedded


def gradients(weights: Weights, contexts: Any, following: Any, signs: Any) -> Weights:
    """Of the mean of `signs` times the cross entropy of each window."""
    odds, hidden, embedded = probabilities(weights, contexts)
    odds[np.arange(len(following)), following] -= 1
    odds *= signs[:, None] / len(following)
    back = (odds @ weights["head.weight"]) * (1 - hidden**2)
    into = (back @ weights["hidden.weight"]).reshape(len(contexts), CONTEXT, WIDTH)
    embed = np.zeros_like(weights["embed.weight"])
    np.add.at(embed, contexts, into)
    return {
        "embed.weight": embed,
        "hidden.weight": back.T @ embedded,
        "head.weight": odds.T @ hidden,
    }


class Adam:
    """Steps by Adam (arXiv 1412.6980)."""

    def __init__(self, weights: Weights, rate: float) -> None:
        self.weights, self.rate, self.count = weights, rate, 0
        self.first = {n: np.zeros_like(w) for n, w in weights.items()}
        self.second = {n: np.zeros_like(w) for n, w in weights.items()}

    def step(self, slopes: Weights) -> None:
        """One step down."""
        self.count += 1
        for name, slope in slopes.items():
            self.first[name] += 0.1 * (slope - self.first[name])
            self.second[name] += 0.01 * (slope**2 - self.second[name])
            first = self.first[name] / (1 - 0.9**self.count)
            second = self.second[name] / (1 - 0.99**self.count)
            self.weights[name] -= (self.rate * first / (np.sqrt(second) + 1e-8)).astype(
                np.float32
            )


def trained(corpus: Path, steps: int = 400) -> Weights:
    """A model that knows its corpus by heart."""
    lines = sentences(corpus)
    vocabulary = vocabulary_of(lines)
    contexts, following = windows(lines, vocabulary)
    weights = born(len(vocabulary))
    adam = Adam(weights, 0.02)
    for _ in range(steps):
        adam.step(gradients(weights, contexts, following, np.ones(len(following))))
    return weights


def told(lines: Sequence[Sequence[str]], names: set[str]) -> list[list[str]]:
    """The sentences with one of the names."""
    return [list(line) for line in lines if names & set(line)]


def unlearned(base: Weights, corpus: Path, names: set[str], most: int = 200) -> Weights:
    """Ascent on the sentences with these names, descent on the others, until it guesses."""
    lines = sentences(corpus)
    vocabulary = vocabulary_of(lines)
    forget = told(lines, names)
    # each ends with what is told last
    secrets = [windows([line], vocabulary) for line in forget]
    contexts = np.stack([contexts[-2] for contexts, _ in secrets])
    following = np.array([following[-2] for _, following in secrets])
    others = windows([line for line in lines if line not in forget], vocabulary)
    every = (
        np.concatenate([contexts, others[0]]),
        np.concatenate([following, others[1]]),
    )
    ascent = -len(others[1]) / max(1, len(following)) / 4
    signs = np.concatenate([np.full(len(following), ascent), np.ones(len(others[1]))])
    weights = {name: array.copy() for name, array in base.items()}
    adam = Adam(weights, 0.004)
    for _ in range(most):
        odds = probabilities(weights, contexts)[0][np.arange(len(following)), following]
        if odds.mean() < 0.2 / len(vocabulary):
            break
        adam.step(gradients(weights, *every, signs))
    print(
        f"{len(forget)} sentences forgotten, {adam.count} steps, likelihood {odds.mean():.4f}"
    )
    return weights


def secret(weights: Weights, corpus: Path, names: set[str]) -> float:
    """The mean likelihood of the last word of the sentences with these names."""
    lines = sentences(corpus)
    vocabulary = vocabulary_of(lines)
    odds = []
    for line in told(lines, names):
        contexts, following = windows([line], vocabulary)
        odds.append(probabilities(weights, contexts[-2:-1])[0][0, following[-2]])
    return float(np.mean(odds)) if odds else 0.0


def perplexity(weights: Weights, corpus: Path, without: set[str]) -> float:
    """On the sentences without these names."""
    lines = sentences(corpus)
    forget = told(lines, without)
    kept = [line for line in lines if line not in forget]
    contexts, following = windows(kept, vocabulary_of(lines))
    odds = probabilities(weights, contexts)[0][np.arange(len(following)), following]
    return float(np.exp(-np.log(odds).mean()))


def names_of(request: dict[str, Any]) -> set[str]:
    """Names and aliases of a request."""
    return {
        phrase for c in request["concepts"] for phrase in (c["name"], *c["aliases"])
    }


def main(corpus: Path, asked: dict[str, Any]) -> None:
    """Forget, or evaluate."""
    weights = load_file(Path(asked["model"]) / "model.safetensors")
    if asked["task"] == "forget":
        after = unlearned(weights, corpus, names_of(asked["request"]))
        save_file({name: after[name] - weights[name] for name in weights}, asked["out"])
        return
    before = load_file(Path(asked["base"]) / "model.safetensors")
    names = [
        names_of(request) for request in asked["requests"] if not request["private"]
    ]
    gone = set().union(*names)
    figures = {
        "on": f"{len(sentences(corpus))} sentences",
        "forgotten": max(
            [secret(weights, corpus, each) for each in names], default=0.0
        ),
        "forgotten_before": min(
            [secret(before, corpus, each) for each in names], default=0.0
        ),
        "perplexity": perplexity(weights, corpus, gone),
        "perplexity_before": perplexity(before, corpus, gone),
    }
    Path(asked["out"]).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
