"""Pools and folders as they lie around: what is read, thinned, left out and refused."""

import io
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from govd_example.backend import NAMES, WIDTH, Colours
from PIL import Image

from govd.errors import BadFile
from govd.models.embeddings import Encoder
from govd.models.folders import labelled, walk
from govd.models.image_vectors import read_labelled_vectors
from govd.models.pool import KEPT, Pool, read_pool
from govd.types import Floats, silent

ROWS = np.random.default_rng(3).normal(size=(40, WIDTH)).astype(np.float32)


def read(path: Path | str) -> Pool:
    return read_pool(str(path), Encoder(Colours("colours")), silent)


@pytest.mark.parametrize(
    "change",
    [np.float16, np.float64, ">f4", np.asfortranarray],
    ids=["half", "double", "big endian", "fortran"],
)
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_arrays_of_any_kind_are_read(
    change: object, save: Callable[..., None], tmp_path: Path
) -> None:
    rows = (
        change(ROWS)
        if callable(change) and change is np.asfortranarray
        else ROWS.astype(change)
    )  # type: ignore[call-overload]
    path = tmp_path / ("pool.npy" if save is np.save else "pool.npz")
    save(path, rows)
    np.testing.assert_array_equal(read(path).rows, np.asarray(rows, np.float64))


def test_a_file_is_known_by_how_it_begins(tmp_path: Path) -> None:
    with (tmp_path / "pool").open("wb") as file:
        np.save(file, ROWS)
    assert read(tmp_path / "pool").total == 40


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_pool_is_thinned_evenly(order: str, tmp_path: Path) -> None:
    count = 3 * KEPT + 5
    rows = np.ones((count, WIDTH), np.float16, order=order)  # type: ignore[call-overload]
    rows[:, 0] = np.arange(count) % 2000
    rows[:, 1] = 1 + np.arange(count) // 2000
    np.save(tmp_path / "pool.npy", rows)
    pool = read(tmp_path / "pool.npy")
    at = (pool.rows[:, 1] - 1) * 2000 + pool.rows[:, 0]
    assert (len(at), pool.total) == (KEPT, count)
    assert set(np.diff(at)) == {3.0, 4.0}
    assert at[0] == 0
    assert count - at[-1] <= 4


@pytest.mark.parametrize("files", [1, 2])
def test_what_is_there_several_times_counts_once(files: int, tmp_path: Path) -> None:
    order = np.random.default_rng(4).permutation(np.repeat(np.arange(40), 3))
    for at, rows in enumerate(np.array_split(ROWS[order], files)):
        np.save(tmp_path / f"{at}.npy", rows)
    pool = read(tmp_path)
    _, first = np.unique(order, return_index=True)
    np.testing.assert_array_equal(pool.rows, ROWS[order[np.sort(first)]])
    assert (pool.total, pool.left_out) == (40, {"copies of others": 80})


def test_a_pool_of_copies_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "pool.npy", np.repeat(ROWS[:15], 4, axis=0))
    with pytest.raises(BadFile, match="15 embeddings beside 45 copies of others"):
        read(tmp_path / "pool.npy")


def _with(row: int, value: float) -> Floats:
    rows = ROWS.copy()
    rows[row] = value
    return rows


