"""Proofs of inclusion and consistency, and of what was so at a time, for others to check."""

from __future__ import annotations

from collections.abc import Sequence

from govd.audit.checkpoints import LogCheckpoints
from govd.audit.questions import Audit
from govd.errors import NotFound, Usage, VerificationFailed
from govd.ledger.merkle import included, leaf_hash
from govd.ledger.signing import LogCheckpoint
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Json, Record
from govd.verify import bounds


class Proofs:
    """Proves what one ledger has, from its signed log checkpoints."""

    def __init__(self, core: Core, audit: Audit, checkpoints: LogCheckpoints) -> None:
        self.core = core
        self.audit = audit
        self.checkpoints = checkpoints

    @bounded
    def proof(self, entry: int, size: int | None = None) -> Record:
        """That an entry is in the log, for others to check (RFC 6962, section 2.1.1): its canonical
        JSON, its leaf hash, the path in hex, the root, and the signed log checkpoint of `size`
        entries (the newest that has the entry; signed now where there is none).

        Raises:
            NotFound: no such entry, or no log checkpoint of that size.
        """
        ledger = self.core.desk.ledger
        bodies = ledger.bodies_of([entry]) if 0 <= entry < 2**62 else {}
        if entry not in bodies:
            raise NotFound(
                f"there is no entry {entry}",
                advice=f"The ledger has {self.core.desk.ledger.size()} entries, from 0.",
            )
        body = bodies[entry]
        last = ledger.last_checkpoint()
        note = (
            self.checkpoints.of_size(size)
            if size is not None
            else self.checkpoints.checkpoint(
                last[0] if last and last[0] > entry else None
            )
        )
        log = LogCheckpoint.read(note)
        if log.size <= entry:
            raise NotFound(
                f"entry {entry} is not among the first {log.size}",
                advice="Ask for a later size.",
            )
        steps = ledger.inclusion(entry, log.size)
        if not included(entry, log.size, leaf_hash(body), steps, log.root):
            advice = "Run `govd audit verify`: something was changed since."
            raise VerificationFailed(
                f"entry {entry} is not in the log as it was signed",
                where="ledger",
                advice=advice,
            )
        proof = {
            "size": log.size,
            "root": log.root.hex(),
            "path": [step.hex() for step in steps],
            "checkpoint": note,
        }
        return {
            "entry": entry,
            "body": body.decode(),
            "leaf": leaf_hash(body).hex(),
            **proof,
        }

    @bounded
    def consistency(self, old: int, new: int | None = None) -> Record:
        """That the log of `new` entries (its newest log checkpoint) begins with that of `old` (RFC
        6962, section 2.1.2): the path and both roots in hex, and the signed log checkpoint of
        `new`.

        Raises:
            NotFound: no log checkpoint of `new` entries. Usage: `old` is not between 1 and `new`.
        """
        last = self.core.desk.ledger.last_checkpoint()
        note = (
            self.checkpoints.of_size(new)
            if new is not None
            else self.checkpoints.checkpoint(last[0] if last else None)
        )
        log = LogCheckpoint.read(note)
        if not 0 < old <= log.size:
            raise Usage(
                f"no proof from {old} to {log.size} entries",
                advice="The old size is at least 1 and at most the new one.",
            )
        path = [step.hex() for step in self.core.desk.ledger.consistency(old, log.size)]
        roots = {
            "old_root": self.core.desk.ledger.root(old).hex(),
            "new_root": log.root.hex(),
        }
        return {"old": old, "new": log.size, **roots, "path": path, "checkpoint": note}

    @bounded
    def as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        """`Audit.as_of`, each bound on a time looked at again; with `proof` also the entries that
        say so, their inclusion proofs, and the log checkpoint that these lead to. That nothing else
        was published in between is for a bundle to show (`bundle` with `as_of`).
        """
        state = self.audit.as_of(time, model)
        models = [self._with_checked_bounds(record) for record in state["models"]]
        state = {**state, "models": models}
        if not proof:
            return state
        seqs = sorted({int(seq) for record in models for seq in record["entries"]})
        note = self.checkpoints.signed_now()
        size = LogCheckpoint.read(note).size
        ledger = self.core.desk.ledger
        proofs = []
        for entry in ledger.some(seqs):
            path = ledger.inclusion(int(entry["seq"]), size)
            proofs.append({"entry": entry, "inclusion": [step.hex() for step in path]})
        return {**state, "proof": {"checkpoint": note, "entries": proofs}}

    def _with_checked_bounds(self, record: Record) -> Record:
        if not record.get("no_later_than"):
            return record
        return {**record, "no_later_than": self.checked_bounds(record["no_later_than"])}

    def checked_bounds(
        self, claimed: Sequence[dict[str, Json]]
    ) -> list[dict[str, Json]]:
        """Those of the `claimed` bounds whose cosignature or time stamp is of the log checkpoint
        that it names. `verified`: against a witness's key, or a root certificate that `govd.toml`
        named when the stamp came; without one, who signed the stamp is not known.
        """
        holding: list[dict[str, Json]] = []
        ledger = self.core.desk.ledger
        entries = ledger.some([int(bound["entry"]) for bound in claimed])
        for bound, entry in zip(claimed, entries, strict=True):
            faults: list[str] = []
            checked = bounds.check(
                [bounds.vouched(entry)],
                ledger.checkpoint_of,
                lambda _: b"",
                bounds.Trust(),
                faults.append,
            )
            if checked.found:
                verified = entry["kind"] == "witness.cosign" or bool(
                    entry["payload"].get("verified")
                )
                holding.append({**bound, "verified": verified})
        return holding
