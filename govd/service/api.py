"""What can be asked of a home, whoever answers: a daemon over HTTP (`govd.client.Daemon`) or the
home itself (`govd.cli.local.Local`).

Records are plain mappings as the HTTP API spells them; lists are whole, whatever pages they came
in. Whatever is asked may raise the errors of `govd.errors`: `NotFound` for a name or id that is not
there, `Usage` for what cannot be meant, `Denied` and `Unauthenticated` where a role is not enough,
`Unreachable` where no daemon answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from govd.errors import Usage
from govd.records.lifecycle import REQUEST, REVERT

if TYPE_CHECKING:
    from govd.types import Floats, Record


def check_state(state: str | None) -> None:
    """A request's state as somebody typed it.

    Raises:
        Usage: there is no such state.
    """
    known = sorted({*REQUEST, *REVERT})
    if state is not None and state not in known:
        raise Usage(f"unknown state {state!r}", advice=f"States: {', '.join(known)}.")


class Models(Protocol):
    """Models, revisions and what they answer."""

    def status(self) -> Record:
        """Models, what they serve, what waits and why, size and head of the ledger."""
        ...

    def reconcile(self) -> Record:
        """Do what is still to do: `done`, a line for each thing that was, `left`, those that still
        are; `daemon`: one does so by itself.
        """
        ...

    def models(self) -> list[Record]:
        """Registered models, by name."""
        ...

    def model(self, name: str) -> Record:
        """One model with the revision that it serves."""
        ...

    def add_model(self, name: str, reference: str, **options: Any) -> Record:
        """Register a model; options as in `govd model add`, paths on the machine of the home.

        Raises:
            Conflict: the name is taken. BadFile, BadCheckpoint: something given is no good; nothing
            is registered.
        """
        ...

    def update_model(self, name: str, reference: str | None = None, **options: Any) -> Record:
        """Change what a model is registered with; with `reference`, rebase it on another
        checkpoint. What is not given stays.
        """
        ...

    def remove_model(self, name: str, reason: str = "", delete_published: bool = False) -> Record:
        """Take a model out of service; its entries stay. With forgets in force it is retired: they
        keep their states, and its name is not used again. `delete_published`: take away what was
        published to its folder, too.

        Raises:
            Conflict: requests of it are not decided yet.
        """
        ...

    def revisions(self, model: str) -> list[Record]:
        """A model's revisions, oldest first."""
        ...

    def revision(self, model: str, number: int) -> Record:
        """One revision."""
        ...

    def diff(self, model: str, first: int, second: int) -> Record:
        """What one revision has that another has not."""
        ...

    def interference(self, model: str, number: int | None = None) -> Record:
        """For each forget of a revision, by default the published one, what leaving it out would
        change: `cost` to the retained answers, `others_named` of the other forgets' pictures with
        it and without.
        """
        ...

    def classify(
        self,
        model: str,
        images: Sequence[str],
        labels: Sequence[str] | None = None,
        revision: int | None = None,
        base: bool = False,
    ) -> list[Record]:
        """The best label for each picture file on this machine, in their order: `path`, `label`,
        `scores`, `revision`.

        A picture that cannot be read has the label None and an `error`.

        Raises:
            UnreadableImage: none of them can be read.
        """
        ...

    def embeddings(
        self, model: str, texts: Sequence[str] = (), images: Sequence[str] = (), base: bool = False
    ) -> Floats:
        """Unit embeddings `(n, d)` float32 of texts, then of picture files, by the published
        revision.

        Raises:
            UnreadableImage: one of the pictures cannot be read; it is named.
        """
        ...

    def evaluate(
        self,
        model: str,
        images: str | None = None,
        revision: int | None = None,
        base: bool = False,
        report: bool = False,
        disclose: bool = False,
        words: Mapping[str, Any] | None = None,
    ) -> Record:
        """Metrics on a folder of labelled pictures on the machine of the home, with the confusion
        that they were computed from. `report`: also what a report shows beside them; with private
        forgets only where `disclose`. `words`: other words for labels that attackers try, a list
        for each label, or lists by language.
        """
        ...

    def export(
        self, model: str, folder: str, revision: int | None = None, format: str = "hf", **how: Any
    ) -> Record:
        """Write the edited model into a folder on the machine of the home; `disclose`,
        `recipient`.
        """
        ...


