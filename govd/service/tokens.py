"""Bearer tokens with roles. The ledger holds their SHA-256, never themselves."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from govd.errors import Conflict, Denied, NotFound, Unauthenticated, Usage, instead
from govd.ledger.entry import Draft
from govd.ledger.times import now
from govd.models.core import Core
from govd.records.actors import (
    OWNER,
    TOKEN_ROLES,
    check_name,
    holder,
    principal,
    spelled,
)
from govd.records.limits import bounded
from govd.requests.options import date_of
from govd.types import Json, Record

log = logging.getLogger("govd")
MADE: Final = ("sha256", "role", "name", "principal", "models", "expires_at")
"""What the entry of a token says of it."""
OWN_SECONDS: Final = 1.0
"""For which the home's own token is not read again."""


@dataclass(frozen=True)
class Holder:
    """Who calls: the actor, the role of the token, and the models that it is for (empty: all)."""

    actor: str
    role: str
    models: tuple[str, ...] = ()

    def check_role(self, needs: str) -> None:
        """Refuse who has a lesser role.

        Raises:
            Denied: the token's role is not enough.
        """
        if TOKEN_ROLES.index(self.role) > TOKEN_ROLES.index(needs):
            raise Denied(
                f"the role {self.role} may not do this",
                advice=f"It needs the role {needs}.",
            )


