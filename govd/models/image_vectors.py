"""Pictures that come as vectors: `.npy` files of unedited image vectors, and labelled ones in the
place of a folder of pictures.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from govd.edit import EvaluationData
from govd.errors import BadFile, UnreadableImage, Usage, instead, reason_of
from govd.home.regular import check_regular
from govd.keeping.texts import texts_of
from govd.models.embeddings import Encoder
from govd.models.phrases import spelled
from govd.pictures import Source
from govd.types import Floats

MAGIC: Final = b"\x93NUMPY"
MAX_ROWS: Final = 100_000
"""Vectors that one question may bring."""
ARRAYS: Final = ("image_vectors", "vectors")
"""What the vectors of an evaluation set are called, the first that is there."""


def with_vectors(
    images: Iterable[tuple[str, Source]], dim: int
) -> tuple[list[str], dict[int, Source], dict[int, Floats]]:
    """Names, and by their place what is still to be encoded, and unit vectors `(dim,)` float32: of
    a `.npy` one a row, called `name[row]`.

    Raises:
        UnreadableImage: an array of another shape, with rows that are zero or not finite, or too
        many.
    """
    names: list[str] = []
    pictures: dict[int, Source] = {}
    vectors: dict[int, Floats] = {}
    for name, image in images:
        data = _array_bytes(image)
        if data is None:
            pictures[len(names)] = image
            names.append(name)
            continue
        rows = _unit_rows(data, name, dim)
        vectors |= {len(names) + i: row for i, row in enumerate(rows)}
        names += [f"{name}[{i}]" for i in range(len(rows))]
    return names, pictures, vectors


def embedded(encoder: Encoder, images: Iterable[tuple[str, Source]]) -> Floats:
    """Unit vectors `(n, d)` of named pictures, of which some may be arrays of vectors.

    Args:
        encoder: of the model.
        images: names and pictures.

    Raises:
        UnreadableImage: one or several cannot be read.
    """
    names, pictures, vectors = with_vectors(images, encoder.model.facts.dim)
    encoded = encoder.pictures(list(pictures.values()), [names[i] for i in pictures])
    vectors |= dict(zip(pictures, encoded, strict=True))
    return np.stack([vectors[i] for i in range(len(names))])


def is_array(image: Source) -> bool:
    """Whether a picture's bytes, or the file that it is, are a NumPy array."""
    return _array_bytes(image) is not None


def rows_of(image: Source) -> int:
    """How many answers a picture has: one, or one for each vector of an array that could be
    read.
    """
    data = _array_bytes(image)
    if data is None:
        return 1
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return 1 if array.ndim == 1 else len(array)


def _array_bytes(image: Source) -> bytes | None:
    """The bytes of a `.npy`, by how it begins; None where it is no such file."""
    if isinstance(image, bytes):
        return image if image.startswith(MAGIC) else None
    if (
        not isinstance(image, Path)
        or image.suffix.lower() != ".npy"
        or not image.is_file()
    ):
        return None
    with image.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        file.seek(0)
        return file.read()


def _unit_rows(data: bytes, name: str, dim: int) -> Floats:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as fault:
        raise UnreadableImage(
            f"no array of vectors ({fault})",
            where=name,
            advice="Save it with numpy.save.",
            path=name,
        ) from fault
    rows = array[None] if array.ndim == 1 else array
    if (
        rows.ndim != 2
        or rows.shape[1] != dim
        or rows.dtype.kind != "f"
        or not 0 < len(rows) <= MAX_ROWS
    ):
        advice = (
            f"This model's vectors are (n, {dim}), float, at most {MAX_ROWS} at once."
        )
        raise UnreadableImage(
            f"the array is {array.dtype} of shape {array.shape}",
            where=name,
            advice=advice,
            path=name,
        )
    wide = rows.astype(np.float64)
    length = np.sqrt((wide**2).sum(1, keepdims=True))
    has_direction = np.isfinite(length[:, 0]) & (length[:, 0] > 0)
    if not has_direction.all():
        first = int(np.flatnonzero(~has_direction)[0])
        raise UnreadableImage(
            f"row {first} is zero or not finite",
            where=name,
            advice="Take such rows out.",
            path=name,
        )
    unit: Floats = (wide / length).astype(np.float32)
    return unit


