"""What the entries say, folded: models, requests and revisions as records. Nothing here is stored; the entries are the truth.

Entry kinds: `model.add`, `request.file`, `request.vote`, `request.<event>` and `revision.<event>` for each event of `lifecycle.py`,
`contribution.make`, `export.write`, `token.create`, `token.revoke`. The subject of a request's entries is its id, of a revision's
`model/number`, of a model's its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from govd.lifecycle import TABLES, WANTED, after
from govd.types import Concept, Json, Record, Scope


@dataclass
class Views:
    """Records by id, as `interface.md` spells them, and the position up to which entries were read."""

    models: dict[str, dict[str, Json]] = field(default_factory=dict)
    requests: dict[str, dict[str, Json]] = field(default_factory=dict)
    revisions: dict[str, list[dict[str, Json]]] = field(default_factory=dict)
    contributions: dict[str, dict[str, Json]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, dict[str, Json]] = field(default_factory=dict)
    size: int = 0

    def read(self, entries: Iterable[Record]) -> Views:
        """Fold more entries, in their order. An entry of a kind that is not known here changes nothing but the position."""
        for entry in entries:
            noun, _, event = str(entry["kind"]).partition(".")
            reader = getattr(self, f"_{noun}", None)
            if reader is not None:
                reader(event, entry, entry["payload"])
            self.size = int(entry["seq"]) + 1
        return self

    def _model(self, event: str, entry: Record, payload: Json) -> None:
        if event == "add":
            self.models[entry["subject"]] = {"name": entry["subject"], "added_at": entry["time"], **payload}
            self.revisions.setdefault(entry["subject"], [])
        elif event == "remove":
            self.models.pop(entry["subject"], None)

    def _token(self, event: str, entry: Record, payload: Json) -> None:
        if event == "create":
            self.tokens[entry["subject"]] = {"id": entry["subject"], "created_at": entry["time"], "revoked_at": None, **payload}
        elif event == "revoke":
            self.tokens[entry["subject"]]["revoked_at"] = entry["time"]

    def _contribution(self, event: str, entry: Record, payload: Json) -> None:
        self.contributions[entry["subject"]] = dict(payload)

    def _request(self, event: str, entry: Record, payload: Json) -> None:
        if event == "file":
            self.requests[entry["subject"]] = _filed(entry, payload)
            if payload.get("idempotency_key"):
                self.keys[payload["idempotency_key"]] = entry["subject"]
            return
        request = self.requests[entry["subject"]]
        request["entries"].append(entry["seq"])
        if event == "vote":
            request["votes"].append({"at": entry["time"], **payload})
            return
        if event in {e for events in TABLES[request["kind"]].values() for e in events}:
            request["state"] = after(request["kind"], request["state"], event)
            request["state_reason"] = payload.get("reason", "")
            request |= {k: payload[k] for k in ("predicted", "contribution") if k in payload}
            if event == "publish" and request["revision"] is None:
                request["revision"] = payload["revision"]

    def _revision(self, event: str, entry: Record, payload: Json) -> None:
        model, _, number = str(entry["subject"]).partition("/")
        if event == "compose":
            record: dict[str, Json] = {
                "model": model,
                "number": int(number),
                "state": "composed",
                "metrics": {},
                "measured": False,
                "published_at": None,
            }
            record |= dict(payload)
            self.revisions[model].append(record)
            return
        record = self.revisions[model][int(number) - 1]
        if event == "measure":  # figures that take longer and hold nothing up
            record["metrics"] = {**record["metrics"], **payload["metrics"]}
            record["measured"] = True
            return
        if event == "publish":
            for other in self.revisions[model]:
                if other["state"] == "published":
                    other["state"] = after("revision", "published", "supersede")
            record["published_at"] = entry["time"]
            record["tree_size"] = entry["seq"]
        if event == "evaluate":
            record["metrics"] = payload["metrics"]
        record["state"] = after("revision", record["state"], event)

    def published(self, model: str) -> dict[str, Json] | None:
        """The revision that a model serves, None while it is the base."""
        return next((r for r in reversed(self.revisions.get(model, [])) if r["state"] == "published"), None)

    def wanted(self, model: str) -> list[dict[str, Json]]:
        """The forgets that should be in force: approved ones whose revert is not approved yet, oldest first."""
        gone = {r["reverts"] for r in self.requests.values() if r["kind"] == "revert" and r["state"] in ("approved", "done")}
        mine = [r for r in self.requests.values() if r["model"] == model and r["kind"] == "forget"]
        return [r for r in mine if r["state"] in WANTED and r["id"] not in gone]


def _filed(entry: Record, payload: Json) -> dict[str, Json]:
    record = {
        "id": entry["subject"],
        "kind": "forget",
        "state": "filed",
        "state_reason": "",
        "filed_at": entry["time"],
        "filed_by": entry["actor"],
        "due_at": None,
        "expires_at": None,
        "revision": None,
        "contribution": None,
        "predicted": {},
        "votes": [],
        "entries": [entry["seq"]],
    }
    return record | dict(payload)


def scope_of(request: Record) -> Scope:
    """The scope that a request's record names."""
    return Scope(tuple(Concept(c["name"], tuple(c["aliases"])) for c in request["concepts"]), tuple(request["domains"]))


def subsumed_by(wanted: list[dict[str, Json]]) -> dict[str, str]:
    """Which forgets add nothing because another that stands covers them at no less strength: id → id of the one that covers.

    Of two that cover each other the one filed first stands.
    """
    above = {
        inner["id"]: [outer["id"] for j, outer in enumerate(wanted) if i != j and _stands_over(outer, inner, j < i)]
        for i, inner in enumerate(wanted)
    }
    # "stands over" is a strict partial order, so something that nothing stands over is above each that is covered
    return {inner: next(o for o in outers if not above[o]) for inner, outers in above.items() if outers}


def _stands_over(outer: Record, inner: Record, earlier: bool) -> bool:
    if outer["strength"] < inner["strength"] or not scope_of(outer).covers(scope_of(inner)):
        return False
    mutual = inner["strength"] >= outer["strength"] and scope_of(inner).covers(scope_of(outer))
    return earlier or not mutual
