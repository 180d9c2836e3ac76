"""What an entry about a model changes."""

from __future__ import annotations

from govd.errors import Conflict, NotFound
from govd.records.changes import (
    NOTHING,
    Changes,
    Lookup,
    Place,
    head_at,
    model_at,
    request_at,
)
from govd.records.lifecycle import ModelState, after
from govd.records.model import Head, RegisteredModel
from govd.records.record import StoredRecord
from govd.types import Json, Record


def fold_model(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `model.add`, `.update` and `.remove`.

    Raises:
        Conflict: a model that was retired was called so. NotFound: there is no such model, or not
        all requests that it names are its own.
    """
    name = str(entry["subject"])
    if event == "add":
        return _added(name, entry, lookup)
    model = model_at(lookup, name)
    if model is None or model.state is not ModelState.REGISTERED:
        raise NotFound(f"there is no model {name}")
    if event == "update":
        updated = {**model, "updated_at": entry["time"], **entry["payload"]}
        if updated.get("publish_to") != model.publish_to:
            updated.pop("delivery_fault", None)  # it was another folder's
        return Changes(
            {("model", name): RegisteredModel.from_json(updated)}
            | _approved(name, entry, lookup)
        )
    if event == "remove":
        return _removed(model, entry, lookup)
    return NOTHING


def fold_delivery(event: str, entry: Record, lookup: Lookup) -> Changes:
    """Of `delivery.fail`, the first time that a revision could not be written to `--publish-to`,
    and `delivery.recover`, when that came about after all.

    Raises:
        NotFound: there is no such model.
    """
    name = str(entry["subject"]).rpartition("/")[0]
    model = model_at(lookup, name)
    if model is None:
        raise NotFound(f"there is no model {name}")
    fault: dict[str, Json] | None = None
    if event == "fail":
        seen = {"entry": entry["seq"], "since": entry["time"]}
        fault = {**entry["payload"], **seen}
    return Changes({("model", name): model.with_(delivery_fault=fault)})


def check_name(name: str, lookup: Lookup) -> None:
    """Whether a name can be a new model's.

    Raises:
        Conflict: a model that was retired was called so.
    """
    before = model_at(lookup, name)
    if before is not None and before.state is ModelState.RETIRED:
        day = str((before.retired or {}).get("at", ""))[:10]
        raise Conflict(
            f"a model called {name} was retired on {day}: its forgets are in the ledger under this"
            " name",
            advice="Choose another name.",
        )


def _added(name: str, entry: Record, lookup: Lookup) -> Changes:
    check_name(name, lookup)
    registered = {
        "name": name,
        "model": name,
        "state": ModelState.REGISTERED.value,
        "seq": entry["seq"],
        "added_at": entry["time"],
        **entry["payload"],
    }
    records: dict[Place, StoredRecord] = {
        ("model", name): RegisteredModel.from_json(registered)
    }
    if head_at(lookup, name) is None:
        first = {"model": name, "last": 0, "published": None, "seq": entry["seq"]}
        records["head", name] = Head.from_json(first)
    return Changes(records)


def _approved(name: str, entry: Record, lookup: Lookup) -> dict[Place, StoredRecord]:
    """The forgets whose cost in weights somebody approved with an update of their model."""
    approval = entry["payload"].get("weights_approved")
    records: dict[Place, StoredRecord] = {}
    for objection in approval["objections"] if approval else ():
        for request_id in objection["requests"]:
            request = request_at(lookup, request_id)
            if request is None or request.model != name:
                raise NotFound(f"not all of its requests are of {name}")
            of_request: dict[str, Json] = {
                "by": approval["by"],
                "reason": approval["reason"],
                "at": entry["time"],
                "entry": entry["seq"],
                "objection": {k: objection[k] for k in ("policy", "reason")},
            }
            approved = request.with_(weights_approved=of_request)
            records["request", request_id] = approved
    return records


def _removed(model: RegisteredModel, entry: Record, lookup: Lookup) -> Changes:
    """A model without forgets in force is removed. One with some is retired: they keep their
    states, and say so.
    """
    payload = entry["payload"]
    if not payload.get("retired"):
        removed = after("model", model.state, "remove")
        return Changes({("model", model.name): model.with_(state=removed.value)})
    retired: dict[str, Json] = {
        "at": entry["time"],
        "by": entry["actor"],
        "entry": entry["seq"],
        "reason": str(payload.get("reason", "")),
    }
    state = after("model", model.state, "retire")
    records: dict[Place, StoredRecord] = {
        ("model", model.name): model.with_(state=state.value, retired=retired)
    }
    for request_id in payload.get("requests", ()):
        request = request_at(lookup, request_id)
        if request is None or request.model != model.name:
            raise NotFound(f"not all of its requests are of {model.name}")
        day = entry["time"][:10]
        until = request.state_reason
        records["request", request_id] = request.with_(
            model_retired=retired,
            state_reason=f"its model was retired on {day}; until then: {until}",
        )
    return Changes(records)
