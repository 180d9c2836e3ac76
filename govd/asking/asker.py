"""Asking plugins: each by itself, for a limited time, in a thread of its own, and its answer looked
at before it is used.

Nothing that runs in this process can be ended from outside. What does not come back in time is left
alone: its thread goes on, counts against its plugin until it returns, and a plugin with `HANGING`
of them is not asked meanwhile. So a plugin that hangs costs its time limit that often and no more,
and there are never more than `HANGING` such threads for each.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pluggy

from govd.asking.failures import Failures
from govd.asking.foreign import CHECKS, anything
from govd.asking.limited import Call, words
from govd.asking.plain import Nonsense, Wrapped, read_only
from govd.asking.plugins import Plugin
from govd.errors import GovdError, PluginFault

log = logging.getLogger("govd")
HANGING: Final = 2
"""Calls of one plugin that may hang before it is no longer asked until one of them returns."""
QUICK: Final = frozenset(
    {
        "govd_vote",
        "govd_gate",
        "govd_methods",
        "govd_policies",
        "govd_on_entry",
        "govd_routes",
        "govd_commands",
    }
)
"""Hooks that people and the reconciler wait for: they have `plugin_seconds`, the others, which
compute, `plugin_work_seconds`.
"""
ADVICE: Final = "`govd doctor` lists the plugins and what went wrong with them."


class Asker:
    """Asks the plugins of a manager."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Sequence[Plugin],
        failures: Failures | None = None,
        seconds: float = 10.0,
        work_seconds: float = 3600.0,
    ) -> None:
        self.manager = manager
        self.plugins = list(plugins)
        self.failures = failures or Failures(None)
        self.seconds = seconds
        self.work_seconds = work_seconds
        self._hanging: dict[str, list[Call]] = {}
        self._lock = threading.Lock()

    def each(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Ask every plugin by itself (pluggy would stop at the first that raises): (plugin,
        answer), a `PluginFault` where it raised, did not answer in time, or answered nonsense.
        """
        answers: list[tuple[str, Any]] = []
        for implementation in self._implementations(hook):
            name = str(implementation.plugin_name)
            try:
                answer = self._ask(name, hook, implementation, arguments)
            except PluginFault as fault:
                answer = fault
            except GovdError as error:
                answer = self._fault(
                    name, hook, f"{type(error).__name__}: {error.message}", error
                )
            if answer is not None:
                answers.append((name, answer))
        return answers

    def first(self, hook: str, **arguments: Any) -> tuple[str, Any]:
        """The first answer of a *first* hook, in pluggy's order (what was registered last is asked
        first), and whose it is; "" and None where nobody has one.

        Raises:
            PluginFault: a plugin raised something that is no error of govd's, did not answer in
            time, or answered nonsense; it is named.
        """
        for implementation in reversed(self._implementations(hook)):
            name = str(implementation.plugin_name)
            answer = self._ask(name, hook, implementation, arguments)
            if answer is not None:
                return name, answer
        return "", None

    def call(
        self,
        name: str,
        where: str,
        work: Callable[[], Any],
        seconds: float | None = None,
    ) -> Any:
        """What a plugin brought, called for a limited time; `where` is what it was asked.

        Raises:
            PluginFault: it raised something that is no error of govd's, did not come back in time,
            or answered nonsense.
        """
        limit = self.work_seconds if seconds is None else seconds
        with self._lock:
            hanging = [call for call in self._hanging.get(name, []) if call.hangs]
            self._hanging[name] = hanging
        if len(hanging) >= HANGING:
            raise self._fault(
                name,
                where,
                f"{len(hanging)} calls of it have not come back; it is asked again once one has",
            )
        call = Call(work)
        if not call.start(f"plugin {name}", limit):
            with self._lock:
                self._hanging[name].append(call)
            raise self._fault(name, where, f"it did not answer within {limit:g} s")
        if call.error is None:
            self.failures.answered(name, where)
            return call.answer
        if isinstance(call.error, GovdError):
            raise call.error
        if isinstance(call.error, Nonsense):
            raise self._fault(
                name, where, f"it answered nonsense: {call.error}", call.error
            )
        raise self._fault(name, where, words(call.error), call.error)

    def hanging(self) -> dict[str, int]:
        """Plugins with calls that have not come back, and how many."""
        with self._lock:
            counts = {
                name: sum(call.hangs for call in calls)
                for name, calls in self._hanging.items()
            }
        return {name: count for name, count in counts.items() if count}

    def _implementations(self, hook: str) -> list[Any]:
        return list(getattr(self.manager.hook, hook).get_hookimpls())

    def _ask(
        self, name: str, hook: str, implementation: Any, arguments: Mapping[str, Any]
    ) -> Any:
        inputs = [_given(arguments[argument]) for argument in implementation.argnames]
        check = CHECKS.get(hook, anything)

        def work() -> Any:
            answer = implementation.function(*inputs)
            if answer is None:
                return None
            return check(answer, arguments)

        return self.call(
            name, hook, work, self.seconds if hook in QUICK else self.work_seconds
        )

    def _fault(
        self, name: str, where: str, what: str, cause: BaseException | None = None
    ) -> PluginFault:
        self.failures.failed(name, self._version(name), where, what)
        fault = PluginFault(what, where=f"plugin {name}, {where}", advice=ADVICE)
        fault.__cause__ = cause
        return fault

    def _version(self, name: str) -> str:
        return next(
            (plugin.version for plugin in self.plugins if plugin.name == name), ""
        )


def _given(value: Any) -> Any:
    """An argument as a plugin gets it: models as their backend made them, records that cannot be
    changed.
    """
    if isinstance(value, Wrapped):
        return value.inner
    return read_only(value)
