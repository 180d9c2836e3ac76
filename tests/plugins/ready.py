"""Ready policies as the tests of them use them: what each needs, and how one is put to work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govd.policies.document import read
from govd.policies.outcomes import Asked, Outcome, outcomes_of
from govd.policies.ready import filled
from govd.records.policy import Mode
from govd.records.request import Request
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Json, ReadyPolicy
from govd_policies import govd_policies

READY: Final[dict[str, ReadyPolicy]] = dict(govd_policies())
NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    "legal-hold": {"names": "red,fire engine"},
    "sensitive": {"names": "red,fire engine", "role": "brand"},
    "licence-ends": {"model": "m", "concepts": "red", "ends": "2027-01-31"},
    "region": {"region": "^eu-"},
}
"""Values of the parameters that have no default."""


def text_of(name: str, /, **values: str) -> str:
    """The YAML of a ready policy."""
    return filled(READY[name], {**NEEDED.get(name, {}), **values})


def enforced(service: Service, name: str, /, **values: str) -> None:
    """A home in which a ready policy counts, and the bounds on costs hold nothing up."""
    for bound in (
        "max_predicted_disagreement",
        "max_total_disagreement",
        "max_lost_elsewhere",
    ):
        object.__setattr__(service.core.home.settings, bound, 1.0)
    given = {**NEEDED.get(name, {}), **values}
    added = service.policies.add_ready(name, given, "owner")
    service.policies.enforce(str(added["name"]), "owner", force=True, reason="a test")


def filed(
    service: Service, actor: str = "principal:ann", /, **options: Json
) -> Request:
    """A forget as it stands once it was decided."""
    request = service.requests.forget("m", ForgetOptions(**options), actor)
    service.reconciler.run()
    return service.requests.show(request.id)


def answer(
    name: str, moment: str, seen: Mapping[str, Json], /, **values: str
) -> Outcome:
    """What a ready policy says to an input; what that does not say is missing."""
    text = text_of(name, **values)
    asked = Asked(name, text, read(text).digest, Mode.ENFORCE)
    nothing: dict[str, Json] = {
        "request": {},
        "predicted": {},
        "model": {},
        "actor": {},
        "history": {},
        "revision": {},
        "approvals": [],
        "now": "2027-01-15T12:00:00Z",
    }
    return outcomes_of([asked], moment, {**nothing, **seen})[0]


def says(name: str, moment: str, seen: Mapping[str, Json], /, **values: str) -> str:
    """The effect that follows, `fault` where it has no answer, empty where it says nothing."""
    outcome = answer(name, moment, seen, **values)
    if outcome.result == "fault":
        return "fault"
    return outcome.effect.kind if outcome.effect else ""
