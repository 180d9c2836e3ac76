"""The Merkle proofs of a bundle, checked line by line as the entries pass by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from govd.errors import GovdError
from govd.ledger import canonical, merkle
from govd.ledger.signing import LogCheckpoint
from govd.verify import archive

LINE: Final = 16 * 1024
"""Bytes of a line that is a proof."""
CHECKPOINTS: Final = 4096
"""Log checkpoints of a bundle, and older sizes from which it may have a proof."""
DEEPEST: Final = 64  # steps of a proof in a tree that no disk could hold


class Proofs:
    """The proofs, line by line: first consistency with older sizes, then inclusion in the order of
    the entries.
    """

    def __init__(
        self,
        files: archive.Archive,
        newest: LogCheckpoint,
        fault: Callable[[str], None],
    ) -> None:
        self.newest = newest
        self.fault = fault
        self.older: dict[int, list[bytes]] = {}
        self.run: merkle.Run | None = None
        self._lines = files.lines("proofs.ndjson", LINE)
        self._line: dict[str, Any] | None = None
        self._advance()
        for _ in range(CHECKPOINTS + 1):
            if self._line is None or "from" not in self._line:
                break
            path = _path(self._line.get("path"))
            if type(self._line["from"]) is not int or path is None:
                self.fault("a proof of consistency is malformed")
            else:
                self.older[self._line["from"]] = path
            self._advance()

    def _advance(self) -> None:
        self._line = None
        for line in self._lines:
            try:
                proof = canonical.decode(line)
            except GovdError:
                proof = None
            self._line = proof if isinstance(proof, dict) else {}
            return

    def check(self, seq: int, leaf: bytes) -> None:
        """The next entry's leaf hash."""
        if self.run is not None:
            if seq == self.run.next:
                self.run.add(leaf)
                if self.run.next == self.run.stop:
                    self._ends()
                return
            self._ends()
        proof = self._line or {}
        path = _path((self._line or {}).get("path"))
        self._advance()
        start = proof.get("start")
        stop = proof.get("stop")
        if (
            path is not None
            and type(start) is int
            and type(stop) is int
            and start == seq < stop <= self.newest.size
        ):
            self.run = merkle.Run(start, stop, self.newest.size, path)
            self.check(seq, leaf)
        elif (
            path is None
            or proof.get("entry") != seq
            or not merkle.included(seq, self.newest.size, leaf, path, self.newest.root)
        ):
            self.fault(f"entry {seq} is not proven to be in the log")

    def _ends(self) -> None:
        run, self.run = self.run, None
        if run is not None and not run.holds(self.newest.root):
            self.fault(
                f"the entries {run.start} to {run.stop - 1} are not all those that were signed"
            )

    def finish(self) -> None:
        """After the last entry."""
        self._ends()


def _path(said: Any) -> list[bytes] | None:
    """Hashes in hex as bytes; None where it is no such list."""
    if (
        not isinstance(said, list)
        or len(said) > 2 * DEEPEST
        or not all(isinstance(s, str) and len(s) == 64 for s in said)
    ):
        return None
    try:
        return [bytes.fromhex(s) for s in said]
    except ValueError:
        return None
