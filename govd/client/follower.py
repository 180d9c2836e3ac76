"""Who reads entries and need not believe them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from govd.errors import VerificationFailed
from govd.ledger import canonical, merkle
from govd.ledger.signing import Key, LogCheckpoint
from govd.types import Json, Record

Prove = Callable[[int, int], Record]
"""The inclusion proof of an entry in the tree of a signed log checkpoint:
`Daemon.audit_proof`.
"""


class Follower:
    """Compares entries that were read with signed log checkpoints, from the first entry on, or from
    a checkpoint that was kept.

    follower = Follower(key, since=note, prove=daemon.audit_proof)
    for entry in daemon.events(after=follower.size - 1):
        follower.add(entry)
        …
    follower.check(daemon.audit_checkpoint(size=follower.size))
    """

    def __init__(
        self, key: str, since: str | None = None, prove: Prove | None = None
    ) -> None:
        self.key = Key.parse(key)
        self._tree = merkle.Growing()
        self._prove = prove
        self._kept = LogCheckpoint.open(since, self.key) if since else None
        self._roots: dict[int, bytes] = {}
        if self._kept is not None:
            self._roots[self._kept.size] = self._kept.root

    @property
    def size(self) -> int:
        """The entry that comes next: how many were read, counted from the ledger's first."""
        return max(self._tree.size, self._kept.size if self._kept else 0)

    def add(self, entry: Record) -> None:
        """The next entry.

        Raises:
            VerificationFailed: one is missing before it, or came twice; or the daemon's proof does
            not lead to the kept checkpoint.
        """
        if entry["seq"] != self.size:
            raise VerificationFailed(
                f"entry {self.size} should be next, not {entry['seq']}"
            )
        if self._kept is not None and self._tree.size < self._kept.size:
            self._tree = self._from(self._kept)
        self._tree.add(merkle.leaf_hash(canonical.encode(entry)))
        self._roots[self._tree.size] = self._tree.root()

    def check(self, note: str) -> int:
        """Whether what was read is what was signed; the size up to which that is so.

        Raises:
            VerificationFailed: it is not, or the checkpoint is of more than was read, or of less
            than it began with.
        """
        log_checkpoint = LogCheckpoint.open(note, self.key)
        if log_checkpoint.size > self.size:
            raise VerificationFailed(
                f"{log_checkpoint.size} entries were signed, {self.size} were read",
                advice="Read on, then check again.",
            )
        if log_checkpoint.size not in self._roots:
            raise VerificationFailed(
                f"reading began at entry {self._kept.size if self._kept else 0}",
                advice="Take a later checkpoint.",
            )
        if self._roots[log_checkpoint.size] != log_checkpoint.root:
            raise VerificationFailed(
                "the entries that were read are not those that were signed"
            )
        return log_checkpoint.size

    def _from(self, kept: LogCheckpoint) -> merkle.Growing:
        """The tree that the kept checkpoint is the root of, ready to grow.

        The inclusion proof of a tree's last entry is the complete subtrees of all entries before
        it, smallest first (RFC 9162, section
        2.1.3.1): whoever hands out others does not get to the root that was kept.
        """
        if self._prove is None:
            raise VerificationFailed(
                "to begin at a checkpoint takes a proof",
                advice="Give prove=daemon.audit_proof.",
            )
        last = kept.size - 1
        proof = self._prove(last, kept.size)
        tree = merkle.Growing()
        tree.size, tree.edge = last, list(reversed(_hashes(proof["path"])))
        if len(tree.edge) == last.bit_count():
            tree.add(*_hashes([proof["leaf"]]))
        if tree.size != kept.size or tree.root() != kept.root:
            raise VerificationFailed(
                "the daemon's log does not begin with the one that the kept checkpoint was of"
            )
        return tree


def _hashes(texts: Json) -> Sequence[bytes]:
    try:
        hashes = [bytes.fromhex(text) for text in texts]
    except (TypeError, ValueError):
        hashes = [b""]
    if any(len(value) != len(merkle.EMPTY) for value in hashes):
        raise VerificationFailed("a proof that is none")
    return hashes
