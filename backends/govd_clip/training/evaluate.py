"""Zero-shot accuracy on the drawings of held-out vendors, prepared exactly as a user's Hugging Face
image processor prepares them.
"""

from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from govd_clip.training import tokens
from govd_clip.training.captions import CANONICAL
from govd_clip.training.model import (
    IMAGE_SIZE,
    MEAN,
    MINI,
    STD,
    Params,
    Shape,
    encode_images,
    encode_texts,
)
from govd_clip.training.names import CLASSES, synonyms
from govd_clip.training.sets import DOMAINS

_images = jax.jit(encode_images, static_argnames="shape")
_texts = jax.jit(encode_texts, static_argnames=("eos", "shape"))


@lru_cache(1)
def resize_matrix(side: int = 64) -> np.ndarray:
    """Pillow's bicubic resize of one axis as a matrix `(48, n)`, read off its answer to unit
    pictures.
    """
    unit = [
        Image.fromarray(np.tile(row, (side, 1)).astype(np.float32), mode="F")
        for row in np.eye(side)
    ]
    return np.stack(
        [
            np.asarray(u.resize((IMAGE_SIZE, side), Image.Resampling.BICUBIC))[0]
            for u in unit
        ],
        axis=1,
    )


def prepare(pictures: np.ndarray) -> np.ndarray:
    """`(N, 64, 64, 3)` uint8 → normalised `(N, 48, 48, 3)`."""
    small = [
        np.asarray(
            Image.fromarray(p).resize(
                (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC
            )
        )
        for p in pictures
    ]
    return ((np.stack(small).astype(np.float32) / 255 - MEAN) / STD).astype(np.float32)


def embed_images(
    params: Params, pictures: np.ndarray, shape: Shape = MINI
) -> np.ndarray:
    """Unit embeddings `(N, d)` of 64 × 64 pictures."""
    out = []
    for at in range(0, len(pictures), 256):
        part = prepare(pictures[at : at + 256])
        filled = np.concatenate(
            [part, np.zeros((256 - len(part), *part.shape[1:]), np.float32)]
        )
        out.append(np.asarray(_images(params, filled, shape=shape))[: len(part)])
    return np.concatenate(out)


class Judge:
    """The held-out drawings, prepared once."""

    def __init__(self, cache: Path, tokenizer, shape: Shape = MINI) -> None:
        icons = np.load(cache / "icons.npz")
        mask = icons["role"] == "evaluation"
        self.tokenizer = tokenizer
        self.shape = shape
        self.pictures = icons["picture"][mask]
        self.domain = icons["domain"][mask]
        self.icon = icons["icon"][mask]
        self.set = icons["set"][mask]
        self.classes = list(CLASSES)
        self.target = np.array(
            [self.classes.index(name) for name in icons["name"][mask].tolist()]
        )

    def texts(self, params: Params, prompts: list[str]) -> np.ndarray:
        """Embeddings `(n, d)` of `prompts`, unit."""
        return np.asarray(
            _texts(
                params,
                jnp.asarray(tokens.ids(self.tokenizer, prompts)),
                eos=self.tokenizer.eos_token_id,
                shape=self.shape,
            )
        )

    def guesses(self, params: Params, template: str, words: list[str]) -> np.ndarray:
        """The class guessed for each drawing `(N,)`; a template with `{domain}` names the drawing's
        own.

        `params`: the model's. `words`: one for each class, put into the template.
        """
        images = embed_images(params, self.pictures, self.shape)
        guess = np.zeros(len(images), np.int64)
        for number, domain in enumerate(DOMAINS):
            texts = self.texts(
                params,
                [
                    template.replace("{domain}", domain).replace("{}", word)
                    for word in words
                ],
            )
            at = self.domain == number
            guess[at] = (images[at] @ texts.T).argmax(1)
        return guess

    def accuracy(
        self, params: Params, template: str = CANONICAL, words: list[str] | None = None
    ) -> dict[str, float]:
        """Share of right guesses per domain."""
        right = self.guesses(params, template, words or self.classes) == self.target
        return {
            domain: float(right[self.domain == number].mean())
            for number, domain in enumerate(DOMAINS)
        }

    def paraphrased(self, params: Params) -> dict[str, float]:
        """Accuracy where every class is named by a synonym instead: the mean over the first and the
        last of each class.
        """
        both = [
            self.accuracy(params, words=[synonyms(name)[pick] for name in self.classes])
            for pick in (0, -1)
        ]
        return {
            domain: float(np.mean([accuracies[domain] for accuracies in both]))
            for domain in DOMAINS
        }

    def confusions(self, params: Params) -> list[tuple[int, str, str]]:
        """(how often, what it is, what was guessed), the most frequent first."""
        guess = self.guesses(params, CANONICAL, self.classes)
        wrong = [
            (self.classes[t], self.classes[g])
            for t, g in zip(self.target, guess, strict=True)
            if t != g
        ]
        return sorted(((wrong.count(pair), *pair) for pair in set(wrong)), reverse=True)

    def line(self, params: Params) -> str:
        accuracy = self.accuracy(params)
        plain = self.accuracy(params, "a {}")
        return " ".join(f"{d}={accuracy[d]:.3f}/{plain[d]:.3f}" for d in DOMAINS)


def load_checkpoint(cache: Path, kind: str = "average") -> Params:
    """The weights of the last checkpoint: `average` is what ships, `raw` what the optimiser
    holds.
    """
    flat = load_file(cache / "checkpoint.safetensors")
    return {
        name.split("/", 1)[1]: jnp.asarray(value)
        for name, value in flat.items()
        if name.startswith(f"{kind}/")
    }


def report(cache: Path) -> str:
    """Accuracy per domain: with the domain named, without, by synonyms; then the most frequent
    confusions.
    """
    judge = Judge(cache, tokens.load(cache / "tokenizer"))
    params = load_checkpoint(cache)
    counts = {
        domain: int((judge.domain == number).sum())
        for number, domain in enumerate(DOMAINS)
    }
    rows = {
        "drawings": {d: f"{n}" for d, n in counts.items()},
        f'"{CANONICAL}"': {d: f"{a:.3f}" for d, a in judge.accuracy(params).items()},
        '"a picture of a {}"': {
            d: f"{a:.3f}"
            for d, a in judge.accuracy(params, "a picture of a {}").items()
        },
        "synonyms": {d: f"{a:.3f}" for d, a in judge.paraphrased(params).items()},
    }
    lines = ["| | " + " | ".join(DOMAINS) + " |", "|---" * (len(DOMAINS) + 1) + "|"]
    lines += [
        f"| {row_name} | " + " | ".join(row[d] for d in DOMAINS) + " |"
        for row_name, row in rows.items()
    ]
    lines += [
        "",
        "Most frequent confusions: "
        + ", ".join(f"{a} for {b} ({n})" for n, b, a in judge.confusions(params)[:12])
        + ".",
    ]
    return "\n".join(lines)
