"""What the entries say, folded: models, requests and revisions as records. The entries are the
truth; the records are kept beside them.

Entry kinds: `model.<event>`, `request.file`, `request.vote`, `request.<event>` and
`revision.<event>` for each event of `lifecycle.py`, and those that change no state:
`request.extend`, `.hold`, `.release`, `.read`, `.shred`, `.recompute`, `revision.measure`,
`.deliver`, `contribution.make`, `export.write`, `token.create`, `token.revoke`, `key.rotate`,
`witness.cosign`, `witness.stamp`. The subject of a request's entries is its id, of a revision's
`model/number`, of a model's its name.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from govd.errors import Conflict, NotFound
from govd.ledger import canonical
from govd.records.lifecycle import TABLES, WANTED, after, is_final
from govd.types import KEPT_PRIVATE, Json, Record
from govd.views.records import Records, line, row

log = logging.getLogger("govd")
BATCH = 2000
"""Entries that are folded in one transaction."""
NOUNS = ("model", "token", "witness", "contribution", "export", "request", "revision")
EVENTS = {
    kind: frozenset(event for events in table.values() for event in events)
    for kind, table in TABLES.items()
}
"""What changes a state, for each kind of thing that has one."""


class Happening(Protocol):
    """What somebody is about to append: a draft of an entry."""

    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> Json: ...


class Views:
    """Records by id, as `interface.md` spells them, and the position up to which entries were read.

    In memory is what something can still happen to: models, tokens, open requests and forgets in
    force, the last revision of each model. The rest is read when it is asked for, so that neither
    memory nor starting grows with the ledger.
    """

    def __init__(self, records: Records | None = None, origin: str = "") -> None:
        self.records, self.origin = Records(None) if records is None else records, origin
        self._load()

    def _load(self) -> None:
        """What the tables say, and nothing that was not written to them.

        Raises:
            BadFile: somebody else changed them.
        """
        self.records.check()
        self.models: dict[str, dict[str, Json]] = dict(self.records.live("model"))
        self.tokens: dict[str, dict[str, Json]] = dict(self.records.live("token"))
        self.open: dict[str, dict[str, Json]] = dict(self.records.live("request"))
        self.heads: dict[str, dict[str, Json]] = dict(self.records.live("head"))
        self.witnessed: dict[str, dict[str, Json]] = dict(self.records.live("witness"))
        self.size = int(self.records.position().get("size", 0))
        self._latest = self.records.latest()  # no time goes back, whatever the clock did
        self._kept: dict[
            str, dict[str, Json]
        ] = {}  # the last and the published revision of each model
        self._first: dict[tuple[str, str], int] = {}
        self._changed: dict[tuple[str, str], dict[str, Json]] = {}
        self._terms: list[tuple[str, str, str, str]] = []
        self._spans: list[tuple[str, int, int]] = []

    def read(self, entries: Iterable[Record]) -> Views:
        """Fold more entries, in their order: those of a batch all or none. An entry of a kind that
        is not known here, or of something that cannot happen, changes nothing but the position.

        Raises:
            MachineFault: the tables cannot be written; what was folded before stays, and reading
            goes on from there.
        """
        try:
            with self.records.folding():
                self._fold(entries)
        except BaseException:
            self._load()
            raise
        return self

    def _fold(self, entries: Iterable[Record]) -> None:
        readers = {noun: getattr(self, f"_{noun}") for noun in NOUNS}
        lines: list[tuple[Any, ...]] = []
        entry: Record = {}
        for entry in entries:
            noun, _, event = str(entry["kind"]).partition(".")
            if noun in readers:
                try:
                    readers[noun](event, entry, entry["payload"])
                except (Conflict, NotFound) as error:
                    log.error("entry %s changes nothing: %s", entry["seq"], error.message)
            lines.append(line(entry, self._latest))
            self._latest = max(self._latest, str(entry["time"]))
            self.size = int(entry["seq"]) + 1
            if len(lines) == BATCH:
                self._write(lines, entry)
                lines = []
        if lines:
            self._write(lines, entry)

    def replace(self, path: Path) -> None:
        """Go on with tables that were made anew from the same entries.

        Raises:
            MachineFault: they cannot be put in the place of those in use.
        """
        self.records.adopt(path)
        self._load()

    def check(self, drafts: Sequence[Happening]) -> None:
        """Whether these entries, one after the other, can happen.

        Raises:
            Conflict: the state of a request or revision does not allow it. NotFound: there is no
            such request or revision.
        """
        states: dict[str, tuple[str, str]] = {}
        for draft in drafts:
            noun, _, event = draft.kind.partition(".")
            if draft.kind == "model.add":
                self.check_name(draft.subject)
            elif draft.kind == "request.file":
                states[draft.subject] = (str(draft.payload.get("kind", "forget")), "filed")
            elif draft.kind == "revision.compose":
                states[draft.subject] = ("revision", "composed")
            elif noun in ("request", "revision"):
                kind, state = states.get(draft.subject) or self._state(noun, draft.subject)
                if event in EVENTS[kind]:
                    states[draft.subject] = (kind, after(kind, state, event))
                if draft.kind == "revision.publish":
                    self._superseded(draft.subject.partition("/")[0])

    def _state(self, noun: str, key: str) -> tuple[str, str]:
        model, _, number = key.partition("/")
        found = self.request(key) if noun == "request" else self.revision(model, int(number))
        if found is None:
            raise NotFound(f"there is no {noun} {key}")
        return (str(found["kind"]) if noun == "request" else "revision", str(found["state"]))

    def _superseded(self, model: str) -> dict[str, Json] | None:
        """The published revision as the next publish leaves it; None where the base is served.

        Raises:
            Conflict: its state does not allow it.
        """
        before = self.published(model)
        return (
            None
            if before is None
            else {**before, "state": after("revision", str(before["state"]), "supersede")}
        )

    def _write(self, lines: list[tuple[Any, ...]], last: Record) -> None:
        with self.records.writing():
            self.records.add_log(lines)
            self.records.put(
                row(*key, record, self._is_live(*key, record), self._first[key])
                for key, record in self._changed.items()
            )
            self.records.add_terms(self._terms)
            self.records.add_spans(self._spans)
            self.records.mark(self.origin, self.size, canonical.digest(last))
        for (noun, key), record in self._changed.items():
            if noun == "request" and not self._is_live(noun, key, record):
                self.open.pop(key, None)
        self._kept = {
            key: r for key, r in self._kept.items() if r["number"] in self._heads(str(r["model"]))
        }
        self._changed, self._terms, self._spans, self._first = {}, [], [], {}

    def _is_live(self, noun: str, key: str, record: Record) -> bool:
        if noun == "request":
            return not is_final(str(record["kind"]), str(record["state"]))
        if noun == "model":
            return key in self.models
        if noun == "revision":
            return int(record["number"]) in self._heads(str(record["model"]))
        return noun in ("token", "head", "witness")

    def _put(
        self, noun: str, key: str, record: dict[str, Json], seq: int, /, **terms: Iterable[str]
    ) -> dict[str, Json]:
        self._changed[noun, key] = record
        self._first[noun, key] = int(record.get("seq", seq))
        self._terms += [(term, word, noun, key) for term, words in terms.items() for word in words]
        return record

    def _get(self, noun: str, key: str) -> dict[str, Json] | None:
        found = self._changed.get((noun, key))
        return self.records.get(noun, key) if found is None else found

    def _model(self, event: str, entry: Record, payload: Json) -> None:
        name = entry["subject"]
        if event == "add":
            self.check_name(name)
            record = {
                "name": name,
                "model": name,
                "state": "registered",
                "seq": entry["seq"],
                "added_at": entry["time"],
                **payload,
            }
            self.models[name] = self._put("model", name, record, entry["seq"])
            if name not in self.heads:
                head = {"model": name, "last": 0, "published": None, "seq": entry["seq"]}
                self.heads[name] = self._put("head", name, head, entry["seq"])
        elif name not in self.models:
            raise NotFound(f"there is no model {name}")
        elif event == "update":
            self.models[name] = self._put(
                "model",
                name,
                self.models[name] | {"updated_at": entry["time"], **payload},
                entry["seq"],
            )
        elif event == "remove":
            self._removed(name, entry, payload)

    def _removed(self, name: str, entry: Record, payload: Json) -> None:
        """A model without forgets in force is removed. One with some is retired: they keep their
        states, and say so.
        """
        said = {
            "at": entry["time"],
            "by": entry["actor"],
            "entry": entry["seq"],
            "reason": str(payload.get("reason", "")),
        }
        gone = (
            {"state": "retired", "retired": said}
            if payload.get("retired")
            else {"state": "removed"}
        )
        kept = (
            {key: self.request(key) for key in payload.get("requests", ())}
            if payload.get("retired")
            else {}
        )
        if any(request is None or request["model"] != name for request in kept.values()):
            raise NotFound(f"not all of its requests are of {name}")
        self._put("model", name, {**self.models.pop(name), **gone}, entry["seq"])
        for key, request in kept.items():
            assert request is not None
            reason = (
                f"its model was retired on {entry['time'][:10]}; until then:"
                f" {request['state_reason']}"
            )
            self.open[key] = self._put(
                "request",
                key,
                {**request, "model_retired": said, "state_reason": reason},
                entry["seq"],
            )

    def _token(self, event: str, entry: Record, payload: Json) -> None:
        key = entry["subject"]
        if event == "create":
            record = {
                "id": key,
                "created_at": entry["time"],
                "revoked_at": None,
                "seq": entry["seq"],
                **payload,
            }
            self.tokens[key] = self._put("token", key, record, entry["seq"])
        elif event == "revoke" and key in self.tokens:
            self.tokens[key] = self._put(
                "token", key, {**self.tokens[key], "revoked_at": entry["time"]}, entry["seq"]
            )

    def _witness(self, event: str, entry: Record, payload: Json) -> None:
        self.witnessed[entry["subject"]] = self._put(
            "witness",
            entry["subject"],
            {"name": entry["subject"], "kind": event, "seq": entry["seq"], **payload},
            entry["seq"],
        )

    def _contribution(self, event: str, entry: Record, payload: Json) -> None:
        self._put("contribution", entry["subject"], {"seq": entry["seq"], **payload}, entry["seq"])

    def _export(self, event: str, entry: Record, payload: Json) -> None:
        record = {
            "model": entry["model"],
            "at": entry["time"],
            "by": entry["actor"],
            "seq": entry["seq"],
            **payload,
        }
        self._put("export", str(entry["seq"]), record, entry["seq"], export_of=[entry["subject"]])

    def _request(self, event: str, entry: Record, payload: Json) -> None:
        key = entry["subject"]
        if event == "file":
            record = _filed(entry, payload)
            named = [
                p.casefold() for c in record.get("concepts", []) for p in (c["name"], *c["aliases"])
            ]
            words = {
                "concept": named,
                "domain": record.get("domains", []),
                "filed_by": [entry["actor"]],
            }
            words |= {"key": [payload["idempotency_key"]] if payload.get("idempotency_key") else []}
            words |= {"reverts": [payload["reverts"]] if payload.get("reverts") else []}
            words |= {"ticket": [str(record["ticket"]).casefold()] if record.get("ticket") else []}
            words |= {"private": ["yes"] if record.get("private") else []}
            self.open[key] = self._put("request", key, record, entry["seq"], **words)
            return
        known = self.request(key)
        if known is None:
            raise NotFound(f"there is no request {key}")
        state = (
            after(known["kind"], known["state"], event)
            if event in EVENTS[known["kind"]]
            else known["state"]
        )
        request = self._put(
            "request",
            key,
            {**known, "state": state, "entries": [*known["entries"], entry["seq"]]},
            entry["seq"],
        )
        self.open[key] = request
        if event == "vote":
            request["votes"] = [
                *request["votes"],
                {"at": entry["time"], "entry": entry["seq"], **payload},
            ]
            self._terms.append(("policy", payload["policy"], "request", key))
        elif event == "extend":
            said = {
                "at": entry["time"],
                "by": entry["actor"],
                "entry": entry["seq"],
                **payload,
                "reason": _reason(payload),
            }
            request["extensions"] = [*request["extensions"], said]
            request["due_at"] = payload["due_at"]
        elif event in ("hold", "release"):
            said = {"at": entry["time"], "by": entry["actor"], "reason": _reason(payload)}
            request["held"] = said if event == "hold" else None
        elif event == "recompute":
            request |= {k: payload[k] for k in ("predicted", "contribution")}
        elif event == "approval":  # by a person; policies said no, or not yet
            request["approvals_held"] = [
                *request.get("approvals_held", []),
                _approval(entry, payload, request),
            ]
        elif event == "shred":
            request["shredded_at"] = request.get("shredded_at") or entry["time"]
        elif event in EVENTS[request["kind"]]:
            request["state_reason"] = _reason(payload)
            request |= {k: payload[k] for k in ("predicted", "contribution") if k in payload}
            if event == "approve":
                request["approvals"] = [*request["approvals"], _approval(entry, payload, request)]
            if event == "publish" and request["revision"] is None:
                request["revision"] = payload["revision"]
            if (
                request["state"] in ("in_force", "subsumed", "done")
                and request["served_at"] is None
            ):
                request["served_at"] = entry["time"]
            if event in ("revert", "deny", "reject", "withdraw"):
                request["ended_at"] = entry["time"]

    def _revision(self, event: str, entry: Record, payload: Json) -> None:
        model, _, number = str(entry["subject"]).partition("/")
        key, head = entry["subject"], self.heads.get(model)
        if head is None:
            raise NotFound(f"there is no model {model}")
        if event == "compose":
            record: dict[str, Json] = {
                "model": model,
                "number": int(number),
                "state": "composed",
                "state_reason": "",
                "metrics": {},
                "measured": False,
                "published_at": None,
                "files": {},
                "seq": entry["seq"],
            }
            record |= dict(payload)
            before = self.last(model)
            if before is not None:  # it is no longer the last
                self._put("revision", f"{model}/{before['number']}", before, entry["seq"])
            made_of = made_of_digest(
                str(payload.get("basis", "")), payload.get("contributions", ())
            )
            self._kept[key] = self._put("revision", key, record, entry["seq"], made_of=[made_of])
            head["last"] = int(number)
            self._put("head", model, head, entry["seq"])
            return
        found = self.revision(model, int(number))
        if found is None:
            raise NotFound(f"there is no revision {key}")
        state = (
            after("revision", found["state"], event)
            if event in EVENTS["revision"]
            else found["state"]
        )
        older = self._superseded(model) if event == "publish" else None
        record = self._kept[key] = self._put(
            "revision", key, {**found, "state": state}, entry["seq"]
        )
        if event == "deliver":
            record["files"] = payload["files"]
            return
        if event == "measure":  # figures that take longer and hold nothing up
            record["metrics"] = {**record["metrics"], **payload["metrics"]}
            record["measured"] = True
            return
        if event == "publish":
            if older is not None:
                place = f"{model}/{older['number']}"
                self._kept[place] = self._put("revision", place, older, entry["seq"])
            record["published_at"] = entry["time"]
            record["tree_size"] = entry["seq"]
            head["published"] = int(number)
            self._put("head", model, head, entry["seq"])
            self._spans.append((model, int(entry["seq"]), int(number)))
        elif event == "evaluate":
            record["metrics"], record["evaluated_by"] = (
                payload["metrics"],
                payload.get("evaluated_by", ""),
            )
        record["state_reason"] = payload.get("reason", "")

    # -- asking

    def request(self, request_id: str) -> dict[str, Json] | None:
        """A request's record."""
        found = self.open.get(request_id)
        return self._get("request", request_id) if found is None else found

    def retired(self) -> list[dict[str, Json]]:
        """Models that were retired."""
        return self.records.find("model", state="retired")

    def check_name(self, name: str) -> None:
        """Whether a name can be a model's.

        Raises:
            Conflict: a model that was retired was called so.
        """
        gone = self._get("model", name)
        if gone is not None and gone["state"] == "retired":
            what = (
                f"a model called {name} was retired on {gone['retired']['at'][:10]}: its forgets"
                " are in the ledger under this name"
            )
            raise Conflict(what, advice="Choose another name.")

    def requests(self, **filters: Any) -> list[dict[str, Json]]:
        """Requests in the order of their filing; filters as in `Records.find`."""
        return self.records.find("request", **filters)

    def by_key(self, idempotency_key: str) -> dict[str, Json] | None:
        """The request that was filed with an idempotency key."""
        found = self.records.keys("key", idempotency_key, "request")
        return self.request(found[0]) if found else None

    def contribution(self, digest: str) -> dict[str, Json] | None:
        """What is known of a contribution."""
        return self._get("contribution", digest)

    def revision(self, model: str, number: int) -> dict[str, Json] | None:
        """A revision's record."""
        key = f"{model}/{number}"
        found = self._kept.get(key) or self._get("revision", key)
        if found is not None and number in self._heads(model):
            self._kept[key] = found
        return found

    def _heads(self, model: str) -> tuple[int, ...]:
        head = self.heads.get(model)
        return (head["last"], head["published"] or 0) if head else ()

    def last(self, model: str) -> dict[str, Json] | None:
        """The newest revision, in whatever state."""
        number = self.heads.get(model, {}).get("last")
        return self.revision(model, number) if number else None

    def revisions(self, model: str, **filters: Any) -> list[dict[str, Json]]:
        """A model's revisions, oldest first."""
        return self.records.find("revision", model=model, **filters)

    def made_of(self, basis: str, contributions: Iterable[str]) -> dict[str, Json] | None:
        """The newest revision of this basis and these contributions (digests), whatever became of
        it.
        """
        found = self.records.keys("made_of", made_of_digest(basis, contributions), "revision")
        records = [record for key in found if (record := self._get("revision", key)) is not None]
        return max(records, key=lambda record: int(record["seq"]), default=None)

    def published(self, model: str) -> dict[str, Json] | None:
        """The revision that a model serves, None while it is the base."""
        number = self.heads.get(model, {}).get("published")
        return self.revision(model, number) if number else None

    def going(self) -> set[str]:
        """The forgets whose revert is approved and not done yet."""
        return {
            str(r["reverts"])
            for r in list(self.open.values())
            if r["kind"] == "revert" and r["state"] == "approved"
        }

    def wanted(self, model: str) -> list[dict[str, Json]]:
        """The forgets that should be in force: approved ones whose revert is not approved yet,
        oldest first.
        """
        gone = self.going()
        mine = [
            r for r in list(self.open.values()) if r["model"] == model and r["kind"] == "forget"
        ]
        return [r for r in mine if r["state"] in WANTED and r["id"] not in gone]

    def dump(self) -> Iterator[tuple[str, ...]]:
        """Everything, in a fixed order."""
        return self.records.dump()


def made_of_digest(basis: str, contributions: Iterable[str]) -> str:
    """SHA-256 of what an edit is a function of: the digests of a basis and of the set of
    contributions.
    """
    return hashlib.sha256("\n".join([basis, *sorted(contributions)]).encode()).hexdigest()


def _approval(entry: Record, payload: Json, request: Record) -> dict[str, Json]:
    """Who approved (`principal`, also as `by`), as which role (null where the entry does not say),
    when and why.

    `by_filer`: that is who filed it; `automatic`: the home approved by itself in his name.
    """
    actor = entry["actor"]
    said = {
        "principal": actor,
        "by": actor,
        "role": payload.get("role"),
        "at": entry["time"],
        "entry": entry["seq"],
    }
    said |= {"reason": _reason(payload), "by_filer": actor == request["filed_by"]}
    return said | {"automatic": True} if payload.get("automatic") else said


def _reason(payload: Json) -> str:
    return KEPT_PRIVATE if payload.get("private") else str(payload.get("reason", ""))


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
        "approvals": [],
        "extensions": [],
        "served_at": None,
        "ended_at": None,
        "held": None,
        "entries": [entry["seq"]],
        "seq": entry["seq"],
    }
    return record | dict(payload)
