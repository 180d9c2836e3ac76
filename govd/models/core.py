"""What the rooms above work on: the rooms below, put together once for a home."""

from __future__ import annotations

from govd.asking.in_use import Plugins
from govd.asking.limited import Locks
from govd.home.home import Home
from govd.home.private import Private
from govd.models.open_models import Opened, OpenModels
from govd.types import Progress, silent
from govd.views.desk import EVERY, Desk

__all__ = ["Core", "Opened"]


class Core:
    """One per home. Locks are always taken in this order, and none while a plugin or a model works
    but the first two:

    `working(MODEL)` by whoever computes towards a new state of that model (the reconciler, a
    registration), that of a checkpoint by whoever opens it (`OpenModels`), `desk.lock` by whoever
    decides what to append by what there is, `desk.fold` by whoever reads entries into the views.
    Answers are given without any of them, and one model never waits for another.
    """

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.home = home
        self.progress = progress
        self.artifacts = home.artifacts
        self.private = Private(home.folder / "private")
        self.working = Locks()
        self.closed = False
        # set by who ends the process: no further step is begun (a plain name, as signal handlers
        # may not lock)
        self.ending = False
        self.plugins = Plugins(home)
        self.desk = Desk(home, self.plugins.notices.tell)
        self.models = OpenModels(self.desk, self.plugins, self.artifacts)
        self._shred_again()

    def close(self) -> None:
        """Let go of views and home."""
        self.closed = True
        self.plugins.notices.close()
        self.desk.close()
        self.home.close()

    def _shred_again(self) -> None:
        """Destroy private texts whose shredding stands in the ledger: a crash may have come between
        the entry and the deed.
        """
        here = frozenset(self.private.names())
        if not here or self.desk.ledger.fault is not None:
            return
        shredded = self.desk.ledger.some(
            self.desk.views.records.seqs(limit=EVERY, kind="request.shred")
        )
        request_ids = {name.partition(".")[0] for name in here} & {
            str(entry["subject"]) for entry in shredded
        }
        for name in sorted(here & self.desk.boxes(request_ids).destroyed):
            self.private.shred(name)
