"""Edits of contributions, composed on the host, and what can be said of them without a labelled
picture.

That order and history change no bit is proven by `tests/edit/test_compose.py`, what is kept by
`tests/contributions/test_composed_again.py`.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final

from govd.asking.foreign_models import edit_of
from govd.asking.plain import Nonsense
from govd.edit import AnyEdit, Basis
from govd.edit.algebra import Host
from govd.edit.cache import Cache
from govd.edit.compose import recognised
from govd.edit.tensors import TensorEdit, composed, edit_from_bytes
from govd.edit.unlabelled import data_free
from govd.errors import GovdError, PluginFault, Usage
from govd.models.core import Core
from govd.records.model import RegisteredModel
from govd.types import PRIVATE, Contribution, Json, Record

log = logging.getLogger("govd")
FIGURES_BYTES: Final = 256 << 20
"""Of edits that are kept in memory with their data-free figures: a set of forgets that was in force
before is not composed again.
"""
OF_CHECKPOINT: Final = (
    "predicted_disagreement",
    "shown_disagreement",
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


class Composing:
    """Composes edits of a home's contributions; the last few are kept, with their figures, since
    what is predicted is composed next.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self._kept: Cache[tuple[str, ...], tuple[AnyEdit, dict[str, Json]]] = Cache(
            FIGURES_BYTES, lambda kept: kept[0].nbytes + 4096
        )

    def figures(
        self, basis: Basis, contributions: Sequence[Contribution]
    ) -> tuple[AnyEdit, dict[str, Json]]:
        """The edit of these contributions, and what can be said of it without a labelled picture.

        Raises:
            OverCapacity, Unsupported: there is no such edit. PluginFault: a method's own mistake.
        """
        key = _key(basis, contributions)
        cached = self._kept.get(key)
        if cached is None:
            edit = self._seen_or_composed(basis, contributions)
            cached = self._kept.put(key, (edit, _said_of(basis, edit, contributions)))
        return cached[0], dict(cached[1])

    def edit(self, basis: Basis, contributions: Sequence[Contribution]) -> AnyEdit:
        """The edit of these contributions without figures: kept where those of the same set are.

        Raises:
            OverCapacity, Unsupported: there is no such edit. PluginFault: a method's own mistake.
        """
        cached = self._kept.get(_key(basis, contributions))
        if cached is not None:
            return cached[0]
        return self._seen_or_composed(basis, contributions)

    def seen_for_revision(
        self, model: RegisteredModel, contributions: Sequence[str]
    ) -> AnyEdit | None:
        """The edit of a set of contributions (digests) as a revision published it before: its
        artifact is read and checked, and neither the model nor a contribution is. None where there
        is none, or a device composes.
        """
        if not contributions or self._machine(model.dim) == "device":
            return None
        return self._seen(model.basis, contributions)

    def for_revision(
        self, basis: Basis, contributions: Sequence[Contribution]
    ) -> AnyEdit:
        """The edit of these contributions as it is published: composed by the host, or by a backend
        on its device where the owner says so (`compose_on` in `govd.toml`).

        Raises:
            OverCapacity, Unsupported: there is no such edit. PluginFault: a method's own mistake,
            or no plugin composes on a device.
        """
        core = self.core
        machine = self._machine(basis.dim)
        edit: AnyEdit | None = core.plugins.first(
            "govd_compose_edit",
            basis=basis,
            contributions=contributions,
            methods=core.plugins.methods,
            where=machine,
        )
        if edit is not None:
            return edit
        if machine == "device":
            raise PluginFault(
                "no plugin composes on a device",
                where="govd_compose_edit",
                advice='Set compose_on = "host" in govd.toml, or install a backend that composes on'
                " its device.",
            )
        return self.figures(basis, contributions)[0]

    def _machine(self, dim: int) -> str:
        """Where edits of a model with so many dimensions are composed, `host` or `device`."""
        # without a space (0) deltas are added, which is exact on the host
        return self.core.home.settings.compose_on if dim else "host"

    def _seen_or_composed(
        self, basis: Basis, contributions: Sequence[Contribution]
    ) -> AnyEdit:
        """The edit of these contributions: that of a revision which is made of the same, else
        composed.
        """
        digests = [contribution.digest for contribution in contributions]
        edit = self._seen(basis.digest, digests) if digests else None
        return self._composed(basis, contributions) if edit is None else edit

    def _seen(self, basis: str, contributions: Sequence[str]) -> AnyEdit | None:
        """What was composed for a revision of the same basis and contributions (digests), by the
        same software on the host; None where there is none, or its artifact is not what was
        composed then.
        """
        core = self.core
        revision = core.desk.views.made_of(basis, contributions)
        if revision is None or revision.facts.get("composed_by") != Host.name:
            return None
        software = {name: revision.get(name) for name in computed_with()}
        if revision.plugins != core.plugins.versions() or software != computed_with():
            return None
        try:
            edit = edit_from_bytes(core.artifacts.get(revision.edit), revision.edit)
        except GovdError as error:
            log.warning(
                "composing the edit of %s again: %s", revision.subject, error.message
            )
            return None
        return edit if edit.digest == revision.edit_digest else None

    def _composed(self, basis: Basis, contributions: Sequence[Contribution]) -> AnyEdit:
        """By the method that the contributions share, in its plugin's name."""
        core = self.core
        method = next((contribution.spec.method for contribution in contributions), "")

        def work() -> AnyEdit:
            try:
                edit = composed(basis, contributions, core.plugins.methods)
                return edit_of(edit, {"basis": basis})
            except Usage as error:  # of factors that are no edit: nobody typed them
                raise Nonsense(error.what) from error

        owner = core.plugins.brought_by.get(method, "")
        edit: AnyEdit = core.plugins.guarded(owner, f"composing by {method}", work)
        return edit


