"""Who is in charge: principals with their roles and delegations as the entries leave them, and who
is whom among those who act.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from govd.records.actors import OWNER, holder, person_named, person_of, spelled
from govd.records.record import StoredRecord
from govd.types import Json, Record

DECIDING: Final = ("owner", "operator")
"""Roles of tokens with which one may approve."""


@dataclass(frozen=True)
class Delegation:
    """That a principal lets another one (`to`) act for him, from entry `entry` on, until a time.

    `ended_entry`: the entry that ended it before; None while nobody did.
    """

    to: str
    until: str
    at: str
    by: str
    reason: str
    entry: int
    ended_entry: int | None = None

    @classmethod
    def from_json(cls, delegation: Mapping[str, Json]) -> Delegation:
        """As the record of the principal has it."""
        ended = delegation.get("ended_entry")
        return cls(
            to=str(delegation["to"]),
            until=str(delegation["until"]),
            at=str(delegation["at"]),
            by=str(delegation["by"]),
            reason=str(delegation["reason"]),
            entry=int(delegation["entry"]),
            ended_entry=None if ended is None else int(ended),
        )

    def stands(self, time: str) -> bool:
        """Whether it is in force at a time."""
        return self.ended_entry is None and time < self.until


@dataclass(frozen=True, eq=False)
class Principal(StoredRecord):
    """A person who was added, by the newest entries about him."""

    @property
    def name(self) -> str:
        """How the ledger calls him, `ann`; `owner`: the home's owner, to whom roles were given."""
        return str(self._json["name"])

    @property
    def person(self) -> str:
        """Who he is among those who act, `principal:ann`."""
        return person_named(self.name)

    @property
    def roles(self) -> tuple[str, ...]:
        """What he may decide as, in order: roles of tokens, or any others."""
        return tuple(self._json["roles"])

    @property
    def added_entry(self) -> int:
        """The entry that added him last."""
        return int(self._json["added_entry"])

    @property
    def seq(self) -> int:
        """The entry that added somebody of this name first."""
        return int(self._json["seq"])

    @property
    def removed_at(self) -> str | None:
        """When he was removed; None while he is one."""
        return self._json.get("removed_at")

    @property
    def removed_entry(self) -> int | None:
        """The entry that removed him last, also where he was added again."""
        return self._json.get("removed_entry")

    @property
    def delegations(self) -> tuple[Delegation, ...]:
        """Whom he let act for him, in order, those that ended too."""
        return tuple(Delegation.from_json(d) for d in self._json.get("delegations", ()))


@dataclass(frozen=True)
class Acting:
    """That somebody acts for another: the person, his roles, and the entry of the delegation."""

    principal: str
    roles: tuple[str, ...]
    entry: int

    def as_json(self) -> dict[str, Json]:
        """As the entry of an approval has it, under `for`."""
        return {
            "principal": self.principal,
            "roles": list(self.roles),
            "entry": self.entry,
        }


@dataclass(frozen=True)
class Filing:
    """Who filed a request, and when."""

    actor: str
    entry: int
    at: str


@dataclass(frozen=True)
class People:
    """All who are in charge at one moment. `principals`: by their spelled names, those who were
    removed too; `tokens`: all of the home, as records.
    """

    principals: Mapping[str, Principal]
    tokens: tuple[Record, ...] = ()

    @classmethod
    def of(cls, principals: Iterable[Principal], tokens: Iterable[Record]) -> People:
        """From the records of a home."""
        return cls(
            {spelled(principal.name): principal for principal in principals},
            tuple(tokens),
        )

    def principal(self, person: str | None) -> Principal | None:
        """The record of a person, None where he was never added."""
        if person is None:
            return None
        return self.principals.get(
            OWNER if person == OWNER else person.partition(":")[2]
        )

    def roles(self, actor: str, time: str) -> tuple[str, ...]:
        """The roles that an actor has of his own at a time, in order: those that he was given and
        those of his tokens in use; the owner's for the home's own token and for a local account.
        """
        person = person_of(actor)
        if person is None:
            return ()
        roles = {OWNER} if person == OWNER else set[str]()
        roles |= {
            str(token["role"])
            for token in self.tokens
            if person_of(holder(token)) == person and in_use(token, time)
        }
        principal = self.principal(person)
        if principal is not None and principal.removed_at is None:
            roles |= set(principal.roles)
        return tuple(sorted(roles))

    def actors(self, time: str) -> list[str]:
        """Those who may approve at a time: the owner, and who holds a token with which he may."""
        holders = {
            holder(token)
            for token in self.tokens
            if in_use(token, time) and token["role"] in DECIDING
        }
        return [OWNER, *sorted(holders)]

    def acting(self, actor: str, time: str) -> tuple[Acting, ...]:
        """For whom an actor acts at a time beside himself. Nobody acts for the delegator of a
        delegator.
        """
        person = person_of(actor)
        delegate = self.principal(person)
        if person is None or delegate is None or delegate.removed_at is not None:
            return ()
        return tuple(
            Acting(
                principal.person, self.roles(principal.person, time), delegation.entry
            )
            for principal in self.principals.values()
            if principal.removed_at is None
            for delegation in principal.delegations
            if delegation.stands(time)
            and person_named(delegation.to) == person
            and delegation.entry > delegate.added_entry
        )

    def is_gone(self, person: str, since: int) -> bool:
        """Whether a principal was removed after an entry: nobody can tell whether he came back by
        another name.
        """
        principal = self.principal(person)
        removed = None if principal is None else principal.removed_entry
        return removed is not None and removed > since

    def is_filer(self, person: str, filing: Filing) -> bool:
        """Whether somebody may be the same as the one who filed a request: himself, who has acted
        for the other since, or a newcomer after the filer was removed.
        """
        filer = person_of(filing.actor)
        if filer is None:
            return False
        if person == filer or self._related(person, filer, filing):
            return True
        return self.is_gone(filer, filing.entry) and self._came(person) > filing.entry

    def _came(self, person: str) -> int:
        """The entry from which on there is this person: that added him, else that of his first
        token.
        """
        principal = self.principal(person)
        if principal is not None and principal.removed_at is None:
            return principal.added_entry
        tokens = (t for t in self.tokens if person_of(holder(t)) == person)
        return min((int(token["seq"]) for token in tokens), default=-1)

    def _related(self, one: str, other: str, filing: Filing) -> bool:
        """Whether one of two people acted for the other at some time since a filing."""
        for delegator, delegate in ((one, other), (other, one)):
            principal = self.principal(delegator)
            for delegation in () if principal is None else principal.delegations:
                ended = delegation.ended_entry
                is_later = ended is None or ended > filing.entry
                is_to = person_named(delegation.to) == delegate
                if is_to and is_later and delegation.until > filing.at:
                    return True
        return False


def in_use(token: Mapping[str, Json], time: str) -> bool:
    """Whether a token lets anybody in at a time."""
    expires = token.get("expires_at")
    return not token["revoked_at"] and (expires is None or time < str(expires))
