"""Policies of a daemon."""

from __future__ import annotations

from collections.abc import Mapping

from govd.client.files import part_of_path
from govd.client.transport import Transport
from govd.service.api.policies import Policies
from govd.types import Json, Record


class PolicyCalls(Policies):
    """The calls about policies that change something; `_http` is the daemon's."""

    _http: Transport

    def _policy(self, path: str, body: Json) -> Record:
        record: Record = self._http.json("POST", path, body)
        return record

    def test_policy(
        self, text: str, where: str = "policy", since: str | None = None
    ) -> Record:
        return self._policy(
            "policy/test", {"text": text, "where": where, "since": since}
        )

    def add_policy(
        self, text: str, where: str = "policy", force: bool = False, reason: str = ""
    ) -> Record:
        body = {"text": text, "where": where, "force": force, "reason": reason}
        return self._policy("policies", body)

    def add_ready_policy(
        self,
        ready: str,
        values: Mapping[str, str],
        force: bool = False,
        reason: str = "",
    ) -> Record:
        body = {
            "ready": ready,
            "values": dict(values),
            "force": force,
            "reason": reason,
        }
        return self._policy("policies", body)

    def enforce_policy(
        self,
        name: str,
        report: str | None = None,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        body = {"report": report, "force": force, "reason": reason}
        return self._policy(f"policies/{part_of_path(name)}/enforce", body)

    def shadow_policy(self, name: str, reason: str = "") -> Record:
        return self._policy(f"policies/{part_of_path(name)}/shadow", {"reason": reason})

    def disable_policy(self, name: str, reason: str = "") -> Record:
        return self._policy(
            f"policies/{part_of_path(name)}/disable", {"reason": reason}
        )

    def freeze(self, reason: str) -> Record:
        return self._policy("policy/freeze", {"reason": reason})

    def unfreeze(self, reason: str = "") -> Record:
        return self._policy("policy/unfreeze", {"reason": reason})
