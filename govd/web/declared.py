"""What routes of questions and of actions have alike: arguments from a declaration, and who may
call.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from fastapi import Path, Query

from govd.service.api.declared import Declared
from govd.web.context import Operator, Owner, Reader

ROLES: Final[Mapping[str, Any]] = {
    "owner": Owner,
    "operator": Operator,
    "reader": Reader,
}
TAGS: Final[Mapping[str, str]] = {
    "status": "models",
    "policy": "policies",
    "principals": "people",
}
"""Under which heading the description has a path, by its first part, where that is not its name."""


def tag_of(declared: Declared) -> str:
    """The heading of a call in the API's description."""
    first = declared.path.partition("/")[0]
    return TAGS.get(first, first)


def arguments_of(
    declared: Declared, names: Iterable[str]
) -> Iterable[inspect.Parameter]:
    """Some arguments of a declaration as FastAPI reads them: parts of the path, the others of the
    query.
    """
    for name in names:
        marker = Path if name in declared.parts else Query
        how: Any = marker(
            description=declared.meanings.get(name), **declared.limits.get(name, {})
        )
        yield argument(
            name,
            Annotated[declared.types[name], how],
            declared.parameters[name].default,
        )


def argument(
    name: str, kind: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    """An argument of what FastAPI calls, which is given by its name."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default
    )
