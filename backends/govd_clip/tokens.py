"""Texts as a checkpoint reads them: by the tokenizer that transformers would open beside it, and at
the token where its model reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from govd.errors import BadCheckpoint
from govd_clip.config import LEGACY_EOS, Config
from govd_clip.first_import import import_transformers
from govd_clip.layouts import SPIECE
from govd_clip.regular import read_json

PROBES: Final = ("", "a", "A photo of the dog, it's 3 o'clock.")
LONGEST: Final = 8192
"""Characters of the longest texts that a tokenizer is tried with: as many bytes as a text may have
that govd is given.
"""
BESIDE: Final = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""What `AutoTokenizer` reads first: where one of these is broken, it is at fault."""
_SAME: Final = "They must be of the same checkpoint."
_CORRECT: Final = "Correct text_config.eos_token_id in config.json."


class Tokenizer:
    """Token ids of texts, cut to the model's context with their last token kept."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.config = config
        self._where = str(tokenizer_file(folder))
        self._tokenizer = _opened(folder)
        self._check()

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Rows of at most `config.context` ids.

        Raises:
            BadCheckpoint: what the model makes of a text would depend on the texts beside it.
        """
        rows = self._ids(texts)
        # read at its last place, whatever stands there
        if self.config.family == "siglip":
            return rows
        pad = self._tokenizer.pad_token_id
        for text, row in zip(texts, rows, strict=True):
            if not row:
                raise self._bad(
                    f"the tokenizer makes no token of {text[:40]!r}: nothing ends a text",
                    _SAME,
                )
            if self.config.eos != LEGACY_EOS and self.config.eos not in row:
                reason = (
                    f"eos_token_id is {self.config.eos} in config.json,"
                    f" {self._tokenizer.eos_token_id} in the tokenizer"
                )
                if self.config.eos == self._tokenizer.eos_token_id:
                    reason = (
                        f"the tokenizer does not end texts with token {self.config.eos}, where the"
                        " model reads"
                    )
                raise self._bad(f"{reason} (text {text[:40]!r})", _CORRECT)
            if self.config.eos == LEGACY_EOS and pad is not None and pad > max(row):
                reason = (
                    "eos_token_id is 2, so that the model reads at the highest id, and the"
                    f" padding's ({pad}) is higher than the text's"
                )
                raise self._bad(
                    f"{reason}: embeddings would depend on the batch", _CORRECT
                )
        return rows

    def _check(self) -> None:
        tokenizer = self._tokenizer
        vocab = self.config.vocab
        largest = max(tokenizer.get_vocab().values(), default=0)
        if largest >= vocab:
            raise self._bad(
                f"the tokenizer has {largest + 1} tokens, the model {vocab}", _SAME
            )
        if self.config.family != "siglip" and tokenizer.padding_side != "right":
            reason = (
                f"padding_side is {tokenizer.padding_side!r}: "
                f"embeddings would depend on the batch"
            )
            raise self._bad(reason, "Set it to right in tokenizer_config.json.")
        self([*PROBES, "many words " * self.config.context])

    def try_out(self, texts: Sequence[str]) -> None:
        """Read texts of all kinds and the longest that there may be, and these: what a tokenizer's
        rules do with them may take time and memory without end.

        Raises:
            BadCheckpoint: it cannot go on with one of them.
        """
        for text in (*awkward(), *texts):
            self._ids([text])

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        try:
            padding = "max_length" if self.config.family == "siglip" else False
            rows: list[list[int]] = self._tokenizer(
                list(texts),
                truncation=True,
                max_length=self.config.context,
                padding=padding,
            )["input_ids"]
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # a panic within `tokenizers` is no Exception
            of = f" ({texts[0][:40]!r})" if len(texts) == 1 else ""
            raise self._bad(
                f"the tokenizer does not work on a text{of}: {error}",
                "Download it again.",
            ) from error
        return rows

    def _bad(self, what: str, advice: str) -> BadCheckpoint:
        return BadCheckpoint(what, where=self._where, advice=advice)


def tokenizer_file(folder: Path) -> Path:
    """The file of a folder that says most of its tokenizer."""
    names = ("tokenizer.json", SPIECE)
    return next(
        (folder / name for name in names if (folder / name).exists()),
        folder / "vocab.json",
    )


def awkward() -> Iterator[str]:
    """Texts on which rules that search, replace or repeat take longest: every printable character
    of ASCII and some others, runs of each, and long texts that end otherwise than they began.
    """
    letters = [chr(code) for code in range(32, 127)]
    yield "".join(letters) + "éßñøаяαω犬猫あ한क😀\u200d\u0301\n\t"
    for begin in range(0, len(letters), 12):
        yield "!".join(40 * letter for letter in letters[begin : begin + 12])
    for unit in (
        "a",
        "aB",
        "1",
        " ",
        "_",
        "-",
        "é",
        "猫",
        "many words ",
        "a1 ",
        "x-y_",
    ):
        yield (unit * LONGEST)[: LONGEST - 1] + "!"


def _opened(folder: Path) -> Any:
    import_transformers()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic within `tokenizers` is no Exception
        place = str(tokenizer_file(folder))
        if "sentencepiece" in str(error).lower() and find_spec("sentencepiece") is None:
            raise BadCheckpoint(
                "its tokenizer is a SentencePiece model, which needs the package sentencepiece",
                where=place,
                advice="Install it: pip install 'govd[siglip]'.",
            ) from error
        for name in BESIDE:
            if (folder / name).exists():
                read_json(folder / name)
        raise BadCheckpoint(
            f"the tokenizer does not load: {error}",
            where=place,
            advice="Download it again.",
        ) from error
