"""`govd status`: models, what they serve, what waits and why, size and head of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from govd.audit.copies import Copies
from govd.contributions.calibrating import Calibrating
from govd.edit.capacity import changed_of
from govd.models.core import Core
from govd.notices.receivers import Receivers
from govd.reconcile.deliveries import Deliveries
from govd.records.lifecycle import OPEN, PENDING, STANDING, has_expired
from govd.records.policy import Mode
from govd.types import Json, Record


class HomeStatus:
    """How things stand in a home. Nothing is computed for it, and nothing is written.

    `faults`: what went wrong with feeds, by their names.
    """

    def __init__(
        self,
        core: Core,
        calibrating: Calibrating,
        deliveries: Deliveries,
        notices: Receivers,
        faults: Mapping[str, str],
    ) -> None:
        self.core = core
        self.calibrating = calibrating
        self.deliveries = deliveries
        self.notices = notices
        self.faults = faults
        self.copies = Copies(core)

    def status(self) -> Record:
        """Models, what they serve, what waits and why, size and head of the ledger."""
        views = self.core.desk.views
        requests = list(views.open.values())
        counts = Counter((str(r["model"]), str(r["state"])) for r in requests)
        served = [request for request in requests if not request.get("model_retired")]
        return {
            "home": str(self.core.home.folder),
            "models": [self._model(name, counts) for name in sorted(views.models)],
            "retired": [self._retired(model, counts) for model in views.retired()],
            "waiting": _waiting(served),
            "expired": _expired(served),
            "recognised": _recognised(served),
            "feeds": self._feeds(),
            "policies": self._policies(),
            "frozen": self.core.desk.views.frozen,
            "notices": [_untold(receiver) for receiver in self.notices.failing()],
            "ledger": self._head(),
        }

    def _policies(self) -> list[dict[str, Json]]:
        """The policies that are asked, by name, with their modes."""
        policies = [
            p for p in self.core.desk.views.policies.values() if p.mode is not Mode.OFF
        ]
        return [
            {"name": policy.name, "mode": policy.mode.value, "digest": policy.digest}
            for policy in sorted(policies, key=lambda policy: policy.key)
        ]

    def _feeds(self) -> list[dict[str, Json]]:
        """Each feed: whether it is looked at, what of it a person is to decide, what is at
        fault.
        """
        return [
            {
                "name": feed.name,
                "state": feed["state"],
                "held": list(feed.held),
                "last_run_at": feed["last_run_at"],
                "fault": self.faults.get(feed.name, ""),
            }
            for _, feed in sorted(self.core.desk.views.feeds.items())
        ]

    def _model(self, name: str, counts: Counter[tuple[str, str]]) -> dict[str, Json]:
        published = self.core.desk.views.published(name)
        return {
            "name": name,
            "revision": 0 if published is None else published.number,
            "rank": 0 if published is None else published.rank,
            "in_force": counts[name, "in_force"],
            "subsumed": counts[name, "subsumed"],
            "pending": self._pending(name),
            "undelivered": self.deliveries.undelivered(name),
            "capacity": self._capacity(name),
            "copies": [copy.as_json() for copy in self.copies.of_published(name)],
        }

    def _retired(
        self, model: Record, counts: Counter[tuple[str, str]]
    ) -> dict[str, Json]:
        name = str(model["name"])
        return {
            "name": name,
            **model["retired"],
            "in_force": counts[name, "in_force"],
            "subsumed": counts[name, "subsumed"],
        }

    def _head(self) -> dict[str, Json]:
        """Where the ledger ends, and why it takes no entries, if so."""
        ledger = self.core.desk.ledger
        return {
            "origin": ledger.origin,
            "size": ledger.size(),
            "root": ledger.root().hex(),
            "fault": ledger.fault.message if ledger.fault is not None else "",
        }

    def _capacity(self, model: str) -> dict[str, Json] | None:
        """The model's capacity curve and where the published revision is on it."""
        published = self.core.desk.views.published(model)
        changed: float | None = 0.0
        forgets = 0
        if published is not None:
            figures = published.metrics.get("data_free") or {}
            changed = changed_of(figures)
            forgets = len(published.contributions)
        return self.calibrating.capacity(self.core.desk.model(model), forgets, changed)

    def _pending(self, model: str) -> dict[str, Json] | None:
        """The revision that is on its way or was refused last, and what it waits for."""
        last = self.core.desk.views.last(model)
        if last is None or last["state"] not in (*PENDING, "refused"):
            return None
        return {
            "number": last["number"],
            "state": last["state"],
            "reason": last["state_reason"],
        }


def _waiting(requests: Sequence[Record]) -> list[dict[str, Json]]:
    """The requests that are not decided or served yet."""
    return [
        {
            "id": r["id"],
            "model": r["model"],
            "state": r["state"],
            "reason": r["state_reason"],
        }
        for r in requests
        if r["state"] in OPEN
    ]


def _untold(receiver: Record) -> dict[str, Json]:
    """A receiver that is not told what it should be."""
    return {
        field: receiver[field] for field in ("name", "to", "state", "due", "trouble")
    }


def _recognised(requests: Sequence[Record]) -> list[dict[str, Json]]:
    """The forgets whose concept was recognised again when it was measured last."""
    return [
        {"id": r["id"], "model": r["model"], "reason": r["breach"]["reason"]}
        for r in requests
        if r.get("breach") and r["state"] in STANDING
    ]


def _expired(requests: Sequence[Record]) -> list[dict[str, Json]]:
    """The forgets that may be reverted by now."""
    return [
        {"id": r["id"], "model": r["model"], "expires_at": r["expires_at"]}
        for r in requests
        if has_expired(r)
    ]
