"""Settings of `govd.toml` that stand for ready policies: `four_eyes` and `expiry`.

A setting decides nothing by itself. It says which ready policies count in a home; that they do, and
that they do no longer, are entries by `govd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from govd.errors import Usage
from govd.home.settings import Settings
from govd.ledger.entry import Draft
from govd.models.core import Core
from govd.policies.document import Document, added_as, read
from govd.policies.ready import filled, ready_policies
from govd.records.actors import GOVD
from govd.records.policy import Mode, Policy
from govd.types import Json

FOUR_EYES: Final = ("four-eyes", "four-eyes-release")
EXPIRY: Final = ("expiry",)
READY_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "four_eyes": FOUR_EYES,
    "expiry": EXPIRY,
}
"""Ready policies by the setting that stands for them."""


@dataclass(frozen=True)
class PolicySetting:
    """What a setting says. `words`: as it is written in `govd.toml`; `on`: whether its policies
    count; `values`: of their parameters.
    """

    setting: str
    words: str
    on: bool
    values: Mapping[str, str]


def policy_settings(settings: Settings) -> list[PolicySetting]:
    """What the settings say of ready policies."""
    four_eyes = settings.four_eyes
    expiry = settings.expiry
    return [
        PolicySetting(
            "four_eyes", f"four_eyes = {str(four_eyes).lower()}", four_eyes, {}
        ),
        PolicySetting(
            "expiry", f'expiry = "{expiry}"', expiry != "off", {"then": expiry}
        ),
    ]


def words_of(settings: Settings, policy: Policy) -> str | None:
    """The setting for which a text counts, as it is written; None where a person decided so, or the
    setting is another one now.
    """
    if policy.mode is not Mode.ENFORCE:
        return None
    on = (
        setting
        for setting in policy_settings(settings)
        if setting.on and setting.setting == policy.setting
    )
    return next((setting.words for setting in on), None)


class FromSettings:
    """Keeps what settings say of ready policies true in the ledger of a home."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._documents: dict[str, list[Document]] = {}

    def opened(self) -> None:
        """What is to be done when a home is opened.

        Raises:
            Usage: no plugin brings the policy that `four_eyes` stands for.
        """
        for setting in policy_settings(self.core.home.settings):
            if not setting.on:
                self._disable(setting)
            elif setting.setting != "expiry":
                self._enforce(setting)
        if self.core.desk.views.frozen is None:
            self.step(datetime.now(UTC), True)

    def step(self, now: datetime, patient: bool) -> bool:
        """What is done before anything expires: once a forget with an expiry date is in force, a
        policy decides about it. Whether one was added just now; arguments as
        `automatic.loop.Work`.
        """
        (expiry,) = (
            s for s in policy_settings(self.core.home.settings) if s.setting == "expiry"
        )
        return (
            expiry.on
            and self._expires()
            and self._is_brought(expiry)
            and self._enforce(expiry)
        )

    def _expires(self) -> bool:
        """Whether a forget with an expiry date is in force."""
        requests = list(self.core.desk.views.open.values())
        return any(request.expires_at and request.stands for request in requests)

    def _enforce(self, one: PolicySetting) -> bool:
        """Let the policies of a setting count, but those of whose names a text counts by somebody's
        decision; whether something was done.

        Raises:
            Usage: no plugin brings one of them.
        """
        desk = self.core.desk
        missing = [document for document in self._of(one) if not self._counts(document)]
        if not missing:
            return False
        with desk.lock:
            desk.refresh()
            missing = [document for document in missing if not self._counts(document)]
            desk.append(
                [draft for document in missing for draft in self._drafts(document, one)]
            )
        return bool(missing)

    def _counts(self, document: Document) -> bool:
        """Whether this text counts, or another of its name that a person chose."""
        counting = self._counting(document.name)
        return counting is not None and (
            counting.digest == document.digest or counting.setting is None
        )

    def _counting(self, name: str) -> Policy | None:
        """The text of a name that counts."""
        texts = self.core.desk.views.policies_named(name)
        return next((policy for policy in texts if policy.mode is Mode.ENFORCE), None)

    def _drafts(self, document: Document, one: PolicySetting) -> list[Draft]:
        """The entries that add a policy, where its text is not there yet, and enforce it."""
        texts = self.core.desk.views.policies_named(document.name)
        counting = self._counting(document.name)
        drafts = []
        if document.digest not in {policy.digest for policy in texts}:
            ready = {
                "name": document.name,
                "values": dict(one.values),
                "setting": one.setting,
            }
            payload = {**added_as(document), "mode": Mode.SHADOW.value, "ready": ready}
            drafts.append(
                Draft(
                    kind="policy.add",
                    subject=document.name,
                    actor=GOVD,
                    payload=payload,
                )
            )
        enforcing: dict[str, Json] = {
            "digest": document.digest,
            "replaces": [counting.digest] if counting else [],
            "reason": f"{one.words} in govd.toml",
            "report": None,
            "setting": one.setting,
        }
        return [
            *drafts,
            Draft(
                kind="policy.enforce",
                subject=document.name,
                actor=GOVD,
                payload=enforcing,
            ),
        ]

    def _disable(self, one: PolicySetting) -> None:
        """Let nothing count that counts for this setting alone."""
        desk = self.core.desk
        names = READY_OF[one.setting]
        with desk.lock:
            counting = [self._counting(name) for name in names]
            payload = {"reason": f"{one.words} in govd.toml"}
            desk.append(
                [
                    Draft(
                        kind="policy.disable",
                        subject=p.name,
                        actor=GOVD,
                        payload={"digest": p.digest, **payload},
                    )
                    for p in counting
                    if p is not None and p.setting is not None
                ]
            )

    def _is_brought(self, one: PolicySetting) -> bool:
        """Whether there are such ready policies; what expires stays in force and is shown so where
        there are not.
        """
        return one.setting in self._documents or self._missing(one) is None

    def _missing(self, one: PolicySetting) -> str | None:
        """A ready policy of a setting that no plugin brings."""
        ready = ready_policies(self.core.plugins)
        return next((name for name in READY_OF[one.setting] if name not in ready), None)

    def _of(self, one: PolicySetting) -> list[Document]:
        """The policies that a setting stands for.

        Raises:
            Usage: no plugin brings one of them.
        """
        if one.setting not in self._documents:
            missing = self._missing(one)
            if missing is not None:
                raise Usage(
                    f"{one.words} stands for the ready policy {missing}, which no plugin brings",
                    where=str(self.core.home.folder / "govd.toml"),
                    advice="Leave govd-policies in use (disabled_plugins), or change the setting.",
                )
            ready = ready_policies(self.core.plugins)
            texts = [filled(ready[name], one.values) for name in READY_OF[one.setting]]
            self._documents[one.setting] = [read(text) for text in texts]
        return self._documents[one.setting]