class Requests(Protocol):
    """Forget requests and reverts. `wait`: return when it is decided and served."""

    def forget(self, *concepts: str, model: str, wait: bool = False, **options: Any) -> Record:
        """File a forget: `domains`, `aliases`, `all_concepts`, `target`, `strength`, `method`,
        `reason`, `idempotency_key`, …

        Raises:
            Conflict: the same scope is wanted already. KeyReused: the key came with another body.
        """
        ...

    def settled(self, request_ids: Sequence[str]) -> list[Record]:
        """Those requests once they are decided and served, or as they are when the time is over."""
        ...

    def preview(self, *concepts: str, model: str, **options: Any) -> Record:
        """What a forget would do; nothing is filed."""
        ...

    def requests(self, **filters: Any) -> list[Record]:
        """Requests in the order of their filing: `state`, `model`, `concept`, `domain`, `policy`,
        `filed_by`, `ticket`, `reason` (a part of it), `since`, `until`, `after`, `limit`.
        """
        ...

    def request(self, request_id: str) -> Record:
        """One request, by its id or an unambiguous beginning of it."""
        ...

    def pictures(self, request_id: str) -> list[tuple[str, bytes]]:
        """The prototypes that were synthesised for a request, as `(prompt, PNG)`; empty where there
        are none.
        """
        ...

    def approve(self, request_id: str, reason: str = "") -> Record:
        """Approve a request that waits, and return when it is served.

        Raises:
            Conflict: its state does not allow that (this goes for every decision).
        """
        ...

    def reject(self, request_id: str, reason: str = "") -> Record:
        """Refuse a request that waits; needs a reason."""
        ...

    def withdraw(self, request_id: str, reason: str = "") -> Record:
        """Take back a request that is not in force."""
        ...

    def retry(self, request_id: str, reason: str = "") -> Record:
        """Try a failed request again."""
        ...

    def revert(
        self,
        request_id: str,
        reason: str = "",
        idempotency_key: str | None = None,
        wait: bool = False,
    ) -> Record:
        """Take a forget back.

        Raises:
            Conflict: it is not in force, or its revert is filed already.
        """
        ...

    def hold(self, request_id: str, reason: str) -> Record:
        """A legal hold: neither reverted, withdrawn, rejected nor shredded until it is released."""
        ...

    def release(self, request_id: str, reason: str) -> Record:
        """End a legal hold."""
        ...

    def extend(self, request_id: str, due: str, reason: str) -> Record:
        """More time for an open forget; needs a reason."""
        ...

    def reveal(self, request_id: str) -> Record:
        """A private request with its text (for the role owner); that it was read is an entry."""
        ...

    def shred(self, request_id: str, reason: str) -> Record:
        """Destroy the text of a private request; needs a reason."""
        ...


class Questions(Protocol):
    """The ledger: questions, proofs, evidence."""

    def audit_log(self, **filters: Any) -> list[Record]:
        """Entries in order, filtered; at most `limit` (100), from the one after entry `after`."""
        ...

    def events(self, after: int = -1) -> Iterator[Record]:
        """Entries as they are made, from the one after entry `after`. A daemon's never end; a
        home's end with the last entry.

        Raises:
            Unreachable: the daemon does not answer for a minute. Conflict: the ledger is shorter
            than `after` says.
        """
        ...

    def audit_trail(self, request_id: str) -> Record:
        """Everything that happened to a request."""
        ...

    def audit_as_of(self, time: str, model: str | None = None, proof: bool = False) -> Record:
        """What was served at a time, which forgets were in force, who had approved them."""
        ...

    def audit_why(self, model: str, number: int) -> Record:
        """From a revision back to requests, votes, artifacts and software."""
        ...

    def audit_deadlines(self, **options: Any) -> Record:
        """What is due, late and extended."""
        ...

    def audit_sql(self, query: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        """A question in SQL to the views."""
        ...

    def audit_answer(self, key: str) -> Record:
        """Which revision gave an answer (its `Govd-Answer` header), where it was kept."""
        ...

    def audit_checkpoint(self, size: int | None = None, witnessed: bool = False) -> str:
        """The signed log checkpoint: of the ledger as it is, of a size, or the newest that a
        witness cosigned.
        """
        ...

    def audit_inclusion(self, entry: int, size: int | None = None) -> Record:
        """That an entry is in the log of the signed checkpoint of `size` entries, by default the
        newest that has it: `leaf`, `path` from the leaf up, `root` (hex; RFC 9162, section 2.1.3),
        and the `checkpoint`.

        Raises:
            NotFound: no such entry, or no log checkpoint of that size.
        """
        ...

    def audit_consistency(self, old: int, new: int | None = None) -> Record:
        """That the log of the signed checkpoint of `new` entries, by default the newest, begins
        with that of `old`: `path`, both roots (hex; RFC 9162, section 2.1.4), and the `checkpoint`.

        Raises:
            NotFound: no log checkpoint of that size. Usage: `old` is not between 1 and `new`.
        """
        ...

    def audit_key(self) -> str:
        """The public key of the log."""
        ...

    def audit_verify(
        self,
        since: Sequence[str] = (),
        key: str | None = None,
        recompute: bool = False,
        witnesses: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> Record:
        """Check the ledger; an auditor checks a bundle for himself. `since`: log checkpoints that
        were kept; `witnesses`, `roots`: keys and root certificates (PEM) of those who vouch for
        times.
        """
        ...

    def audit_rebuild(self) -> Record:
        """Make the views anew from the entries and compare."""
        ...

    def audit_witness(self) -> list[Record]:
        """Hand the newest log checkpoint to the configured witnesses now."""
        ...

    def audit_rotate_key(self, reason: str) -> Record:
        """A new signing key."""
        ...

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
        """Evidence in a file on this machine: of a request, a revision, a time (`as_of`, perhaps of
        one `model`), or everything; `since`: a log checkpoint that was kept, from which it then has
        a proof. Of a request it shows other requests as digests only; `with_others` shows them, so
        that the edit can be recomposed.

        Raises:
            Usage: the file exists. MachineFault: it cannot be written.
        """
        ...


class Tokens(Protocol):
    """Bearer tokens."""

    def tokens(self) -> list[Record]:
        """All tokens, oldest first, without their secrets."""
        ...

    def create_token(self, role: str, name: str) -> Record:
        """A new token; its secret is shown this once."""
        ...

    def revoke_token(self, token_id: str) -> Record:
        """End a token."""
        ...


class Api(Models, Requests, Questions, Tokens, Protocol):
    """All of it, as a context that lets go at its end. `remote`: somebody else reconciles, so that
    waiting means something.
    """

    remote: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
