"""Forget requests and reverts: what may be filed, who approves, what it would do."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from govd.contribution import contribution_from_bytes, contribution_to_bytes, sealed
from govd.core import Core, Opened
from govd.edit import Material, Problem, compose
from govd.edit.compose import recognised, retained_mean
from govd.edit.factors import tensors_to_bytes
from govd.edit.metrics import data_free
from govd.errors import Conflict, Denied, KeyReused, NotFound, PluginFault, UnreadableImage, Usage
from govd.ledger.store import Draft, moment
from govd.lifecycle import after
from govd.methods import AUTO
from govd.models import _prompt, check_phrase
from govd.plugins import ask_each
from govd.types import PRIVATE, TARGETS, Bytes, Concept, Contribution, Floats, ForgetSpec, Json, Record, Scope, Vote
from govd.views import scope_of, subsumed_by

BESIDE = 24
"""Other concepts that are synthesised beside a forgotten one where prototypes stand in for a pool."""


@dataclass(frozen=True)
class ForgetOptions:
    """What somebody asks to be forgotten, and how."""

    concepts: Sequence[str] = ()
    domains: Sequence[str] = ()
    aliases: Sequence[str] = ()
    all_concepts: bool = False
    target: str | None = None
    strength: float = 1.0
    method: str = AUTO
    prototypes: int = 0
    reason: str = ""
    basis: str = ""
    ticket: str = ""
    due: str | None = None
    expires: str | None = None
    idempotency_key: str | None = None
    private: bool = False
    examples: Sequence[bytes] = ()


EXAMPLES = 256
"""Pictures that one request may bring."""
HIDDEN = ("concepts", "reason", "basis", "ticket")
"""What the ledger does not say of a private request."""


class Requests:
    """The nouns of `govd request`, and `forget`, `preview`, `revert`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._shown: list[dict[str, Json]] = []
        self._keep = True
        self._given: dict[str, bytes] = {}  # examples of the request at hand; kept once it is filed

    def all(self, *, after: int | None = None, limit: int | None = None, **filters: str | None) -> list[Record]:
        """Requests in the order of their filing, from the one after entry `after`. Filters: `state`, `model`, `concept`, `domain`,
        `policy`, `filed_by`; `since` ≤ filed < `until`."""
        filters |= {name: moment(filters[name], name) for name in ("since", "until") if filters.get(name)}
        return list(self.core.views.requests(after=after, limit=limit, **filters))

    def show(self, request_id: str) -> Record:
        """One request."""
        return self.core.request(request_id)

    # -- filing ---------------------------------------------------------------------------------------------------------------

    def spec(self, model: str, options: ForgetOptions) -> ForgetSpec:
        """The options as what is computed, every name checked.

        Raises:
            NotFound: unknown model or domain. Usage: something that cannot be meant.
        """
        record = self.core.model(model)
        for concept in options.concepts:
            check_phrase(concept, "concept")
        for alias in options.aliases:
            check_phrase(alias, "alias")
        names = [c.strip() for c in options.concepts]
        if len(set(names)) < len(names):
            raise Usage("a concept is named twice", advice="Name each once.")
        if len(names) > self.core.home.settings.max_concepts:
            most = self.core.home.settings.max_concepts
            raise Usage(f"{len(names)} concepts in one request", advice=f"At most {most} (max_concepts in govd.toml); file several.")
        if options.all_concepts == bool(names):
            raise Usage("name concepts, or say --all-concepts (not both)", advice="For a whole domain: --all-concepts --domain D.")
        if options.all_concepts and not options.domains:
            raise Usage("all concepts in all domains is the whole model", advice="Name a domain (--domain D).")
        if options.aliases and len(names) != 1:
            raise Usage("an alias belongs to a single concept", advice="File one request for each concept with aliases.")
        domains = list(dict.fromkeys(d.strip() for d in options.domains))
        for domain in domains:
            if domain not in record["domains"]:
                known = ", ".join(record["domains"]) or "none (register the model with --domains)"
                raise NotFound(f"{model} has no domain {domain!r}", advice=f"Known domains: {known}.")
        if domains and set(domains) == set(record["domains"]) and not names:
            raise Usage("all concepts in all domains is the whole model", advice="Name fewer domains.")
        method = self._method(record, options)
        limit = self.core.methods[method].max_strength
        if not 0 < options.strength <= limit:
            raise Usage(f"strength {options.strength:g} is out of range", advice=f"For {method} it is over 0 and at most {limit:g}.")
        if options.target is not None and options.target not in TARGETS:
            raise Usage(f"unknown target {options.target!r}", advice=f"Targets: {', '.join(TARGETS)}.")
        if options.prototypes < 0 or options.prototypes > 64:
            raise Usage(f"{options.prototypes} prototypes", advice="From 0 to 64 for each concept.")
        scope = Scope(tuple(sorted(Concept(n, tuple(sorted(options.aliases))) for n in names)), tuple(sorted(domains)))
        target: Any = options.target or ("unnamed" if record["use"] == "labels" else "level")
        if self.core.methods[method].family != "dual":
            target = None
        return ForgetSpec(scope, method, target, float(options.strength), options.prototypes, examples=self._examples(options, method))

    def _examples(self, options: ForgetOptions, method: str) -> tuple[str, ...]:
        """Digests of the pictures that were given."""
        if not options.examples:
            return ()
        if len(options.concepts) != 1:
            raise Usage("examples belong to a single concept", advice="File one request for each concept with examples.")
        if method != "bilateral":
            raise Usage(f"{method} takes no examples", advice="Give the model a pool, or leave --example out.")
        if options.private:
            raise Usage("examples of a private request would be kept as pictures", advice="Leave --example out, or file it openly.")
        if len(options.examples) > EXAMPLES:
            raise Usage(f"{len(options.examples)} examples", advice=f"At most {EXAMPLES}.")
        for i, data in enumerate(options.examples):
            decoded(data, f"example {i + 1}")
        self._given = {hashlib.sha256(data).hexdigest(): bytes(data) for data in options.examples}
        return tuple(sorted(self._given))

    def _method(self, record: Record, options: ForgetOptions) -> str:
        if options.method != AUTO:
            if options.method not in self.core.methods:
                raise NotFound(f"unknown method {options.method!r}", advice=f"Methods: {AUTO}, {', '.join(sorted(self.core.methods))}.")
            return options.method
        return "bilateral" if record["pool"] else "oblique"

    def forget(self, model: str, options: ForgetOptions, actor: str) -> Record:
        """File a forget. Invalid input leaves no entry; what is filed is decided by the reconciler.

        Raises:
            Usage, NotFound: something in it is wrong. Conflict: the same scope is wanted already. KeyReused: the key came with
            another body.
        """
        spec = self.spec(model, options)
        body: dict[str, Json] = {"kind": "forget", "model": model, **_fields(spec)}
        body |= {"reason": options.reason, "basis": options.basis, "ticket": options.ticket, "reverts": None}
        body |= {"due_at": _date(options.due, "due"), "expires_at": _date(options.expires, "expires")}
        body |= {"private": None}
        with self.core.lock:
            repeated = self._repeated(options.idempotency_key, body, options.private)
            if repeated is not None:
                return repeated
            self._check_overlap(model, spec)
            self._check_possible(model, spec)
            for digest in spec.examples:
                self.core.artifacts.put(self._given[digest])
            return self._file(body, options.idempotency_key, actor, options.private)

    def _file(self, body: dict[str, Json], key: str | None, actor: str, private: bool = False) -> Record:
        request_id = uuid.uuid4().hex[:12]
        if private:
            commitment = self.core.private.seal(request_id, {name: body[name] for name in HIDDEN})
            concepts = [{"name": f"{PRIVATE}{commitment[:12]}.{i}", "aliases": []} for i, _ in enumerate(body["concepts"])]
            body = body | {"concepts": concepts, "reason": "", "basis": "", "ticket": ""}
            body["private"] = {"commitment": commitment, "fields": list(HIDDEN)}
        payload = {**body, "idempotency_key": key}
        self.core.record([Draft("request.file", request_id, actor, str(body["model"]), payload)])
        return self.core.request(request_id)

    def _repeated(self, key: str | None, body: dict[str, Json], private: bool = False) -> Record | None:
        if not key:
            return None
        old = self.core.views.by_key(key)
        if old is None:
            return None
        said = self.revealed(old) | ({"private": None} if private and old.get("private") else {})
        if any(said.get(name) != value for name, value in body.items()):
            raise KeyReused("this idempotency key came with another request", where=key, advice=f"That was {old['id']}. Use a new key.")
        return old

    def _check_overlap(self, model: str, spec: ForgetSpec) -> None:
        for other in self.core.views.open.values():
            live = other["kind"] == "forget" and other["model"] == model and other["state"] in ("filed", "waiting", *_LIVE)
            if live and scope_of(self.revealed(other)).as_json() == spec.scope.as_json() and other in self._not_reverted(model):
                raise Conflict(
                    f"the same scope is {other['state']} already, as {other['id']}",
                    advice=f"`govd request show {other['id']}`; revert it first if it should be forgotten in another way.",
                    request=other["id"],
                )

    def _not_reverted(self, model: str) -> list[Record]:
        views = self.core.views
        gone = {r["reverts"] for r in views.open.values() if r["kind"] == "revert" and r["state"] == "approved"}
        return [r for r in views.open.values() if r["model"] == model and r["id"] not in gone]

    def _check_possible(self, model: str, spec: ForgetSpec) -> None:
        """What can be seen without computing: no anchor left, or a system that cannot be solved with what is in force."""
        basis = self.core.basis(self.core.model(model))
        wanted = self.core.views.wanted(model)
        scopes = [spec.scope, *(scope_of(r) for r in wanted)]
        retained_mean(basis, frozenset(p for s in scopes if s.paradigm == "concepts" for c in s.concepts for p in c.phrases))
        families = {self.core.methods[r["method"]].family: r for r in wanted if r["method"] in self.core.methods}
        mine = self.core.methods[spec.method].family
        for family, other in families.items():
            if family != mine:
                raise Conflict(
                    f"{spec.method} and {other['method']} ({other['id']}) cannot be solved as one system, and edits are never multiplied",
                    advice=f"Use --method {other['method']}, or revert {other['id']} first.",
                )

    def revert(self, request_id: str, reason: str, actor: str, idempotency_key: str | None = None) -> Record:
        """File the revert of a forget.

        Raises:
            Conflict: it is not in force, or its revert is filed already.
        """
        with self.core.lock:
            target = self.core.request(request_id)
            body: dict[str, Json] = {"kind": "revert", "model": target["model"], "reverts": target["id"], "reason": reason}
            repeated = self._repeated(idempotency_key, body)
            if repeated is not None:
                return repeated
            self._check_hold(target)
            if target["kind"] != "forget" or target["state"] not in ("in_force", "subsumed"):
                what = f"{target['id']} is {'a revert' if target['kind'] != 'forget' else target['state']}: there is nothing to revert"
                raise Conflict(what, advice="`govd request list --state in_force` shows what can be reverted.")
            for other in self.core.views.open.values():
                if other.get("reverts") == target["id"] and other["state"] in ("filed", "waiting", "approved", "failed"):
                    raise Conflict(f"its revert is filed already, as {other['id']}", advice=f"`govd request show {other['id']}`.")
            copied = {k: target[k] for k in _COMPUTED if k in target}
            return self._file({**body, **copied}, idempotency_key, actor)

    # -- legal holds ----------------------------------------------------------------------------------------------------------

    def hold(self, request_id: str, reason: str, actor: str) -> Record:
        """A legal hold: until it is released the request is neither reverted, withdrawn, rejected nor shredded.

        Raises:
            Usage: no reason. Conflict: it is held already.
        """
        return self._held(request_id, "hold", reason, actor)

    def release(self, request_id: str, reason: str, actor: str) -> Record:
        """End a legal hold.

        Raises:
            Usage: no reason. Conflict: it is not held.
        """
        return self._held(request_id, "release", reason, actor)

    def _held(self, request_id: str, event: str, reason: str, actor: str) -> Record:
        with self.core.lock:
            request = self.core.request(request_id)
            if bool(request["held"]) == (event == "hold"):
                raise Conflict(f"{request['id']} is {'held already' if event == 'hold' else 'not held'}", advice="`govd request show ID`")
            if not reason.strip():
                raise Usage(f"a {event} needs a reason", advice="Say --reason TEXT.")
            self.core.record([Draft(f"request.{event}", request["id"], actor, request["model"], {"reason": reason})])
            return self.core.request(request["id"])

    def _check_hold(self, request: Record) -> None:
        held = request.get("held")
        if held:
            what = f"it is under a legal hold since {held['at'][:10]} by {held['by']}: {held['reason']}"
            raise Denied(what, where=str(request["id"]), advice="`govd request release ID --reason …` ends it.")

    # -- privacy --------------------------------------------------------------------------------------------------------------

    def revealed(self, request: Record) -> dict[str, Json]:
        """A request's record with what the ledger only commits to, as long as that is there."""
        said = request.get("private")
        if not said or request.get("shredded_at"):
            return dict(request)
        return {**request, **self.core.private.open(str(request["id"]), str(said["commitment"]))}

    def reveal(self, request_id: str, actor: str) -> Record:
        """The text of a private request; that it was read is an entry.

        Raises:
            Conflict: it is not private. NotFound: it was destroyed.
        """
        with self.core.lock:
            request = self._private(request_id)
            found = self.core.private.open(str(request["id"]), str(request["private"]["commitment"]))
            self.core.record([Draft("request.read", request["id"], actor, request["model"], {"reason": f"read by {actor}"})])
            return {**request, **found}

    def shred(self, request_id: str, reason: str, actor: str) -> Record:
        """Destroy the text of a private request: every proof stays valid, and the forget stays in force.

        Raises:
            Conflict: it is not private, or destroyed already. Usage: no reason.
        """
        with self.core.lock:
            request = self._private(request_id)
            self._check_hold(request)
            if request.get("shredded_at"):
                raise Conflict(
                    f"the text of {request['id']} was destroyed on {request['shredded_at'][:10]}", advice="There is nothing left."
                )
            if not reason.strip():
                raise Usage("destroying a text needs a reason", advice="Say --reason TEXT.")
            self.core.record([Draft("request.shred", request["id"], actor, request["model"], {"reason": reason})])
            self.core.private.shred(request["id"])
            return self.core.request(request["id"])

    def _private(self, request_id: str) -> Record:
        request = self.core.request(request_id)
        if not request.get("private"):
            raise Conflict(f"{request['id']} is not private: what was filed is in the ledger for good", advice="File with --private.")
        return request

    # -- decisions ------------------------------------------------------------------------------------------------------------

    def decide(self, request_id: str, event: str, reason: str, actor: str) -> Record:
        """A person's decision: `approve`, `reject`, `withdraw`, `retry`.

        Raises:
            Conflict: the request's state does not allow it. Usage: a rejection without a reason.
        """
        with self.core.lock:
            request = self.core.request(request_id)
            after(request["kind"], request["state"], event)
            if event in ("withdraw", "reject"):
                self._check_hold(request)
            if event == "reject" and not reason:
                raise Usage("a rejection needs a reason", advice="Say --reason TEXT.")
            payload: dict[str, Json] = {"reason": reason or f"by {actor}", "by": actor}
            self.core.record([Draft(f"request.{event}", request["id"], actor, request["model"], payload)])
            return self.core.request(request["id"])

    def extend(self, request_id: str, due: str, reason: str, actor: str) -> Record:
        """More time for a forget that is not in force yet.

        Raises:
            Usage: no reason, or no later date than the one there is, or one beyond what may be extended. Conflict: it is decided or served.
        """
        with self.core.lock:
            request = self.core.request(request_id)
            if request["kind"] != "forget" or request["state"] not in ("filed", "waiting", "approved", "failed"):
                raise Conflict(f"{request['id']} is {request['state']}: nothing is due", advice="Only open forgets can be extended.")
            if not reason.strip():
                raise Usage("an extension needs a reason", advice="Say --reason TEXT.")
            settings = self.core.home.settings
            new, filed = _date(due, "due"), datetime.fromisoformat(str(request["filed_at"])).replace(tzinfo=None)
            known = str(request["due_at"] or (filed + timedelta(days=settings.deadline_days)).isoformat())
            assert new is not None
            if new <= known:
                raise Usage(f"{due} is no later than {known[:10]}, when it is due already", advice="Say a later --due.")
            latest = (filed + timedelta(days=settings.extended_days)).isoformat()
            if new > latest:
                advice = f"At most until {latest[:10]} (extended_days in govd.toml)."
                raise Usage(f"{due} is more than {settings.extended_days} days after the filing", advice=advice)
            payload: dict[str, Json] = {"due_at": new, "was": known, "reason": reason}
            self.core.record([Draft("request.extend", request["id"], actor, request["model"], payload)])
            return self.core.request(request["id"])

    def vote(self, moment: str, request: Record, predicted: Json) -> list[Vote]:
        """What the policies say; one that raises waits."""
        votes = []
        for plugin, answer in ask_each(self.core.manager, "govd_vote", moment=moment, request=request, predicted=predicted):
            if isinstance(answer, PluginFault):
                votes.append(Vote("wait", plugin, f"the policy failed: {answer.message}"))
            elif isinstance(answer, Vote) and answer.decision in ("allow", "deny", "wait"):
                votes.append(answer)
            else:
                votes.append(Vote("wait", plugin, f"the policy answered nonsense: {answer!r}"[:200]))
        return votes

    # -- computing ------------------------------------------------------------------------------------------------------------

    def material(self, opened: Opened, spec: ForgetSpec) -> Material:
        """The embeddings that a spec needs."""
        basis, encoder = opened.basis, opened.encoder
        concepts, domains = spec.scope.concepts, spec.scope.domains
        phrases = [np.stack([_known(basis, encoder, p) for p in c.phrases]) for c in concepts]
        if domains:
            words = [p for c in concepts for p in c.phrases] or list(basis.labels or basis.vocabulary[:100])
            prompts = encoder.texts([_prompt(d, w) for d in domains for w in words])
        else:
            prompts = np.concatenate(phrases) if phrases else np.zeros((0, basis.dim), np.float32)
        prototypes: Floats | None = None
        of: list[int] = []
        if spec.prototypes:
            prototypes, of = self._prototypes(opened, spec)
        from govd.edit import exact

        rows = exact.unit(prompts) if len(prompts) else np.zeros((0, basis.dim))
        examples = [decoded(self._given.get(digest) or self.core.artifacts.get(digest), digest) for digest in spec.examples]
        given = exact.unit(encoder.pictures(examples)) if examples else None
        return Material(phrases, rows, None if prototypes is None else exact.unit(prototypes), of, given)

    def _prototypes(self, opened: Opened, spec: ForgetSpec) -> tuple[Floats, list[int]]:
        """Pictures of the scope, kept as artifacts; beside them pictures of other concepts where they must stand in for a pool."""
        basis = opened.basis
        names, _ = basis.anchors
        domains = spec.scope.domains or ("",)
        own = {c.name for c in spec.scope.concepts}
        wanted = [(i, _prompt(d, c.name)) for i, c in enumerate(spec.scope.concepts) for d in domains]
        if not spec.scope.concepts:
            wanted = [(0, _prompt(d, name)) for d in domains for name in names[:BESIDE]]
        if spec.method == "bilateral" and not basis.has_pool:
            others = [n for n in names if n not in own]
            wanted += [(-1, _prompt("", n)) for n in others[:: max(1, len(others) // BESIDE)][:BESIDE]]
        vectors: list[Floats] = []
        shown: list[dict[str, Json]] = []
        for seed in range(spec.prototypes):
            made = opened.model.synthesise([p for _, p in wanted], seed=spec.seed + seed, progress=self.core.progress)
            vectors.append(made.embeddings)
            if not self._keep:
                continue
            said = {"prompts": json.dumps(made.prompts), "seed": str(spec.seed + seed)}
            self.core.artifacts.put(tensors_to_bytes({"embeddings": made.embeddings, "pictures": made.pictures}, said))
            shown += [
                {"prompt": p, "png": self.core.artifacts.put(_png(rows))} for p, rows in zip(made.prompts, made.pictures, strict=True)
            ]
        self._shown = shown
        return np.concatenate(vectors), [i for i, _ in wanted] * spec.prototypes

    def contribute_for(self, request: Record, opened: Opened | None = None) -> Contribution:
        """The contribution of a request; of a private one without its names. `opened`: another model or basis than the registered."""
        opened = opened or self.core.opened(str(request["model"]))
        contribution = self.contribute(str(request["model"]), spec_of(self.revealed(request)), not request.get("private"), opened)
        if not request.get("private"):
            return contribution
        names = [c["name"] for c in request["concepts"]]
        about = [dict(term) | {"about": names[min(i, len(names) - 1)] if names else PRIVATE} for i, term in enumerate(_terms(contribution))]
        facts = {k: v for k, v in contribution.facts.items() if k not in ("targets", "terms", "prototypes")} | {"terms": about}
        return sealed(opened.basis.digest, spec_of(request), dict(contribution.tensors), facts)

    def contribute(self, model: str, spec: ForgetSpec, keep: bool = True, opened: Opened | None = None) -> Contribution:
        """The contribution of a spec: a plugin's, else the method's own. `keep`: put prototypes into the artifacts, for people to see."""
        core, opened = self.core, opened or self.core.opened(model)
        method = core.methods[spec.method]
        answer: Contribution | None = core.first(
            "govd_compute_contribution", model=opened.model, basis=opened.basis, spec=spec, method=method, progress=core.progress
        )
        if answer is not None:
            return answer
        self._shown, self._keep = [], keep
        tensors, facts = method.contribute(Problem(opened.basis, spec, self.material(opened, spec), core.progress))
        facts = {**facts, "prototypes": self._shown} if self._shown else facts
        return sealed(opened.basis.digest, spec, {k: np.asarray(v, np.float64) for k, v in tensors.items()}, dict(facts))

    def predicted(self, model: str, contribution: Contribution) -> dict[str, Json]:
        """What the model would be with this contribution beside those in force, without a labelled picture."""
        core = self.core
        opened = core.opened(model)
        wanted = core.views.wanted(model)
        above = subsumed_by(wanted)
        others = [self.load(r["contribution"]) for r in wanted if r["id"] not in above and r["contribution"]]
        everything = [contribution, *(c for c in others if c.digest != contribution.digest)]
        edit = compose(opened.basis, everything, core.methods)
        found = discreet(data_free(opened.basis, edit, [recognised(opened.basis, c) for c in everything]), everything)
        found["disagreement"] = found["predicted_disagreement"]
        found["max_predicted_disagreement"] = core.home.settings.max_predicted_disagreement
        found["anchors"] = edit.facts.get("anchors", "")
        return found

    def preview(self, model: str, options: ForgetOptions) -> Record:
        """What a forget would do; files nothing."""
        with self.core.lock:
            spec = self.spec(model, options)
            self._check_overlap(model, spec)
            self._check_possible(model, spec)
            contribution = self.contribute(model, spec)
            covered = subsumed_by([*self.core.views.wanted(model), {**_fields(spec), "id": "preview"}]).get("preview")
            return {"model": model, **_fields(spec), "subsumed_by": covered, "predicted": self.predicted(model, contribution)}

    def store(self, contribution: Contribution) -> str:
        """Put a contribution into the artifacts; the artifact's digest."""
        return self.core.artifacts.put(contribution_to_bytes(contribution))

    def load(self, digest: str) -> Contribution:
        """A contribution from the artifacts, by its own digest."""
        known = self.core.views.contribution(digest)
        if known is None:
            raise NotFound("no entry speaks of this contribution", where=digest, advice="Run `govd audit verify`.")
        artifact = known["artifact"]
        return contribution_from_bytes(self.core.artifacts.get(artifact), artifact)


_LIVE = ("approved", "in_force", "subsumed")
_COMPUTED = ("concepts", "domains", "strength", "method", "target", "prototypes", "examples")


def discreet(found: dict[str, Json], contributions: Sequence[Contribution]) -> dict[str, Json]:
    """Figures without what would name a concept, where one of the contributions is private."""
    if not any(c.name.startswith(PRIVATE) for k in contributions for c in k.spec.scope.concepts):
        return found
    telling = ("spills_to", "redirects", "retain_worst_class", "cells", "concepts", "base_diff")
    kept = {k: v for k, v in found.items() if k not in telling}
    if "leaks" in kept:
        scopes = [c.spec.scope.as_json() for c in contributions]
        kept["leaks"] = [{**leak, "scope": scope} for leak, scope in zip(kept["leaks"], scopes, strict=True)]
    if "data_free" in kept:
        kept["data_free"] = discreet(kept["data_free"], contributions)
    return kept


def _terms(contribution: Contribution) -> list[dict[str, Json]]:
    return list(contribution.facts.get("terms", []))


def spec_of(request: Record) -> ForgetSpec:
    """The spec that a request's record says."""
    strength, prototypes, examples = float(request["strength"]), int(request["prototypes"]), tuple(request.get("examples", ()))
    return ForgetSpec(scope_of(request), request["method"], request["target"], strength, prototypes, examples=examples)


def _fields(spec: ForgetSpec) -> dict[str, Json]:
    scope = spec.scope.as_json()
    fields: dict[str, Json] = {"concepts": scope["concepts"], "domains": scope["domains"], "strength": spec.strength}
    return fields | {"method": spec.method, "target": spec.target, "prototypes": spec.prototypes, "examples": list(spec.examples)}


def _known(basis: Any, encoder: Any, phrase: str) -> Floats:
    """A phrase's text embedding; a label's is the very one of the label set, so that both are the same target."""
    for names, rows in ((basis.labels, basis.tensors["labels"]), (basis.vocabulary, basis.tensors["vocabulary"])):
        if phrase in names:
            found: Floats = rows[names.index(phrase)]
            return found
    averaged: Floats = encoder.averaged([phrase], basis.templates)[0]
    return averaged


def decoded(data: bytes, name: str) -> Bytes:
    """A picture file as `(H, W, 3)` uint8.

    Raises:
        UnreadableImage: it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as fault:
        raise UnreadableImage(f"is no picture ({fault})", where=name, advice="Give a PNG or JPEG file.", path=name) from None


def _png(rows: Any) -> bytes:
    """A picture as people look at it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, "PNG")
    return buffer.getvalue()


def _date(text: str | None, what: str) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise Usage(f"{what} is {text!r}", advice="Write a date as 2027-01-31.") from None
