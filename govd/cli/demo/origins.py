"""Which plugin, in which version and on which device, computed what: read from the ledger's own
entries.
"""

from __future__ import annotations

from govd.cli.demo.story import MODEL
from govd.service.service import Service
from govd.types import Json, Record

LAST = ("contribution.make", "request.vote", "revision.compose", "revision.evaluate")


def origins(service: Service, shown: int) -> list[dict[str, Json]]:
    """A row for each kind of work: `work`, `plugin`, `version`, `device`; `shown` pictures were
    classified.
    """
    entries = [e for e in service.core.desk.ledger.entries() if e["model"] == MODEL]
    added = next(e["payload"] for e in entries if e["kind"] == "model.add")
    last = {
        kind: [e["payload"] for e in entries if e["kind"] == kind][-1] for kind in LAST
    }
    contribution = last["contribution.make"]
    composed = last["revision.compose"]
    vote = last["request.vote"]
    versions = {**composed["plugins"], "govd": composed["software"]["govd"]}
    host = f"{composed['machine']}, numpy {composed['software']['numpy']}"
    composer = str(composed["facts"]["composed_by"])
    backend = added["backend"]
    works = [
        ("opened the model", backend, added["device"]),
        (f"encoded {_encoded(service, shown)}", backend, added["device"]),
        (
            f"made the contributions ({contribution['method']})",
            _owner(service, contribution["method"]),
            contribution["device"],
        ),
        ("voted on the requests", vote["policy"], composed["machine"]),
        (
            "composed the edits",
            "govd" if composer == "host" else backend,
            f"{composer}: {host}" if composer == "host" else composer,
        ),
        ("evaluated them", last["revision.evaluate"]["evaluated_by"], host),
    ]
    return [
        {
            "work": work,
            "plugin": plugin,
            "version": versions.get(plugin, ""),
            "device": device,
        }
        for work, plugin, device in works
    ]


def decisions(service: Service, request: Record) -> list[str]:
    """Why a request had to wait for a person, by policy and its version."""
    entries = service.core.desk.ledger.some(request["entries"])
    votes = [
        e["payload"]
        for e in entries
        if e["kind"] == "request.vote" and e["payload"]["decision"] == "wait"
    ]
    return [
        f"the policy {v['policy']} {v['version']} asks for a person: {v['reason']}"
        for v in votes
    ] or [str(request["state_reason"])]


def _encoded(service: Service, shown: int) -> str:
    """What was encoded here and now, and what was known because it came with the model."""
    encoder = service.core.models.opened(MODEL).encoder
    came = len(encoder.known.texts) + len(encoder.known.images) - encoder.encoded
    return f"{encoder.encoded + shown:,} texts and pictures" + (
        f" ({came:,} more came with the model)" if came else ""
    )


def _owner(service: Service, method: str) -> str:
    """The plugin that offers a method."""
    return service.core.plugins.brought_by.get(method, "")
