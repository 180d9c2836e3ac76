"""Bearer tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Record


class Tokens(Asked):
    """Bearer tokens."""

    @question(
        "tokens",
        "tokens.all",
        kind="list",
        cursor="id",
        role="owner",
        resumes=True,
    )
    def tokens(self) -> list[Record]:
        """All tokens, oldest first, without their secrets."""
        raise NotImplementedError

    @action("tokens", "tokens.create", status=201, creates="id", secret=True)
    def create_token(
        self,
        role: str,
        name: str,
        principal: str | None = None,
        models: Sequence[str] = (),
        expires: str | None = None,
    ) -> Record:
        """A new token; its secret is shown this once. `principal`: whose it is, `models`: those
        that it is for (none: all), `expires`: until when.
        """
        raise NotImplementedError

    @action("tokens/{token_id}", "tokens.revoke", verb="DELETE")
    def revoke_token(self, token_id: str) -> Record:
        """End a token."""
        raise NotImplementedError
