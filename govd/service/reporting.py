"""What `govd evaluate --report` shows beside the figures of an evaluation: curves, predictions
beside measurements, and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from govd.contributions import Contributions
from govd.contributions.near import near_words
from govd.edit import Edit, EvaluationData
from govd.edit.compose import recognised
from govd.edit.curves import about, differs, point, steps
from govd.edit.prediction import watch_for
from govd.edit.tensors import factors_of
from govd.errors import GovdError, MachineFault
from govd.models.core import Core
from govd.models.served import Served
from govd.serve.serving import Serving
from govd.service.foretold import foretold, interval
from govd.service.report_pictures import Pictures
from govd.types import PRIVATE, Concept, Contribution, ForgetSpec, Json, Record, Scope

SEED: Final = 0
BEYOND: Final = 16
"""Labels that nobody asked to forget and that a capacity curve goes on with."""
AHEAD: Final = 4
"""Points of the curve beyond where we are."""
STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
COMPARED: Final = 30
"""Forgets whose prediction is held against a measurement, at most."""


class Reports:
    """Figures for a report on a model and its forgets. Nothing is written."""

    def __init__(
        self, core: Core, contributions: Contributions, serving: Serving
    ) -> None:
        self.core = core
        self.computing = contributions.computing
        self.composing = contributions.composing
        self.pictures = Pictures(serving)

    def figures(
        self,
        model: str,
        now: Served,
        filed: Sequence[Contribution],
        data: EvaluationData,
        folder: Path | None,
    ) -> dict[str, Json]:
        """`forgets` with prediction and measurement, `capacity`, `strength`, `pictures`; `filed`:
        the revision's contributions.

        Args:
            model: its name.
            now: what it serves.
            data: labelled pictures.
            folder: that they lie in; None: they have none.
        """
        record = self.core.desk.revision(model, now.number) if now.number else None
        requests = self._requests(record)
        contributions = [recognised(now.opened.basis, c) for c in filed]
        return {
            "model": {
                **_short(self.core.desk.model(model)),
                "labels": len(now.opened.basis.labels),
                "dim": now.opened.basis.dim,
            },
            "published_at": record["published_at"] if record else None,
            "edit_digest": now.edit.digest,
            "forgets": self._forgets(now, requests, contributions, data),
            "capacity": self._capacity(now, contributions, data),
            "strength": self._strength(now, contributions, data),
            "pictures": self.pictures.shown(model, now, contributions, data, folder)
            if folder
            else [],
        }

    def _requests(self, record: Record | None) -> dict[str, Record]:
        """The requests of a revision by the digests of their contributions."""
        requests = (
            [self.core.desk.views.request(str(i)) for i in record["requests"]]
            if record
            else []
        )
        return {str(r["contribution"]): r for r in requests if r is not None}

    def _composed(self, now: Served, contributions: Sequence[Contribution]) -> Edit:
        basis = now.opened.basis
        if not contributions:
            return Edit.nothing(basis.dim, basis.side)
        return factors_of(self.composing.edit(basis, contributions))

    # -- prediction against measurement

    def _forgets(
        self,
        now: Served,
        requests: dict[str, Record],
        contributions: Sequence[Contribution],
        data: EvaluationData,
    ) -> list[dict[str, Json]]:
        """Each forget as its request says it; of some, how many other answers it was predicted to
        change and how many change by it now.
        """
        basis = now.opened.basis
        stays = ~about(basis, contributions, data)
        order = np.random.default_rng(SEED).permutation(len(contributions))[:COMPARED]
        rows = []
        for place, contribution in enumerate(contributions):
            request = requests.get(contribution.digest)
            row: dict[str, Json] = {
                "id": None,
                **contribution.spec.scope.as_json(),
                "measured": None,
                "predicted": None,
                "near": self._near(now, contribution),
            }
            if request is not None:
                row |= {
                    name: request[name]
                    for name in (
                        "id",
                        "concepts",
                        "domains",
                        "method",
                        "target",
                        "strength",
                        "filed_at",
                    )
                }
                row["predicted"] = foretold(request["predicted"] or {})
            if place in order:
                rest = [c for c in contributions if c.digest != contribution.digest]
                count, total = differs(
                    basis, self._composed(now, rest), now.factors, data, stays
                )
                row["measured"] = {
                    "share": count / total if total else 0.0,
                    "interval": interval(count, total),
                    "pictures": total,
                }
            rows.append(row)
        return rows

    def _near(self, now: Served, contribution: Contribution) -> list[dict[str, Json]]:
        """Of a forget that pictures were given for, as previews say it, what is near to them; none
        where they are gone.
        """
        spec = contribution.spec
        if not spec.examples:
            return []
        try:
            examples = self.computing.examples(now.opened, spec, {})
            watch = watch_for(now.opened.basis, [contribution])
            return near_words(now.opened, spec, contribution, watch, examples)
        except MachineFault:
            raise
        except GovdError:
            return []

    # -- curves

    def _capacity(
        self, now: Served, contributions: Sequence[Contribution], data: EvaluationData
    ) -> dict[str, Json]:
        """What more and more forgets cost: those in force in a seeded random order, then labels
        that nobody asked to forget.
        """
        basis = now.opened.basis
        draw = np.random.default_rng(SEED)
        ordered = [contributions[i] for i in draw.permutation(len(contributions))]
        ahead, stopped = self._ahead(now, ordered, data, draw)
        stays = ~about(basis, [*ordered, *ahead], data)
        points = [
            point(basis, self._composed(now, ordered[:n]), ordered[:n], data, stays)
            for n in steps(len(ordered))
        ]
        beyond: list[dict[str, Json]] = []
        for n in steps(len(ahead), AHEAD)[1:]:
            more = [*ordered, *ahead[:n]]
            try:
                beyond.append(
                    point(basis, self._composed(now, more), more, data, stays)
                )
            except (
                GovdError
            ) as error:  # no room is left: that is what the curve is to show
                stopped = error.what
                break
        return {
            "points": points,
            "beyond": beyond,
            "stopped": stopped,
            "pictures": int(stays.sum()),
            "here": len(ordered),
        }

    def _ahead(
        self,
        now: Served,
        ordered: Sequence[Contribution],
        data: EvaluationData,
        draw: np.random.Generator,
    ) -> tuple[list[Contribution], str]:
        """Contributions of further labels, drawn at random from those with pictures; and why there
        are not more.
        """
        basis = now.opened.basis
        if not ordered or not basis.labels:
            return [], ""
        forgotten_names = {
            p for c in ordered for k in c.spec.scope.concepts for p in k.phrases
        }
        free = [
            name
            for name in data.classes
            if name not in forgotten_names and name in basis.labels
        ]
        room = max(
            0,
            min(
                BEYOND,
                max(4, len(ordered)),
                len(basis.labels) // 2 - len(ordered),
                len(free) // 2,
            ),
        )
        ahead: list[Contribution] = []
        for i in draw.permutation(len(free))[:room]:
            spec = replace(
                ordered[0].spec,
                scope=Scope((Concept(free[i]),), ()),
                strength=1.0,
                prototypes=0,
                examples=(),
            )
            try:
                ahead.append(self.computing.compute(spec, now.opened, keep=False))
            except MachineFault:
                raise
            except GovdError as error:
                return ahead, error.what
        return ahead, ""

    def _strength(
        self, now: Served, contributions: Sequence[Contribution], data: EvaluationData
    ) -> dict[str, Json] | None:
        """What the strength of one forget does, with all others as they are; None where there is
        none that can be computed again.
        """
        basis = now.opened.basis
        able = [
            c
            for c in contributions
            if c.spec.scope.concepts and about(basis, [c], data).any() and _open(c.spec)
        ]
        if not able:
            return None
        contribution = able[0]
        rest = [c for c in contributions if c.digest != contribution.digest]
        stays = ~about(basis, contributions, data)
        points = list[dict[str, Json]]()
        strongest = self.core.plugins.methods[contribution.spec.method].max_strength
        for strength in STRENGTHS:
            if strength > strongest:
                break
            try:
                again = self.computing.compute(
                    replace(contribution.spec, strength=strength),
                    now.opened,
                    keep=False,
                )
                edit = self._composed(now, [*rest, again])
            except MachineFault:
                raise
            except GovdError:
                continue
            at = point(basis, edit, [again], data, stays)
            points.append(
                {"strength": strength, "changed": at["changed"], "named": at["named"]}
            )
        scope = contribution.spec.scope.as_json()
        return {
            **scope,
            "target": contribution.spec.target,
            "method": contribution.spec.method,
            "chosen": contribution.spec.strength,
            "points": points,
        }


def _open(spec: ForgetSpec) -> bool:
    """Whether a spec says what it is about."""
    return not any(c.name.startswith(PRIVATE) for c in spec.scope.concepts)


def _short(model: Record) -> dict[str, Json]:
    return {
        name: model.get(name)
        for name in (
            "name",
            "reference",
            "architecture",
            "digest",
            "domains",
            "use",
            "side",
        )
    }