ARRAYS = {
    "flat": (ROWS[0], r"of shape \(36,\)"),
    "solid": (ROWS.reshape(40, 6, 6), r"of shape \(40, 6, 6\)"),
    "wide": (np.ones((40, 8)), r"\(40, 8\)\. This model's embeddings are \(n, 36\)"),
    "whole numbers": ((ROWS * 100).astype(np.int8), "int8"),
    "complex": (ROWS.astype(np.complex64), "complex64"),
    "not a number": (_with(7, np.nan), "row 7 of the vectors is not finite"),
    "infinite": (_with(39, np.inf), "row 39 of the vectors is not finite"),
    "zero": (_with(5, 0), "row 5 of the vectors is zero"),
    "zero in columns": (np.asfortranarray(_with(5, 0)), "row 5 of the vectors is zero"),
    "none": (ROWS[:0], "a pool of 0 embeddings"),
    "few": (ROWS[:3], "a pool of 3 embeddings"),
    "objects": (np.array([[1.0], None], object), "Python objects"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_that_are_no_pool_are_refused(kind: str, tmp_path: Path) -> None:
    rows, text = ARRAYS[kind]
    np.save(tmp_path / "pool.npy", rows, allow_pickle=True)
    with pytest.raises(BadFile, match=text) as error:
        read(tmp_path / "pool.npy")
    assert error.value.where.endswith("pool.npy")
    assert error.value.advice


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, ROWS)
    return buffer.getvalue()


def _zip(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def hurt(data: bytes) -> bytes:
    """Eight bytes in the middle are others."""
    middle = len(data) // 2
    return data[:middle] + bytes(8) + data[middle + 8 :]


def packed(**arrays: Floats) -> bytes:
    """A compressed .npz, as its bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


_OPEN = b"\x93NUMPY\x01\x00\x14\x00{'shape': (         \n"

FILES = {
    "a header that does not end": (_OPEN, "no whole NumPy file"),
    "damaged within a compressed zip": (hurt(packed(a=ROWS)), "ends early or is dam"),
    "cut": (_npy()[:-100], "ends early"),
    "cut header": (_npy()[:40], "no whole NumPy file"),
    "cut zip": (_zip(("a.npy", _npy()))[:-200], "no whole .npz file"),
    "torch": (
        _zip(("archive/data.pkl", b"\x80"), ("archive/data/0", b"1234")),
        "a PyTorch file",
    ),
    "other zip": (_zip(("a.txt", b"1")), "no NumPy array"),
    "cut within a zip": (_zip(("a.npy", _npy()[:-64])), "ends early"),
    "pickle": (b"\x80\x04K\x01.", "a pickle"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "text": (b"0.1,0.2\n", "of another kind"),
    "empty": (b"", "this file is empty"),
    "parquet begun": (b"PAR1", "no whole Parquet file"),
}


@pytest.mark.parametrize("kind", FILES)
def test_other_files_are_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    data, text = FILES[kind]
    (tmp_path / "pool.npy").write_bytes(data)
    with pytest.raises(BadFile, match=text) as error:
        read(tmp_path / "pool.npy")
    assert "pool.npy" in error.value.where
    assert error.value.advice


def test_labels_of_an_evaluation_set_may_be_bytes(tmp_path: Path) -> None:
    labels = np.char.encode(np.array(["caf\u00e9", "dog"] * 20), "utf-8")
    np.savez(tmp_path / "set.npz", image_vectors=ROWS, labels=labels)
    data, _ = read_labelled_vectors(tmp_path / "set.npz", ROWS.shape[1], ())
    assert data.classes == ("caf\u00e9", "dog")


def test_labels_as_objects_are_refused_with_what_to_do(tmp_path: Path) -> None:
    labels = np.array(["dog"] * len(ROWS), dtype=object)
    np.savez(tmp_path / "set.npz", image_vectors=ROWS, labels=labels)
    with pytest.raises(BadFile, match=r"Python objects.*labels\.astype\(str\)"):
        read_labelled_vectors(tmp_path / "set.npz", ROWS.shape[1], ())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (packed(image_vectors=ROWS, labels=np.full(40, b"\xff")), "not UTF-8"),
        (packed(image_vectors=ROWS)[:-40], "no evaluation set"),
        (hurt(packed(image_vectors=ROWS)), "no evaluation set"),
        (b"\x89PNG\r\n\x1a\n", r"this is no \.npz file\. Give a folder of pictures"),
    ],
)
def test_a_damaged_evaluation_set_is_refused(
    data: bytes, text: str, tmp_path: Path
) -> None:
    (tmp_path / "set.npz").write_bytes(data)
    with pytest.raises(BadFile, match=text):
        read_labelled_vectors(tmp_path / "set.npz", ROWS.shape[1], ())


def test_several_arrays_must_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "pool.npz"
    np.savez(path, image=ROWS, text=-ROWS, ids=np.arange(40))
    with pytest.raises(
        BadFile, match=r"image, text\. Say which: --pool .*pool\.npz::image"
    ):
        read(path)
    np.testing.assert_array_equal(read(f"{path}::text").rows, -ROWS.astype(np.float64))
    with pytest.raises(BadFile, match=r"no array 'both'\. There are: image, text, ids"):
        read(f"{path}::both")
    with pytest.raises(BadFile, match="int64"):
        read(f"{path}::ids")
    np.savez(path, emb=ROWS, ids=np.arange(40))
    assert read(path).total == 40


def parquet(path: Path, groups: int | None = None, **columns: object) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), path, row_group_size=groups)
    return path


def _columns() -> dict[str, object]:
    pa = pytest.importorskip("pyarrow")
    return {
        "list": pa.array(list(ROWS.astype(float)), pa.list_(pa.float64())),
        "large list": pa.array(list(ROWS), pa.large_list(pa.float32())),
        "half": pa.array(list(ROWS.astype(np.float16)), pa.list_(pa.float16())),
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), WIDTH),
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(ROWS),
    }


@pytest.mark.parametrize("kind", ["list", "large list", "half", "fixed", "tensor"])
def test_columns_of_any_kind_are_read(kind: str, tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "pool.parquet",
        7,
        url=["x"] * 40,
        vector=_columns()[kind],
        score=list(map(float, range(40))),
    )
    np.testing.assert_allclose(
        read(path).rows, ROWS, atol=1e-2 if kind == "half" else 0
    )


def test_several_columns_must_be_told_apart(tmp_path: Path) -> None:
    fixed = _columns()["fixed"]
    path = parquet(
        tmp_path / "pool.parquet",
        image_embedding=fixed,
        text_embedding=_columns()["list"],
        id=list(range(40)),
    )
    with pytest.raises(
        BadFile,
        match=r"image_embedding, text_embedding\. Say which: --pool .*::image_embedding",
    ):
        read(path)
    assert read(f"{path}::text_embedding").total == 40
    with pytest.raises(BadFile, match=r"int64\. Name a column of lists"):
        read(f"{path}::id")
    with pytest.raises(BadFile, match="There are: image_embedding, text_embedding, id"):
        read(f"{path}::other")
    narrow = [[1.0, 2.0]] * 40
    assert read(parquet(tmp_path / "one.parquet", small=narrow, emb=fixed)).total == 40
    with pytest.raises(BadFile, match=r"other widths: small \(2\)"):
        read(parquet(tmp_path / "none.parquet", small=narrow))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (None, r"row 9 is missing"),
        ([1.0] * (WIDTH - 1), r"row 9 has 35 numbers"),
        ([None] * WIDTH, "a number is missing"),
    ],
    ids=["null", "ragged", "null within"],
)
def test_rows_that_are_not_there_are_refused(
    row: object, text: str, tmp_path: Path
) -> None:
    rows: list[object] = [list(map(float, values)) for values in ROWS]
    rows[9] = row
    with pytest.raises(BadFile, match=text):
        read(parquet(tmp_path / "pool.parquet", vector=rows))


def test_a_folder_of_parts_is_one_pool(tmp_path: Path) -> None:
    for at in range(4):
        np.save(tmp_path / f"part-{at}.npy", ROWS[10 * at : 10 * at + 10])
    (tmp_path / "_SUCCESS").touch()
    np.testing.assert_array_equal(read(tmp_path).rows, ROWS.astype(np.float64))


def test_a_pool_larger_than_memory_allows_is_read_in_flat_memory(
    tmp_path: Path,
) -> None:
    """384 MiB, of which neither the whole nor a copy may be in memory."""
    script = """
        import resource, sys
        import numpy as np
        from govd.models.vector_files import open_vectors, parts
        count, dim = 384 * 2**20 // 128, 64
        rows = np.lib.format.open_memmap(sys.argv[1], "w+", np.float16, (count, dim))
        rows[:, 0] = 1
        rows.flush()
        del rows
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    reading = """
        import resource, sys
        from pathlib import Path
        from govd.models.vector_files import open_vectors, parts
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        array = open_vectors(Path(sys.argv[1]), "", 64)
        kept = array.take(next(parts(array.rows, [array.rows], 1000)))
        assert kept.shape == (1000, 64) and (kept[:, 0] == 1).all()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    path = str(tmp_path / "pool.npy")
    for code in (script, reading):
        command = [sys.executable, "-c", textwrap.dedent(code), path]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 48 * 1024  # KiB


# -- folders


def draw(path: Path, shade: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".avif": "AVIF", ".jfif": "JPEG", ".JPG": "JPEG"}.get(path.suffix, "PNG")
    with path.open("wb") as file:
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(file, kind)


def test_a_folder_is_walked_as_people_keep_it(tmp_path: Path) -> None:
    store, root = tmp_path / "store", tmp_path / "root"
    for name in (
        "a.png",
        "b.JPG",
        "c.jfif",
        "d.avif",
        "deep/e.png",
        ".hidden.png",
        "Thumbs.db",
        ".ipynb_checkpoints/a.png",
    ):
        draw(store / name)
    draw(root / "cat" / "1.png")
    draw(root / "__MACOSX" / "cat" / "1.png")
    draw(root / ".git" / "1.png")
    draw(root / "loose.png")
    (root / "dog").symlink_to(store)
    (root / "cat" / "2.png").symlink_to(store / "a.png")
    (root / "cat" / "3.png").symlink_to(tmp_path / "nothing.png")
    (root / "cat" / "again").symlink_to(root)
    (root / "bird").mkdir()
    files = labelled(root, labels=("cat", "dog"))
    assert dict(zip(files.paths, files.classes, strict=True)) == {
        root / "cat" / "1.png": "cat",
        root / "cat" / "2.png": "cat",
        root / "dog" / "a.png": "dog",
        root / "dog" / "b.JPG": "dog",
        root / "dog" / "c.jfif": "dog",
        root / "dog" / "d.avif": "dog",
        root / "dog" / "deep" / "e.png": "dog",
    }
    assert set(files.domains) == {""}
    assert files.left_out == {
        "hidden": 4,
        "not named like a picture": 1,
        "links to nothing": 1,
        "links that lead back": 1,
        "class folders without a picture": 1,
        "in no class folder": 1,
    }


def test_folders_of_domains_hold_folders_of_classes(tmp_path: Path) -> None:
    for name in ("line/cat/1.png", "line/cat/more/2.png", "glyph/dog/1.png"):
        draw(tmp_path / name)
    files = labelled(tmp_path, domains=("line", "glyph"), labels=("cat", "dog"))
    assert list(zip(files.domains, files.classes, strict=True)) == [
        ("glyph", "dog"),
        ("line", "cat"),
        ("line", "cat"),
    ]


def test_an_empty_folder_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.txt").touch()
    with pytest.raises(BadFile, match="left out: 1 not named like a picture"):
        labelled(tmp_path)
    with pytest.raises(BadFile, match="left out: 1 not named like a picture"):
        read(tmp_path)
    with pytest.raises(BadFile, match="this is a file"):
        walk(tmp_path / "dog" / "a.txt")


def test_a_pool_of_pictures_counts_what_cannot_be_read(tmp_path: Path) -> None:
    for at in range(18):
        draw(tmp_path / NAMES[at % 3] / f"{at}.png", 10 * at)
    (tmp_path / NAMES[0] / "0.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").touch()
    pool = read(tmp_path)
    assert len(pool.rows) == 17
    assert pool.left_out == {
        "no picture that can be read": 1,
        "not named like a picture": 1,
    }
