"""Principals: who is in charge, as what, and who acts for whom."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Record


class People(Asked):
    """Principals."""

    @question("principals", "principals.all", kind="list", cursor="name", resumes=True)
    def principals(self) -> list[Record]:
        """All principals, oldest first; those who were removed come last."""
        raise NotImplementedError

    @question("principals/{name}", "principals.show", resumes=True)
    def principal(self, name: str) -> Record:
        """One principal with his roles, delegations in force and tokens in use."""
        raise NotImplementedError

    @action("principals", "principals.add", status=201, creates="name")
    def add_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        """A new principal of this `name`, added for a `reason`; `owner` gives roles to the home's
        owner.
        """
        raise NotImplementedError

    @action("principals/{name}", "principals.update", verb="PATCH")
    def update_principal(
        self, name: str, roles: Sequence[str], reason: str = ""
    ) -> Record:
        """Give the principal `name` other roles, instead of those that he has, for a `reason`."""
        raise NotImplementedError

    @action("principals/{name}", "principals.remove", verb="DELETE")
    def remove_principal(self, name: str, reason: str = "") -> Record:
        """Remove a principal: his tokens and delegations end, and what he approved counts no more
        for what still waits.
        """
        raise NotImplementedError

    @action("principals/{name}/delegate", "principals.delegate")
    def delegate(self, name: str, to: str, until: str, reason: str = "") -> Record:
        """Let principal `to` act for `name` until a date, for a `reason`."""
        raise NotImplementedError

    @action("principals/{name}/undelegate", "principals.undelegate")
    def undelegate(self, name: str, to: str, reason: str = "") -> Record:
        """End the delegation of `name` `to` another before its date, for a `reason`."""
        raise NotImplementedError

    @abstractmethod
    def whoami(self) -> Record:
        """Who calls: actor, person, role and models of the token, all roles, for whom he acts."""
