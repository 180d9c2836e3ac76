"""What a third party adds beside models and policies: a gate, a notice, a feed, a route, a command,
a runner, and figures of its own.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from govd.edit.contribution import sealed
from govd.hookspecs import hookimpl
from govd.types import (
    Answers,
    BatchRunner,
    Contribution,
    Document,
    Feed,
    ForgetSpec,
    Gate,
    Progress,
    Proposals,
    Record,
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


SEASONS = "example:seasons"
ANSWERED: list[Answers] = []
"""What became of the documents of the feed below."""


@hookimpl
def govd_propose(feed: Feed, cursor: Mapping[str, Any], now: str) -> Proposals | None:
    """A feed without a file: each month asks for another colour, until a year has passed."""
    if feed.url != SEASONS:
        return None
    month = now[:7]
    if cursor.get("month") == month:
        return Proposals(cursor=cursor)
    colour = "pink" if month.endswith(("03", "04", "05")) else "brown"
    rows = json.dumps([{"concept": colour, "ticket": month}]).encode()
    return Proposals((Document("season.json", rows, "json"),), {"month": month})


@hookimpl
def govd_answered(feed: Feed, document: Document, answers: Answers) -> bool | None:
    """Keep the answers."""
    if feed.url != SEASONS:
        return None
    ANSWERED.append(answers)
    return True


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

    def map_batches(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        wants_gpu: bool = False,
    ) -> list[Any]:
        return [function(item) for item in items]

    def close(self) -> None:
        pass


@hookimpl
def govd_batch_runner(name: str) -> BatchRunner | None:
    """`serial`."""
    return Serial() if name == "serial" else None
