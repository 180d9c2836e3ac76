"""What can be asked of a home, whoever answers: a daemon over HTTP (`govd.client.Daemon`) or the
home itself (`govd.cli.local.Local`).

Records are plain mappings as the HTTP API spells them; lists are whole, whatever pages they came
in. Whatever is asked may raise the errors of `govd.errors`: `NotFound` for a name or id that is not
there, `Usage` for what cannot be meant, `Denied` and `Unauthenticated` where a role is not enough,
`Unreachable` where no daemon answers.

What only passes through is declared with `@question` and answered by `Api.ask`, or with `@action`
and done by `Api.act`; the rest is abstract.
"""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Self

from govd.service.api.action import Action
from govd.service.api.audit import Audit
from govd.service.api.declared import declared_in
from govd.service.api.feeds import Feeds
from govd.service.api.models import Models
from govd.service.api.notices import Notices
from govd.service.api.people import People
from govd.service.api.policies import Policies
from govd.service.api.question import Question
from govd.service.api.requests import Requests
from govd.service.api.stores import Stores
from govd.service.api.tokens import Tokens

__all__ = ["ACTIONS", "QUESTIONS", "Action", "Api", "Question"]


class Api(Models, Requests, Policies, Audit, Tokens, People, Feeds, Stores, Notices):
    """All of it, as a context that lets go at its end. `remote`: somebody else reconciles, so that
    waiting means something.
    """

    remote: bool

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


QUESTIONS = tuple(d for d in declared_in(Api) if isinstance(d, Question))
"""What is asked and only passes through, in the order of its declaration."""
ACTIONS = tuple(d for d in declared_in(Api) if isinstance(d, Action))
"""What is done and only passes through, in the order of its declaration."""
