"""Clients of a server or of a folder, and what they refuse in govd's words. One folder is opened
once in a process, for all who use it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from govd.errors import BadFile, Conflict, GovdError, MachineFault, Unreachable, Usage

TIMEOUT_SECONDS: Final = 60
_folders: dict[Path, tuple[QdrantClient, threading.RLock, int]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Address:
    """Where a collection is: `folder` of local mode, or `server` (a URL); `vector`: name of one of
    several vectors.
    """

    url: str
    folder: Path | None
    server: str
    collection: str
    vector: str


def address_of(url: str) -> Address:
    """An address, taken apart.

    Raises:
        Usage: it names no collection.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    folder = Path(unquote(parts.path)) if parts.scheme == "qdrant+file" else None
    collection = options.get("collection") or (
        "" if folder else unquote(parts.path.strip("/"))
    )
    if not collection:
        raise Usage(
            "the address names no collection", where=url, advice="…?collection=NAME."
        )
    scheme = "https" if parts.scheme == "qdrants" else "http"
    netloc = parts.netloc if ":" in parts.netloc else f"{parts.netloc}:6333"
    return Address(
        url, folder, f"{scheme}://{netloc}", collection, options.get("vector", "")
    )


@contextmanager
def faults(where: str) -> Iterator[None]:
    """What a client refuses, as an error of govd's.

    Raises:
        Unreachable: the server does not answer. MachineFault: it cannot be written. BadFile: what
        is asked for is not there. Conflict: others have the folder open.
    """
    try:
        yield
    except GovdError:
        raise
    except (ResponseHandlingException, httpx.HTTPError) as fault:
        raise Unreachable(
            f"the server does not answer ({fault})",
            where=where,
            advice="Start it, or check address and --secret-file.",
        ) from None
    except ApiException as fault:
        status = getattr(fault, "status_code", None)
        if status == 404:
            raise BadFile("it is not there any more", where=where) from None
        words = f"the server refuses ({status}: {str(fault)[:200]})"
        raise MachineFault(words, where=where) from None
    except RuntimeError as fault:
        if "already accessed" not in str(fault):
            raise
        raise Conflict(
            "another process has the folder open",
            where=where,
            advice="End it: in local mode a folder belongs to one process. Or run a server.",
        ) from None
    except ValueError as fault:  # local mode's word for what is not there
        raise BadFile(str(fault)[:300], where=where) from None
    except OSError as fault:
        raise MachineFault(
            f"it cannot be written ({fault.strerror})", where=where
        ) from None


@contextmanager
def _noticing() -> Iterator[None]:
    """Local mode's databases say that they cannot be written in their own way."""
    import sqlite3

    try:
        yield
    except sqlite3.DatabaseError as fault:
        raise OSError(0, str(fault)) from None


class Client:
    """A client, used by one thread at a time in local mode."""

    def __init__(self, address: Address, secret: str) -> None:
        self.address = address
        self._is_open = True
        if address.folder is None:
            self._client = QdrantClient(
                url=address.server,
                api_key=secret or None,
                timeout=TIMEOUT_SECONDS,
                check_compatibility=False,
            )
            self._alone = threading.RLock()
            return
        with faults(address.url), _lock:
            client, alone, users = _folders.get(
                address.folder, (None, threading.RLock(), 0)
            )
            if client is None:
                if not (address.folder / "meta.json").is_file():
                    raise BadFile("no Qdrant folder is there", where=address.url)
                client = QdrantClient(
                    path=str(address.folder), force_disable_check_same_thread=True
                )
            _folders[address.folder] = (client, alone, users + 1)
        self._client = client
        self._alone = alone

    @contextmanager
    def use(self) -> Iterator[Any]:
        """The client of the library.

        Raises:
            GovdError: what was refused.
        """
        with faults(self.address.url), _noticing():
            if self.address.folder is None:
                yield self._client
            else:
                with self._alone:
                    yield self._client

    def close(self) -> None:
        """Let go of it; the last one closes the folder."""
        if not self._is_open:
            return
        self._is_open = False
        if self.address.folder is None:
            self._client.close()
            return
        with _lock:
            client, alone, users = _folders.pop(self.address.folder)
            if users > 1:
                _folders[self.address.folder] = (client, alone, users - 1)
            else:
                client.close()
