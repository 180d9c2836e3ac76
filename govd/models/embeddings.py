"""Embeddings that are known already: a model's own encoder, asked only for what is not."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from govd.edit.files import tensors_from_bytes, tensors_to_bytes
from govd.errors import BadFile, UnreadableImage
from govd.pictures import Source, arrays, unreadable
from govd.types import Floats, Model, ModelFacts, Progress, silent

log = logging.getLogger("govd")

FORMAT = "govd-embeddings-1"
PART = 256
"""Picture files that are encoded at once where some may be unreadable."""
MANY: Final = 1024
"""Picture files of which it is worth asking other machines."""
Ahead = Callable[[Sequence[Path]], Iterable[tuple[Sequence[str], Floats]]]
"""Encodes files elsewhere: digests of those that it could read with their embeddings `(n, d)`."""


class Known:
    """Texts and pictures of one model whose embeddings came with it. Bound to the model's digest
    and checked on reading.

    A safetensors file: `texts` (n, d) with the strings in the metadata, `images` (m, d) with the
    SHA-256 of each picture's file.
    """

    def __init__(self, texts: dict[str, Floats], images: dict[str, Floats]) -> None:
        self.texts = texts
        self.images = images

    @staticmethod
    def nothing() -> Known:
        """Nothing is known."""
        return Known({}, {})

    @classmethod
    def of(cls, path: Path | None, facts: ModelFacts) -> Known:
        """What a file knows; nothing where there is none."""
        return cls.read(path, facts) if path else cls.nothing()

    @staticmethod
    def read(path: Path, facts: ModelFacts) -> Known:
        """Read a file of embeddings.

        Raises:
            BadFile: broken, of another model, or changed since it was written.
        """
        tensors, header = tensors_from_bytes(path.read_bytes(), str(path))
        if header.get("format") != FORMAT:
            raise BadFile("this is no file of embeddings", where=str(path))
        if header.get("model") != facts.digest:
            raise BadFile(
                "these embeddings are of another model",
                where=str(path),
                advice="Delete the file: they are computed anew then.",
            )
        if header.get("digest") != _digest(tensors["texts"], tensors["images"]):
            raise BadFile(
                "these embeddings were changed",
                where=str(path),
                advice="Delete the file: they are computed anew then.",
            )
        texts = json.loads(header["text_names"])
        images = json.loads(header["image_names"])
        return Known(
            dict(zip(texts, tensors["texts"], strict=True)),
            dict(zip(images, tensors["images"], strict=True)),
        )

    def to_bytes(self, facts: ModelFacts) -> bytes:
        """The file that `read` reads."""
        texts = _stacked([*self.texts.values()], facts.dim)
        images = _stacked([*self.images.values()], facts.dim)
        header = {
            "format": FORMAT,
            "model": facts.digest,
            "digest": _digest(texts, images),
            "text_names": json.dumps(list(self.texts)),
            "image_names": json.dumps(list(self.images)),
        }
        return tensors_to_bytes({"texts": texts, "images": images}, header)


def _stacked(rows: Sequence[Floats], dim: int) -> Floats:
    """Rows `(dim,)` as one array `(n, dim)`; float32 where there are none."""
    return np.stack(rows) if rows else np.zeros((0, dim), np.float32)


def _digest(texts: Floats, images: Floats) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(texts).tobytes())
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()


def _name(image: Source, place: int) -> str:
    if isinstance(image, Path):
        return str(image)
    return f"picture {place + 1}"


def _tell(faults: Iterable[UnreadableImage]) -> None:
    """Name the pictures of a folder that are left out."""
    for error in faults:
        log.warning("left out: %s: %s", error.where, error.what)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Encoder:
    """A model's encoder behind what is known; counts what was encoded. `ahead` encodes many files
    elsewhere first; what it does not bring is encoded here.
    """

    def __init__(
        self, model: Model, known: Known | None = None, ahead: Ahead | None = None
    ) -> None:
        self.model = model
        self.known = known or Known.nothing()
        self.ahead = ahead
        self.encoded = 0

    def texts(
        self, texts: Sequence[str], progress: Progress = silent, keep: bool = True
    ) -> Floats:
        """Unit embeddings `(n, d)`; `keep`: remember them for the next time (what users ask, and
        what is private, is not).

        Args:
            texts: as they are, no template is put around them.
            progress: is told of each batch.
        """
        missing = list(dict.fromkeys(t for t in texts if t not in self.known.texts))
        fresh: dict[str, Floats] = {}
        if missing:
            vectors = self.model.encode_texts(missing, progress)
            fresh = dict(zip(missing, vectors, strict=True))
        self.encoded += len(missing)
        if keep:
            self.known.texts |= fresh
        rows = [fresh[t] if t in fresh else self.known.texts[t] for t in texts]
        return _stacked(rows, self.model.facts.dim)

    def files(
        self, paths: Sequence[Path], progress: Progress = silent
    ) -> tuple[Floats, list[str]]:
        """Unit embeddings `(n, d)` of picture files, and the digests of the files."""
        digests = [file_digest(path) for path in paths]
        path_of = dict(zip(digests, paths, strict=True))
        missing = {d: p for d, p in path_of.items() if d not in self.known.images}
        if missing:
            vectors = self.model.encode_images(list(missing.values()), progress)
            self.known.images |= dict(zip(missing, vectors, strict=True))
            self.encoded += len(missing)
        rows = [self.known.images[d] for d in digests]
        return _stacked(rows, self.model.facts.dim), digests

    def readable(
        self, paths: Sequence[Path], progress: Progress = silent
    ) -> tuple[Floats, list[int]]:
        """Unit embeddings of those picture files that can be read, and their positions among
        `paths`.
        """
        if self.ahead is not None and len(paths) >= MANY:
            self._look_ahead(self.ahead, paths, progress)
        places: list[int] = []
        vectors: list[Floats] = [np.zeros((0, self.model.facts.dim), np.float32)]
        for start in range(0, len(paths), PART):
            part = range(start, min(start + PART, len(paths)))
            try:
                vectors.append(self.files([paths[i] for i in part])[0])
                places += part
            except UnreadableImage:
                faults = unreadable([paths[i] for i in part])
                decoded = [i for i in part if i - start not in faults]
                for i, rows in self._one_by_one(paths, decoded, faults, start):
                    vectors.append(rows)
                    places.append(i)
                _tell(faults.values())
            progress("pictures", part[-1] + 1, len(paths))
        return np.concatenate(vectors), places

    def _look_ahead(
        self, ahead: Ahead, paths: Sequence[Path], progress: Progress
    ) -> None:
        """Let files be encoded elsewhere. What comes back is known by the digest of the file that
        was read there: another file of the same path is not mistaken for one of these.
        """
        images = self.known.images
        missing = paths
        if images:
            missing = [path for path in paths if file_digest(path) not in images]
        count = 0
        for digests, vectors in ahead(missing):
            images |= dict(zip(digests, vectors, strict=True))
            count += len(digests)
            progress("pictures elsewhere", count, len(missing))

    def _one_by_one(
        self,
        paths: Sequence[Path],
        places: list[int],
        faults: dict[int, UnreadableImage],
        start: int,
    ) -> Iterator[tuple[int, Floats]]:
        """Each of those files that decode; what the model itself does not read is added to `faults`
        (by place after `start`).
        """
        try:
            rows = self.files([paths[i] for i in places])[0]
            yield from ((i, rows[at : at + 1]) for at, i in enumerate(places))
            return
        except UnreadableImage:
            pass
        for i in places:
            try:
                yield i, self.files([paths[i]])[0]
            except UnreadableImage as error:
                faults[i - start] = error

    def judged(
        self,
        images: Sequence[Source],
        names: Sequence[str],
        progress: Progress = silent,
    ) -> tuple[dict[int, Floats], dict[int, UnreadableImage]]:
        """Unit embeddings `(d,)` of pictures by their place, and what is wrong with those that
        cannot be read; nothing is remembered.

        Pictures are decoded in parts of bounded size, so that their number does not multiply
        memory.
        """
        vectors: dict[int, Floats] = {}
        faults: dict[int, UnreadableImage] = {}
        for part in arrays(images, names):
            faults |= {
                i: verdict
                for i, verdict in part.items()
                if isinstance(verdict, UnreadableImage)
            }
            readable = {
                i: pixels
                for i, pixels in part.items()
                if not isinstance(pixels, UnreadableImage)
            }
            try:
                if readable:
                    vectors |= dict(
                        zip(
                            readable,
                            self.model.encode_images(list(readable.values()), progress),
                            strict=True,
                        )
                    )
            except UnreadableImage as error:  # a model that takes no pictures at all
                faults |= {
                    i: UnreadableImage(
                        error.what, where=names[i], advice=error.advice, path=names[i]
                    )
                    for i in readable
                }
        return vectors, faults

    def pictures(self, images: Sequence[Source], names: Sequence[str] = ()) -> Floats:
        """Unit embeddings `(n, d)` of pictures that need not be remembered.

        Raises:
            UnreadableImage: one or several cannot be read; each is named.
        """
        vectors, faults = self.judged(
            images, names or [_name(image, i) for i, image in enumerate(images)]
        )
        if faults:
            messages = "; ".join(faults[i].message for i in sorted(faults))[:2000]
            raise UnreadableImage(
                messages,
                advice="Leave them out, or replace them.",
                path=next(iter(faults.values())).where,
            )
        if images:
            return np.stack([vectors[i] for i in range(len(images))])
        return np.zeros((0, self.model.facts.dim), np.float32)

    def averaged(
        self,
        phrases: Sequence[str],
        templates: Sequence[str],
        progress: Progress = silent,
        keep: bool = True,
    ) -> Floats:
        """Unit embeddings `(n, d)` float64 of phrases, averaged over templates with one `{}`
        each.

        Args:
            progress: is told of each batch.
            keep: remember the embeddings for the next time.
        """
        from govd.edit import exact

        if not len(phrases):
            return np.zeros((0, self.model.facts.dim))
        prompts = [
            template.replace("{}", phrase)
            for phrase in phrases
            for template in templates
        ]
        rows = np.asarray(self.texts(prompts, progress, keep), np.float64).reshape(
            len(phrases), len(templates), -1
        )
        total = np.zeros((len(phrases), rows.shape[2]))
        for i in range(len(templates)):
            total = total + rows[:, i]
        averaged: Floats = exact.unit(total)
        return averaged
