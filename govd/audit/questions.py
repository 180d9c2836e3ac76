"""Questions to the ledger: what happened, what was so at a time, why something is as it is, what is
due.
"""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import Final

from govd.errors import NotFound, Usage
from govd.ledger.times import moment
from govd.models.core import Core
from govd.records.lifecycle import OPEN, has_expired
from govd.records.limits import bounded
from govd.types import Json, Record
from govd.verify.sentences import sentence_of
from govd.views import sql

PAGE: Final = 10_000
LONGEST_DAYS: Final = 36_500
KINDS: Final = (
    "contribution",
    "export",
    "key",
    "model",
    "request",
    "revision",
    "token",
    "witness",
    "note",
)
DEADLINES: Final = ("met", "met late", "open", "late", "closed")
ATTEMPTS: Final = 2000
"""Revisions that are looked through for those which a request was in and which came to nothing."""


def check_filters(core: Core, model: str | None, kind: str | None = None) -> None:
    """Refuse filters that nothing can match.

    Raises:
        NotFound: a model that never was. Usage: a kind of entry that there is not.
    """
    if model is not None and model not in core.desk.views.heads:
        core.desk.model(model)  # raises
    if kind is not None and kind.partition(".")[0] not in KINDS:
        raise Usage(
            f"there are no entries of the kind {kind!r}",
            advice=f"Kinds begin with {', '.join(KINDS)}.",
        )


