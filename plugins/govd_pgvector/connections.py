"""Connections to a server, one for each thread that works, and what it refuses in govd's words."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import errors

from govd.errors import BadFile, Conflict, MachineFault, Unreachable, Usage

Connection = psycopg.Connection[tuple[Any, ...]]
CONNECT_SECONDS: Final = 15
OWN: Final = ("table", "column", "key", "index")
"""What an address says beside what libpq understands."""
READ_ONLY: Final = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
BUSY: Final = (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled)
GONE: Final = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.DataException,
)


@dataclass(frozen=True)
class Address:
    """What an address says: how to connect, and where the vectors are; `drops_index`: whether a
    patch drops the index over them first.
    """

    url: str
    conninfo: str
    table: str
    column: str
    key: str
    drops_index: bool = False


def address_of(url: str) -> Address:
    """An address, taken apart.

    Raises:
        Usage: it names no table, or says something else of the index than `keep` or `drop`.
    """
    # libpq knows no driver, which SQLAlchemy's addresses name
    parts = urlsplit(re.sub(r"^(\w+\+)??(postgres\w*)(\+\w+)?://", r"\2://", url))
    options = parse_qsl(parts.query, keep_blank_values=True)
    own = dict(option for option in options if option[0] in OWN)
    if not own.get("table"):
        raise Usage(
            "the address names no table", where=url, advice="…/DATABASE?table=NAME."
        )
    if own.get("index", "keep") not in ("keep", "drop"):
        raise Usage(
            f"index={own['index']}: keep or drop",
            where=url,
            advice="With drop, searches look at each vector until the patch has built it anew.",
        )
    rest = urlencode(
        [option for option in options if option[0] not in OWN], quote_via=quote
    )
    conninfo = urlunsplit((parts.scheme, parts.netloc, parts.path, rest, ""))
    if not parts.netloc:
        conninfo = conninfo.replace(f"{parts.scheme}:", f"{parts.scheme}://", 1)
    return Address(
        url,
        conninfo,
        own["table"],
        own.get("column", ""),
        own.get("key", ""),
        own.get("index") == "drop",
    )


@contextmanager
def faults(where: str) -> Iterator[None]:
    """What the server refuses, as an error of govd's.

    Raises:
        MachineFault: it cannot be written, or others hold it. BadFile: what is asked for is not
        there. Conflict: something depends on it. Unreachable: the server does not answer.
    """
    try:
        yield
    except READ_ONLY as fault:
        raise MachineFault(
            f"it cannot be written ({_words(fault)})",
            where=where,
            advice="Connect as the table's owner, to a server that takes writes.",
        ) from None
    except BUSY as fault:
        raise MachineFault(
            f"others hold the table ({_words(fault)})",
            where=where,
            advice="End what keeps its transaction open, then patch again: it goes on.",
        ) from None
    except GONE as fault:
        raise BadFile(
            _words(fault), where=where, advice="Look at its table and columns."
        ) from None
    except errors.DependentObjectsStillExist as fault:
        raise Conflict(
            _words(fault), where=where, advice="Drop what depends on it."
        ) from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as fault:
        if fault.sqlstate and not fault.sqlstate.startswith(("08", "57", "28", "3D")):
            raise MachineFault(_words(fault), where=where) from None
        raise Unreachable(
            f"the server does not answer ({_words(fault)})",
            where=where,
            advice="Start it, or check address and --secret-file.",
        ) from None
    except psycopg.Error as fault:
        raise MachineFault(_words(fault), where=where) from None


def _words(fault: psycopg.Error) -> str:
    """The first line that the server said."""
    return (
        fault.diag.message_primary or str(fault).strip() or type(fault).__name__
    ).split("\n")[0]


class Connections:
    """Connections that are used again, each by one thread at a time."""

    def __init__(self, address: Address, secret: str) -> None:
        self.address = address
        self._secret = secret
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """A connection in which each statement is a transaction of its own.

        Raises:
            GovdError: what the server refused.
        """
        with faults(self.address.url):
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or connection.closed:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._lock:
                self._idle.append(connection)

    def _connect(self) -> Connection:
        return psycopg.connect(
            self.address.conninfo,
            autocommit=True,
            application_name="govd",
            connect_timeout=CONNECT_SECONDS,
            password=self._secret or None,
        )

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


def ask(
    connection: Connection, text: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """What a statement answers; nothing where it has no rows."""
    cursor = connection.execute(text.encode(), values)
    return cursor.fetchall() if cursor.description else []


def quoted(name: str) -> str:
    """A name as SQL writes it, safe in a statement with values."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
