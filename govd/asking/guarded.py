"""A model that a backend opened, as the rest of govd uses it: each call of it for a limited time,
and its answer looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from govd.asking.foreign import files_of
from govd.asking.plain import Nonsense, Wrapped
from govd.types import Bytes, Floats, LinearEdit, Model, Progress, Prototypes, silent

if TYPE_CHECKING:
    from govd.asking.abroad import ModelAbroad


class Guarded(Wrapped):
    """`inner` is the model as its plugin made it, and what hooks are given. `ask(what, work)` calls
    some work of that plugin for a limited time. Pickled, it is `abroad`, the way to open it again.
    """

    inner: Model

    def __init__(
        self,
        inner: Model,
        ask: Callable[[str, Callable[[], Any]], Any],
        abroad: ModelAbroad | None = None,
    ) -> None:
        super().__init__(inner)
        self.facts = inner.facts
        self._ask = ask
        self.abroad = abroad

    def __reduce__(self) -> tuple[Any, ...]:
        if self.abroad is None:
            raise TypeError("this model cannot be opened again elsewhere")
        return _arrived, (self.abroad,)

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """As `Model.encode_texts`."""
        rows: Floats = self._asked(
            "encode_texts",
            partial(self.inner.encode_texts, texts, progress),
            len(texts),
        )
        return rows

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """As `Model.encode_images`."""
        rows: Floats = self._asked(
            "encode_images",
            partial(self.inner.encode_images, images, progress),
            len(images),
        )
        return rows

    def synthesise(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> Prototypes:
        """As `Model.synthesise`."""

        def work() -> Prototypes:
            drawn = self.inner.synthesise(
                prompts, seed=seed, steps=steps, progress=progress
            )
            pictures = np.asarray(drawn.pictures)
            if (
                pictures.dtype != np.uint8
                or pictures.ndim != 4
                or len(pictures) != len(prompts)
            ):
                raise Nonsense(
                    f"prototypes of shape {pictures.shape}, {pictures.dtype}"
                )
            return Prototypes(
                tuple(drawn.prompts),
                self._rows(drawn.embeddings, len(prompts)),
                pictures,
            )

        drawn: Prototypes = self._ask("synthesise", work)
        return drawn

    def write_checkpoint(self, edit: LinearEdit, folder: Path) -> Mapping[str, str]:
        """As `Model.write_checkpoint`; what the disk refuses is the disk's fault.

        Raises:
            OSError: the disk refuses it. PluginFault: the model fails.
        """
        refused: list[OSError] = []

        def work() -> Mapping[str, str] | None:
            try:
                return files_of(self.inner.write_checkpoint(edit, folder), {})
            except OSError as fault:
                refused.append(fault)
                return None

        files: Mapping[str, str] = self._ask("write_checkpoint", work)
        if refused:
            raise refused[0]
        return files

    def _asked(self, what: str, work: Callable[[], Any], count: int) -> Any:
        return self._ask(what, lambda: self._rows(work(), count))

    def _rows(self, answer: Any, count: int) -> Floats:
        """Embeddings `(count, d)`, finite."""
        rows: Floats = np.asarray(answer)
        if rows.dtype.kind != "f" or rows.shape != (count, self.facts.dim):
            raise Nonsense(
                f"embeddings of shape {rows.shape}, {rows.dtype}, where ({count}, {self.facts.dim})"
                " were asked for"
            )
        if not np.isfinite(rows).all():
            raise Nonsense("embeddings with values that are not finite")
        return rows


def _arrived(abroad: ModelAbroad) -> Guarded:
    asker, model = abroad.open()
    return Guarded(model, partial(asker.call, abroad.plugin.name), abroad)
