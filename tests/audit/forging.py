"""Changes to views and ledgers, behind the daemon."""

import sqlite3
from pathlib import Path
from typing import Any

from govd.requests import ForgetOptions
from govd.service.service import Service


def forget(service: Service, concept: str, **options: Any) -> str:
    request = service.requests.forget(
        "m", ForgetOptions(concepts=(concept,), **options), "ann"
    )
    service.reconciler.run()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    return str(request["id"])


def changed(path: Path, *statements: str, **values: str) -> None:
    """The file as somebody leaves it who can write it and has no key."""
    with sqlite3.connect(path) as raw:
        for statement in statements:
            raw.execute(statement, values)
    raw.close()
