"""Questions to the ledger: what happened, and whether the records still are what was signed."""

from __future__ import annotations

from dataclasses import asdict

from govd.core import Core
from govd.errors import GovdError
from govd.ledger.verify import Verdict, verify
from govd.types import Json, Record

PROVEN = (
    "The entries are those that were signed: none was changed, dropped, inserted or reordered, up to the last log checkpoint.",
    "Every artifact that the entries name is here with the bytes that its name says.",
)
NOT_PROVEN = (
    "A govd edit suppresses concepts in the shared space and at the model's output; it does not erase training data or earlier layers.",
    "Whoever holds the signing key could have signed another history; a log checkpoint kept elsewhere, or a witness, would show that.",
)


class Audit:
    """The nouns of `govd audit`."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def log(self, after: int | None = None, limit: int = 100, **filters: str | None) -> list[Record]:
        """Entries in order, filtered."""
        return self.core.ledger.query(after=after, limit=max(1, min(limit, 10_000)), **filters)

    def trail(self, request_id: str) -> Record:
        """Everything that happened to a request, its reverts' and revisions' entries included, in order."""
        request = self.core.request(request_id)
        views = self.core.views
        subjects = {request["id"], *(r["id"] for r in views.requests.values() if r.get("reverts") == request["id"])}
        if request.get("reverts"):
            subjects.add(request["reverts"])
        carried = [
            f"{model}/{r['number']}" for model, revisions in views.revisions.items() for r in revisions if subjects & set(r["requests"])
        ]
        if request["contribution"]:
            subjects.add(request["contribution"])
        entries = [e for s in sorted(subjects | set(carried)) for e in self.core.ledger.query(subject=s, limit=10_000)]
        return {"request": request, "entries": sorted(entries, key=lambda e: int(e["seq"]))}

    def checkpoint(self) -> str:
        """The signed log checkpoint of the ledger as it is."""
        return self.core.ledger.checkpoint()

    def key(self) -> str:
        """The public key that log checkpoints are signed with."""
        return str(self.core.ledger.signer.key)

    def verify(self) -> Record:
        """Check the whole ledger and every artifact that it names."""
        ledger = self.core.ledger
        if not ledger.checkpoints():
            ledger.checkpoint()
        verdict = verify(ledger.rows(), ledger.nodes_at, ledger.checkpoints(), ledger.signer.key, ledger.origin)
        if verdict.holds:
            self._artifacts(verdict)
        said = asdict(verdict) | {"holds": verdict.holds, "origin": ledger.origin, "key": self.key()}
        return said | {"proven": list(PROVEN) if verdict.holds else [], "not_proven": list(NOT_PROVEN)}

    def _artifacts(self, verdict: Verdict) -> None:
        for digest in sorted(_named(self.core)):
            try:
                self.core.artifacts.get(digest)
                verdict.artifacts += 1
            except GovdError as error:
                verdict.fault(f"artifact {digest}: {error.message}")


def _named(core: Core) -> set[str]:
    """Artifacts that entries name."""
    found: set[str] = set()
    for entry in core.ledger.entries():
        payload: Json = entry["payload"]
        for field in {"model.add": ("basis", "evaluation"), "contribution.make": ("artifact",), "revision.compose": ("edit",)}.get(
            str(entry["kind"]), ()
        ):
            if payload.get(field):
                found.add(payload[field])
    return found
