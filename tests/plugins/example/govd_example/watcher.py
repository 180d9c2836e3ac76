"""What a third party adds beside models and policies: a gate, a notice, a proposal, a route, a
command, a runner, and figures of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from govd.edit.contribution import sealed
from govd.hookspecs import hookimpl
from govd.types import (
    Concept,
    Contribution,
    ForgetSpec,
    Gate,
    Progress,
    Proposal,
    Record,
    Scope,
)

HIGHEST_RANK = 8
DARK = "dark pink"
KINDS: list[str] = []
"""The kinds of the entries that were told."""


@hookimpl
def govd_gate(revision: Record) -> Gate | None:
    """Hold back what has a higher rank than a folder of this party's can serve."""
    if revision["rank"] <= HIGHEST_RANK:
        return Gate("allow", "rank", f"rank {revision['rank']}")
    return Gate("wait", "rank", f"rank {revision['rank']} is over {HIGHEST_RANK}")


@hookimpl
def govd_on_entry(entry: Record) -> None:
    """Keep the kinds of entries."""
    KINDS.append(str(entry["kind"]))


@hookimpl
def govd_propose(now: str, requests: Sequence[Record]) -> Sequence[Proposal] | None:
    """Pink is to go everywhere once it went anywhere."""
    models = {r["model"] for r in requests if "pink" in {c["name"] for c in r["concepts"]}}
    return [
        Proposal(model, Scope((Concept("pink"),)), "example", "pink went", f"pink {model} {now}")
        for model in sorted(models)
    ]


@hookimpl
def govd_compute_contribution(
    model: Any, basis: Any, spec: ForgetSpec, method: Any, progress: Progress
) -> Contribution | None:
    """A shorter way for one phrase: its text alone, with a strength of one."""
    names = [concept.name for concept in spec.scope.concepts]
    if names != [DARK] or spec.method != "swap":
        return None
    text = np.asarray(model.encode_texts([DARK]), np.float64)
    tensors = {"texts": np.ascontiguousarray(text.T), "strength": np.ones(1)}
    return sealed(basis.digest, spec, tensors, {"targets": 1, "by": "example"})


@hookimpl
def govd_evaluate(edit: Any, data: Any) -> Mapping[str, Any] | None:
    """None: it leaves the figures to govd."""
    return None


@hookimpl
def govd_routes(router: Any, service: Any) -> None:
    """`/v1/x/colours`: how many labels each model has."""

    @router.get("/colours")
    def colours() -> dict[str, int]:
        return {record["name"]: record["labels"] for record in service.models.all()}


@hookimpl
def govd_commands(app: Any) -> None:
    """`govd colours`."""

    @app.command()
    def colours() -> None:
        """The colours of the example."""
        from govd_example.backend import NAMES

        print("\n".join(NAMES))


class Serial:
    """A runner that does one thing after another."""

    def map_batches(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item) for item in items]


@hookimpl
def govd_batch_runner(name: str) -> Any | None:
    """`serial`."""
    return Serial() if name == "serial" else None
