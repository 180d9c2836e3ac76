"""`revision interference`: every forget of a revision left out once, composed anew from stored
contributions, and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from govd.contributions import Contributions
from govd.edit.cache import Cache
from govd.edit.interference import Pictures, answered, concerned, left_out, pictures_of
from govd.edit.tensors import TensorEdit, factors_of, unedited
from govd.errors import Unsupported
from govd.models.core import Core
from govd.models.served import Served
from govd.reconcile.measuring import Measuring
from govd.records.limits import bounded
from govd.records.request import Request
from govd.serve.serving import Serving
from govd.types import Contribution, Json, Record

KEPT: Final = 64
"""Sets of forgets whose figures are kept in memory."""


class Interference:
    """Figures of leave-one-out, kept by the digests of basis, edit and contributions: the same set
    is never composed twice.
    """

    def __init__(
        self,
        core: Core,
        contributions: Contributions,
        measuring: Measuring,
        serving: Serving,
    ) -> None:
        self.core = core
        self.stored = contributions.stored
        self.composing = contributions.composing
        self.measuring = measuring
        self.serving = serving
        self._kept: Cache[tuple[str, ...], list[dict[str, Json]]] = Cache(KEPT)

    @bounded
    def of(self, model: str, number: int | None = None) -> Record:
        """For each forget of a revision (None: the published one) what it costs the retained
        answers and what it does to the others.

        Forgets that another one covers take over where that one is left out, as they would if it
        were reverted.

        Raises:
            NotFound: no such model or revision. Conflict: it was made for a checkpoint that is not
            there any more.
        """
        now = self.serving.now(model, number)
        if isinstance(now.edit, TensorEdit):
            raise Unsupported(
                "what a forget does to the others is not measured of a model without a joint space",
                advice="`govd revision show` lists the weights that several forgets change, and how"
                " much of each.",
            )
        revision = self.core.desk.revision(model, now.number) if now.number else None
        pictures = pictures_of(
            now.opened.basis, self.measuring.evaluation(model, revision)
        )
        rows = (
            self._rows(now, pictures, revision)
            if revision and revision["contributions"]
            else []
        )
        return {
            "model": model,
            "revision": now.number,
            "on": pictures.on,
            "forgets": rows,
        }

    def _rows(
        self, now: Served, pictures: Pictures, revision: Record
    ) -> list[dict[str, Json]]:
        """A row for each contribution, the costliest first."""
        standing = [
            r
            for i in (*revision["requests"], *revision["subsumed"])
            if (r := self.core.desk.views.request(str(i)))
        ]
        by_digest = {
            str(r["contribution"]): r
            for r in standing
            if r["id"] in revision["requests"]
        }
        digests = [str(digest) for digest in revision["contributions"]]
        key = (
            now.opened.basis.digest,
            now.edit.digest,
            *digests,
            *sorted(revision["subsumed"]),
        )
        figures = self._kept.get(key)
        if figures is None:
            figures = self._kept.put(
                key, self._figures(now, pictures, digests, standing, by_digest)
            )
        requests = [by_digest.get(digest) for digest in digests]
        scopes = [
            self._about(digest, request)
            for digest, request in zip(digests, requests, strict=True)
        ]
        rows = []
        for scope, of_one in zip(scopes, figures, strict=True):
            costs = [
                {
                    **scopes[o["place"]],
                    "named": o["named"],
                    "named_without": o["named_without"],
                }
                for o in of_one["others"]
            ]
            rows.append({**scope, **of_one, "others": costs})
        return sorted(rows, key=lambda row: -row["cost"])

    def _figures(
        self,
        now: Served,
        pictures: Pictures,
        digests: list[str],
        standing: Sequence[Request],
        by_digest: Mapping[str, Request],
    ) -> list[dict[str, Json]]:
        basis = now.opened.basis
        load = self.stored.load
        contributions = [load(digest) for digest in digests]
        scopes = [
            concerned(basis, pictures, contribution) for contribution in contributions
        ]
        whole = answered(basis, pictures, now.factors, contributions)
        figures = []
        for place, digest in enumerate(digests):
            rest = self._without(digest, digests, standing, by_digest)
            edit = (
                self.composing.edit(basis, rest)
                if rest
                else unedited(basis.dim, basis.side)
            )
            figures.append(
                left_out(
                    pictures,
                    contributions,
                    scopes,
                    place,
                    whole,
                    answered(basis, pictures, factors_of(edit), rest),
                )
            )
            self.core.progress("leaving each forget out once", place + 1, len(digests))
        return figures

    def _without(
        self,
        digest: str,
        digests: list[str],
        standing: Sequence[Request],
        by_digest: Mapping[str, Request],
    ) -> list[Contribution]:
        """What would be in force without one: the others, and those that only it covered."""
        remaining = [d for d in digests if d != digest]
        if len(standing) > len(digests) and set(digests) <= set(by_digest):
            request = by_digest[digest]
            rest = [r for r in standing if r["id"] != request["id"]]
            above = self.stored.covered(rest)
            remaining = sorted(
                {
                    *remaining,
                    *(
                        str(r["contribution"])
                        for r in rest
                        if r["id"] not in above and r["contribution"]
                    ),
                }
            )
        return [self.stored.load(d) for d in remaining]

    def _about(self, digest: str, request: Record | None) -> dict[str, Json]:
        """Which forget a row is of, as its request says it."""
        if request is not None:
            concepts = [
                {"name": c["name"], "aliases": list(c["aliases"])}
                for c in request["concepts"]
            ]
            return {
                "id": request["id"],
                "concepts": concepts,
                "domains": list(request["domains"]),
            }
        # the model has changed since: its requests were computed anew
        scope = self.stored.load(digest).spec.scope.as_json()
        return {"id": None, "concepts": scope["concepts"], "domains": scope["domains"]}
