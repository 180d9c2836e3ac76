"""Dates of requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from govd.ledger.times import moment
from govd.types import Json


def due_date(request: Mapping[str, Json], deadline_days: int) -> datetime:
    """When a forget is due: on the date that its `request` has, else `deadline_days` after its
    filing.
    """
    date = request.get("due_at")
    if date:
        return datetime.fromisoformat(moment(str(date), "due"))
    return datetime.fromisoformat(str(request["filed_at"])) + timedelta(
        days=deadline_days
    )
