"""The ledger: questions, proofs, evidence."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question
from govd.service.rows import as_of_rows, sql_rows

if TYPE_CHECKING:
    from govd.types import Record


class Audit(Asked):
    """The ledger: questions, proofs, evidence."""

    @question("audit/log", "audit.log", kind="pages", cursor="seq")
    def audit_log(
        self,
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        subject: str | None = None,
        model: str | None = None,
        concept: str | None = None,
        domain: str | None = None,
        state: str | None = None,
        policy: str | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> list[Record]:
        """Entries of the ledger, in their order, that match all filters.

        Args:
            since: made from this time on.
            until: made before this time; of a date alone, before its end.
            actor: who made them.
            kind: of entry (`request.file`), or its noun.
            subject: what they are about.
            model: of this model.
            concept: about requests with it.
            domain: about requests in it.
            state: about requests in it.
            policy: votes of it.
            after: from the one after this entry.
            limit: at most so many.
        """
        raise NotImplementedError

    @abstractmethod
    def events(self, after: int = -1) -> Iterator[Record]:
        """Entries as they are made, from the one after entry `after`. A daemon's never end; a
        home's end with the last entry.

        Raises:
            Unreachable: the daemon does not answer for a minute. Conflict: the ledger is shorter
            than `after` says.
        """

    @question(
        "audit/trail/{request_id}",
        "audit.trail",
        rows=lambda trail: trail["timeline"],
    )
    def audit_trail(self, request_id: str) -> Record:
        """Everything that happened to a request."""
        raise NotImplementedError

    @question(
        "audit/as-of",
        "proofs.as_of",
        rows=as_of_rows,
    )
    def audit_as_of(
        self, time: str, model: str | None = None, proof: bool = False
    ) -> Record:
        """What was served at a time, which forgets were in force, who had approved them.

        Args:
            time: `2027-01-31T12:00:00Z`; of a date alone, the end of that day, UTC.
            model: of this model alone.
            proof: with the entries that say so, and their proofs of inclusion.
        """
        raise NotImplementedError

    @question(
        "audit/why/{model}/{number}",
        "audit.why",
        rows=lambda why: why["requests"],
    )
    def audit_why(self, model: str, number: int) -> Record:
        """From a revision back to requests, votes, artifacts and software."""
        raise NotImplementedError

    @question(
        "audit/deadlines",
        "audit.deadlines",
        rows=lambda deadlines: deadlines["requests"],
        limits={"days": {"ge": 1}, "extended": {"ge": 1}},
    )
    def audit_deadlines(
        self,
        model: str | None = None,
        since: str | None = None,
        until: str | None = None,
        days: int | None = None,
        extended: int | None = None,
    ) -> Record:
        """What is due, late and extended.

        Args:
            model: forgets of this model alone.
            since: filed from this time on.
            until: filed before this time.
            days: due so many days after filing; None: `deadline_days` of govd.toml.
            extended: the same with an extension; None: `extended_days` of govd.toml.
        """
        raise NotImplementedError

    @question(
        "audit/predictions",
        "audit.predictions",
        rows=lambda report: report["predictions"],
    )
    def audit_predictions(
        self, model: str | None = None, since: str | None = None
    ) -> Record:
        """What forgets were predicted to do, against what was measured of them."""
        raise NotImplementedError

    @action(
        "audit/sql",
        "audit.sql",
        role="reader",
        rows=sql_rows,
        limits={"seconds": {"gt": 0, "le": 60}, "limit": {"ge": 1, "le": 10_000}},
        heavy=True,
    )
    def audit_sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        """A question in SQL to the views, read-only.

        Args:
            query: one `select`.
            seconds: it is ended after so long.
            limit: at most so many rows; `more` of the answer says whether there are others.

        Raises:
            Usage: it is no question to the views, or it took too long.
        """
        raise NotImplementedError

    @question(
        "audit/answer/{key}",
        "answers.show",
    )
    def audit_answer(self, key: str) -> Record:
        """Which revision gave an answer (its `Govd-Answer` header), where it was kept."""
        raise NotImplementedError

    @question(
        "audit/checkpoint",
        "checkpoints.checkpoint",
        kind="text",
    )
    def audit_checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """The signed log checkpoint: of the ledger as it is, of a size, or the newest that a
        witness cosigned.
        """
        raise NotImplementedError

    @question(
        "audit/proof",
        "proofs.proof",
    )
    def audit_proof(self, entry: int, size: int | None = None) -> Record:
        """That an entry is in the log of the signed checkpoint of `size` entries, by default the
        newest that has it: `leaf`, `path` from the leaf up, `root` (hex; RFC 9162, section 2.1.3),
        and the `checkpoint`.

        Raises:
            NotFound: no such entry, or no log checkpoint of that size.
        """
        raise NotImplementedError

    @question(
        "audit/consistency",
        "proofs.consistency",
    )
    def audit_consistency(self, old: int, new: int | None = None) -> Record:
        """That the log of the signed checkpoint of `new` entries, by default the newest, begins
        with that of `old`: `path`, both roots (hex; RFC 9162, section 2.1.4), and the `checkpoint`.

        Raises:
            NotFound: no log checkpoint of that size. Usage: `old` is not between 1 and `new`.
        """
        raise NotImplementedError

    @question(
        "audit/key",
        "checkpoints.key",
        kind="text",
    )
    def audit_key(self) -> str:
        """The public key of the log."""
        raise NotImplementedError

    @question(
        "audit/model-key",
        "checkpoints.model_key",
        kind="text",
    )
    def audit_model_key(self) -> str:
        """The public key that model checkpoints are signed with (P-256, PEM).

        Raises:
            NotFound: none was signed yet.
        """
        raise NotImplementedError

    @action("audit/verify", "verification.verify", role="reader", heavy=True)
    def audit_verify(
        self,
        since: Sequence[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        """Check the ledger; an auditor checks a bundle for himself.

        Args:
            since: log checkpoints that were kept, as texts: the log must have grown from them.
            key: the public key that the log was signed with at first, where it was kept elsewhere.
            recompute: compose each edit again and compare the bytes.
            witnesses: keys of those who cosign checkpoints.
            roots: root certificates (PEM) of those who stamp times.
        """
        raise NotImplementedError

    @question(
        "audit/rebuild",
        "verification.rebuild",
        verb="POST",
        role="owner",
        heavy=True,
    )
    def audit_rebuild(self) -> Record:
        """Make the views anew from the entries and compare."""
        raise NotImplementedError

    @question(
        "audit/witness",
        "checkpoints.witness",
        verb="POST",
        role="owner",
        heavy=True,
    )
    def audit_witness(self) -> list[Record]:
        """Hand the newest log checkpoint to the configured witnesses now."""
        raise NotImplementedError

    @action("audit/rotate-key", "checkpoints.rotate_key", heavy=True)
    def audit_rotate_key(self, reason: str) -> Record:
        """A new signing key."""
        raise NotImplementedError

    @abstractmethod
    def audit_bundle(
        self,
        file: str,
        request: str | None = None,
        model: str | None = None,
        revision: int | None = None,
        since: str | None = None,
        as_of: str | None = None,
        with_others: bool = False,
    ) -> Record:
        """Evidence in a file on this machine: of a request, a revision, a time, or everything.

        Args:
            file: where it goes; it must not exist.
            request: an id: evidence of this request, which shows other requests as digests only.
            model: of the `revision`, or of the time `as_of`.
            revision: a number: evidence of what this revision was made of.
            since: a log checkpoint that was kept, from which the bundle then has a proof.
            as_of: evidence of what was served at this time.
            with_others: show the other requests, so that the edit can be recomposed.

        Raises:
            Usage: the file exists. MachineFault: it cannot be written.
        """
