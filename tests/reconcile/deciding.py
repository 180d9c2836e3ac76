"""Filing, what became of it, and a plugin whose answers a test sets."""

from collections.abc import Callable, Mapping
from typing import Any

from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Contribution


def file(service: Service, *concepts: str, model: str = "m", **options: Any) -> str:
    return str(
        service.requests.forget(
            model, ForgetOptions(concepts=concepts, **options), "ann"
        )["id"]
    )


def state(service: Service, request: str) -> tuple[str, str]:
    found = service.requests.show(request)
    return str(found["state"]), str(found["state_reason"])


class Plugin:
    """A plugin whose answers a test sets."""

    def __init__(self) -> None:
        self.gate: Any = None
        self.votes: dict[str, Any] = {}
        self.contribute: Any = None

    @hookimpl
    def govd_gate(self, revision: Mapping[str, Any]) -> Any:
        return self.gate

    @hookimpl
    def govd_vote(self, moment: str) -> Any:
        return self.votes.get(moment)

    @hookimpl
    def govd_compute_contribution(self, spec: Any) -> Contribution | None:
        return self.contribute(spec) if self.contribute else None


class Interrupted:
    """A plugin during whose vote something happens, once."""

    def __init__(self, happening: Callable[[], object]) -> None:
        self._happenings = [happening]

    @hookimpl
    def govd_vote(self) -> None:
        if self._happenings:
            self._happenings.pop()()
