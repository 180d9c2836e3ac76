"""What calls about tokens and principals answer, for the API's description."""

from __future__ import annotations

from typing import Any

from govd.web.answers import Answer


class Token(Answer):
    """A token, without its secret."""

    id: str
    name: str
    actor: str
    role: str
    principal: str | None
    models: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class Principal(Answer):
    """A principal, with the delegations in force and the ids of his tokens in use."""

    name: str
    actor: str
    roles: list[str]
    added_at: str
    added_by: str
    removed_at: str | None
    delegations: list[dict[str, Any]]
    tokens: list[str]


class Caller(Answer):
    """Who calls."""

    actor: str
    person: str | None
    role: str
    models: list[str]
    roles: list[str]


class NewToken(Answer):
    """A new token, with its secret."""

    id: str
    name: str
    role: str
    token: str
