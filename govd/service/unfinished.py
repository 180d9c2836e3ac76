"""What was cut off: steps that the ledger calls for and nobody is taking, told from the records
alone, without opening a model.
"""

from __future__ import annotations

from collections.abc import Iterator

from govd.models.core import Core
from govd.records.lifecycle import MOVING
from govd.types import Record

CUT_OFF = frozenset({"composed", "evaluated"})
"""A revision in one of these goes on by itself: at rest it is in another."""
AT_REST = frozenset({"waiting", "refused"})


def unfinished(core: Core) -> list[str]:
    """A line for each thing that was cut off; empty where only people, gates or nobody can go
    on.
    """
    views = core.desk.refresh()
    moving = [
        r
        for r in list(views.open.values())
        if r["state"] in MOVING and r["model"] in views.models
    ]
    lines = [
        f"the {r['kind']} {r['id']} is {r['state']}"
        for r in moving
        if not _stands(core, r)
    ]
    for model in sorted(views.models):
        lines += _of_model(core, model)
    return lines


def _stands(core: Core, request: Record) -> bool:
    """Whether a revision with this request (without what it reverts) waits for somebody, or was
    refused.
    """
    last = core.desk.views.last(str(request["model"]))
    if request["state"] != "approved" or last is None or last["state"] not in AT_REST:
        return False
    carried = {*last["requests"], *last["subsumed"]}
    return (
        request["reverts"] not in carried
        if request["kind"] == "revert"
        else request["id"] in carried
    )


def _of_model(core: Core, model: str) -> Iterator[str]:
    """What was cut off of a model's revisions, and of what follows when one is published."""
    views = core.desk.views
    record = views.models[model]
    last = views.last(model)
    published = views.published(model)
    if last is not None and last["state"] in CUT_OFF:
        yield f"revision {last['number']} of {model} is {last['state']}"
    if published is None or last is None:
        return
    is_last = last["number"] == published["number"]
    on_another = published["basis"] != record["basis"]
    if is_last and on_another and published["contributions"]:
        yield f"revision {published['number']} of {model} was made before the model was changed"
    if record.get("publish_to") and not published["files"]:
        yield f"revision {published['number']} of {model} is not delivered"
    made_for = published["made_for"] if published["contributions"] else record
    if not published["measured"] and made_for["evaluation"] is not None:
        yield f"revision {published['number']} of {model} is not measured"
