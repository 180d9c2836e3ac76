"""Ready policies: texts with parameters that plugins bring (`govd_policies`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from string import Template
from typing import Final

from govd.asking.in_use import Plugins
from govd.errors import PluginFault, Usage
from govd.types import Parameter, ReadyPolicy

NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
WORDS: Final = re.compile(r"[\w .,:;/+()%-]*")
"""What a text may be made of: nothing that YAML or CEL reads as more than a text."""
LONGEST_CHARS: Final = 200


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
    parameters = {parameter.name: parameter for parameter in ready.parameters}
    for name in values:
        if name not in parameters:
            names = ", ".join(parameters) or "none"
            raise Usage(f"{ready.name} has no parameter {name!r}", advice=f"It has: {names}.")
    written: dict[str, str] = {}
    for name, parameter in parameters.items():
        given = values.get(name, parameter.default)
        if given is None:
            raise Usage(
                f"{ready.name} needs {name}: {parameter.meaning}", advice=f"Say --set {name}=…."
            )
        written[name] = _written(ready.name, parameter, given)
    return Template(ready.text).substitute(written)


def _written(ready: str, parameter: Parameter, value: str) -> str:
    """A value as it stands in YAML and CEL."""
    where = f"{ready}: {parameter.name}"
    if parameter.kind == "number":
        if not NUMBER.fullmatch(value):
            raise Usage(f"{value!r} is no number", where=where, advice=parameter.meaning)
        return str(float(value)) if "." in value else value
    if parameter.kind == "share":
        if not NUMBER.fullmatch(value) or float(value) > 1:
            raise Usage(f"{value!r} is no share", where=where, advice="From 0 to 1, as 0.02.")
        return str(float(value))
    words = [word.strip() for word in value.split(",")] if parameter.kind == "list" else [value]
    for word in words:
        if not WORDS.fullmatch(word) or len(word) > LONGEST_CHARS:
            raise Usage(
                f"{word!r} cannot be written into a policy",
                where=where,
                advice="Letters, digits, spaces and . , : ; / + ( ) % - alone.",
            )
    if parameter.kind == "list":
        return json.dumps([word for word in words if word], ensure_ascii=False)
    return value
