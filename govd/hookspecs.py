"""The hooks of govd: what a plugin may implement. This file is the plugin manual.

A plugin is a module or object behind an entry point of the group `govd`; it marks its functions
with `hookimpl` and takes only the arguments that it needs:

    from govd.hookspecs import hookimpl

    @hookimpl
    def govd_vote(moment, request): ...

*first* hooks stop at the first plugin that answers something other than None; *all* hooks ask
everybody. Each plugin is
asked in a thread of its own, for `plugin_seconds` (votes, gates, notices, routes, commands) or
`plugin_work_seconds` (what computes) of `govd.toml`, and while no lock is held that others need.
Records that it is given cannot be changed; `govd.types.changeable` copies one. A hook that raises,
does not answer in time or answers something else than it promises (numbers that are not finite,
other types, more than can be kept) is a fault of that plugin: it is named, recorded for `govd
doctor`, and the request waits with that reason; a vote or gate of that kind counts as "wait", never
as "allow". What failed is tried again after growing pauses; a call that never returns cannot be
ended, and a plugin with two of those is not asked until one of them is back. Votes are recorded
under the name of the plugin's entry point and its version; what a vote calls itself is kept beside
it, as `rule`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from govd.types import (
    Answers,
    BatchRunner,
    Contribution,
    Document,
    Feed,
    ForgetSpec,
    Gate,
    Json,
    Model,
    ModelReference,
    Progress,
    Proposals,
    ReadyPolicy,
    Record,
    Store,
    Vote,
)

if TYPE_CHECKING:
    from govd.edit import AnyEdit, Basis, EvaluationData, Method

PROJECT = "govd"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def govd_open_model(reference: ModelReference) -> Model | None:
    """Open a model, or None where this backend does not recognise the reference (*first*).

    Opening must be cheap until something is encoded: read the config, hash the files, load weights
    lazily.

    Raises:
        BadCheckpoint: recognised, but broken; the message says which file and what to do.
    """


@hookspec
def govd_methods() -> Mapping[str, Method] | None:
    """Methods by name (*all*). A name that two plugins claim is refused at loading, with both
    named.
    """


@hookspec(firstresult=True)
def govd_compute_contribution(
    model: Model, basis: Basis, spec: ForgetSpec, method: Method, progress: Progress
) -> Contribution | None:
    """What one forget adds (*first*): text directions, visual prototypes, domain selectors, and its
    solved strength.

    A pure function of its arguments: the same model, basis and spec give the same digest. The core
    answers last, by asking the model for embeddings and the method for the rest; a backend answers
    first where it knows a shorter way, or where its models are no CLIP and a contribution is
    something else: tensors by any name, which `govd_compose_edit` of the same plugin understands.
    Of a model without a space (`facts.dim` 0) they are deltas of weights, `full:NAME` or `up:NAME`
    with `down:NAME`, which the core adds up; they may come from a job that is no pure function.

    `basis` is the model as it was registered: its labels, vocabulary and domains with their
    vectors, and the pool. Each of them may be empty but the vocabulary: a basis without labels has
    no hard anchors, one without domains no selectors, one without a pool nothing to measure on.
    """


@hookspec(firstresult=True)
def govd_compose_edit(
    basis: Basis,
    contributions: Sequence[Contribution],
    methods: Mapping[str, Method],
    where: str,
) -> AnyEdit | None:
    """The cumulative edit of all contributions in force (*first*). `where` is `host` or `device`.

    The core answers `host`, with the same bytes on any machine; a backend may answer `device`
    (previews, sweeps; equal to 1e-6). Nobody is asked on the host for a set that a revision was
    made of before by the same plugins: its edit is read from the artifacts.
    """


@hookspec(firstresult=True)
def govd_evaluate(
    model: Model,
    basis: Basis,
    edit: AnyEdit,
    contributions: Sequence[Contribution],
    data: EvaluationData | None,
) -> Mapping[str, Json] | None:
    """Metrics of an edit (*first*), on embeddings of labelled pictures where `data` has them, else
    on texts and prototypes alone. Of a model without a space the edit is of tensors, and also asked
    for where nothing is in force.
    """


@hookspec
def govd_vote(
    moment: str,
    request: Record,
    predicted: Mapping[str, Json],
    actor: str,
    roles: Sequence[str],
    approvals: Sequence[Record],
) -> Vote | None:
    """Allow, deny or let wait (*all*; one "deny" wins, every vote is recorded).

    Args:
        moment: `filed` (a forget), `revert` (a revert is filed), `approve` (a person approves),
            `release` (a person ends a legal hold) or `extend` (a person gives it more time).
        request: as it is then; a forget with what was computed for it.
        predicted: what it is predicted to cost and to do; empty for a revert.
        actor: who files, approves, releases or extends now, as the ledger spells him:
            `principal:ann`, `local:ann`, `owner`, `feed:names`.
        roles: those that he has: `owner`, `operator`, …, and those that he was given as a
            principal (`legal`); of who is neither the owner nor holds a token in use, none.
        approvals: those so far, oldest first, each with `principal`, `role`, `roles`, `for`, `at`,
            `reason`, `entry` and `by_filer`; without the one that is being given.

    A "wait" may say what it needs (`Vote.needs`): two people of a role, not the filer. govd counts
    them: what was needed stays so until enough people approved, or until the same policy votes
    again; one who holds two tokens, the owner and his local accounts, a delegate and his delegator
    in one role are one. A policy that need not count:

        def govd_vote(moment, request):
            if moment == "filed" and request["domains"] == ():
                return Vote("wait", "four-eyes", "another person must look", needs=Needs(2))

    A "wait" without needs is met by one approval where it was said to what was filed; said at
    `approve`, `release` or `extend` it refuses for now, and is asked again the next time.
    """


@hookspec
def govd_policies() -> Mapping[str, ReadyPolicy] | None:
    """Ready policies by name (*all*): YAML with parameters, which `govd policy add --ready NAME`
    fills. Of two of one name the plugin that was loaded first has its way.
    """


@hookspec(firstresult=True)
def govd_propose(
    feed: Feed, cursor: Mapping[str, Json], now: str, by_hand: bool
) -> Proposals | None:
    """What a feed has that is new (*first*), or None where its `url` is not one's own.

    A feed is looked at when it is added (what is answered then is not taken), when it is due, and
    when somebody asks for it. The plugin brings documents, whole and bounded; their rows are read,
    filed and answered by the core, the same for every feed.

    Args:
        feed: its name, `url`, secret, and the inbox of a feed that is sent to.
        cursor: that of `Proposals.cursor` at the last look whose documents were all dealt with;
            empty at the first, and whenever it was lost.
        now: UTC, ISO 8601.
        by_hand: somebody asks for it now (`govd feed run`): what is there is whole, he says.

    Looking must change nothing: a document counts as taken when `govd_answered` was called for it.
    What is brought again though nothing changed is known by its digest and files nothing twice.

    Raises:
        Unreachable: it does not answer now; it is tried again.
        BadFile, NotFound: what is there is no such feed; the message says what to do.
    """


@hookspec(firstresult=True)
def govd_answered(feed: Feed, document: Document, answers: Answers) -> bool | None:
    """Tell who wrote a document what became of each of its rows (*first*): write a result beside
    it, move it away. True once that is done, None for a feed that is not one's own.

    Called after the rows are filed, and again where it failed or the process ended before it came
    back: doing it twice must be the same as once.

    Raises:
        MachineFault: it cannot be written; it is tried again at the next look.
    """


@hookspec
def govd_gate(revision: Record) -> Gate | None:
    """May this evaluated revision be published? (*all*; one "deny" refuses it, one "wait" holds it
    back and is asked again).
    """


@hookspec(firstresult=True)
def govd_export(
    model: Model, edit: AnyEdit, format: str, folder: Path
) -> Mapping[str, str] | None:
    """Write an edited model in `format` into `folder` (*first*); file names with their SHA-256, or
    None for a format not one's own.
    """


@hookspec(firstresult=True)
def govd_open_store(url: str, secret: str) -> Store | None:
    """Open embeddings that are kept elsewhere (*first*), or None for an address that is not one's
    own: `file:///data/vectors.npy`, `qdrant://host/collection`. `secret` is a password or token
    that was given for it, empty where none was.

    Opening must be cheap: what is large is read by the calls of `govd.types.Store`. A store is
    opened for each piece of work, by several threads and processes, and closed after it.

    Raises:
        BadFile, MachineFault: the address is one's own, and what is there is no such store, or
        cannot be reached; the message says what to do.
    """


@hookspec
def govd_on_entry(entry: Record) -> None:
    """After an entry is durable (*all*): webhooks, metrics, mail. Told in the order of the entries
    and without waiting: what it raises is logged and changes nothing, and entries beyond 10,000
    that it has not taken yet are not told to it.
    """


@hookspec(firstresult=True)
def govd_witness(
    url: str,
    checkpoint: str,
    before: int,
    prove: Callable[[int], Sequence[bytes]],
    key: str,
) -> Sequence[str] | None:
    """Hand a log checkpoint to the witness at `url` (*first*): its signature lines, or None for an
    address that is not one's own.

    `before` is the size that it is known to have cosigned, `prove(old)` the consistency proof from
    an older size; where the witness knows another size than `before` it says which. What comes back
    is checked against `key` before it is kept.
    """


@hookspec(firstresult=True)
def govd_timestamp(url: str, message: bytes) -> Mapping[str, Any] | None:
    """An RFC 3161 time stamp on a message by the authority at `url` (*first*): `token` (DER bytes)
    and `at` (UTC, ISO 8601), or None.
    """


@hookspec
def govd_routes(router: Any, service: Any) -> None:
    """Add HTTP routes below `/v1/x/` to `router` (a FastAPI APIRouter) (*all*)."""


@hookspec
def govd_commands(app: Any) -> None:
    """Add commands to the CLI (a Typer app) (*all*)."""


@hookspec(firstresult=True)
def govd_batch_runner(name: str, address: str) -> BatchRunner | None:
    """Where batch work runs (*first*), or None for a name that is not one's own: machines that are
    reached now, and let go of by `close`. `name` and `address` are those of `[batch]` in
    `govd.toml`; the core itself answers `in-process`.

    Patching stores and encoding large folders of pictures run through it, both with functions that
    open what they need by the plugin that opened it here, once for each worker.

    Raises:
        Unreachable: nothing answers at this address; the message says what to do.
    """
