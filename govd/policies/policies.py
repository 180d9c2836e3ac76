"""The nouns of `govd policy`: which policies there are, which of them count, and what they say when
they are asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from govd.errors import Conflict, NotFound, Usage, instead
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.policies import inputs
from govd.policies.document import Document, added_as, read
from govd.policies.from_settings import words_of
from govd.policies.gathering import policies_named
from govd.policies.ready import filled, ready_policies
from govd.policies.reports import Reports
from govd.records.limits import bounded
from govd.records.policy import Mode, Policy
from govd.types import Json, Record

HIDDEN: Final = ("text",)
"""Fields that lists leave out."""


class Policies:
    """Policies of a home."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reports = Reports(core)

    # -- what there is

    def all(self) -> list[Record]:
        """All texts of all policies, oldest first, without the texts themselves."""
        policies = sorted(self.core.desk.views.policies.values(), key=lambda p: p.seq)
        return [_listed(policy) for policy in policies]

    def show(self, name: str) -> Record:
        """The newest text of a policy, and the others of its name.

        Raises:
            NotFound: there is none of this name.
        """
        newest, *earlier = self.named(name)
        document = read(newest.text, name)
        return {
            **newest,
            "actor": newest.actor,
            "when": document.when,
            "message": document.message,
            "description": document.description,
            "versions": [_listed(policy) for policy in (newest, *earlier)],
        }

    def named(self, name: str) -> list[Policy]:
        """All texts of a policy, the newest first.

        Raises:
            NotFound: there is none of this name.
        """
        return policies_named(self.core, name)

    def inputs(self, moment: str) -> Record:
        """What policies see at a moment: variables, fields, types, meanings, examples.

        Raises:
            NotFound: there is no such moment.
        """
        if moment not in inputs.MOMENTS:
            raise NotFound(
                f"no moment is called {moment!r}",
                advice=instead(moment, inputs.MOMENTS, "Moments"),
            )
        return inputs.described(moment)

    def ready(self) -> list[Record]:
        """Policies that come with plugins: `name`, `description`, `parameters` with their defaults
        and meanings.
        """
        return [
            policy.as_json() for policy in ready_policies(self.core.plugins).values()
        ]

    # -- changing

    def add_given(
        self,
        text: str | None,
        ready: str | None,
        values: Mapping[str, str] | None,
        actor: str,
        where: str = "policy",
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Add a policy by its text, as `add`, or a ready one, as `add_ready`.

        Raises:
            Usage: neither is given, or both are.
        """
        if ready is not None and text is None:
            return self.add_ready(ready, values or {}, actor, force, reason)
        if text is not None and ready is None:
            return self.add(text, actor, where, force, reason)
        raise Usage("a policy is a text or a ready one", advice="Send text, or ready.")

    @bounded
    def add(
        self,
        text: str,
        actor: str,
        where: str = "policy",
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Add a policy, or another text of one. It is tried in shadow first; to enforce it at once
        takes `force` with a reason.

        Args:
            text: YAML.
            actor: who adds it.
            where: the file's name, for errors.
            force: enforce it though it was not tried, where its text says `mode: enforce`.
            reason: why; needed with `force`.

        Raises:
            BadFile: it is no policy; with line and column. Conflict: this very text is there
            already. Usage: it is to be enforced untried.
        """
        return self._added(read(text, where), actor, force, reason, None)

    @bounded
    def add_ready(
        self,
        ready: str,
        values: Mapping[str, str],
        actor: str,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Add a policy that comes with a plugin, with `values` for its parameters.

        Raises:
            NotFound: there is none of this name. Usage: a parameter that it has not, or a value
            that cannot be meant. Conflict: this very text is there already.
        """
        template = ready_policies(self.core.plugins).get(ready)
        if template is None:
            names = sorted(ready_policies(self.core.plugins))
            how = "`govd policy list --ready` shows them."
            raise NotFound(
                f"no ready policy is called {ready!r}",
                advice=instead(ready, names, how=how),
            )
        document = read(filled(template, values), ready)
        of_ready: dict[str, Json] = {"name": ready, "values": dict(values)}
        return self._added(document, actor, force, reason, of_ready)

    def _added(
        self,
        document: Document,
        actor: str,
        force: bool,
        reason: str,
        ready: dict[str, Json] | None,
    ) -> Record:
        enforced = document.mode is Mode.ENFORCE
        if enforced and not (force and reason.strip()):
            raise Usage(
                f"{document.name} says mode: enforce and was never tried",
                advice="Say mode: shadow, look at `govd policy report` and enforce it then; or say"
                " --force --reason TEXT.",
            )
        mode = Mode.SHADOW if enforced else document.mode
        payload: dict[str, Json] = {**added_as(document), "mode": mode.value}
        if ready is not None:
            payload["ready"] = ready
        if document.name in {plugin.name for plugin in self.core.plugins.known}:
            raise Conflict(
                f"a plugin is called {document.name}: its votes could not be told apart",
                advice="Choose another name.",
            )
        desk = self.core.desk
        with desk.lock:
            desk.refresh()
            for other in desk.views.policies_named(document.name):
                if other.digest == document.digest:
                    raise Conflict(
                        f"{document.name} is there with this very text, mode {other.mode}",
                        advice=f"`govd policy show {document.name}`; `govd policy enforce`,"
                        " `shadow` and `disable` change its mode.",
                    )
            drafts = [
                Draft(
                    kind="policy.add",
                    subject=document.name,
                    actor=actor,
                    payload=payload,
                )
            ]
            if enforced:
                drafts.append(
                    self._enforcing(document.name, document.digest, actor, reason, None)
                )
            desk.append(drafts)
        return self.show(document.name)

    @bounded
    def enforce(
        self,
        name: str,
        actor: str,
        report: str | None = None,
        force: bool = False,
        reason: str = "",
    ) -> Record:
        """Let the newest text of a policy count, in the place of the others of its name.

        Args:
            name: the policy's.
            actor: who wants it.
            report: the digest of its report (`govd policy report`).
            force: without a report; needs a `reason`.

        Raises:
            NotFound: there is none of this name. Usage: no report, or not one of this text.
            Conflict: it is enforced already.
        """
        newest = self.named(name)[0]
        if newest.mode is Mode.ENFORCE:
            raise Conflict(
                f"{name} is enforced already", advice=f"`govd policy show {name}`"
            )
        rests_on: dict[str, Json] | None = None
        if report:
            rests_on = self.reports.prefix_of(newest, report)
            if rests_on is None:
                raise Usage(
                    f"{report[:16]} is no report on this text of {name}",
                    where="--report",
                    advice=f"`govd policy report {name}` prints its digest.",
                )
        elif not (force and reason.strip()):
            raise Usage(
                "enforcing needs the digest of a report that somebody read",
                advice=f"`govd policy report {name}` prints it; or say --force --reason TEXT.",
            )
        with self.core.desk.lock:
            self.core.desk.append(
                [self._enforcing(name, newest.digest, actor, reason, rests_on)]
            )
        return self.show(name)

    def _enforcing(
        self,
        name: str,
        digest: str,
        actor: str,
        reason: str,
        report: dict[str, Json] | None,
    ) -> Draft:
        replaced = [
            policy.digest
            for policy in self.core.desk.views.policies_named(name)
            if policy.digest != digest and policy.mode is not Mode.OFF
        ]
        payload = {
            "digest": digest,
            "replaces": replaced,
            "reason": reason,
            "report": report,
        }
        return Draft(kind="policy.enforce", subject=name, actor=actor, payload=payload)

    @bounded
    def shadow(self, name: str, actor: str, reason: str = "") -> Record:
        """Let a policy be asked and its answers be recorded, but not count.

        Raises:
            NotFound: there is none of this name. Usage: it is enforced, and no reason is given.
            Conflict: it is in shadow already, or a setting says that it counts.
        """
        return self._moved(name, "shadow", Mode.SHADOW, actor, reason)

    @bounded
    def disable(self, name: str, actor: str, reason: str = "") -> Record:
        """Ask a policy no more, in all its texts.

        Raises:
            NotFound: there is none of this name. Usage: it is enforced, and no reason is given.
            Conflict: it is off already, or a setting says that it counts.
        """
        return self._moved(name, "disable", Mode.OFF, actor, reason)

    def _moved(
        self, name: str, event: str, mode: Mode, actor: str, reason: str
    ) -> Record:
        with self.core.desk.lock:
            texts = self.named(name)
            concerned = texts if mode is Mode.OFF else texts[:1]
            changed = [policy for policy in concerned if policy.mode is not mode]
            if not changed:
                raise Conflict(
                    f"{name} is {mode} already", advice=f"`govd policy show {name}`"
                )
            if (
                any(policy.mode is Mode.ENFORCE for policy in changed)
                and not reason.strip()
            ):
                raise Usage(
                    f"{name} is enforced: to end that needs a reason",
                    advice="Say --reason TEXT.",
                )
            self._check_settings(changed)
            self.core.desk.append(
                [
                    Draft(
                        kind=f"policy.{event}",
                        subject=name,
                        actor=actor,
                        payload={"digest": p.digest, "reason": reason},
                    )
                    for p in changed
                ]
            )
        return self.show(name)

    def _check_settings(self, changed: Sequence[Policy]) -> None:
        """What counts by a setting ends with the setting alone: it would be enforced again.

        Raises:
            Conflict: the setting stands.
        """
        for policy in changed:
            words = words_of(self.core.home.settings, policy)
            if words is not None:
                raise Conflict(
                    f"{policy.name} counts because govd.toml says {words}",
                    advice="Change that setting and start govd again.",
                )


def _listed(policy: Policy) -> dict[str, Json]:
    fields = {name: value for name, value in policy.items() if name not in HIDDEN}
    return {**fields, "actor": policy.actor}
