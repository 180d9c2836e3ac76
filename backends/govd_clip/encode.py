"""Texts and pictures to unit embeddings: prepared as transformers does, padded to a few shapes, so
that little is compiled.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from govd.errors import BadCheckpoint, GovdError, UnreadableImage
from govd.pictures import FEW_PIXELS, picture, pixels_of, turn
from govd.types import SINGLE, Bytes, Floats, Precision, Progress, silent
from govd_clip.checkpoint import PICTURES, TOKENIZER
from govd_clip.config import Config
from govd_clip.layouts import MAP, OPEN_CONFIG
from govd_clip.linear_map import LinearMap, read_map
from govd_clip.precision import rounded
from govd_clip.preparation import Preparation, prepared
from govd_clip.registered import check_same
from govd_clip.tokens import Tokenizer
from govd_clip.weights import Towers, load

LENGTHS = (16, 32)
"""Tokens that texts are padded to; the model's context is the last of them."""
TEXTS = (8, 64)
"""Rows that texts are padded to."""
IMAGES = (1, 4, 8, 16, 32)
"""Rows that pictures are padded to, or split into: no other number is ever compiled."""
OVERHEAD = 3
"""What a run costs beside its rows, in rows: measured on processors, where time grows with rows."""


@dataclass(frozen=True)
class Weights:
    """A model taken apart: JAX finds its way through a tuple of arrays in a fraction of the time
    that it needs for a tree of modules, at each call.
    """

    structure: Any
    leaves: tuple[jax.Array, ...]

    @classmethod
    def of(cls, model: Towers) -> Weights:
        """The arrays of a model, in the order of its structure."""
        leaves, structure = jax.tree.flatten(model)
        return cls(structure, tuple(leaves))


@partial(jax.jit, static_argnums=0)
def _texts(structure: Any, leaves: tuple[jax.Array, ...], ids: jax.Array) -> jax.Array:
    model: Towers = jax.tree.unflatten(structure, leaves)
    return model.texts(ids)


@partial(jax.jit, static_argnums=0)
def _images(
    structure: Any, leaves: tuple[jax.Array, ...], pixels: jax.Array
) -> jax.Array:
    model: Towers = jax.tree.unflatten(structure, leaves)
    return model.images(pixels)


