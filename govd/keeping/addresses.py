"""Addresses of stores, and the library that a kind of store needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from govd.errors import BadFile, Unsupported, Usage, instead

KINDS: Final = (
    "FILE.npy; FILE.parquet, FILE.arrow, FILE.feather or a folder of them (?column=NAME);"
    " FILE.faiss, FILE.index; lance:///FOLDER.lance, lancedb:///FOLDER?table=NAME;"
    " postgresql://USER@HOST/DB?table=NAME; qdrant://HOST/NAME, qdrants://HOST/NAME,"
    " qdrant+file:///FOLDER?collection=NAME; chroma+file:///FOLDER?collection=NAME"
)
"""Addresses that the plugins which come with govd open."""


def local(url: str, *options: str) -> tuple[Path, dict[str, str]]:
    """The path of an address, and what it says after the question mark. Of a link to a file it is
    the file's own: what is written anew and renamed must not take the link's place.

    Raises:
        Usage: it names a host, or says something else than `options`, or a link to a file that is
        named as another kind.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise Usage(
            f"the address names a host, {parts.netloc}",
            advice=f"Write {parts.scheme}:///…, a path on this machine.",
        )
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = sorted(query.keys() - set(options))
    if unknown:
        advice = instead(unknown[0], options, "It takes")
        raise Usage(f"{url}: unknown {', '.join(unknown)}", advice=advice)
    return _file_itself(Path(unquote(parts.path))), query


def missing(path: Path) -> BadFile:
    """What is said where an address names no file that can be read: whether anything is there."""
    if path.exists():
        kind = "a folder" if path.is_dir() else "no regular file"
        return BadFile(f"this is {kind}", where=str(path), advice="Name a file.")
    return BadFile(
        "there is no such file",
        where=str(path),
        advice="Check the path: it is one of the daemon's machine, from the root.",
    )


def _file_itself(path: Path) -> Path:
    if not (path.is_symlink() and path.is_file()):
        return path
    file = path.resolve()
    if file.suffix.lower() != path.suffix.lower():
        raise Usage(
            f"is a link to {file}, which would keep its vectors as they are",
            where=str(path),
            advice=f"Put the file itself there, or give it a name that ends in {path.suffix}.",
        )
    return file


@contextmanager
def needing(url: str, extra: str, *libraries: str) -> Iterator[None]:
    """Import what needs libraries, the first one above all.

    Raises:
        Unsupported: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as fault:
        if (fault.name or "").split(".")[0] not in libraries:
            raise
        raise Unsupported(
            f"it needs {libraries[0]}", where=url, advice=f"pip install 'govd[{extra}]'"
        ) from None
