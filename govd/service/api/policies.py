"""Policies: rules that decide, and the freeze."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from govd.service.api.action import action
from govd.service.api.declared import Asked
from govd.service.api.question import question

if TYPE_CHECKING:
    from govd.types import Record


class Policies(Asked):
    """Policies: rules that decide, and the freeze."""

    @question("policies", "policies.all", kind="list", cursor="seq")
    def policies(self) -> list[Record]:
        """All texts of all policies, oldest first, without the texts themselves."""
        raise NotImplementedError

    @question("policies/{name}", "policies.show")
    def policy(self, name: str) -> Record:
        """The newest text of a policy, and the others of its name."""
        raise NotImplementedError

    @question("policy/ready", "policies.ready", kind="list", cursor="name")
    def policy_ready(self) -> list[Record]:
        """Policies that come with plugins, with their parameters."""
        raise NotImplementedError

    @question("policy/inputs/{moment}", "policies.inputs")
    def policy_inputs(self, moment: str) -> Record:
        """What policies see at a moment: variables, fields, types, meanings, examples."""
        raise NotImplementedError

    @question(
        "policies/{name}/report",
        "policies.reports.report",
        rows=lambda report: report["rows"],
        heavy=True,
    )
    def policy_report(self, name: str, since: str | None = None) -> Record:
        """What a policy decided, or would have in shadow, and where people decided otherwise."""
        raise NotImplementedError

    @question(
        "policies/{name}/test",
        "policies.reports.test",
        rows=lambda test: test["rows"],
        heavy=True,
    )
    def policy_test(self, name: str, since: str | None = None) -> Record:
        """What a policy would have decided otherwise on the past requests of this ledger."""
        raise NotImplementedError

    @question(
        "policy/replay",
        "policies.reports.replay",
        rows=lambda replay: replay["differing"],
        heavy=True,
    )
    def policy_replay(self, since: str | None = None) -> Record:
        """Decide every past decision again, from the ledger alone, and compare."""
        raise NotImplementedError

    @question(
        "policy/explain/{request_id}",
        "policies.reports.explain",
        rows=lambda explained: explained["policies"],
    )
    def policy_explain(self, request_id: str) -> Record:
        """Why a request waits or was decided so, with the values that expressions saw."""
        raise NotImplementedError

    @action(
        "policy/test",
        "policies.reports.test_text",
        role="reader",
        rows=lambda test: test["rows"],
        heavy=True,
    )
    def test_policy(
        self, text: str, where: str = "policy", since: str | None = None
    ) -> Record:
        """As `policy_test`, of a text that was not added. `where`: the file's name, for errors.

        Raises:
            BadFile: it is no policy; with line and column.
        """
        raise NotImplementedError

    @action("policies", "policies.add_given", status=201)
    def add_policy(
        self,
        text: str | None = None,
        where: str = "policy",
        ready: str | None = None,
        values: Mapping[str, str] | None = None,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Add a policy, or another text of one; in shadow, unless it is forced.

        Args:
            text: YAML.
            where: the file's name, for errors.
            ready: in the place of a text, one that comes with a plugin, by its name.
            values: of the parameters of a ready one.
            force: enforce it untried, where its text says so.
            reason: why; needed with `force`.

        Raises:
            BadFile: it is no policy; with line and column. NotFound: no ready one is called so.
            Conflict: this very text is there already. Usage: it is to be enforced untried, or is
            not one of the two.
        """
        raise NotImplementedError

    @action("policies/{name}/enforce", "policies.enforce")
    def enforce_policy(
        self,
        name: str,
        report: str | None = None,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Let the newest text of a policy count. `report`: the digest of its report; without one,
        `force` with a `reason`.
        """
        raise NotImplementedError

    @action("policies/{name}/shadow", "policies.shadow")
    def shadow_policy(self, name: str, reason: str = "") -> Record:
        """Let a policy be asked, but not count."""
        raise NotImplementedError

    @action("policies/{name}/disable", "policies.disable")
    def disable_policy(self, name: str, reason: str = "") -> Record:
        """Ask a policy no more."""
        raise NotImplementedError

    @action("policy/freeze", "freezing.freeze", role="operator")
    def freeze(self, reason: str) -> Record:
        """Stop everything that acts by itself."""
        raise NotImplementedError

    @action("policy/unfreeze", "thawing.unfreeze")
    def unfreeze(self, reason: str = "") -> Record:
        """Let it act again; `meanwhile`: what would have happened."""
        raise NotImplementedError
