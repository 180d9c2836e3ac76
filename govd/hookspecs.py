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

`govd_propose`, `govd_patch_store` and `govd_batch_runner` are specified, so that plugins can be
written for them; nothing asks them yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from govd.types import (
    Contribution,
    ForgetSpec,
    Gate,
    Json,
    Model,
    ModelReference,
    Progress,
    Proposal,
    Record,
    Vote,
)

if TYPE_CHECKING:
    from govd.edit import Basis, Edit, EvaluationData, Method

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
    first where it knows a shorter way.
    """


@hookspec(firstresult=True)
def govd_compose_edit(
    basis: Basis, contributions: Sequence[Contribution], methods: Mapping[str, Method], where: str
) -> Edit | None:
    """The cumulative edit of all contributions in force (*first*). `where` is `host` or `device`.

    The core answers `host`, with the same bytes on any machine; a backend may answer `device`
    (previews, sweeps; equal to 1e-6).
    """


@hookspec(firstresult=True)
def govd_evaluate(
    model: Model,
    basis: Basis,
    edit: Edit,
    contributions: Sequence[Contribution],
    data: EvaluationData | None,
) -> Mapping[str, Json] | None:
    """Metrics of an edit (*first*), on embeddings of labelled pictures where `data` has them, else
    on texts and prototypes alone.
    """


@hookspec
def govd_vote(moment: str, request: Record, predicted: Mapping[str, Json]) -> Vote | None:
    """Allow, deny or let wait (*all*; one "deny" wins, every vote is recorded). `moment`: `filed`,
    `approve` or `revert`.
    """


@hookspec
def govd_propose(now: str, requests: Sequence[Record]) -> Sequence[Proposal] | None:
    """What should be forgotten now, by a policy's own sight (*all*): feeds, retention, drift. `now`
    is UTC, ISO 8601.
    """


@hookspec
def govd_gate(revision: Record) -> Gate | None:
    """May this evaluated revision be published? (*all*; one "deny" refuses it, one "wait" holds it
    back and is asked again).
    """


@hookspec(firstresult=True)
def govd_export(model: Model, edit: Edit, format: str, folder: Path) -> Mapping[str, str] | None:
    """Write an edited model in `format` into `folder` (*first*); file names with their SHA-256, or
    None for a format not one's own.
    """


@hookspec(firstresult=True)
def govd_patch_store(store: str, edit: Edit, progress: Progress) -> Mapping[str, Json] | None:
    """Apply an edit to embeddings kept elsewhere (*first*), or None for a store that this plugin
    does not know.
    """


@hookspec
def govd_on_entry(entry: Record) -> None:
    """After an entry is durable (*all*): webhooks, metrics, mail. Told in the order of the entries
    and without waiting: what it raises is logged and changes nothing, and entries beyond 10,000
    that it has not taken yet are not told to it.
    """


@hookspec(firstresult=True)
def govd_witness(
    url: str, checkpoint: str, before: int, prove: Callable[[int], Sequence[bytes]], key: str
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
def govd_batch_runner(name: str) -> Any | None:
    """Where batch work runs (*first*): an object with `map_batches(function, items)`; the core
    answers `in-process`.
    """
