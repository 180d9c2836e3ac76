"""Bearer tokens with roles. The ledger holds their SHA-256, never themselves."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from typing import Final

from govd.errors import Denied, NotFound, Unauthenticated, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.records.actors import OWNER, check_name, principal
from govd.records.limits import bounded
from govd.types import Record

log = logging.getLogger("govd")
#: What a role may do; each includes those after it.
ROLES: Final = ("owner", "operator", "reader", "inference")


class Tokens:
    """The nouns of `govd token`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._looked_at: set[tuple[str, ...]] = set()

    @bounded
    def create(self, role: str, name: str, actor: str) -> Record:
        """A new token; it is shown this once.

        Raises:
            Usage: an unknown role, or a name that a token may not have.
        """
        if role not in ROLES:
            raise Usage(f"unknown role {role!r}", advice=f"Roles: {', '.join(ROLES)}.")
        name = check_name(name)
        token, token_id = secrets.token_urlsafe(32), secrets.token_hex(6)
        payload = {"name": name, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        self.core.desk.append([Draft("token.create", token_id, actor, "", payload)])
        return {
            "id": token_id,
            "name": name,
            "actor": principal(name),
            "role": role,
            "token": token,
        }

    def all(self) -> list[Record]:
        """All tokens, without what would let somebody in."""
        tokens = list(self.core.desk.views.tokens.values())
        return [
            {k: v for k, v in t.items() if k != "sha256"} | {"actor": principal(str(t["name"]))}
            for t in tokens
        ]

    @bounded
    def revoke(self, token_id: str, actor: str) -> Record:
        """End a token.

        Raises:
            NotFound: no token in use has this id.
        """
        if (
            token_id not in self.core.desk.views.tokens
            or self.core.desk.views.tokens[token_id]["revoked_at"]
        ):
            raise NotFound(
                f"no token {token_id!r} is in use", advice="`govd token list` shows them."
            )
        self.core.desk.append([Draft("token.revoke", token_id, actor, "", {})])
        return next(t for t in self.all() if t["id"] == token_id)

    def admit(self, token: str | None, needs: str) -> str:
        """The actor who holds the token.

        Raises:
            Unauthenticated: none, unknown or revoked. Denied: its role is not enough.
        """
        if not token:
            raise Unauthenticated(
                "this call needs a token",
                advice="Send Authorization: Bearer TOKEN; `govd token create` makes one.",
            )
        if hmac.compare_digest(token.encode(), self.core.home.token().encode()):
            return OWNER
        digest = hashlib.sha256(token.encode()).hexdigest()
        for holder in list(self.core.desk.views.tokens.values()):
            if (
                hmac.compare_digest(holder["sha256"], digest)
                and not holder["revoked_at"]
                and self._is_made(holder)
            ):
                if ROLES.index(holder["role"]) > ROLES.index(needs):
                    raise Denied(
                        f"the role {holder['role']} may not do this",
                        advice=f"It needs the role {needs}.",
                    )
                return principal(str(holder["name"]))
        raise Unauthenticated(
            "this token is not known",
            advice="It may have been revoked; `govd token list` shows those in use.",
        )

    def _is_made(self, token: Record) -> bool:
        """Whether the ledger itself says so: the entry that made a token is looked at when it is
        first used.

        A token is never changed; that it was not revoked meanwhile is what the seals of the views
        vouch for.
        """
        key = (str(token["id"]), str(token["sha256"]), str(token["role"]), str(token["name"]))
        if key not in self._looked_at:
            entries = self.core.desk.ledger.some([int(token["seq"])])
            creations = [
                e for e in entries if e["kind"] == "token.create" and e["subject"] == token["id"]
            ]
            payload = creations[0]["payload"] if creations else {}
            if (payload.get("sha256"), payload.get("role"), payload.get("name")) != key[1:]:
                log.error(
                    "token %s is in the views, but the ledger has not made it so: it lets"
                    " nobody in",
                    token["id"],
                )
                return False
            self._looked_at.add(key)
        return True
