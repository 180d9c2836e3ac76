"""What a forget computes: its contribution, from embeddings, prototypes and examples by a method;
what covers it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from govd.asking.foreign import Nonsense, contributed, edit_of
from govd.edit import Basis, Edit, Material, Problem, compose, exact
from govd.edit.algebra import Host
from govd.edit.cache import Cache
from govd.edit.compose import recognised
from govd.edit.contribution import contribution_from_bytes, contribution_to_bytes, sealed
from govd.edit.duals import SAME
from govd.edit.factors import tensors_to_bytes
from govd.edit.metrics import data_free
from govd.errors import GovdError, NotFound, Unsupported, Usage
from govd.ledger.entry import Draft
from govd.models.core import Core, Opened
from govd.models.phrases import prompt
from govd.pictures import png
from govd.records.coverage import subsumed_by
from govd.requests.options import spec_of
from govd.requests.privacy import Privacy
from govd.types import PRIVATE, Contribution, Floats, ForgetSpec, Json, Record

log = logging.getLogger("govd")
BESIDE: Final = 24
"""Other concepts that are synthesised beside a forgotten one where prototypes stand in for a
pool.
"""
PROMPTED: Final = 100
"""Anchors that a whole domain is prompted with."""
KEYS: Final = 65_536
"""Contributions whose texts' digests are kept in memory to compare them."""
COVERED: Final = 64
"""Sets of wanted forgets of which it is kept which cover which."""
LOADED: Final = 256 << 20
"""Bytes of contributions that are kept in memory."""
FIGURES: Final = 256 << 20
"""Bytes of edits that are kept in memory with their data-free figures: a set of forgets that was in
force before is not composed again.
"""
OF_CHECKPOINT: Final = (
    "predicted_disagreement",
    "retain_agreement",
    "unlisted_agreement",
    "edit_norm",
    "rank",
)
"""Figures of the linear edit that are told beside those of a conditional one."""
TELLING: Final = (
    "spills_to",
    "redirects",
    "retain_worst_class",
    "cells",
    "concepts",
    "base_diff",
    "costs",
)
"""Figures that name concepts."""


