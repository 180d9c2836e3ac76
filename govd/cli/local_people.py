"""Principals and tokens of a home without a daemon."""

from __future__ import annotations

from collections.abc import Sequence

from govd.records.actors import OWNER
from govd.service.api.people import People
from govd.service.api.tokens import Tokens
from govd.service.service import Service
from govd.service.tokens import Holder
from govd.types import Record


class LocalPeople(Tokens, People):
    """The calls about who is in charge, by the account of this process."""

    service: Service
    actor: str

    def add_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        return self.service.principals.add(name, roles, reason, self.actor)

    def update_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        return self.service.principals.update(name, roles, reason, self.actor)

    def remove_principal(self, name: str, reason: str = "") -> Record:
        return self.service.principals.remove(name, reason, self.actor)

    def delegate(self, name: str, to: str, until: str, reason: str = "") -> Record:
        return self.service.principals.delegate(name, to, until, reason, self.actor)

    def undelegate(self, name: str, to: str, reason: str = "") -> Record:
        return self.service.principals.undelegate(name, to, reason, self.actor)

    def whoami(self) -> Record:
        return self.service.principals.whoami(Holder(self.actor, OWNER))

    def create_token(
        self,
        role: str,
        name: str,
        principal: str | None = None,
        models: Sequence[str] = (),
        expires: str | None = None,
    ) -> Record:
        tokens = self.service.tokens
        return tokens.create(role, name, self.actor, principal, models, expires)

    def revoke_token(self, token_id: str) -> Record:
        return self.service.tokens.revoke(token_id, self.actor)