def read_labelled_vectors(
    path: Path,
    dim: int,
    domains: Sequence[str],
    labels: Collection[str] = (),
    spellings: Mapping[str, str] | None = None,
) -> tuple[EvaluationData, Counter[str]]:
    """An evaluation set from the `.npz` at `path`: `image_vectors` (or `vectors`) (n, dim),
    `labels` (n,), perhaps `domains` (n,); what was left out. `spellings`: labels by other names.

    With a label set, rows of other classes are left out and counted, as folders of pictures are.

    Raises:
        BadFile: an array is missing, of another shape, or no row is of a label. Usage: an unknown
        domain.
    """
    arrays = _arrays(path)
    rows = _labelled_rows(arrays, path, dim)
    label_of = {**{spelled(label): label for label in labels}, **(spellings or {})}
    written = _spelled(arrays, "labels", len(rows), path)
    names = [label_of.get(text, text) for text in written]
    domain_names: list[str] = []
    if "domains" in arrays:
        domain_names = _spelled(arrays, "domains", len(rows), path)
    places = [i for i, name in enumerate(names) if not labels or name in labels]
    if not places:
        raise BadFile(
            "not one row is of a label",
            where=str(path),
            advice="Spell the labels as the model's label set does.",
        )
    order = [spelled(domain) for domain in domains] or sorted(set(domain_names))
    _check_domains(domain_names, order, path)
    classes = sorted({names[i] for i in places})
    number_of = {label: number for number, label in enumerate(classes)}
    data = EvaluationData(
        vectors=rows[places].astype(np.float64),
        classes=tuple(classes),
        domains=tuple(domains or order),
        class_of=np.array([number_of[names[i]] for i in places]),
        domain_of=np.array(
            [order.index(domain_names[i]) if domain_names else -1 for i in places]
        ),
    )
    left_out: Counter[str] = Counter()
    if len(places) < len(rows):
        left_out["of no label"] = len(rows) - len(places)
    return data, left_out


def _check_domains(
    domain_names: Collection[str], known: Sequence[str], path: Path
) -> None:
    unknown = sorted(set(domain_names) - set(known))
    if unknown:
        raise Usage(
            f"unknown domains: {', '.join(unknown[:5])}",
            where=str(path),
            advice=instead(unknown[0], known, "Known"),
        )


def _labelled_rows(arrays: Mapping[str, Any], path: Path, dim: int) -> Floats:
    """The vectors `(n, dim)` of a file that has labels, too."""
    name = next((name for name in ARRAYS if name in arrays), None)
    if name is None or "labels" not in arrays:
        raise BadFile(
            f"no {'labels' if name else 'image_vectors'} in it",
            where=str(path),
            advice="Write it with numpy.savez(FILE, image_vectors=…, labels=…, domains=…).",
        )
    try:
        return _unit_rows(_as_npy(arrays[name]), str(path), dim)
    except UnreadableImage as error:
        raise BadFile(error.what, where=str(path), advice=error.advice) from None


def _arrays(path: Path) -> dict[str, Any]:
    advice = "Give a folder of pictures, or a .npz with image_vectors and labels."
    try:
        check_regular(path)
        with path.open("rb") as file:
            if not file.read(2) == b"PK":
                raise BadFile("this is no .npz file", where=str(path), advice=advice)
            file.seek(0)
            with np.load(file, allow_pickle=False) as opened:
                return {
                    name: opened[name]
                    for name in opened.files
                    if name in (*ARRAYS, "labels", "domains")
                }
    except BadFile:
        raise
    # whatever a damaged file makes NumPy, zipfile and zlib raise
    except Exception as fault:
        if "allow_pickle" in str(fault):
            raise BadFile(
                "an array in it holds Python objects, which are not read",
                where=str(path),
                advice="Save labels as texts, labels.astype(str), and vectors as float32.",
            ) from None
        raise BadFile(
            f"no evaluation set ({reason_of(fault)})", where=str(path), advice=advice
        ) from fault


def _as_npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _spelled(arrays: Mapping[str, Any], name: str, count: int, path: Path) -> list[str]:
    """The texts of an array `(count,)`, as labels and domains are spelled.

    Raises:
        BadFile: it is of another shape, or not of texts.
    """
    return [spelled(text) for text in texts_of(arrays[name], name, path, count)]
