"""What every part of the service works on: ledger, views, plugins, opened models."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from govd.artifacts import Artifacts
from govd.edit import Basis, Method
from govd.embeddings import Encoder, Known
from govd.errors import GovdError, NotFound, PluginFault, Unsupported
from govd.home import Home
from govd.ledger.store import Draft, Ledger
from govd.plugins import ask_each, load
from govd.types import Json, Model, ModelReference, Progress, Record, silent
from govd.views import Views

log = logging.getLogger("govd")


@dataclass(frozen=True)
class Opened:
    """A registered model that is in memory."""

    model: Model
    encoder: Encoder
    basis: Basis


class Core:
    """One per home. Calls come one at a time: `lock` is held by whoever writes or asks a model."""

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.home, self.progress = home, progress
        self.ledger: Ledger = home.ledger
        self.artifacts: Artifacts = home.artifacts
        self.lock = threading.RLock()
        self.manager, self.plugins = load(frozenset(home.settings.disabled_plugins))
        self.methods = self._methods()
        self.views = Views()
        self._opened: dict[str, Opened] = {}
        self._bases: dict[str, Basis] = {}
        self.refresh()

    def _methods(self) -> dict[str, Method]:
        methods: dict[str, Method] = {}
        owner: dict[str, str] = {}
        for plugin, answer in ask_each(self.manager, "govd_methods"):
            if isinstance(answer, PluginFault):
                log.warning("plugin fault: %s", answer.message)
                continue
            for name, method in answer.items():
                if name in methods:
                    raise PluginFault(
                        f"the method {name} is claimed by the plugins {owner[name]} and {plugin}",
                        where="govd_methods",
                        advice="Uninstall one, or list it under disabled_plugins in govd.toml.",
                    )
                methods[name], owner[name] = method, plugin
        return methods

    def refresh(self) -> Views:
        """Read what was appended since."""
        self.views.read(self.ledger.entries(self.views.size))
        return self.views

    def record(self, drafts: Sequence[Draft], expect: int | None = None) -> list[Record]:
        """Append entries, fold them, tell the plugins."""
        records = self.ledger.append(drafts, expect)
        self.refresh()
        for record in records:
            for plugin, answer in ask_each(self.manager, "govd_on_entry", entry=record):
                if isinstance(answer, PluginFault):
                    log.warning("plugin %s: %s", plugin, answer.message)
        return records

    def model(self, name: str) -> dict[str, Json]:
        """A registered model's record.

        Raises:
            NotFound: there is none of this name.
        """
        found = self.views.models.get(name)
        if found is None:
            known = ", ".join(sorted(self.views.models)) or "none yet (govd model add NAME REFERENCE)"
            raise NotFound(f"no model is called {name!r}", advice=f"Registered: {known}.")
        return found

    def request(self, request_id: str) -> dict[str, Json]:
        """A request's record, by its id or an unambiguous beginning of it.

        Raises:
            NotFound: there is none.
        """
        if request_id in self.views.requests:
            return self.views.requests[request_id]
        near = [r for i, r in self.views.requests.items() if request_id and i.startswith(request_id)]
        if len(near) == 1:
            return near[0]
        problem = "is not unambiguous" if near else "does not exist"
        raise NotFound(f"the request {request_id!r} {problem}", advice="`govd request list` shows what there is.")

    def ask_open(self, reference: ModelReference) -> Model:
        """A model from a backend.

        Raises:
            Unsupported: no backend knows this reference. BadCheckpoint: it is broken.
        """
        opened: Model | None = self.first("govd_open_model", reference=reference)
        if opened is None:
            backends = [p.name for p in self.plugins if not p.fault]
            raise Unsupported(
                f"no backend recognises {reference.reference!r}",
                advice=f"Check the path or id. Plugins in use: {', '.join(backends) or 'none'}; a CLIP model needs govd[clip].",
            )
        return opened

    def first(self, hook: str, **arguments: Any) -> Any:
        """Ask a *first* hook; what a plugin raises that is no error of govd's is that plugin's fault."""
        try:
            return getattr(self.manager.hook, hook)(**arguments)
        except GovdError:
            raise
        except Exception as fault:
            raise PluginFault(f"{type(fault).__name__}: {fault}", where=hook, advice="`govd doctor` lists the plugins.") from fault

    def opened(self, name: str) -> Opened:
        """A registered model, opened and checked against what was registered.

        Raises:
            Unsupported: its files are not those that were registered.
        """
        record = self.model(name)
        found = self._opened.get(name)
        if found is not None and found.model.facts.digest == record["digest"]:
            return found
        model = self.ask_open(ModelReference(record["reference"], record["hf_revision"]))
        if model.facts.digest != record["digest"]:
            advice = "Restore the files, or register what is there now under another name."
            raise Unsupported(f"the model {name} is not the one that was registered", where=record["reference"], advice=advice)
        known = model.facts.defaults.get("embeddings")
        encoder = Encoder(model, Known.read(known, model.facts) if known and not record["from_scratch"] else None)
        opened = Opened(model, encoder, self.basis(record))
        self._opened[name] = opened
        return opened

    def basis(self, record: Record) -> Basis:
        """A model's basis from its artifact."""
        digest = str(record["basis"])
        if digest not in self._bases:
            self._bases[digest] = Basis.from_bytes(self.artifacts.get(digest), digest)
        return self._bases[digest]

    def keep(self, name: str, opened: Opened) -> None:
        """Keep a model in memory that was just registered."""
        self._opened[name] = opened
