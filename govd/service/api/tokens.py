"""Bearer tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from govd.service.api.question import Asked, question

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

    @abstractmethod
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

    @abstractmethod
    def revoke_token(self, token_id: str) -> Record:
        """End a token."""
