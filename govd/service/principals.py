"""Who is in charge: principals, what they may decide as, and who acts for whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from govd.errors import Conflict, NotFound, Usage, instead
from govd.ledger.entry import Draft
from govd.ledger.times import now
from govd.models.core import Core
from govd.records.actors import (
    OWNER,
    check_name,
    holder,
    person_named,
    person_of,
    spelled,
)
from govd.records.limits import bounded
from govd.records.people import Principal, in_use
from govd.requests.options import date_of
from govd.service.tokens import Holder, actor_of, check_spelling
from govd.types import Json, Record

ROLE: Final = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
"""How a role is spelled: it is compared as it is written."""
LONGEST: Final = 64


class Principals:
    """The nouns of `govd principal`."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def all(self) -> list[Record]:
        """All principals, those who were removed last."""
        principals = list(self.core.desk.views.principals.values())
        principals.sort(key=lambda one: (one.removed_at is not None, one.seq))
        return [self._shown(principal) for principal in principals]

    @bounded
    def show(self, name: str) -> Record:
        """One principal, with his tokens.

        Raises:
            NotFound: there was never one of this name.
        """
        principal = self.core.desk.views.principals.get(spelled(name))
        if principal is None:
            raise _unknown(self.core, name)
        return self._shown(principal)

    @bounded
    def add(self, name: str, roles: Sequence[str], reason: str, actor: str) -> Record:
        """A new principal of this `name` with `roles`, added by `actor` for a `reason`. The name
        `owner` gives roles to the home's owner.

        Raises:
            Usage: a name or role that cannot be one, or no role. Conflict: he is one already, or
            somebody is called so but for the spelling.
        """
        is_owner = spelled(name) == OWNER
        name = OWNER if is_owner else check_name(name, "principal")
        payload = {"roles": _roles(roles), "reason": reason}
        with self.core.desk.lock:
            self.core.desk.refresh()
            if not is_owner:
                check_spelling(self.core, name)
            existing = self.core.desk.views.principals.get(spelled(name))
            if existing is not None and existing.removed_at is None:
                raise Conflict(
                    f"{existing.name} is a principal already",
                    advice=f"`govd principal update {existing.name} --role R` changes his roles.",
                )
            self._append("add", name, payload, actor)
        return self.show(name)

    @bounded
    def update(
        self, name: str, roles: Sequence[str], reason: str, actor: str
    ) -> Record:
        """Give the principal `name` other `roles`, instead of those that he has; `actor` says so,
        for a `reason`.

        Raises:
            NotFound: there is no such principal. Usage: a role that cannot be one, or none.
        """
        payload: dict[str, Json] = {"roles": _roles(roles), "reason": reason}
        with self.core.desk.lock:
            principal = self._principal(name)
            payload["was"] = list(principal.roles)
            self._append("update", principal.name, payload, actor)
        return self.show(name)

    @bounded
    def remove(self, name: str, reason: str, actor: str) -> Record:
        """Remove the principal `name`, by `actor` for a `reason`: his tokens let nobody in any
        more, his delegations end, and what he approved counts no more for what still waits.

        Raises:
            NotFound: there is no such principal.
        """
        with self.core.desk.lock:
            principal = self._principal(name)
            drafts = [
                Draft("token.revoke", str(token["id"]), actor, "", {})
                for token in self.core.desk.views.tokens.values()
                if not token["revoked_at"]
                and person_of(holder(token)) == principal.person
            ]
            removal = Draft(
                "principal.remove", principal.name, actor, "", {"reason": reason}
            )
            self.core.desk.append([*drafts, removal])
        return self.show(name)

    @bounded
    def delegate(
        self, name: str, to: str, until: str, reason: str, actor: str
    ) -> Record:
        """Let the principal `to` act for `name` until a date, by `actor` for a `reason`.

        Raises:
            NotFound: there is no such principal. Usage: a date that is past, or the same person.
        """
        until_at = str(date_of(until, "until"))
        with self.core.desk.lock:
            principal = self._principal(name)
            delegate = self._principal(to)
            if principal.person == delegate.person:
                raise Usage(
                    "a principal acts for himself already",
                    advice="Say --to another one.",
                )
            payload = {"to": delegate.name, "until": until_at, "reason": reason}
            self._append("delegate", principal.name, payload, actor)
        return self.show(name)

    @bounded
    def undelegate(self, name: str, to: str, reason: str, actor: str) -> Record:
        """End the delegation of `name` `to` another before its date, by `actor` for a `reason`.

        Raises:
            NotFound: there is no such principal. Conflict: no such delegation is in force.
        """
        with self.core.desk.lock:
            principal = self._principal(name)
            time = now()
            standing = [d.to for d in principal.delegations if d.stands(time)]
            same = [
                other for other in standing if person_named(other) == person_named(to)
            ]
            if not same:
                raise Conflict(
                    f"{to} does not act for {principal.name}",
                    advice=f"For him act: {', '.join(standing) or 'nobody'}.",
                )
            self._append(
                "undelegate", principal.name, {"to": same[0], "reason": reason}, actor
            )
        return self.show(name)

    def whoami(self, held: Holder) -> Record:
        """Who calls: the actor and person, the role and models of the token, the roles that he has,
        and for whom he acts.
        """
        people = self.core.desk.views.people()
        time = now()
        return {
            "actor": held.actor,
            "person": person_of(held.actor),
            "role": held.role,
            "models": list(held.models),
            "roles": list(people.roles(held.actor, time)),
            "for": [person.as_json() for person in people.acting(held.actor, time)],
        }

    def _append(
        self, event: str, name: str, payload: dict[str, Json], actor: str
    ) -> None:
        self.core.desk.append([Draft(f"principal.{event}", name, actor, "", payload)])

    def _principal(self, name: str) -> Principal:
        """A principal who is one now.

        Raises:
            NotFound: there is none of this name.
        """
        self.core.desk.refresh()
        principal = self.core.desk.views.principals.get(spelled(name))
        if principal is None or principal.removed_at is not None:
            raise _unknown(self.core, name)
        return principal

    def _shown(self, principal: Principal) -> Record:
        """A principal's record, with the delegations that are in force and the ids of his tokens
        in use.
        """
        time = now()
        record = principal.as_json()
        record["actor"] = actor_of(principal.name)
        record["delegations"] = [
            record_of
            for record_of, delegation in zip(
                principal.get("delegations", ()), principal.delegations, strict=True
            )
            if delegation.stands(time)
        ]
        record["tokens"] = [
            str(token["id"])
            for token in self.core.desk.views.tokens.values()
            if in_use(token, time) and person_of(holder(token)) == principal.person
        ]
        return record


def _roles(roles: Sequence[str]) -> list[str]:
    """Roles as they are recorded: none twice.

    Raises:
        Usage: there is none, or one is spelled as no role is.
    """
    if not roles:
        raise Usage(
            "a principal needs a role",
            advice="Say --role ROLE, several times for several.",
        )
    for role in roles:
        if not ROLE.fullmatch(role) or len(role) > LONGEST:
            raise Usage(
                f"{role!r} is no name of a role",
                advice="Use lower-case letters, digits, and - _ . between them: legal, brand-eu.",
            )
    return sorted(set(roles))


def _unknown(core: Core, name: str) -> NotFound:
    names = [
        principal.name
        for principal in core.desk.views.principals.values()
        if principal.removed_at is None
    ]
    how = "`govd principal list` shows them."
    none = f"`govd principal add {name} --role R` adds one."
    return NotFound(
        f"there is no principal {name!r}",
        advice=instead(name, sorted(names), how=how, none=none),
    )