def _said_of(
    basis: Basis, edit: AnyEdit, contributions: Sequence[Contribution]
) -> dict[str, Json]:
    """What can be said of an edit without a labelled picture; of one of tensors, how much it
    changes.
    """
    if isinstance(edit, TensorEdit):
        return edit.extent()
    scopes = [recognised(basis, contribution) for contribution in contributions]
    figures = data_free(basis, edit, scopes)
    if edit.conditions:
        linear = data_free(basis, edit.linear, scopes)
        figures["checkpoint"] = {
            name: linear[name] for name in OF_CHECKPOINT if name in linear
        }
    return figures


@cache
def computed_with() -> dict[str, Json]:
    """Versions and machine, as a revision records them."""
    software = {name: version(name) for name in ("govd", "numpy")}
    software["python"] = platform.python_version()
    return {"software": software, "machine": platform.machine()}


def discreet(
    figures: Mapping[str, Json], contributions: Sequence[Contribution]
) -> dict[str, Json]:
    """Figures without what would name a concept, where one of the contributions is private."""
    concepts = [concept for c in contributions for concept in c.spec.scope.concepts]
    if not any(concept.name.startswith(PRIVATE) for concept in concepts):
        return dict(figures)
    nameless = {name: figure for name, figure in figures.items() if name not in TELLING}
    if "leaks" in nameless:
        scopes = [contribution.spec.scope.as_json() for contribution in contributions]
        pairs = zip(nameless["leaks"], scopes, strict=True)
        nameless["leaks"] = [
            {**_unworded(leak), "scope": scope} for leak, scope in pairs
        ]
    if "data_free" in nameless:
        nameless["data_free"] = discreet(nameless["data_free"], contributions)
    return nameless


def _unworded(leak: Record) -> dict[str, Json]:
    """What attacks attained on a forget, without the words that did best."""
    attacks = [
        {name: figure for name, figure in attack.items() if name != "worst"}
        for attack in leak.get("attacks", ())
    ]
    return {**leak, "attacks": attacks} if attacks else dict(leak)


def _key(basis: Basis, contributions: Sequence[Contribution]) -> tuple[str, ...]:
    return (
        basis.digest,
        *sorted(contribution.digest for contribution in contributions),
    )
