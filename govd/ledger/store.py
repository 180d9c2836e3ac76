"""The ledger in a database: appends are atomic and durable, reads come in order."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from govd.errors import BadFile, GovdError, VerificationFailed
from govd.ledger import merkle, stored_tree
from govd.ledger.append import Appender
from govd.ledger.database import engine_of, faults, foreign_fault, prepare, strangers
from govd.ledger.entry import Draft
from govd.ledger.signed import LastSigned
from govd.ledger.signing import LogCheckpoint, Signer
from govd.ledger.stored import Stored
from govd.ledger.tables import checkpoints, entries
from govd.ledger.times import now
from govd.types import Record

log = logging.getLogger("govd")
PAGE = 1000
OTHER: Final = (
    "Nothing is appended or signed. `govd audit verify` tells what was changed; restore a backup"
    " (govd restore)."
)


class Ledger:
    """Entries, Merkle tree and log checkpoints of one home.

    Appends are serialised by the database; several may run at once. `signer` signs log checkpoints,
    `origin` names the log. `signed` is the file with the newest of them: a history that does not go
    on from it is read, but neither continued nor signed.
    """

    def __init__(
        self, url: str, signer: Signer, origin: str, signed: Path | None = None
    ) -> None:
        self.url = url
        self.signer = signer
        self.origin = origin
        self.signed = LastSigned(signed)
        self._where = str(sa.make_url(url).database or url)
        self._engine = engine_of(url)
        self._reads = self._engine.execution_options(govd_writes=False)
        self._appender = Appender(self._engine, url)
        with faults(url):
            prepare(self._engine)
            self._appender.fault = self._examined()
        if self.fault is not None:
            log.warning("%s", self.fault.message)

    @staticmethod
    def at(
        path: Path, signer: Signer, origin: str, signed: Path | None = None
    ) -> Ledger:
        """The ledger in an SQLite file, made on first use."""
        return Ledger(f"sqlite:///{path}", signer, origin, signed)

    @property
    def fault(self) -> GovdError | None:
        """Why nothing is appended or signed any more: somebody changed the database. None while
        nothing is known to be wrong.
        """
        return self._appender.fault

    def _examined(self) -> GovdError | None:
        """What is wrong with a ledger that was just opened, as far as it costs O(log n) to know."""
        strange = strangers(self._engine)
        if strange:
            return foreign_fault(strange, self._where)
        with self._reads.connect() as connection:
            try:
                note = self.signed.note()
                if note is None:
                    return None
                log_checkpoint = LogCheckpoint.read(note)
                self._check_goes_on(connection, log_checkpoint)
                row = connection.execute(
                    sa.select(checkpoints.c.size).where(
                        checkpoints.c.size == log_checkpoint.size
                    )
                ).scalar()
            except GovdError as error:
                return error
        if row is None:  # it was signed, and a crash came before the database had it
            with self._engine.begin() as connection:
                self._put_checkpoint(connection, log_checkpoint.size, note)
        return None

    def _check_goes_on(self, connection: sa.Connection, kept: LogCheckpoint) -> None:
        """That the entries begin with those that were signed last.

        Raises:
            VerificationFailed: they do not. BadFile: a Merkle node is missing.
        """
        if kept.origin != self.origin:
            raise VerificationFailed(
                f"the log that was signed last is another one, {kept.origin[:100]}",
                where=self._where,
                advice=OTHER,
            )
        size = stored_tree.size_of(connection)
        if kept.size > size:
            reason = (
                f"the ledger has {size} entries, and {kept.size} were signed: entries were cut off,"
                " or an older file put there"
            )
            raise VerificationFailed(reason, where=self._where, advice=OTHER)
        (root,) = stored_tree.proof(
            connection, lambda node: [merkle.root(kept.size, node)]
        )
        if root != kept.root:
            raise VerificationFailed(
                f"the first {kept.size} entries are not those that were signed",
                where=self._where,
                advice=OTHER,
            )

    def _last_signed(self, connection: sa.Connection) -> LogCheckpoint | None:
        """What was signed last, by the file beside the key; by the database in homes that have none
        yet.
        """
        note = self.signed.note()
        if note is None:
            note = connection.execute(
                sa.select(checkpoints.c.note)
                .order_by(checkpoints.c.size.desc())
                .limit(1)
            ).scalar()
        return None if note is None else LogCheckpoint.read(note)

    def _put_checkpoint(self, connection: sa.Connection, size: int, note: str) -> None:
        connection.execute(
            checkpoints.insert(), {"size": size, "time": now(), "note": note}
        )
        if (
            connection.execute(
                sa.select(checkpoints.c.note).where(checkpoints.c.size == size)
            ).scalar()
            != note
        ):
            raise BadFile(
                "the log checkpoint was not stored as it was signed",
                where=self._where,
                advice=OTHER,
            )

    def close(self) -> None:
        """Let go of the database."""
        self._appender.close()
        self._engine.dispose()

    def size(self) -> int:
        """How many entries there are."""
        with faults(self.url), self._reads.connect() as connection:
            return stored_tree.size_of(connection)

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Add entries, all or none; durable when this returns.

        Raises:
            MachineFault: the disk is full or cannot be written.
        """
        return self._appender.append(drafts)

    def rotate(self, drafts: Sequence[Draft], signer: Signer) -> list[Record]:
        """Add the entries that change the key, and sign with the new one from then on: no log
        checkpoint comes in between.

        Raises:
            MachineFault: as `append`; the key is then the old one.
        """

        def swap() -> None:
            self.signer = signer

        return self._appender.append(drafts, swap)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Entries from `start` to before `stop`, in order, read in pages."""
        for _, body in self.bodies(start, stop):
            yield json.loads(body)  # whether it is canonical is for verification to say

    def bodies(
        self, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """The same as stored: sequence number and canonical bytes."""
        while stop is None or start < stop:
            query = (
                sa.select(entries.c.seq, entries.c.body)
                .where(entries.c.seq >= start)
                .order_by(entries.c.seq)
                .limit(PAGE)
            )
            if stop is not None:
                query = query.where(entries.c.seq < stop)
            with faults(self.url), self._reads.connect() as connection:
                page = connection.execute(query).all()
            yield from ((seq, body) for seq, body in page)
            if len(page) < PAGE:
                return
            start = page[-1].seq + 1

    def some(self, seqs: Sequence[int]) -> list[Record]:
        """Entries by their numbers, in the order asked for; those that are not there are left
        out.
        """
        return [json.loads(body) for body in self.bodies_of(seqs).values()]

    def bodies_of(self, seqs: Sequence[int]) -> dict[int, bytes]:
        """Canonical bytes of entries by their numbers, in the order asked for."""
        bodies: dict[int, bytes] = {}
        with faults(self.url), self._reads.connect() as connection:
            for at in range(0, len(seqs), PAGE):
                query = sa.select(entries.c.seq, entries.c.body).where(
                    entries.c.seq.in_(seqs[at : at + PAGE])
                )
                bodies |= {
                    seq: stored_tree.as_bytes(body, seq)
                    for seq, body in connection.execute(query)
                }
        return {seq: bodies[seq] for seq in seqs if seq in bodies}

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries (all where None)."""
        with faults(self.url), self._reads.connect() as connection:
            return merkle.root(
                stored_tree.size_of(connection) if size is None else size,
                partial(stored_tree.node, connection),
            )

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """Inclusion proof of an entry in the tree of `size`."""
        return self._proof(lambda node: merkle.inclusion_proof(seq, size, node))

    def run(self, start: int, stop: int, size: int) -> list[bytes]:
        """Proof of the entries `[start, stop)` together in the tree of `size`."""
        return self._proof(lambda node: merkle.range_proof(start, stop, size, node))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Consistency proof between two sizes."""
        return self._proof(lambda node: merkle.consistency_proof(old, new, node))

    def _proof(self, path: Callable[[merkle.Node], list[bytes]]) -> list[bytes]:
        """What `path` makes of the stored nodes."""
        with faults(self.url), self._reads.connect() as connection:
            return stored_tree.proof(connection, path)

    def checkpoint(self) -> str:
        """The signed log checkpoint of the ledger as it is, stored on first use.

        Raises:
            VerificationFailed: the ledger does not go on from what was signed last; nothing is
            signed then, nor appended any more. MachineFault: it cannot be written.
        """
        with faults(self.url), self._appender.lock, self._engine.begin() as connection:
            size = stored_tree.size_of(connection)
            stored = connection.execute(
                sa.select(checkpoints.c.note).where(checkpoints.c.size == size)
            ).scalar()
            if stored is not None:
                return str(stored)
            try:
                root = self._root_to_sign(connection, size)
            except (VerificationFailed, BadFile) as error:
                self._appender.fault = error
                raise
            note = self.signer.sign(LogCheckpoint(self.origin, size, root).text)
            self.signed.keep(note)
            self._put_checkpoint(connection, size, note)
            return note

    def pin(self) -> None:
        """Keep the newest log checkpoint beside the key, where none is kept yet: in homes that were
        made before one was.
        """
        with faults(self.url), self._appender.lock, self._reads.connect() as connection:
            query = (
                sa.select(checkpoints.c.note)
                .order_by(checkpoints.c.size.desc())
                .limit(1)
            )
            note = connection.execute(query).scalar()
            if note is None or self.signed.note() is not None:
                return
            self._check_goes_on(connection, LogCheckpoint.open(note, self.signer.key))
            self.signed.keep(note)

    def _root_to_sign(self, connection: sa.Connection, size: int) -> bytes:
        """The root of all entries, where they go on from what was signed last and are those that
        this process wrote since.

        Raises:
            VerificationFailed: they are not. BadFile: a Merkle node is missing, or the database has
            what no ledger has.
        """
        if self.fault is not None:
            raise self.fault
        last = self._last_signed(connection)
        if last is not None:
            self._check_goes_on(connection, last)
        (root,) = stored_tree.proof(connection, lambda node: [merkle.root(size, node)])
        if self._appender.wrote(size) not in (None, root):
            reason = "the entries since the last log checkpoint are not those that were written"
            raise VerificationFailed(reason, where=self._where, advice=OTHER)
        return root

    def checkpoint_of(self, size: int) -> str | None:
        """The signed log checkpoint of that size, None where none was made."""
        with faults(self.url), self._reads.connect() as connection:
            row = connection.execute(
                sa.select(checkpoints.c.note).where(checkpoints.c.size == size)
            ).scalar()
        return None if row is None else str(row)

    def last_checkpoint(self) -> tuple[int, str] | None:
        """Size of the newest signed log checkpoint, and when it was made; None where there is
        none.
        """
        with faults(self.url), self._reads.connect() as connection:
            query = (
                sa.select(checkpoints.c.size, checkpoints.c.time)
                .order_by(checkpoints.c.size.desc())
                .limit(1)
            )
            row = connection.execute(query).first()
        return (int(row[0]), str(row[1])) if row else None

    def checkpoints(self) -> list[tuple[int, str]]:
        """All signed log checkpoints, by size."""
        with faults(self.url), self._reads.connect() as connection:
            rows = connection.execute(
                sa.select(checkpoints.c.size, checkpoints.c.note).order_by(
                    checkpoints.c.size
                )
            )
            return [(size, note) for size, note in rows]

    def stored(self) -> Stored:
        """The ledger as verification reads it."""
        return Stored(Path(sa.make_url(self.url).database or ""))