class Audit:
    """The nouns of `govd audit` that ask."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @bounded
    def log(
        self, after: int | None = None, limit: int = 100, **filters: str | None
    ) -> list[Record]:
        """Entries in order, from the one after entry `after`, that match all filters: `since` ≤
        time < `until` (a date alone: to its end); `actor`, `kind` (or its noun), `subject`,
        `model`; votes of `policy`; about requests with that `concept`, `domain`, `state`.

        Raises:
            Usage: an unknown filter, or a time that is none.
        """
        filters |= {
            name: moment(filters[name], name, end=name == "until")
            for name in ("since", "until")
            if filters.get(name)
        }
        check_filters(self.core, filters.get("model"), filters.get("kind"))
        if filters.get("concept"):
            filters["concept"] = str(filters["concept"]).casefold()
        seqs = self.core.desk.views.records.seqs(after, max(0, min(limit, PAGE)), **filters)
        return self.core.desk.ledger.some(seqs)

    @bounded
    def trail(self, request_id: str) -> Record:
        """Everything that happened to a request: its filing, votes, decisions, failures and
        attempts, the revisions that brought it and took it back, its reverts; in order, each with a
        sentence. `complete` is false where it has more than is looked through.
        """
        core, request = self.core, self.core.desk.request(request_id)
        views, model = core.desk.views, str(request["model"])
        reverts = [
            r
            for k in views.records.keys("reverts", request["id"], "request")
            if (r := views.request(k))
        ]
        subjects = {request["id"], *(r["id"] for r in reverts)}
        if request.get("reverts"):
            subjects.add(request["reverts"])
        if request["contribution"]:
            subjects.add(request["contribution"])
        subjects |= {f"{model}/{r['revision']}" for r in (request, *reverts) if r.get("revision")}
        complete = True
        for wish in (request, *reverts):
            tried, all_of_them = self._attempts(wish, request["id"], undone=wish is not request)
            subjects |= tried
            complete = complete and all_of_them
        seqs: set[int] = set()
        for subject in subjects:
            found = views.records.seqs(limit=PAGE + 1, subject=subject)
            complete = complete and len(found) <= PAGE
            seqs |= set(found[:PAGE])
        if request.get("model_retired"):
            seqs.add(int(request["model_retired"]["entry"]))
        entries = core.desk.ledger.some(sorted(seqs))
        return {
            "request": request,
            "entries": entries,
            "timeline": [_line(e) for e in entries],
            "complete": complete,
        }

    def _attempts(self, wish: Record, forget: str, undone: bool) -> tuple[set[str], bool]:
        """Revisions that were composed while a wish waited, with its forget (`undone`: without it);
        whether all were looked through.
        """
        composed = self.core.desk.views.records.seqs(
            wish["seq"],
            ATTEMPTS + 1,
            kind="revision.compose",
            model=wish["model"],
            until=wish["served_at"] or wish["ended_at"],
        )
        entries = self.core.desk.ledger.some(composed[:ATTEMPTS])
        return {
            e["subject"] for e in entries if (forget in e["payload"]["requests"]) != undone
        }, len(composed) <= ATTEMPTS

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
        found = views.records.at(at, -1)
        seq = -1 if found is None else found
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
        added, removed = (
            views.records.last(kind, model, seq) for kind in ("model.add", "model.remove")
        )
        if added is None:
            return nothing
        if removed is not None and removed > added:
            gone = views.records.get("model", model) or {}
            retired = gone.get("state") == "retired" and gone["retired"]["entry"] == removed
            return nothing | {"removed": True, "retired": retired, "entries": [added, removed]}
        nothing |= {"registered": True}
        found = views.records.published(model, seq)
        record = views.revision(model, found[0]) if found and found[1] > added else None
        if record is None or found is None:
            return nothing | {"revision": 0, "entries": [added]}
        forgets = [self._stood(request_id, seq) for request_id in record["requests"]]
        covered = [
            {**self._stood(inner, seq), "covered_by": outer}
            for inner, outer in record.get("subsumed", {}).items()
        ]
        return nothing | {
            "revision": found[0],
            "edit_digest": record["edit_digest"],
            "published_at": record["published_at"],
            "published_entry": found[1],
            "no_later_than": self.bounds(found[1]),
            "forgets": forgets + covered,
            "entries": sorted(
                {found[1], record["seq"], *(e for f in forgets + covered for e in f["entries"])}
            ),
        }

    def _stood(self, request_id: str, seq: int) -> dict[str, Json]:
        request = self.core.desk.request(request_id)
        approvals = [a for a in request["approvals"] if a["entry"] <= seq]
        kept = ("id", "concepts", "domains", "method", "filed_at", "filed_by")
        entries = [request["seq"], *(a["entry"] for a in approvals)]
        return {k: request[k] for k in kept} | {"approvals": approvals, "entries": entries}

    def bounds(self, seq: int) -> list[dict[str, Json]]:
        """Who says that an entry existed no later than when: cosignatures and time stamps on
        checkpoints that hold it, earliest first.
        """
        found: dict[str, dict[str, Json]] = {}
        for entry in self.core.desk.ledger.some(
            self.core.desk.views.records.seqs(seq, 50, kind="witness")
        ):
            payload = entry["payload"]
            if payload["size"] > seq and (
                payload["name"] not in found or payload["at"] < found[payload["name"]]["at"]
            ):
                said = {
                    "by": payload["name"],
                    "at": payload["at"],
                    "checkpoint": payload["size"],
                    "entry": entry["seq"],
                }
                found[payload["name"]] = said
        return sorted(found.values(), key=lambda f: str(f["at"]))

    @bounded
    def why(self, model: str, number: int) -> Record:
        """From a revision back to each request, vote, policy version, artifact and software
        version.
        """
        core = self.core
        known = core.desk.views.records.get("model", model)
        record = core.desk.views.revision(model, number) if known else None
        if record is None or known is None:
            raise NotFound(
                f"{model} has no revision {number}",
                advice=f"`govd revision list --model {model}` shows them.",
            )
        subject = f"{model}/{number}"
        entries = core.desk.ledger.some(core.desk.views.records.seqs(limit=PAGE, subject=subject))
        requests = []
        for request_id in [*record["requests"], *record.get("subsumed", {})]:
            request = core.desk.request(request_id)
            made = core.desk.views.contribution(str(request["contribution"]))
            requests.append(
                {
                    k: request[k]
                    for k in (
                        "id",
                        "concepts",
                        "domains",
                        "method",
                        "target",
                        "strength",
                        "filed_at",
                        "filed_by",
                    )
                }
                | {
                    "reason": request.get("reason", ""),
                    "basis": request.get("basis", ""),
                    "ticket": request.get("ticket", ""),
                }
                | {
                    "votes": request["votes"],
                    "approvals": request["approvals"],
                    "covered_by": record.get("subsumed", {}).get(request_id),
                }
                | {
                    "contribution": request["contribution"],
                    "artifact": made.artifact if made else None,
                    "plugins": dict(made.plugins) if made else {},
                }
            )
        return {
            "model": model,
            "number": number,
            "state": record["state"],
            "published_at": record["published_at"],
            "base": {
                "reference": known["reference"],
                "digest": known["digest"],
                "files": known["files"],
            },
            "edit": {
                "digest": record["edit_digest"],
                "artifact": record["edit"],
                "rank": record["rank"],
                "side": record["side"],
            },
            "basis": record["basis"],
            "computed_by": {
                "software": record["software"],
                "machine": record["machine"],
                "plugins": record.get("plugins", {}),
            }
            | {"composed_by": record["facts"].get("composed_by")},
            "requests": requests,
            "files": record.get("files", {}),
            "exports": core.desk.views.records.find("export", export_of=subject),
            "entries": [_line(e) for e in entries],
        }

    @bounded
    def deadlines(
        self,
        model: str | None = None,
        since: str | None = None,
        until: str | None = None,
        days: int | None = None,
        extended: int | None = None,
    ) -> Record:
        """What is due, late and extended, and how long each forget took from filing to publishing.

        A forget is due on its own date, else `days` after its filing; one with an extension, which
        needs a reason, at most `extended` days after it. 30 and 45 by default, in `govd.toml` as
        `deadline_days` and `extended_days`.
        """
        settings = self.core.home.settings
        days, extended = days or settings.deadline_days, extended or settings.extended_days
        if not 0 < days <= LONGEST_DAYS or not 0 < extended <= LONGEST_DAYS:
            raise Usage(f"{days} and {extended} days", advice=f"From 1 to {LONGEST_DAYS}.")
        check_filters(self.core, model)
        now = datetime.now(UTC)
        found = self.core.desk.views.requests(
            model=model, since=moment(since, "since"), until=moment(until, "until", end=True)
        )
        rows = [_due(r, now, days, extended) for r in found if r["kind"] == "forget"]
        took = sorted(r["days"] for r in rows if r["served_at"])
        counts = {name: sum(r["status"] == name for r in rows) for name in DEADLINES}
        summary: dict[str, Json] = {
            "deadline_days": days,
            "extended_days": extended,
            "requests": len(rows),
            **counts,
        }
        summary |= {"extended": sum(bool(r["extensions"]) for r in rows)}
        if took:
            summary |= {
                "median_days": statistics.median(took),
                "p90_days": took[math.ceil(0.9 * len(took)) - 1],
                "longest_days": took[-1],
            }
        return {
            "summary": summary,
            "requests": sorted(
                rows, key=lambda r: (r["status"] not in ("late", "open"), r["due_at"])
            ),
        }

    @bounded
    def sql(self, text: str, seconds: float = 10.0, limit: int = 1000) -> Record:
        """A question in SQL to the views, read-only, limited in time, rows, bytes and memory
        (`govd.views.sql`).
        """
        path = self.core.desk.views.records.path
        assert path is not None
        return sql.ask(path, text, seconds=seconds, limit=limit)


def as_of_rows(found: Record) -> list[dict[str, Json]]:
    """What `as_of` found as a table: a row for each model and forget in force, one without a forget
    for a model that had none.
    """
    kept = (
        "model",
        "registered",
        "removed",
        "revision",
        "edit_digest",
        "published_at",
        "published_entry",
    )
    none = dict.fromkeys(
        (
            "id",
            "concepts",
            "domains",
            "method",
            "filed_at",
            "filed_by",
            "approvals",
            "entries",
            "covered_by",
        )
    )
    return [
        {"time": found["time"], **{name: model.get(name) for name in kept}, **none, **forget}
        for model in found["models"]
        for forget in model["forgets"] or [{}]
    ]


def _line(entry: Record) -> dict[str, Json]:
    said = sentence_of(entry) or str(entry["payload"].get("reason", ""))
    if entry["kind"] == "request.file" and entry["payload"].get("private"):
        said = said.replace("no reason given", "reason kept private")
    return {
        "entry": entry["seq"],
        "time": entry["time"],
        "actor": entry["actor"],
        "kind": entry["kind"],
        "what": said,
    }


def _due(request: Record, now: datetime, days: int, extended: int) -> dict[str, Json]:
    filed = datetime.fromisoformat(str(request["filed_at"]))
    due = (
        datetime.fromisoformat(moment(request["due_at"], "due"))
        if request["due_at"]
        else filed + timedelta(days=days)
    )
    end = datetime.fromisoformat(
        str(request["served_at"] or request["ended_at"] or moment(now.isoformat(), "now"))
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
            round((due - now).total_seconds() / 86400, 1) if status in ("open", "late") else None
        ),
        "expires_at": request["expires_at"],
        "expired": has_expired(request, now),
        "extensions": [
            {"due_at": e["due_at"], "reason": e["reason"], "by": e["by"], "at": e["at"]}
            for e in request["extensions"]
        ],
        "reason": request["state_reason"],
    }
