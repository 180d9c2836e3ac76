"""A model beside `mini`, kept as its embeddings alone: float16, in the layout of models that are
only vectors.
"""

from pathlib import Path

import numpy as np

from govd.edit.attacks import UNSEEN
from govd.models.phrases import default_vocabulary
from govd_clip.training import tokens
from govd_clip.training.evaluate import Judge, embed_images, load_checkpoint
from govd_clip.training.names import CLASSES, synonyms
from govd_clip.training.package import TEMPLATES
from govd_clip.training.recipes import Recipe
from govd_clip.training.sets import DOMAINS
from govd_clip.training.train import folder_of


def write(cache: Path, recipe: Recipe, folder: Path) -> str:
    """Write `<recipe>.npz`, the model, and `<recipe>-evaluation.npz`, its labelled drawings.
    Returns a line of accuracies.

    Args:
        cache: what the steps before wrote: pictures, tokenizer, the recipe's checkpoint.
        recipe: the model beside `mini`.
        folder: where both files go.

    The model: `text_names`, `text_vectors` (n, d), the mean of the templates, unit: labels,
    synonyms, then the general vocabulary; `labels`, how many of them are the label set;
    `prompt_names` (`template|name`), `prompt_vectors` of the labels; `domain_names`,
    `domain_vectors` (S, n, d), every label in every domain; `unseen_names`, `unseen_vectors`, the
    labels in prompts that nobody registers; `image_vectors`, the pool. The evaluation:
    `image_vectors`, `labels`, `domains`, and `files`, where each drawing lies in `mini/images`.
    """
    judge = Judge(cache, tokens.load(cache / "tokenizer"), recipe.shape)
    params = load_checkpoint(folder_of(cache, recipe))
    icons = np.load(cache / "icons.npz")
    folder.mkdir(parents=True, exist_ok=True)
    pool = icons["picture"][icons["role"] == "pool"]
    np.savez_compressed(
        folder / f"{recipe.name}.npz",
        **_texts(judge, params),
        image_vectors=_half(embed_images(params, pool, recipe.shape)),
    )
    places = zip(judge.domain, judge.target, judge.set, judge.icon, strict=True)
    np.savez_compressed(
        folder / f"{recipe.name}-evaluation.npz",
        image_vectors=_half(embed_images(params, judge.pictures, recipe.shape)),
        labels=np.array([judge.classes[i] for i in judge.target]),
        domains=np.array([DOMAINS[i] for i in judge.domain]),
        files=np.array(
            [f"{DOMAINS[d]}/{judge.classes[t]}/{s}-{i}.png" for d, t, s, i in places]
        ),
    )
    return judge.line(params)


def _texts(judge: Judge, params) -> dict[str, np.ndarray]:
    """The arrays of names and their embeddings, as `write` describes them."""
    other_words = [word for name in CLASSES for word in synonyms(name)]
    names = list(dict.fromkeys([*CLASSES, *other_words, *default_vocabulary()]))
    of_prompt = {
        t: _in_parts(judge, params, [t.replace("{}", name) for name in names])
        for t in TEMPLATES
    }
    mean = np.mean(list(of_prompt.values()), axis=0)
    in_domain = [
        judge.texts(params, [f"a {domain} of a {name}" for name in CLASSES])
        for domain in DOMAINS
    ]
    of_labels = [of_prompt[t][: len(CLASSES)] for t in TEMPLATES]
    unseen = [
        _in_parts(judge, params, [t.replace("{}", n) for n in CLASSES]) for t in UNSEEN
    ]
    return {
        "text_names": np.array(names),
        "text_vectors": _half(mean / np.linalg.norm(mean, axis=1, keepdims=True)),
        "labels": np.array(len(CLASSES)),
        "prompt_names": np.array(
            [f"{t}|{name}" for t in TEMPLATES for name in CLASSES]
        ),
        "prompt_vectors": _half(np.concatenate(of_labels)),
        "domain_names": np.array(DOMAINS),
        "domain_vectors": _half(np.stack(in_domain)),
        "unseen_names": np.array([f"{t}|{name}" for t in UNSEEN for name in CLASSES]),
        "unseen_vectors": _half(np.concatenate(unseen)),
    }


def _half(vectors) -> np.ndarray:
    """The same in float16, in which they ship."""
    return np.asarray(vectors).astype(np.float16)


def _in_parts(judge: Judge, params, prompts: list[str]) -> np.ndarray:
    parts = [
        judge.texts(params, prompts[at : at + 512])
        for at in range(0, len(prompts), 512)
    ]
    return np.concatenate(parts)
