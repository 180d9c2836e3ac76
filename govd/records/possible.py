"""Whether something that somebody is about to append can happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from govd.errors import NotFound
from govd.records.changes import Lookup, published_at, request_at, revision_at
from govd.records.fold_models import check_name
from govd.records.fold_revisions import superseded
from govd.records.lifecycle import EVENTS, RequestState, RevisionState, State, after
from govd.types import Json


class Happening(Protocol):
    """What somebody is about to append: a draft of an entry."""

    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> Json: ...


def check_possible(drafts: Sequence[Happening], lookup: Lookup) -> None:
    """Whether these entries, one after the other, can happen.

    Raises:
        Conflict: the state of a request or revision does not allow it, or a name is taken.
        NotFound: there is no such request or revision.
    """
    states: dict[str, tuple[str, State]] = {}
    for draft in drafts:
        noun, _, event = draft.kind.partition(".")
        if draft.kind == "model.add":
            check_name(draft.subject, lookup)
        elif draft.kind == "request.file":
            states[draft.subject] = (
                str(draft.payload.get("kind", "forget")),
                RequestState.FILED,
            )
        elif draft.kind == "revision.compose":
            states[draft.subject] = ("revision", RevisionState.COMPOSED)
        elif noun in ("request", "revision"):
            kind, state = states.get(draft.subject) or _state(
                noun, draft.subject, lookup
            )
            if event in EVENTS[kind]:
                states[draft.subject] = (kind, after(kind, state, event))
            if draft.kind == "revision.publish":
                before = published_at(lookup, draft.subject.partition("/")[0])
                if before is not None:
                    superseded(before)


def _state(noun: str, subject: str, lookup: Lookup) -> tuple[str, State]:
    """What has the state (`forget`, `revert` or `revision`), and the state."""
    if noun == "request":
        request = request_at(lookup, subject)
        if request is not None:
            return request.kind, request.state
    else:
        revision = revision_at(lookup, subject)
        if revision is not None:
            return "revision", revision.state
    raise NotFound(f"there is no {noun} {subject}")
