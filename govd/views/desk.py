"""The desk: the one door through which entries are appended, and the views of what stands there by
now.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from govd.errors import BadFile, MachineFault, NotFound, instead
from govd.home.home import Home
from govd.home.private import Boxes
from govd.ledger.entry import Draft
from govd.ledger.signing import Signer
from govd.records.lifecycle import ModelState
from govd.records.limits import check_text
from govd.records.model import RegisteredModel
from govd.records.request import Request
from govd.records.revision import Revision
from govd.types import Record
from govd.views.file import opened_views
from govd.views.records import Records
from govd.views.sealed_tables import remove_tables
from govd.views.views import Views

log = logging.getLogger("govd")
MENDED_SECONDS: Final = 60.0
"""Seconds between two rebuilds of views in use, at least: where something keeps changing them, that
is reported.
"""
SHORTEST: Final = 4
"""Characters of an id that stand for it, at least: a revision's number is no id that somebody has
mistyped.
"""
EVERY: Final = 2**31
"""A limit that no ledger reaches."""


class Desk:
    """Appends entries, folds them into the views, and answers what stands there. `tell` hears of
    each entry once it is durable.

    Whoever decides what to append by what there is holds `lock`; who reads entries into the views
    holds `fold`, and takes it last.
    """

    def __init__(self, home: Home, tell: Callable[[Sequence[Record]], None]) -> None:
        self.home = home
        self.ledger = home.ledger
        self._tell = tell
        self.lock = threading.RLock()
        self.fold = threading.RLock()
        self.views = opened_views(
            home.folder / "views.db", self.ledger, home.views_key()
        )
        self.views.records.mend = self._mend
        self._mended = float("-inf")
        self.refresh()

    def close(self) -> None:
        """Let go of the views."""
        self.views.records.close()

    def refresh(self) -> Views:
        """Read what was appended since."""
        with self.fold:
            if self.views.size < self.ledger.size():
                self._read(self.ledger.entries(self.views.size))
        return self.views

    def append(
        self, drafts: Sequence[Draft], signer: Signer | None = None
    ) -> list[Record]:
        """Append entries, fold them, tell the plugins. `signer` signs log checkpoints from these
        entries on.

        Raises:
            Conflict, NotFound: something in it cannot happen now; nothing was appended.
            MachineFault: the disk cannot be written.
        """
        with self.fold:
            self.refresh()
            self.views.check(drafts)
        records = (
            self.ledger.append(drafts)
            if signer is None
            else self.ledger.rotate(drafts, signer)
        )
        with self.fold:
            try:
                if records and self.views.size == records[0]["seq"]:
                    self._read(records)
                else:
                    self.refresh()
            except MachineFault as fault:
                advice = "Free some space: the entries are in the ledger, and are read from there."
                raise MachineFault(
                    "the views cannot be written",
                    where=str(self.views.records.path),
                    advice=advice,
                ) from fault
        self._tell(records)
        return records

    def sign_published(self) -> None:
        """Sign what was published without its log checkpoint: a crash, or a full disk, came between
        the two.

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
        return any(
            r is not None and int(r["tree_size"]) >= (last[0] if last else 0)
            for r in served
        )

    def model(self, name: str) -> RegisteredModel:
        """A registered model's record.

        Raises:
            NotFound: there is none of this name.
        """
        model = self.views.models.get(name)
        if model is None:
            check_text(name, "model")  # before it is said again
            before = self.views.model(name)
            if before is not None and before.retired:
                advice = (
                    f"`govd model show {name}` tells what it was; `govd audit` answers about it as"
                    " before."
                )
                raise NotFound(
                    f"the model {name} was retired on {before.retired['at'][:10]}: it serves"
                    " nothing",
                    advice=advice,
                )
            names = sorted(self.views.models)
            how = "`govd model list` shows them."
            none = "Registered: none yet (govd model add NAME REFERENCE)."
            raise NotFound(
                f"no model is called {name!r}",
                advice=instead(name, names, "Registered", how, none=none),
            )
        return model

    def known_model(self, name: str) -> RegisteredModel:
        """The record of a model that is registered or was retired.

        Raises:
            NotFound: there is none of this name.
        """
        model = self.views.model(name)
        is_known = model is not None and model.state is not ModelState.REMOVED
        if model is not None and is_known:
            return model
        return self.model(name)

    def request(self, request_id: str) -> Request:
        """A request's record, by its id or an unambiguous beginning of it, of `SHORTEST` characters
        or more.

        Raises:
            NotFound: there is none.
        """
        check_text(request_id, "request_id")
        request = self.views.request(request_id)
        if request is not None:
            return request
        near = self.views.records.starting("request", request_id) if request_id else []
        is_short = len(request_id) < SHORTEST
        only = self.views.request(near[0]) if len(near) == 1 and not is_short else None
        if only is not None:
            return only
        problem = "is the beginning of several ids" if near else "does not exist"
        if near and is_short:
            problem = (
                f"is too short: at least {SHORTEST} characters of an id are needed"
            )
        raise NotFound(
            f"the request {request_id!r} {problem}",
            advice="`govd request list` shows what there is.",
        )

    def revision(self, model: str, number: int) -> Revision:
        """A revision's record.

        Raises:
            NotFound: there is no such model, or none of its revisions has this number.
        """
        self.known_model(model)
        revision = self.views.revision(model, number)
        if revision is None:
            raise NotFound(
                f"{model} has no revision {number}",
                advice=f"`govd revision list --model {model}` shows them.",
            )
        return revision

    def boxes(self, requests: Collection[str]) -> Boxes:
        """What the entries about these requests say of private texts. The views say where these
        entries are; what they say is read from the ledger.
        """
        records = self.views.records
        seqs = sorted(
            seq
            for request in requests
            for seq in records.seqs(limit=EVERY, subject=request)
        )
        return Boxes.of(
            entry
            for entry in self.ledger.some(seqs)
            if str(entry["kind"]).startswith("request.")
        )

    def views_anew(self, size: int | None = None) -> Views:
        """Views of the first `size` entries (None: of all), in a file beside those in use; `fold`
        is held.
        """
        path = self.home.folder / "views.new.db"
        remove_tables(path)
        return Views(Records(path, self.home.views_key()), self.ledger.origin).read(
            self.ledger.entries(0, size)
        )

    def _mend(self, generation: int) -> bool:
        """Rebuild views that something else changed while they were in use, at most once a minute;
        whether that was done.
        """
        with self.fold:
            records = self.views.records
            if records.generation != generation:
                return True  # another thread has
            if (
                self.ledger.fault is not None
                or time.monotonic() - self._mended < MENDED_SECONDS
            ):
                return False
            self._mended = time.monotonic()
            log.warning(
                "the views were changed by somebody else while they were in use: they are made anew"
                " from the entries"
            )
            fresh = self.views_anew()
            fresh.records.close()
            assert fresh.records.path is not None
            self.views.replace(fresh.records.path)
        return True

    def _read(self, entries: Iterable[Record]) -> None:
        """Fold more entries; where what is known so far was changed by somebody else, all of them.
        `fold` is held.
        """
        generation = self.views.records.generation
        try:
            self.views.read(entries)
        except BadFile:
            if not self._mend(generation):
                raise
