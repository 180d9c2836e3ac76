"""What is due, late and extended."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from govd.audit.filters import check_filters
from govd.errors import Usage
from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.dates import due_date
from govd.records.lifecycle import OPEN, has_expired
from govd.records.limits import bounded
from govd.types import Json, Record

LONGEST_DAYS: Final = 36_500
DEADLINES: Final = ("met", "met late", "open", "late", "closed")


class Deadlines:
    """Asks one ledger which of its forgets were in time."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def report(
        self,
        model: str | None = None,
        since: str | None = None,
        until: str | None = None,
        days: int | None = None,
        extended: int | None = None,
    ) -> Record:
        """What is due, late and extended, and how long each forget took from filing to publishing;
        of one `model`, of what was filed `since` ≤ time < `until`.

        A forget is due on its own date, else `days` after its filing; one with an extension, which
        needs a reason, at most `extended` days after it. 30 and 45 by default, in `govd.toml` as
        `deadline_days` and `extended_days`.

        Raises:
            Usage: days out of range, or a time that is none. NotFound: a model that never was.
        """
        settings = self.core.home.settings
        days = days or settings.deadline_days
        extended = extended or settings.extended_days
        if not 0 < days <= LONGEST_DAYS or not 0 < extended <= LONGEST_DAYS:
            raise Usage(
                f"{days} and {extended} days", advice=f"From 1 to {LONGEST_DAYS}."
            )
        check_filters(self.core, model)
        now = datetime.now(UTC)
        requests = self.core.desk.views.requests(
            model=model,
            since=moment(since, "since"),
            until=moment(until, "until", end=True),
        )
        rows = [
            _due(request, now, days, extended)
            for request in requests
            if request["kind"] == "forget"
        ]
        rows.sort(
            key=lambda row: (row["status"] not in ("late", "open"), row["due_at"])
        )
        summary = {"deadline_days": days, "extended_days": extended, **_summary(rows)}
        return {"summary": summary, "requests": rows}


def _summary(rows: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """How many forgets were in time, and how long those took that were served."""
    summary: dict[str, Json] = {"requests": len(rows)}
    for name in DEADLINES:
        summary[name] = sum(row["status"] == name for row in rows)
    summary["extended"] = sum(bool(row["extensions"]) for row in rows)
    durations = sorted(row["days"] for row in rows if row["served_at"])
    if durations:
        summary |= {
            "median_days": statistics.median(durations),
            "p90_days": durations[math.ceil(0.9 * len(durations)) - 1],
            "longest_days": durations[-1],
        }
    return summary


def _due(request: Record, now: datetime, days: int, extended: int) -> dict[str, Json]:
    filed = datetime.fromisoformat(str(request["filed_at"]))
    due = due_date(request, days)
    end = datetime.fromisoformat(
        str(
            request["served_at"]
            or request["ended_at"]
            or moment(now.isoformat(), "now")
        )
    )
    if request["served_at"]:
        status = "met" if end <= due else "met late"
    elif request["state"] in OPEN:
        status = "open" if now <= due else "late"
    else:
        status = "closed"
    return {
        "id": request["id"],
        "model": request["model"],
        "concepts": [c["name"] for c in request["concepts"]],
        "domains": request["domains"],
        "state": request["state"],
        "status": status,
        "filed_at": request["filed_at"],
        "due_at": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "latest_at": (filed + timedelta(days=extended)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "served_at": request["served_at"],
        "days": round((end - filed).total_seconds() / 86400, 4),
        "left_days": (
            round((due - now).total_seconds() / 86400, 1)
            if status in ("open", "late")
            else None
        ),
        "expires_at": request["expires_at"],
        "expired": has_expired(request, now),
        "extensions": [
            {"due_at": e["due_at"], "reason": e["reason"], "by": e["by"], "at": e["at"]}
            for e in request["extensions"]
        ],
        "reason": request["state_reason"],
    }
