"""What was so at a time: the revision that each model served, the forgets in force, who approved
them, and who says that it was no later.
"""

from __future__ import annotations

from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.limits import bounded
from govd.types import Json, Record


class States:
    """Asks one ledger what was so at a time."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def as_of(self, time: str, model: str | None = None) -> Record:
        """Which revision each model served at a time, which forgets were in force, and who had
        approved each. A date alone means the end of that day, UTC; `time` says which moment was
        looked at.

        `covered_by` names the forget in force that covers one (None: it is in the edit itself; "":
        another one, which the ledger does not name since one of the two is private). Each record
        names the entries that say so; `no_later_than` bounds the time of a publishing by witnesses
        and time stamps.
        """
        views = self.core.desk.views
        at = moment(time, "time", end=True)
        newest = views.records.at(at, -1)
        seq = -1 if newest is None else newest
        if model is not None and model not in views.heads:
            self.core.desk.model(model)  # raises
        names = [model] if model else sorted(views.heads)
        return {
            "asked": time,
            "time": at,
            "tree_size": seq + 1,
            "models": [self._then(name, seq) for name in names],
        }

    def _then(self, model: str, seq: int) -> dict[str, Json]:
        views = self.core.desk.views
        nothing: dict[str, Json] = {
            "model": model,
            "registered": False,
            "removed": False,
            "revision": None,
            "forgets": [],
            "entries": [],
        }
        added = views.records.last("model.add", model, seq)
        removed = views.records.last("model.remove", model, seq)
        if added is None:
            return nothing
        if removed is not None and removed > added:
            record = views.records.get("model", model) or {}
            retired = (
                record.get("state") == "retired"
                and record["retired"]["entry"] == removed
            )
            return nothing | {
                "removed": True,
                "retired": retired,
                "entries": [added, removed],
            }
        nothing |= {"registered": True}
        published = views.records.published(model, seq)
        if published is None or published[1] <= added:
            return nothing | {"revision": 0, "entries": [added]}
        number, entry = published
        revision = views.revision(model, number)
        if revision is None:
            return nothing | {"revision": 0, "entries": [added]}
        forgets = [self._stood(request_id, seq) for request_id in revision["requests"]]
        covered = [
            {**self._stood(inner, seq), "covered_by": outer}
            for inner, outer in revision.get("subsumed", {}).items()
        ]
        entries = (seq for forget in forgets + covered for seq in forget["entries"])
        return nothing | {
            "revision": number,
            "edit_digest": revision["edit_digest"],
            "published_at": revision["published_at"],
            "published_entry": entry,
            "no_later_than": self.bounds(entry),
            "forgets": forgets + covered,
            "entries": sorted({entry, revision["seq"], *entries}),
        }

    def _stood(self, request_id: str, seq: int) -> dict[str, Json]:
        request = self.core.desk.request(request_id)
        approvals = [
            approval for approval in request["approvals"] if approval["entry"] <= seq
        ]
        names = ("id", "concepts", "domains", "method", "filed_at", "filed_by")
        entries = [request["seq"], *(approval["entry"] for approval in approvals)]
        return {name: request[name] for name in names} | {
            "approvals": approvals,
            "entries": entries,
        }

    def bounds(self, seq: int) -> list[dict[str, Json]]:
        """Who says that an entry existed no later than when: cosignatures and time stamps on
        checkpoints that hold it, earliest first.
        """
        earliest: dict[str, dict[str, Json]] = {}
        seqs = self.core.desk.views.records.seqs(seq, 50, kind="witness")
        for entry in self.core.desk.ledger.some(seqs):
            payload = entry["payload"]
            name = payload["name"]
            at = payload["at"]
            if payload["size"] <= seq or (
                name in earliest and at >= earliest[name]["at"]
            ):
                continue
            earliest[name] = {
                "by": name,
                "at": at,
                "checkpoint": payload["size"],
                "entry": entry["seq"],
            }
        return sorted(earliest.values(), key=lambda bound: str(bound["at"]))
