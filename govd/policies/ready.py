"""Ready policies: texts with parameters that plugins bring (`govd_policies`)."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Final

from govd.asking.in_use import Plugins
from govd.errors import PluginFault, Usage, instead
from govd.policies import parameters
from govd.types import ReadyPolicy

PERCENT: Final = "_percent"
"""Behind the name of a share in the text of a ready policy: the same for people, as `2 %`."""


def ready_policies(plugins: Plugins) -> dict[str, ReadyPolicy]:
    """Those of all plugins, by name; of two of one name, the first plugin's."""
    policies: dict[str, ReadyPolicy] = {}
    for _, answer in plugins.asker.each("govd_policies"):
        if not isinstance(answer, PluginFault):
            policies = {**answer, **policies}
    return policies


def filled(ready: ReadyPolicy, values: Mapping[str, str]) -> str:
    """The YAML of a ready policy with values for its parameters, the defaults for the others.

    Raises:
        Usage: a parameter that it has not, one that is needed and not given, or a value that
            cannot be meant.
    """
    by_name = {parameter.name: parameter for parameter in ready.parameters}
    for name in values:
        if name not in by_name:
            raise Usage(
                f"{ready.name} has no parameter {name!r}",
                advice=instead(name, by_name, "It has"),
            )
    values_written: dict[str, str] = {}
    for name, parameter in by_name.items():
        value = values.get(name, parameter.default)
        if value is None:
            raise Usage(
                f"{ready.name} needs {name}: {parameter.meaning}",
                advice=f"Say --set {name}=….",
            )
        values_written[name] = parameters.written(ready.name, parameter, value)
        if parameter.kind == "share":
            values_written[f"{name}{PERCENT}"] = f"{100 * float(value):g} %"
    return Template(ready.text).substitute(values_written)
