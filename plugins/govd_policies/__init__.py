"""Ready policies that come with govd: `govd policy list --ready`, `govd policy add --ready NAME`.

Each is a YAML file beside this one with `$name` where a parameter stands, and an entry below that
says what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from govd.hookspecs import hookimpl
from govd.types import Parameter, ReadyPolicy

COST: Final = Parameter(
    "cost", "share", "share of other answers that may change, as the interval's upper end", "0.02"
)
PEOPLE: Final = Parameter("n", "number", "how many people must approve", "2")


def _ready(name: str, description: str, *parameters: Parameter) -> ReadyPolicy:
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return ReadyPolicy(name, " ".join(description.split()), text, parameters)


@hookimpl
def govd_policies() -> Mapping[str, ReadyPolicy]:
    """All of them, by name."""
    policies = (
        _ready(
            "auto-approve",
            """Approve by itself what is predicted to change few other answers. Use it where
            `approval = "person"` in govd.toml, so that people see only what is over the bound. What
            was not measured waits.""",
            COST,
        ),
        _ready(
            "two-people",
            """Let people approve what is predicted to change more other answers than a bound, or
            was not measured: two of them by default, none of them who filed it.""",
            COST,
            PEOPLE,
            Parameter("role", "text", "the role that they have", "operator"),
        ),
    )
    return {policy.name: policy for policy in policies}
