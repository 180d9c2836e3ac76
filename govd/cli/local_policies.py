"""Policies of a home without a daemon."""

from __future__ import annotations

from collections.abc import Mapping

from govd.service.api.policies import Policies
from govd.service.service import Service
from govd.types import Record


class LocalPolicies(Policies):
    """The calls about policies that change something."""

    service: Service
    actor: str

    def test_policy(
        self, text: str, where: str = "policy", since: str | None = None
    ) -> Record:
        return self.service.policies.reports.test_text(text, where, since)

    def add_policy(
        self, text: str, where: str = "policy", force: bool = False, reason: str = ""
    ) -> Record:
        return self.service.policies.add(text, self.actor, where, force, reason)

    def add_ready_policy(
        self,
        ready: str,
        values: Mapping[str, str],
        force: bool = False,
        reason: str = "",
    ) -> Record:
        return self.service.policies.add_ready(ready, values, self.actor, force, reason)

    def enforce_policy(
        self,
        name: str,
        report: str | None = None,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        return self.service.policies.enforce(name, self.actor, report, force, reason)

    def shadow_policy(self, name: str, reason: str = "") -> Record:
        return self.service.policies.shadow(name, self.actor, reason)

    def disable_policy(self, name: str, reason: str = "") -> Record:
        return self.service.policies.disable(name, self.actor, reason)

    def freeze(self, reason: str) -> Record:
        return self.service.freezing.freeze(reason, self.actor)

    def unfreeze(self, reason: str = "") -> Record:
        return self.service.thawing.unfreeze(self.actor, reason)