class Contributions:
    """Contributions of a home's requests. Computing reads the views and writes artifacts, and holds
    no lock.
    """

    def __init__(self, core: Core, privacy: Privacy) -> None:
        self.core, self.privacy = core, privacy
        self._keys: Cache[str, list[str]] = Cache(KEYS)
        self._covered: Cache[tuple[tuple[str, str], ...], dict[str, str]] = Cache(COVERED)
        self._loaded: Cache[str, tuple[Any, str, Contribution]] = Cache(
            LOADED, lambda kept: _bytes(kept[2])
        )
        self._figures: Cache[tuple[str, ...], tuple[Edit, dict[str, Json]]] = Cache(
            FIGURES, lambda kept: 2 * kept[0].L.nbytes + 4096
        )

    # -- computing

    def compute(
        self,
        spec: ForgetSpec,
        opened: Opened,
        *,
        keep: bool = True,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Contribution:
        """The contribution of a spec: a plugin's, else the method's own.

        `keep`: put prototypes into the artifacts, for people to see. `pictures`: examples by digest
        that are no artifacts yet.

        Raises:
            Unsupported, OverCapacity: this cannot be computed. PluginFault: the method's or a
            plugin's own mistake.
        """
        core, method = self.core, self.core.plugins.methods[spec.method]
        answer: Contribution | None = core.plugins.first(
            "govd_compute_contribution",
            model=opened.model,
            basis=opened.basis,
            spec=spec,
            method=method,
            progress=core.progress,
        )
        if answer is not None:
            return answer
        material, shown = self._material(opened, spec, keep, pictures or {})
        problem = Problem(opened.basis, spec, material, core.progress)
        owner = core.plugins.brought_by.get(spec.method, "")
        tensors, facts = core.plugins.guarded(
            owner, f"method {spec.method}", lambda: contributed(method.contribute(problem))
        )
        facts = {**facts, "prototypes": shown} if shown else dict(facts)
        return sealed(opened.basis.digest, spec, tensors, facts)

    def of_request(self, request: Record, opened: Opened | None = None) -> Contribution:
        """The contribution of a request; of a private one without its names. `opened`: another
        model or basis than the registered.

        Raises:
            Unsupported: its text was destroyed. The rest as `compute`.
        """
        opened = opened or self.core.models.opened(str(request["model"]))
        if request.get("shredded_at"):
            raise Unsupported(
                "its text was destroyed: nobody can compute it",
                where=str(request["id"]),
                advice="Withdraw it.",
            )
        contribution = self.compute(
            spec_of(self.privacy.revealed(request)), opened, keep=not request.get("private")
        )
        if not request.get("private"):
            return contribution
        names = [c["name"] for c in request["concepts"]]
        terms = contribution.facts.get("terms", [])
        about = [
            dict(term) | {"about": names[min(i, len(names) - 1)] if names else PRIVATE}
            for i, term in enumerate(terms)
        ]
        facts = {
            k: v
            for k, v in contribution.facts.items()
            if k not in ("targets", "terms", "prototypes")
        } | {"terms": about}
        return sealed(opened.basis.digest, spec_of(request), dict(contribution.tensors), facts)

    def _material(
        self, opened: Opened, spec: ForgetSpec, keep: bool, pictures: Mapping[str, bytes]
    ) -> tuple[Material, list[dict[str, Json]]]:
        """The embeddings that a spec needs, and what people can look at of them."""
        basis, encoder = opened.basis, opened.encoder
        concepts, domains = spec.scope.concepts, spec.scope.domains
        texts = [np.stack([known(opened, p) for p in c.phrases]) for c in concepts]
        _check_distinct(
            [p for c in concepts for p in c.phrases], [row for rows in texts for row in rows]
        )
        if domains:
            words = [p for c in concepts for p in c.phrases] or list(
                basis.labels or basis.vocabulary[:PROMPTED]
            )
            prompts = encoder.texts(
                [prompt(d, w) for d in domains for w in words], keep=not concepts
            )
        else:
            prompts = np.concatenate(texts) if texts else np.zeros((0, basis.dim), np.float32)
        prototypes: Floats | None = None
        of: list[int] = []
        shown: list[dict[str, Json]] = []
        if spec.prototypes:
            prototypes, of, shown = self._prototypes(opened, spec, keep)
        rows = exact.unit(prompts) if len(prompts) else np.zeros((0, basis.dim))
        examples = [
            pictures.get(digest) or self.core.artifacts.get(digest) for digest in spec.examples
        ]
        given = exact.unit(encoder.pictures(examples, spec.examples)) if examples else None
        return (
            Material(
                texts, rows, None if prototypes is None else exact.unit(prototypes), of, given
            ),
            shown,
        )

    def _prototypes(
        self, opened: Opened, spec: ForgetSpec, keep: bool
    ) -> tuple[Floats, list[int], list[dict[str, Json]]]:
        """Pictures of the scope; beside them pictures of other concepts where they must stand in
        for a pool. Their embeddings `(n, d)`, the concept of each (−1: another), and where they are
        kept.
        """
        basis = opened.basis
        names, _ = basis.anchors
        domains = spec.scope.domains or ("",)
        own = {c.name for c in spec.scope.concepts}
        wanted = [
            (i, prompt(d, c.name)) for i, c in enumerate(spec.scope.concepts) for d in domains
        ]
        if not spec.scope.concepts:
            wanted = [(0, prompt(d, name)) for d in domains for name in names[:BESIDE]]
        if (
            getattr(self.core.plugins.methods[spec.method], "learns_from_pictures", False)
            and not basis.has_pool
        ):
            others = [n for n in names if n not in own]
            wanted += [
                (-1, prompt("", n)) for n in others[:: max(1, len(others) // BESIDE)][:BESIDE]
            ]
        vectors: list[Floats] = []
        shown: list[dict[str, Json]] = []
        for seed in range(spec.prototypes):
            made = opened.model.synthesise(
                [p for _, p in wanted], seed=spec.seed + seed, progress=self.core.progress
            )
            vectors.append(made.embeddings)
            if keep:
                said = {"prompts": json.dumps(made.prompts), "seed": str(spec.seed + seed)}
                rows = {"embeddings": made.embeddings, "pictures": made.pictures}
                whole = self.core.artifacts.put(tensors_to_bytes(rows, said))
                pairs = zip(made.prompts, made.pictures, strict=True)
                shown += [
                    {"prompt": p, "png": self.core.artifacts.put(png(picture)), "tensors": whole}
                    for p, picture in pairs
                ]
        return np.concatenate(vectors), [i for i, _ in wanted] * spec.prototypes, shown

    # -- composing

    def figures(
        self, basis: Basis, contributions: Sequence[Contribution]
    ) -> tuple[Edit, dict[str, Json]]:
        """The edit of these contributions, composed on the host, and what can be said of it without
        a labelled picture; the last few are kept, since what is predicted is composed next.

        Raises:
            OverCapacity, Unsupported: there is no such edit. PluginFault: a method's own mistake.
        """
        key = (basis.digest, *sorted(c.digest for c in contributions))
        kept = self._figures.get(key)
        if kept is None:
            edit, known = (
                self._edit(basis, contributions),
                [recognised(basis, c) for c in contributions],
            )
            figures = data_free(basis, edit, known)
            if edit.conditions:
                linear = data_free(basis, edit.linear, known)
                figures["checkpoint"] = {name: linear[name] for name in OF_CHECKPOINT}
            kept = self._figures.put(key, (edit, figures))
        return kept[0], dict(kept[1])

    def composed(self, basis: Basis, contributions: Sequence[Contribution]) -> Edit:
        """The edit of these contributions, composed on the host, without figures: kept where those
        of the same set are.

        Raises:
            OverCapacity, Unsupported: there is no such edit. PluginFault: a method's own mistake.
        """
        kept = self._figures.get((basis.digest, *sorted(c.digest for c in contributions)))
        return kept[0] if kept is not None else self._edit(basis, contributions)

    def _edit(self, basis: Basis, contributions: Sequence[Contribution]) -> Edit:
        """The edit of these contributions: that of a revision which is made of the same, else
        composed.
        """
        stored = self._stored(basis, contributions) if contributions else None
        return self._composed(basis, contributions) if stored is None else stored

    def _stored(self, basis: Basis, contributions: Sequence[Contribution]) -> Edit | None:
        """What was composed for a revision of the same basis and contributions, by the same
        software on the host; None where there is none, or its artifact is not what was composed
        then.
        """
        core = self.core
        revision = core.desk.views.made_of(basis.digest, [c.digest for c in contributions])
        if revision is None or revision["facts"].get("composed_by") != Host.name:
            return None
        if (
            revision["plugins"] != core.plugins.versions()
            or {name: revision.get(name) for name in computed_with()} != computed_with()
        ):
            return None
        try:
            edit = Edit.from_bytes(core.artifacts.get(str(revision["edit"])), str(revision["edit"]))
        except GovdError as error:
            log.warning(
                "the edit of %s/%s is composed anew: %s",
                revision["model"],
                revision["number"],
                error.message,
            )
            return None
        return edit if edit.digest == revision["edit_digest"] else None

    def _composed(self, basis: Basis, contributions: Sequence[Contribution]) -> Edit:
        """By the method that the contributions share, in its plugin's name."""
        core = self.core
        named = next((c.spec.method for c in contributions), "")
        arguments = {"basis": basis}

        def work() -> Edit:
            try:
                return edit_of(compose(basis, contributions, core.plugins.methods), arguments)
            except Usage as error:  # of factors that are no edit: nobody typed them
                raise Nonsense(error.what) from error

        edit: Edit = core.plugins.guarded(
            core.plugins.brought_by.get(named, ""), f"composing by {named}", work
        )
        return edit

    def covered(self, wanted: Sequence[Record]) -> dict[str, str]:
        """Which forgets add nothing because another that stands covers them: id → id of the one
        that covers.

        Concepts are compared by the texts that their contributions take away, so that neither
        spelling (`Dog`, `dog`) nor a private name, nor that its text was destroyed, makes a
        difference.
        """
        key = tuple(
            (str(r["id"]), str(r.get("contribution") or "")) for r in wanted
        )  # neither scope nor strength of a request changes
        kept = self._covered.get(key)
        if kept is None:
            kept = self._covered.put(
                key, subsumed_by([{**r, "concepts": self._by_text(r)} for r in wanted])
            )
        return dict(kept)

    def know(self, contribution: Contribution) -> None:
        """Compare what this contribution takes away with others before it is stored."""
        self._keys.put(contribution.digest, _texts(contribution))

    def _by_text(self, request: Record) -> list[dict[str, Json]]:
        """A request's concepts, named by the text embedding that each takes away; by their names
        where that is not known.
        """
        concepts: list[dict[str, Json]] = list(request["concepts"])
        digest = str(request.get("contribution") or "")
        if not concepts or not digest:
            return concepts
        texts = self._keys.get(digest)
        if texts is None:
            texts = self._keys.put(digest, _texts(self.load(digest)))
        if not texts:
            return concepts
        if (
            len(concepts) == 1
            # the ledger does not say a private one's aliases, but its contribution takes them away
        ):
            return [{"name": texts[0], "aliases": texts[1:]}]
        return (
            [{"name": text, "aliases": []} for text in texts]
            if len(texts) == len(concepts)
            else concepts
        )

    # -- keeping

    def made(
        self, contribution: Contribution, model: str, actor: str, opened: Opened
    ) -> list[Draft]:
        """Put a contribution into the artifacts; the entry that says so, where none does yet."""
        artifact = self.core.artifacts.put(contribution_to_bytes(contribution))
        if self.core.desk.views.contribution(contribution.digest) is not None:
            return []
        said: dict[str, Json] = {
            "artifact": artifact,
            "method": contribution.spec.method,
            "basis": opened.basis.digest,
        }
        said |= {"facts": dict(contribution.facts), "device": opened.model.facts.device}
        said |= {"plugins": self.core.plugins.versions()}
        shown = contribution.facts.get("prototypes", [])
        if shown:
            said["prototypes"] = sorted({row[name] for row in shown for name in ("png", "tensors")})
        return [Draft("contribution.make", contribution.digest, actor, model, said)]

    def load(self, digest: str) -> Contribution:
        """A contribution from the artifacts, by its own digest.

        Raises:
            NotFound: no entry speaks of it, or its artifact is gone. BadFile: its artifact is
            damaged.
        """
        kept = self._loaded.get(digest)
        if kept is not None and kept[0] == self.core.artifacts.signature(kept[1]):
            return kept[2]
        known = self.core.desk.views.contribution(digest)
        if known is None:
            raise NotFound(
                "no entry speaks of this contribution",
                where=digest,
                advice="Run `govd audit verify`.",
            )
        artifact = str(known["artifact"])
        signature = self.core.artifacts.signature(
            artifact
        )  # before it is read: what changes meanwhile is read again
        contribution = contribution_from_bytes(self.core.artifacts.get(artifact), artifact)
        for tensor in contribution.tensors.values():
            tensor.flags.writeable = False  # it is handed to methods and plugins, again and again
        return self._loaded.put(digest, (signature, artifact, contribution))[2]


@cache
def computed_with() -> dict[str, Json]:
    """Versions and machine, as a revision records them."""
    software = {name: version(name) for name in ("govd", "numpy")} | {
        "python": platform.python_version()
    }
    return {"software": software, "machine": platform.machine()}


def discreet(found: Mapping[str, Json], contributions: Sequence[Contribution]) -> dict[str, Json]:
    """Figures without what would name a concept, where one of the contributions is private."""
    if not any(c.name.startswith(PRIVATE) for k in contributions for c in k.spec.scope.concepts):
        return dict(found)
    kept = {k: v for k, v in found.items() if k not in TELLING}
    if "leaks" in kept:
        scopes = [c.spec.scope.as_json() for c in contributions]
        kept["leaks"] = [
            {**_unworded(leak), "scope": scope}
            for leak, scope in zip(kept["leaks"], scopes, strict=True)
        ]
    if "data_free" in kept:
        kept["data_free"] = discreet(kept["data_free"], contributions)
    return kept


def _unworded(leak: Record) -> dict[str, Json]:
    """What attacks attained on a forget, without the words that did best."""
    attacks = [{k: v for k, v in one.items() if k != "worst"} for one in leak.get("attacks", ())]
    return {**leak, "attacks": attacks} if attacks else dict(leak)


def _check_distinct(names: Sequence[str], vectors: Sequence[Floats]) -> None:
    """Refuse phrases of one request that the model reads alike: their duals do not exist.

    Raises:
        Unsupported: two are the same.
    """
    for i, vector in enumerate(vectors):
        for j in range(i):
            if float(np.abs(vector - vectors[j]).max()) < SAME:
                raise Unsupported(
                    f"{names[j]!r} and {names[i]!r} are the same to this model",
                    advice="Name one of them.",
                )


def _texts(contribution: Contribution) -> list[str]:
    """What names each text that a contribution takes away, the same for the same embedding."""
    columns = contribution.tensors.get("targets", contribution.tensors.get("texts"))
    if columns is None or (
        contribution.spec.scope.domains and "targets" not in contribution.tensors
    ):
        return []
    return [
        hashlib.sha256(np.ascontiguousarray(column).tobytes()).hexdigest() for column in columns.T
    ]


def _bytes(contribution: Contribution) -> int:
    return sum(tensor.nbytes for tensor in contribution.tensors.values()) + 4096


def known(opened: Opened, phrase: str) -> Floats:
    """A phrase's text embedding `(d,)`; where an anchor has the same (by its name, or since the
    model reads both alike) it is that one's, to the last bit: then both are one target.
    """
    basis: Any = opened.basis
    pairs = [
        (basis.labels, basis.tensors["labels"]),
        (basis.vocabulary, basis.tensors["vocabulary"]),
    ]
    for names, rows in pairs:
        if phrase in names:
            found: Floats = rows[names.index(phrase)]
            return found
    averaged: Floats = opened.encoder.averaged([phrase], basis.templates, keep=False)[0]
    for names, rows in pairs:
        if names:
            nearest = int(np.argmax(rows @ averaged))
            if float(np.abs(rows[nearest] - averaged).max()) < SAME:
                return rows[nearest]  # type: ignore[no-any-return]
    return averaged
