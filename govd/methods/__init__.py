"""The methods that come with govd, registered through the same hook as anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from govd.hookspecs import hookimpl

if TYPE_CHECKING:
    from govd.edit import Method

AUTO = "auto"
"""What requests that name no method ask for: one of the next two."""
WITH_POOL = "fitted"
"""The method of requests of a model with a pool."""
WITHOUT_POOL = "oblique"
"""The method of requests of a model without one."""
EXTERNAL = "external"
"""The method of requests of a model without a space."""


def builtin() -> dict[str, Method]:
    """All of them, by name."""
    from govd.methods.baselines import Ccup, NullSpace
    from govd.methods.bilateral import Bilateral
    from govd.methods.dual import Oblique
    from govd.methods.external import External
    from govd.methods.fitted import Fitted

    methods = (NullSpace(), Ccup(), Oblique(), Bilateral(), Fitted(), External())
    return {method.name: method for method in methods}


@hookimpl
def govd_methods() -> Mapping[str, Method]:
    """`nullspace`, `ccup`, `oblique`, `bilateral`, `fitted`, `external`."""
    return builtin()