class Encoder:
    """Tokenizer, picture preparation and compiled model of one checkpoint, each loaded when first
    needed: from `files`, the registered ones with their SHA-256, and from no others.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        files: Mapping[str, str],
        precision: Precision = SINGLE,
    ) -> None:
        self.folder = folder
        self.config = config
        self.files = files
        self.precision = precision
        self._lock = threading.RLock()
        self._loaded: dict[str, Any] = {}

    def _once(self, name: str, loaded: Callable[[], Any]) -> Any:
        """What is loaded by the first thread that needs it; `functools.cached_property` would load
        it in each that comes meanwhile.
        """
        if name not in self._loaded:
            with self._lock:
                if name not in self._loaded:
                    self._loaded[name] = loaded()
        return self._loaded[name]

    @property
    def model(self) -> Towers:
        """The model with its weights in float32, whatever it encodes in."""
        model: Towers = self._once("model", self._load)
        return model

    @property
    def _weights(self) -> Weights:
        weights: Weights = self._once("weights", self._rounded)
        return weights

    def _load(self) -> Towers:
        return load(self.config, self.folder, self.files)

    def _rounded(self) -> Weights:
        # in half precision nothing else would need the whole model, which is twice as large
        model = self.model if self.precision == SINGLE else self._load()
        return Weights.of(rounded(model, self.precision))

    def _run(
        self,
        function: Callable[[Any, tuple[jax.Array, ...], Any], jax.Array],
        batch: Any,
        begun: Callable[[], object],
    ) -> Floats:
        """What a function makes of a batch; `begun` is called while it is at work.

        Raises:
            BadCheckpoint: numbers grow too large for the precision, or all of a vector vanish.
        """
        weights = self._weights
        rows = function(weights.structure, weights.leaves, batch)
        begun()
        vectors = np.asarray(rows, np.float32)
        if not np.isfinite(vectors).all():
            advice = "Take another copy of the checkpoint."
            if self.precision == "float16":
                advice = (
                    "Register it with --precision bfloat16, which has room for them."
                )
            raise BadCheckpoint(
                f"its embeddings are not finite in {self.precision}",
                where=str(self.folder),
                advice=advice,
            )
        if not vectors.any(axis=1).all():
            raise BadCheckpoint(
                f"its embeddings are zero in {self.precision}",
                where=str(self.folder),
                advice="Its weights are zero, or nearly: take another copy of the checkpoint.",
            )
        return vectors

    @property
    def tokenizer(self) -> Tokenizer:
        """The checkpoint's tokenizer."""
        loaded: Tokenizer = self._once("tokenizer", self._tokenizer)
        return loaded

    @property
    def preparation(self) -> Preparation:
        """The checkpoint's preparation of pictures."""
        loaded: Preparation = self._once("preparation", self._preparation)
        return loaded

    def _tokenizer(self) -> Tokenizer:
        # before, since others were not tried, and after, since they may be others by now
        check_same(self.folder, self.files, TOKENIZER)
        tokenizer = Tokenizer(self.folder, self.config)
        check_same(self.folder, self.files, TOKENIZER)
        return tokenizer

    def _preparation(self) -> Preparation:
        names = (OPEN_CONFIG,) if self.config.family == "open_clip" else PICTURES
        check_same(self.folder, self.files, names)
        preparation = prepared(self.folder, self.config)
        check_same(self.folder, self.files, names)
        return preparation

    def _map(self) -> LinearMap | None:
        """The linear map behind the image tower, where the checkpoint has one."""
        if MAP not in self.files:
            return None
        return read_map(self.folder, self.config.dim, self.files[MAP])

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids, cut to the model's context with their end-of-text token kept."""
        if not texts:
            return []
        # a fast tokenizer's truncation is a setting of its own: two threads at once are an error
        with self._lock:
            return self.tokenizer(texts)

    def pixels(self, image: Path | Bytes) -> Floats:
        """`(3, H, W)` float32, normalised as the checkpoint wants it.

        Raises:
            UnreadableImage: it is no picture, or the checkpoint's settings make nothing of it.
        """
        preparation = self.preparation
        with turn(image):
            rgb = picture(image)
            try:
                return preparation(rgb)
            except (GovdError, MemoryError):
                raise
            except Exception as error:  # its settings make nothing of this shape
                reason = f"is {rgb.width} × {rgb.height} pixels, of which the checkpoint's image"
                place = str(image) if isinstance(image, Path) else "picture"
                raise UnreadableImage(
                    f"{reason} processor makes nothing ({error})",
                    where=place,
                    advice="Give a picture that is less narrow, or correct its settings.",
                    path=place,
                ) from error

    def encode_texts(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """Unit embeddings `(n, d)` float32."""
        ids = self.tokens(texts)
        out = np.zeros((len(texts), self.config.dim), np.float32)
        context = self.config.context
        shorter = () if self.config.family == "siglip" else LENGTHS
        lengths = sorted({min(length, context) for length in (*shorter, context)})
        groups: dict[int, list[int]] = {}
        for i, row in enumerate(ids):
            length = _size(len(row), lengths)
            groups.setdefault(length, []).append(i)
        count = 0
        for length, rows in sorted(groups.items()):
            for part in _parts(rows, TEXTS[-1]):
                # padding is behind the token that is read
                batch = np.zeros((_size(len(part), TEXTS), length), np.int32)
                for at, i in enumerate(part):
                    batch[at, : len(ids[i])] = ids[i]
                begun = partial(progress, "texts", count, len(texts))
                vectors = self._run(_texts, batch, begun)
                out[part] = vectors[: len(part)]
                count += len(part)
                progress("texts", count, len(texts))
        return out

    def encode_images(
        self, images: Sequence[Path | Bytes], progress: Progress = silent
    ) -> Floats:
        """Unit embeddings `(n, d)` float32."""
        out = np.zeros((len(images), self.config.dim), np.float32)
        if not images:
            return out
        _ = self.preparation  # where it does not load, no thread is begun
        if len(images) == 1:
            batch = self.pixels(images[0])[None]
            begun = partial(progress, "pictures", 0, 1)
            out[:] = self._run(_images, batch, begun)
            progress("pictures", 1, 1)
        else:
            self._encode_several(images, out, progress)
        linear: LinearMap | None = self._once("map", self._map)
        return out if linear is None else linear(out)

    def _encode_several(
        self, images: Sequence[Path | Bytes], out: Floats, progress: Progress
    ) -> None:
        """Write unit embeddings to `out` `(n, d)`: a part is prepared while the one before it is
        encoded, by other threads where that is more work than beginning them.
        """
        with ExitStack() as stack:
            pool: ThreadPoolExecutor | None = None
            if not _are_small(images):
                pool = stack.enter_context(
                    ThreadPoolExecutor(min(8, os.cpu_count() or 1))
                )
            parts = list(_split(len(images)))
            ahead = self._begun(pool, images, parts[0])
            for part, following in zip(parts, [*parts[1:], []], strict=True):
                now = ahead
                ahead = self._begun(pool, images, following)
                size = self.config.image
                shape = (_size(len(part), IMAGES), 3, size, size)
                batch = np.zeros(shape, np.float32)
                try:
                    for place, prepared_picture in enumerate(now):
                        batch[place] = prepared_picture()
                except BaseException:
                    if pool is not None:
                        pool.shutdown(wait=False, cancel_futures=True)
                    raise
                begun = partial(progress, "pictures", part[0], len(images))
                rows = self._run(_images, batch, begun)
                out[part] = rows[: len(part)]
                progress("pictures", part[-1] + 1, len(images))

    def _begun(
        self,
        pool: ThreadPoolExecutor | None,
        images: Sequence[Path | Bytes],
        part: Sequence[int],
    ) -> list[Callable[[], Floats]]:
        """What gives each picture of a part, prepared; by `pool`, where there is one, already."""
        if pool is None:
            return [partial(self.pixels, images[i]) for i in part]
        return [pool.submit(self.pixels, images[i]).result for i in part]


def _are_small(images: Sequence[Path | Bytes]) -> bool:
    """Whether pictures are decoded, and few pixels in all."""
    if any(isinstance(image, Path) for image in images):
        return False
    return sum(pixels_of(image) for image in images) <= FEW_PIXELS


def _parts(rows: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])


def _split(count: int) -> Iterator[list[int]]:
    """The places of `count` pictures in runs that are compiled: whole ones of the largest size, and
    the rest in what costs least. Where rows cost no time of their own, the rest is one run.
    """
    whole = count - count % IMAGES[-1]
    yield from _parts(range(whole), IMAGES[-1])
    begin = whole
    for rows in _cheapest(count - whole, jax.default_backend() == "cpu"):
        yield list(range(begin, min(begin + rows, count)))
        begin += rows


@functools.cache
def _cheapest(count: int, by_row: bool) -> tuple[int, ...]:
    """Sizes of runs, largest first, that hold `count` pictures at the least cost."""
    if count <= 0:
        return ()
    if not by_row:
        return (_size(count, IMAGES),)
    options = [(rows, *_cheapest(count - rows, by_row)) for rows in IMAGES]
    best = min(options, key=lambda runs: (sum(runs) + OVERHEAD * len(runs), len(runs)))
    return tuple(sorted(best, reverse=True))


def _size(count: int, sizes: Sequence[int]) -> int:
    return next(size for size in sizes if size >= count)
