"""Principals and tokens of a daemon over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govd.client.files import part_of_path
from govd.client.transport import Transport
from govd.service.api.people import People
from govd.service.api.tokens import Tokens
from govd.types import Json, Record


class PeopleCalls(Tokens, People):
    """The calls about who is in charge; what each does is said in `govd.service.api`."""

    _http: Transport

    def _call(self, verb: str, path: str, body: Json = None, **query: Any) -> Record:
        record: Record = self._http.json(verb, path, body, **query)
        return record

    def add_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        body = {"name": name, "roles": list(roles), "reason": reason}
        return self._call("POST", "principals", body)

    def update_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        body = {"roles": list(roles), "reason": reason}
        return self._call("PATCH", f"principals/{part_of_path(name)}", body)

    def remove_principal(self, name: str, reason: str = "") -> Record:
        path = f"principals/{part_of_path(name)}"
        return self._call("DELETE", path, reason=reason or None)

    def delegate(self, name: str, to: str, until: str, reason: str = "") -> Record:
        body = {"to": to, "until": until, "reason": reason}
        return self._call("POST", f"principals/{part_of_path(name)}/delegate", body)

    def undelegate(self, name: str, to: str, reason: str = "") -> Record:
        body = {"to": to, "reason": reason}
        return self._call("POST", f"principals/{part_of_path(name)}/undelegate", body)

    def whoami(self) -> Record:
        return self._call("GET", "whoami")

    def create_token(
        self,
        role: str,
        name: str,
        principal: str | None = None,
        models: Sequence[str] = (),
        expires: str | None = None,
    ) -> Record:
        body = {
            "role": role,
            "name": name,
            "principal": principal,
            "models": list(models),
        }
        return self._call("POST", "tokens", {**body, "expires": expires})

    def revoke_token(self, token_id: str) -> Record:
        return self._call("DELETE", f"tokens/{part_of_path(token_id)}")
