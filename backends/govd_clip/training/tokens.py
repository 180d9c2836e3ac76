"""A small byte-pair tokenizer in CLIP's manner, learned from the captions and from everyday
words.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from govd_clip.training.model import POSITIONS

SIZE = 5000


def learn(texts: Iterable[str]) -> CLIPTokenizer:
    """A tokenizer of at most SIZE tokens, the two special ones last as in CLIP."""
    raw = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    like = CLIPTokenizer()
    raw.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    raw.pre_tokenizer = like.backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - 2,
        end_of_word_suffix="</w>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    learned = json.loads(raw.to_str())["model"]
    vocabulary = dict(learned["vocab"])
    # Every byte must also be able to end a word, or an unknown letter would be lost.
    for letter in pre_tokenizers.ByteLevel.alphabet():
        vocabulary.setdefault(f"{letter}</w>", len(vocabulary))
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    merges = [tuple(pair) for pair in learned["merges"]]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=POSITIONS)


def save(tokenizer: CLIPTokenizer, folder: Path) -> None:
    tokenizer.save_pretrained(folder)


def load(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


def ids(
    tokenizer: CLIPTokenizer, texts: list[str], length: int = POSITIONS
) -> np.ndarray:
    """Token ids `(B, length)` int32, cut or padded with the end token."""
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=length)
    return np.asarray(encoded["input_ids"], np.int32)
