"""What every part of the service works on: ledger, views, plugins, opened models."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govd.artifacts import Artifacts
from govd.edit import Basis, Method
from govd.embeddings import Encoder, Known
from govd.errors import BadFile, GovdError, NotFound, PluginFault, Unsupported
from govd.home import Home
from govd.ledger import canonical
from govd.ledger.entry import Draft
from govd.ledger.records import VERSION, Records
from govd.ledger.signing import Signer
from govd.ledger.store import Ledger
from govd.plugins import ask_each, load
from govd.private import Private
from govd.types import Json, Model, ModelReference, Progress, Record, silent
from govd.views import Views

log = logging.getLogger("govd")


def opened_views(path: Path, ledger: Ledger) -> Views:
    """The views beside a ledger, as far as they go; made anew where they are damaged, of another ledger or of another govd."""
    for last in (False, True):
        try:
            records = Records(path)
            at = records.position()
            size = int(at.get("size", 0))
            mine = at.get("version") == VERSION and at.get("origin") == ledger.origin and 0 < size <= ledger.size()
            if not at or (mine and canonical.digest(next(iter(ledger.some([size - 1])))) == at["last"]):
                return Views(records, ledger.origin)
            records.close()
        except BadFile:
            if last:
                raise
        log.info("the views are made anew from the entries")
        remove_views(path)
    raise BadFile("the views cannot be made", where=str(path), advice="This is a bug; please report it.")


def remove_views(path: Path) -> None:
    """Forget what was derived; the entries are the truth."""
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


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
        self.private = Private(home.folder / "private")
        self.lock = threading.RLock()
        self.closed = False
        self.manager, self.plugins = load(frozenset(home.settings.disabled_plugins))
        self.methods = self._methods()
        self.fold = threading.RLock()
        self.views = opened_views(home.folder / "views.db", self.ledger)
        self._opened: dict[str, Opened] = {}
        self._bases: dict[str, Basis] = {}
        self.refresh()
        for name in self.private.names():  # a crash may have come between the entry and the deed
            request = self.views.request(name)
            if request is None or request.get("shredded_at"):
                self.private.shred(name)

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

    def close(self) -> None:
        """Let go of views and home."""
        self.closed = True
        self.views.records.close()
        self.home.close()

    def replace_views(self, path: Path) -> None:
        """Use other views, made from the same entries, instead of those in use."""
        with self.fold:
            mine = self.views.records.path
            assert mine is not None
            self.views.records.close()
            remove_views(mine)
            os.replace(path, mine)
            self.views = opened_views(mine, self.ledger)

    def refresh(self) -> Views:
        """Read what was appended since."""
        with self.fold:
            if self.views.size < self.ledger.size():
                self.views.read(self.ledger.entries(self.views.size))
        return self.views

    def record(self, drafts: Sequence[Draft], expect: int | None = None, signer: Signer | None = None) -> list[Record]:
        """Append entries, fold them, tell the plugins. `signer` signs log checkpoints from these entries on."""
        records = self.ledger.append(drafts, expect) if signer is None else self.ledger.rotate(drafts, signer, expect)
        with self.fold:
            if records and self.views.size == records[0]["seq"]:
                self.views.read(records)
            else:
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
        found = self.views.request(request_id)
        if found is not None:
            return found
        near = self.views.records.starting("request", request_id) if request_id else []
        if len(near) == 1:
            return self.views.request(near[0])  # type: ignore[return-value]
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

    def ask_defaults(self, reference: str | None, what: str) -> bool:
        """Whether a checkpoint brings a file of its own for an option."""
        return reference is not None and what in self.ask_open(ModelReference(reference)).facts.defaults

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