class Tokens:
    """The nouns of `govd token`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._looked_at: set[tuple[str, ...]] = set()
        # the home's token, and until when it is not read again
        self._own = (
            "",
            float("-inf"),
        )

    @bounded
    def create(
        self,
        role: str,
        name: str,
        actor: str,
        principal: str | None = None,
        models: Sequence[str] = (),
        expires: str | None = None,
    ) -> Record:
        """A new token; it is shown this once.

        Args:
            role: what it is for at most.
            name: what it is called; without a `principal`, who holds it.
            actor: who makes it.
            principal: whose it is; he may have several.
            models: those that it is for; none: all.
            expires: until when.

        Raises:
            Usage: an unknown role, a name that a token may not have, a date that is past. NotFound:
            there is no such principal or model. Conflict: the name is that of somebody else, but
            for its spelling.
        """
        if role not in TOKEN_ROLES:
            raise Usage(
                f"unknown role {role!r}", advice=instead(role, TOKEN_ROLES, "Roles")
            )
        name = check_name(name)
        payload: dict[str, Json] = {"name": name, "role": role}
        expires_at = date_of(expires, "expires")
        token = secrets.token_urlsafe(32)
        token_id = secrets.token_hex(6)
        payload["sha256"] = hashlib.sha256(token.encode()).hexdigest()
        with self.core.desk.lock:
            self.core.desk.refresh()
            if principal is None:
                check_spelling(self.core, name)
            else:
                payload["principal"] = self._principal(principal)
            if models:
                payload["models"] = sorted(
                    {self.core.desk.model(m).name for m in models}
                )
            if expires_at is not None:
                payload["expires_at"] = expires_at
            self.core.desk.append([Draft("token.create", token_id, actor, "", payload)])
        return {**self._shown(self.core.desk.views.tokens[token_id]), "token": token}

    def _principal(self, name: str) -> str:
        """The name of a principal as he was added.

        Raises:
            NotFound: there is none. Usage: it is the owner, who has the home's own token.
        """
        if spelled(name) == OWNER:
            raise Usage(
                "the owner has the home's own token",
                advice="Make a principal for whoever else is to be an owner.",
            )
        person = self.core.desk.views.principals.get(spelled(name))
        if person is None or person.removed_at is not None:
            raise NotFound(
                f"there is no principal {name!r}",
                advice=f"`govd principal add {name} --role R` adds one.",
            )
        return person.name

    def all(self) -> list[Record]:
        """All tokens, without what would let somebody in."""
        return [
            self._shown(token) for token in list(self.core.desk.views.tokens.values())
        ]

    def _shown(self, token: Record) -> Record:
        """A token's record without its digest, and as whom it acts."""
        fields = {name: value for name, value in token.items() if name != "sha256"}
        return {**fields, "actor": holder(token)}

    @bounded
    def revoke(self, token_id: str, actor: str) -> Record:
        """End a token.

        Raises:
            NotFound: no token in use has this id.
        """
        tokens = self.core.desk.views.tokens
        if token_id not in tokens or tokens[token_id]["revoked_at"]:
            raise NotFound(
                f"no token {token_id!r} is in use",
                advice="`govd token list` shows them.",
            )
        self.core.desk.append([Draft("token.revoke", token_id, actor, "", {})])
        return self._shown(self.core.desk.views.tokens[token_id])

    def admit(self, token: str | None, needs: str) -> str:
        """The actor who holds the token.

        Raises:
            Unauthenticated: none, unknown, revoked or expired. Denied: its role is not enough.
        """
        token_holder = self.held(token)
        token_holder.check_role(needs)
        return token_holder.actor

    def held(self, token: str | None) -> Holder:
        """Who holds a token. Every token is compared, whichever it is.

        Raises:
            Unauthenticated: none, unknown, revoked or expired.
        """
        if not token:
            raise Unauthenticated(
                "this call needs a token",
                advice="Send Authorization: Bearer TOKEN; `govd token create` makes one.",
            )
        is_owner = hmac.compare_digest(token.encode(), self._home_token().encode())
        digest = hashlib.sha256(token.encode()).hexdigest()
        same: Record | None = None
        for record in list(self.core.desk.views.tokens.values()):
            if hmac.compare_digest(str(record["sha256"]), digest):
                same = record
        if is_owner:
            return Holder(OWNER, OWNER)
        if same is None or same["revoked_at"] or not self._is_made(same):
            raise Unauthenticated(
                "this token is not known",
                advice="It may have been revoked; `govd token list` shows those in use.",
            )
        expires = same.get("expires_at")
        if expires is not None and str(expires) <= now():
            raise Unauthenticated(
                f"this token expired on {str(expires)[:10]}",
                advice="`govd token create` makes another one.",
            )
        return Holder(holder(same), str(same["role"]), tuple(same.get("models") or ()))

    def _home_token(self) -> str:
        """The home's own token as it is in its file, or was a moment ago: every call asks for it,
        and a file that is opened holds up the thread that answers all of them.
        """
        token, until = self._own
        if time.monotonic() >= until:
            token = self.core.home.token()
            self._own = (token, time.monotonic() + OWN_SECONDS)
        return token

    def _is_made(self, token: Record) -> bool:
        """Whether the ledger itself says so: the entry that made a token is looked at when it is
        first used.

        A token is never changed; that it was not revoked meanwhile is what the seals of the views
        vouch for.
        """
        key = (str(token["id"]), *_made(token))
        if key not in self._looked_at:
            entries = self.core.desk.ledger.some([int(token["seq"])])
            creations = [
                e
                for e in entries
                if e["kind"] == "token.create" and e["subject"] == token["id"]
            ]
            payload = creations[0]["payload"] if creations else {}
            if _made(payload) != key[1:]:
                log.error(
                    "token %s is in the views, but the ledger has not made it so: it lets"
                    " nobody in",
                    token["id"],
                )
                return False
            self._looked_at.add(key)
        return True


def _made(token: Record) -> tuple[str, ...]:
    """What an entry or a record says of a token; older entries say less."""
    return tuple(str(token.get(name) or "") for name in MADE)


def check_spelling(core: Core, name: str) -> None:
    """Refuse a name that is that of somebody else but for case, forms of characters or spaces.

    Raises:
        Conflict: it is.
    """
    views = core.desk.views
    names = [principal.name for principal in views.principals.values()]
    names += [holder(token).partition(":")[2] for token in views.tokens.values()]
    for other in names:
        if other != name and spelled(other) == spelled(name):
            raise Conflict(
                f"the name {name!r} is that of {other!r}, but for its spelling",
                advice=f"Write it as {other}: both would be one person.",
            )


def actor_of(name: str) -> str:
    """The actor of a principal's name; `owner` is the home's own."""
    return OWNER if spelled(name) == OWNER else principal(name)
