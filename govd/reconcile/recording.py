"""Entries about a request, appended unless somebody decided it, or changed what it was decided by,
meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govd.errors import GovdError
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.request import Request


@dataclass(frozen=True)
class Rules:
    """What may change while a request is decided: the modes of policies, by their keys, and whether
    what acts by itself is frozen.
    """

    modes: frozenset[tuple[str, str]]
    frozen: bool


class Recording:
    """Appends what became of requests: what computes holds no lock, so that each is looked at once
    more before.
    """

    def __init__(self, core: Core) -> None:
        self.core = core

    def rules(self) -> Rules:
        """What a request is decided by beside what it is itself, as it is now."""
        views = self.core.desk.views
        modes = frozenset(
            (policy.key, policy.mode) for policy in list(views.policies.values())
        )
        return Rules(modes, views.frozen is not None)

    def record(
        self,
        request: Request,
        drafts: Sequence[Draft],
        rules: Rules | None = None,
    ) -> bool:
        """Append entries about a request, unless somebody decided it or changed its model
        meanwhile; that it was dealt with. `rules`: what it was decided by; where they are others
        by now, it is looked at once more.
        """
        core = self.core
        with core.desk.lock:
            now = core.desk.views.request(request.id)
            ends = any(
                draft.kind in ("request.approve", "request.deny") for draft in drafts
            )
            is_late = rules is not None and rules != self.rules()
            if is_late or (ends and self.held(request)):
                return True  # changed, or held, meanwhile: it is looked at once more
            if now is not None and now.state is request.state:
                core.desk.append(drafts)
        return True

    def held(self, request: Request) -> str:
        """The legal hold that forbids that a request is approved or denied by itself, in words."""
        subjects = (
            [request.id] if request.is_forget else [request.id, str(request.reverts)]
        )
        for subject in subjects:
            if self.core.desk.request(subject).hold is not None:
                return f"{subject} is under a legal hold: a person decides once it is released"
        return ""


def spoken_fault(request: Request, error: GovdError) -> str:
    """What was wrong, without revealing what a private request hides."""
    if request.private is None:
        return error.message
    return f"{error.title} (the details would reveal what is private)"
