"""Registered models in memory, opened once and checked against what was registered."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from govd.asking.in_use import Plugins
from govd.asking.limited import Locks
from govd.edit import Basis
from govd.errors import Unsupported
from govd.home.artifacts import Artifacts
from govd.models.embeddings import Encoder, Known
from govd.models.encoding import ahead_of
from govd.types import SINGLE, Model, ModelReference, Record
from govd.views.desk import Desk


@dataclass(frozen=True)
class Opened:
    """A registered model that is in memory."""

    model: Model
    encoder: Encoder
    basis: Basis


class OpenModels:
    """Models and bases by their digests. Whoever opens a checkpoint holds the lock of its digest,
    and nothing else waits for it.
    """

    def __init__(self, desk: Desk, plugins: Plugins, artifacts: Artifacts) -> None:
        self.desk = desk
        self.plugins = plugins
        self.artifacts = artifacts
        self._opening = Locks()
        # held to change what is in memory, never while something is opened
        self._memory = threading.RLock()
        self._opened: dict[tuple[str, str], Opened] = {}
        self._bases: dict[str, Basis] = {}

    def opened(self, name: str) -> Opened:
        """A registered model, opened and checked against what was registered.

        Raises:
            Unsupported: its files are not those that were registered.
        """
        return self._open(name, self.desk.model(name))

    def opened_for(self, name: str, revision: Record | None) -> Opened:
        """The model that a revision was made for: while a changed model's new revision waits, that
        is not the registered one.
        """
        record = self.desk.model(name)
        if revision is None or not revision["contributions"]:
            return self._open(name, record)
        return self._open(
            name,
            {
                **record,
                "precision": None,
                **revision["made_for"],
                "basis": revision["basis"],
            },
        )

    def basis(self, record: Record) -> Basis:
        """A basis from the artifact that a model's or a revision's record names."""
        digest = str(record["basis"])
        basis = self._bases.get(digest)
        if basis is None:
            basis = self._bases[digest] = Basis.from_bytes(
                self.artifacts.get(digest), digest
            )
        return basis

    def keep(self, opened: Opened) -> None:
        """Keep a model in memory that was just registered, and let go of those that nothing speaks
        of any more.
        """
        with self._memory:
            self._opened[opened.model.facts.digest, opened.basis.digest] = opened
            self.let_go()

    def let_go(self) -> None:
        """Forget models and bases that are neither registered nor served."""
        with self._memory:
            used = {
                (str(m["digest"]), str(m["basis"]))
                for m in list(self.desk.views.models.values())
            }
            for name in list(self.desk.views.models):
                served = self.desk.views.published(name)
                if served and served["contributions"]:
                    used.add((str(served["made_for"]["digest"]), str(served["basis"])))
            self._opened = {
                key: opened for key, opened in self._opened.items() if key in used
            }
            self._bases = {
                digest: basis
                for digest, basis in self._bases.items()
                if digest in {b for _, b in used}
            }

    def _open(self, name: str, record: Record) -> Opened:
        key = (str(record["digest"]), str(record["basis"]))
        model_in_use = self._opened.get(key)
        if model_in_use is not None:
            return model_in_use
        with self._opening(key[0]):
            if (already_open := self._opened.get(key)) is not None:
                return already_open
            same = next(
                (
                    o
                    for (digest, _), o in list(self._opened.items())
                    if digest == record["digest"]
                ),
                None,
            )
            if same is not None:
                opened = Opened(same.model, same.encoder, self.basis(record))
            else:
                model = self.plugins.open_model(
                    ModelReference(
                        record["reference"],
                        record["hf_revision"],
                        files=record.get("files") or {},
                        precision=record.get("precision") or SINGLE,
                    )
                )
                if model.facts.digest != record["digest"]:
                    advice = "Restore the files, or register what is there now under another name."
                    raise Unsupported(
                        f"the model {name} is not the one that was registered",
                        where=record["reference"],
                        advice=advice,
                    )
                stored = model.facts.defaults.get("embeddings")
                encoder = Encoder(
                    model,
                    (
                        Known.read(stored, model.facts)
                        if stored and not record["from_scratch"]
                        else None
                    ),
                    ahead_of(self.plugins, model),
                )
                opened = Opened(model, encoder, self.basis(record))
            with self._memory:
                self._opened[key] = opened
            return opened
