"""What every part of the service works on: ledger, views, plugins, opened models."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from govd.asking.asker import Asker
from govd.asking.failures import FILE, Failures
from govd.asking.guarded import Guarded
from govd.asking.limited import Locks
from govd.asking.notices import Notices
from govd.asking.plugins import load
from govd.edit import Basis, Method
from govd.errors import BadFile, MachineFault, NotFound, PluginFault, Unsupported
from govd.home.artifacts import Artifacts
from govd.home.home import Home
from govd.home.private import Boxes, Private
from govd.ledger.entry import Draft
from govd.ledger.signing import Signer
from govd.ledger.store import Ledger
from govd.models.embeddings import Encoder, Known
from govd.records.limits import check_text
from govd.types import Json, Model, ModelReference, Progress, Record, silent
from govd.views.file import opened_views
from govd.views.records import Records
from govd.views.sealed_tables import remove_tables
from govd.views.views import Views

log = logging.getLogger("govd")


MENDED_SECONDS: Final = 60.0
"""Between two times that views are made anew while they are in use: where somebody goes on changing them, that is told."""
EVERY: Final = 2**31
"""A limit that no ledger reaches."""


@dataclass(frozen=True)
class Opened:
    """A registered model that is in memory."""

    model: Model
    encoder: Encoder
    basis: Basis


class Core:
    """One per home. Its locks, always taken in this order and none while a plugin or a model works but the first two:

    `working(MODEL)` by whoever computes towards a new state of that model (the reconciler, a registration), `opening(DIGEST)` by whoever
    opens that checkpoint, `lock` by whoever decides what to append by what there is, `fold` by whoever reads entries into the views.
    Answers are given without any of them, and one model never waits for another.
    """

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.home, self.progress = home, progress
        self.ledger: Ledger = home.ledger
        self.artifacts: Artifacts = home.artifacts
        self.private = Private(home.folder / "private")
        self.working, self.opening, self.lock = Locks(), Locks(), threading.RLock()
        self.closed = False
        self.ending = False  # set by who ends the process: no further step is begun (a plain name, as signal handlers may not lock)
        self.manager, self.plugins = load(frozenset(home.settings.disabled_plugins))
        settings, failures = home.settings, Failures(home.folder / FILE)
        self.asker = Asker(self.manager, self.plugins, failures, settings.plugin_seconds, settings.plugin_work_seconds)
        self.notices = Notices(self.asker)
        self.methods = self._methods()
        self.fold = threading.RLock()
        self.views = opened_views(home.folder / "views.db", self.ledger, home.views_key())
        self.views.records.mend, self._mended = self._mend, float("-inf")
        self._memory = threading.RLock()  # held to change what is in memory, never while something is opened
        self._opened: dict[tuple[str, str], Opened] = {}
        self._bases: dict[str, Basis] = {}
        self.refresh()
        here = frozenset(self.private.names())
        if here and self.ledger.fault is None:  # a crash may have come between the entry and the deed
            shredded = self.ledger.some(self.views.records.seqs(limit=EVERY, kind="request.shred"))
            about = {name.partition(".")[0] for name in here} & {str(entry["subject"]) for entry in shredded}
            for name in sorted(here & self.boxes(about).destroyed):
                self.private.shred(name)

    def boxes(self, requests: Collection[str]) -> Boxes:
        """What the entries about these requests say of private texts. The views say where these entries are; what they say is read from
        the ledger."""
        records = self.views.records
        seqs = sorted(seq for request in requests for seq in records.seqs(limit=EVERY, subject=request))
        return Boxes.of(entry for entry in self.ledger.some(seqs) if str(entry["kind"]).startswith("request."))

    def _methods(self) -> dict[str, Method]:
        methods: dict[str, Method] = {}
        owner: dict[str, str] = {}
        for plugin, answer in self.asker.each("govd_methods"):
            if isinstance(answer, PluginFault):
                log.warning("plugin %s: %s in govd_methods", plugin, answer.title.lower())
                continue
            for name, method in answer.items():
                if name in methods:
                    raise PluginFault(
                        f"the method {name} is claimed by the plugins {owner[name]} and {plugin}",
                        where="govd_methods",
                        advice="Uninstall one, or list it under disabled_plugins in govd.toml.",
                    )
                methods[name], owner[name] = method, plugin
        self.brought_by = owner
        return methods

    def close(self) -> None:
        """Let go of views and home."""
        self.closed = True
        self.notices.close()
        self.views.records.close()
        self.home.close()

    def views_anew(self, size: int | None = None) -> Views:
        """Views of the first `size` entries (None: of all), in a file beside those in use; `fold` is held."""
        path = self.home.folder / "views.new.db"
        remove_tables(path)
        return Views(Records(path, self.home.views_key()), self.ledger.origin).read(self.ledger.entries(0, size))

    def _mend(self, generation: int) -> bool:
        """Make the views anew that somebody else changed while they are in use, once a minute at most; whether they are now."""
        with self.fold:
            records = self.views.records
            if records.generation != generation:
                return True  # another thread has
            if self.ledger.fault is not None or time.monotonic() - self._mended < MENDED_SECONDS:
                return False
            self._mended = time.monotonic()
            log.warning("the views were changed by somebody else while they were in use: they are made anew from the entries")
            fresh = self.views_anew()
            fresh.records.close()
            assert fresh.records.path is not None
            self.views.replace(fresh.records.path)
        return True

    def _read(self, entries: Iterable[Record]) -> None:
        """Fold more entries; where what is known so far was changed by somebody else, all of them. `fold` is held."""
        generation = self.views.records.generation
        try:
            self.views.read(entries)
        except BadFile:
            if not self._mend(generation):
                raise

    def refresh(self) -> Views:
        """Read what was appended since."""
        with self.fold:
            if self.views.size < self.ledger.size():
                self._read(self.ledger.entries(self.views.size))
        return self.views

    def sign_published(self) -> None:
        """Sign what was published without its log checkpoint: a crash, or a full disk, came between the two.

        Raises:
            VerificationFailed: the ledger does not go on from what was signed last.
        """
        with self.lock:
            if self.is_bare():
                self.ledger.checkpoint()

    def is_bare(self) -> bool:
        """Whether something was published that no signed log checkpoint covers."""
        last = self.ledger.last_checkpoint()
        served = [self.views.published(model) for model in list(self.views.heads)]
        return any(r is not None and int(r["tree_size"]) >= (last[0] if last else 0) for r in served)

    def record(self, drafts: Sequence[Draft], expect: int | None = None, signer: Signer | None = None) -> list[Record]:
        """Append entries, fold them, tell the plugins. `signer` signs log checkpoints from these entries on.

        Raises:
            Conflict, NotFound: something in it cannot happen now; nothing was appended. MachineFault: the disk cannot be written.
        """
        with self.fold:
            self.refresh()
            self.views.check(drafts)
        records = self.ledger.append(drafts, expect) if signer is None else self.ledger.rotate(drafts, signer, expect)
        with self.fold:
            try:
                if records and self.views.size == records[0]["seq"]:
                    self._read(records)
                else:
                    self.refresh()
            except MachineFault as fault:
                advice = "Free some space: the entries are in the ledger, and are read from there."
                raise MachineFault("the views cannot be written", where=str(self.views.records.path), advice=advice) from fault
        self.notices.tell(records)
        return records

    def model(self, name: str) -> dict[str, Json]:
        """A registered model's record.

        Raises:
            NotFound: there is none of this name.
        """
        found = self.views.models.get(name)
        if found is None:
            check_text(name, "model")  # before it is said again
            gone = self.views.records.get("model", name)
            if gone is not None and gone["state"] == "retired":
                advice = f"`govd model show {name}` tells what it was; `govd audit` answers about it as before."
                raise NotFound(f"the model {name} was retired on {gone['retired']['at'][:10]}: it serves nothing", advice=advice)
            known = ", ".join(sorted(self.views.models)) or "none yet (govd model add NAME REFERENCE)"
            raise NotFound(f"no model is called {name!r}", advice=f"Registered: {known}.")
        return found

    def known_model(self, name: str) -> dict[str, Json]:
        """The record of a model that is registered or was retired.

        Raises:
            NotFound: there is none of this name.
        """
        gone = None if name in self.views.models else self.views.records.get("model", name)
        return gone if gone is not None and gone["state"] == "retired" else self.model(name)

    def request(self, request_id: str) -> dict[str, Json]:
        """A request's record, by its id or an unambiguous beginning of it.

        Raises:
            NotFound: there is none.
        """
        check_text(request_id, "request_id")
        found = self.views.request(request_id)
        if found is not None:
            return dict(found)
        near = self.views.records.starting("request", request_id) if request_id else []
        if len(near) == 1:
            return dict(self.views.request(near[0]) or {})
        problem = "is not unambiguous" if near else "does not exist"
        raise NotFound(f"the request {request_id!r} {problem}", advice="`govd request list` shows what there is.")

    def ask_open(self, reference: ModelReference) -> Model:
        """A model from a backend.

        Raises:
            Unsupported: no backend knows this reference. BadCheckpoint: it is broken.
        """
        asked = replace(reference, text_encoder=self.home.settings.text_encoder(reference.reference))
        plugin, opened = self.asker.first("govd_open_model", reference=asked)
        if opened is None:
            backends = [p.name for p in self.plugins if not p.fault]
            raise Unsupported(
                f"no backend recognises {reference.reference!r}",
                advice=f"Check the path or id. Plugins in use: {', '.join(backends) or 'none'}; a CLIP model needs govd[clip].",
            )
        return Guarded(opened, plugin, self.asker)

    def ask_defaults(self, reference: str | None, what: str) -> bool:
        """Whether a checkpoint brings a file of its own for an option."""
        return reference is not None and what in self.ask_open(ModelReference(reference)).facts.defaults

    def first(self, hook: str, **arguments: Any) -> Any:
        """Ask a *first* hook; what a plugin raises that is no error of govd's is that plugin's fault."""
        return self.asker.first(hook, **arguments)[1]

    def plugin_versions(self) -> dict[str, str]:
        """The plugins that work, by name."""
        return {plugin.name: plugin.version for plugin in self.plugins if not plugin.fault}

    def guarded(self, name: str, where: str, work: Callable[[], Any]) -> Any:
        """Call what a plugin brought, under its name and for a limited time.

        Raises:
            PluginFault: it raised something that is no error of govd's, did not come back, or answered nonsense.
        """
        return self.asker.call(name, where, work)

    def opened(self, name: str) -> Opened:
        """A registered model, opened and checked against what was registered.

        Raises:
            Unsupported: its files are not those that were registered.
        """
        return self._open(name, self.model(name))

    def opened_for(self, name: str, revision: Record | None) -> Opened:
        """The model that a revision was made for: while a changed model's new revision waits, that is not the registered one."""
        record = self.model(name)
        if revision is None or not revision["contributions"]:
            return self._open(name, record)
        return self._open(name, {**record, **revision["made_for"], "basis": revision["basis"]})

    def _open(self, name: str, record: Record) -> Opened:
        key = (str(record["digest"]), str(record["basis"]))
        found = self._opened.get(key)
        if found is not None:
            return found
        with self.opening(key[0]):
            if (known := self._opened.get(key)) is not None:
                return known
            same = next((o for (digest, _), o in list(self._opened.items()) if digest == record["digest"]), None)
            if same is not None:
                opened = Opened(same.model, same.encoder, self.basis(record))
            else:
                model = self.ask_open(ModelReference(record["reference"], record["hf_revision"], files=record.get("files") or {}))
                if model.facts.digest != record["digest"]:
                    advice = "Restore the files, or register what is there now under another name."
                    raise Unsupported(f"the model {name} is not the one that was registered", where=record["reference"], advice=advice)
                stored = model.facts.defaults.get("embeddings")
                encoder = Encoder(model, Known.read(stored, model.facts) if stored and not record["from_scratch"] else None)
                opened = Opened(model, encoder, self.basis(record))
            with self._memory:
                self._opened[key] = opened
            return opened

    def basis(self, record: Record) -> Basis:
        """A basis from the artifact that a model's or a revision's record names."""
        digest = str(record["basis"])
        found = self._bases.get(digest)
        if found is None:
            found = self._bases[digest] = Basis.from_bytes(self.artifacts.get(digest), digest)
        return found

    def keep(self, opened: Opened) -> None:
        """Keep a model in memory that was just registered, and let go of those that nothing speaks of any more."""
        with self._memory:
            self._opened[opened.model.facts.digest, opened.basis.digest] = opened
            self.let_go()

    def let_go(self) -> None:
        """Forget models and bases that are neither registered nor served."""
        with self._memory:
            used = {(str(m["digest"]), str(m["basis"])) for m in list(self.views.models.values())}
            for name in list(self.views.models):
                served = self.views.published(name)
                if served and served["contributions"]:
                    used.add((str(served["made_for"]["digest"]), str(served["basis"])))
            self._opened = {key: opened for key, opened in self._opened.items() if key in used}
            self._bases = {digest: basis for digest, basis in self._bases.items() if digest in {b for _, b in used}}

    def revision(self, model: str, number: int) -> dict[str, Json]:
        """A revision's record.

        Raises:
            NotFound: there is no such model, or none of its revisions has this number.
        """
        self.known_model(model)
        found = self.views.revision(model, number)
        if found is None:
            raise NotFound(f"{model} has no revision {number}", advice=f"`govd revision list --model {model}` shows them.")
        return found
