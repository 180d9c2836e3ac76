"""The one service under both faces: everything that a person or script can ask of a home."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

from govd.audit.bundles import Bundles
from govd.audit.checkpoints import LogCheckpoints
from govd.audit.proofs import Proofs
from govd.audit.questions import Audit
from govd.audit.verification import Verification
from govd.automatic import Automatic
from govd.automatic.expiring import Expiring
from govd.automatic.feeds import Feeds
from govd.automatic.scheduled import Scheduled
from govd.automatic.thawing import Thawing
from govd.contributions import Contributions
from govd.errors import GovdError, Usage
from govd.home.home import Home
from govd.models.core import Core
from govd.models.given import Given
from govd.notices.receivers import Receivers
from govd.policies.freezing import Freezing
from govd.policies.from_settings import FromSettings
from govd.policies.policies import Policies
from govd.policies.voting import Voting
from govd.reconcile.criteria import CriteriaJudging
from govd.reconcile.loop import REST_SECONDS, Reconciler
from govd.reconcile.measuring import Measuring
from govd.records.limits import bounded
from govd.registering.changing import Changing
from govd.registering.registry import Models
from govd.registering.weighing import Weighing
from govd.requests import Requests
from govd.serve.answers import Answers
from govd.serve.exports import Exports
from govd.serve.interference import Interference
from govd.serve.ranking import Ranking
from govd.serve.serving import Serving
from govd.serve.warm import Warm
from govd.service.evaluating import Evaluating
from govd.service.principals import Principals
from govd.service.reporting import Reports
from govd.service.revisions import Revisions
from govd.service.status import HomeStatus
from govd.service.tokens import Tokens
from govd.stores import Stores
from govd.types import Progress, Record, silent

log = logging.getLogger("govd")


class Service:
    """A home at work. Close it, or use it as a context."""

    def __init__(self, home: Home, progress: Progress = silent) -> None:
        self.core = core = Core(home, progress)
        self.contributions = contributions = Contributions(core)
        voting = Voting(core)
        self.requests = requests = Requests(core, contributions, voting)
        self.models = Models(core, contributions.calibrating)
        self.measuring = Measuring(core, contributions)
        judging = CriteriaJudging(core, contributions, self.measuring)
        weighing = Weighing(core, contributions, voting, judging)
        accepting = requests.accepting
        self._changing = Changing(core, contributions, accepting, weighing)
        self.audit = Audit(core)
        self.checkpoints = LogCheckpoints(core)
        self.proofs = Proofs(core, self.audit, self.checkpoints)
        self.verification = Verification(core)
        self.bundles = Bundles(core, self.audit, self.checkpoints)
        self.answers = Answers(home.folder / "answers.db", home.settings.inference_log)
        self.tokens = Tokens(core)
        self.principals = Principals(core)
        self.notices = Receivers(core)
        self.reconciler = Reconciler(core, contributions, voting, self.measuring)
        self.feeds = Feeds(core, requests)
        self.from_settings = FromSettings(core)
        works = (
            self.from_settings,
            Expiring(core, requests),
            Scheduled(core, requests),
        )
        self.automatic = Automatic(core, [self.feeds.looks, *works])
        self.policies = Policies(core)
        self.freezing = Freezing(core)
        self.thawing = Thawing(core, self.freezing)
        serving = Serving(core, self.measuring)
        self.batches = serving.batches
        self.warm = Warm(serving)
        self.reconciler.revisions.before_swap = self.warm.before_swap
        self._reading(serving)
        self._resume_signing()
        self._enforce_settings()

    def _reading(self, serving: Serving) -> None:
        """What only reads: each question is asked of the one who answers it."""
        core = self.core
        revisions = Revisions(core)
        reports = Reports(core, self.contributions, serving)
        self.status = HomeStatus(
            core,
            self.contributions.calibrating,
            self.reconciler.deliveries,
            self.notices,
            self.feeds.looks.faults,
        ).status
        self.revisions, self.revision, self.diff = (
            revisions.all,
            revisions.show,
            revisions.diff,
        )
        self.stores = Stores(core, self.measuring, serving)
        self.serving, self.embeddings, self.classify = (
            serving.now,
            serving.embeddings,
            serving.classify,
        )
        ranking = Ranking(serving)
        self.rank = ranking.rank
        self.embedded, self.classified, self.ranked = (
            serving.embedded,
            serving.classified,
            ranking.ranked,
        )
        self.export = Exports(core, serving).write
        self.interference = Interference(
            core, self.contributions, self.measuring, serving
        ).of
        self.evaluate = Evaluating(
            core, self.models, self.measuring, serving, reports
        ).evaluate

    def _resume_signing(self) -> None:
        """Sign what a crash left published and unsigned. Where nothing beside the key says yet what
        was signed, that is kept from now on; and a publish without its checkpoint is there for
        verification to look at first.
        """
        ledger = self.core.desk.ledger
        try:
            if ledger.fault is not None:
                return
            if ledger.signed.note() is not None:
                self.core.desk.sign_published()
            elif not self.core.desk.is_bare():
                ledger.pin()
        except GovdError as error:  # reading goes on
            log.warning("what was published is not signed: %s", error.message)

    def _enforce_settings(self) -> None:
        """Make entries of what the settings say of policies, as far as the ledger takes entries.

        Raises:
            Usage: a policy that must count is nowhere.
        """
        try:
            if self.core.desk.ledger.fault is None:
                self.from_settings.opened()
        except Usage:
            raise
        except GovdError as error:  # reading goes on
            log.warning(
                "what govd.toml says of policies is not an entry: %s", error.message
            )

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Sign what is not signed yet, and let go of the home."""
        if self.core.closed:
            return
        self.batches.close()
        self.reconciler.rest()
        self.feeds.looks.rest(REST_SECONDS)
        self.notices.sending.end()
        try:
            self.checkpoints.sign()
        except GovdError as error:  # a full disk, say: closing must go on
            log.warning("no log checkpoint at the end: %s", error.message)
        finally:
            self.answers.close()
            self.core.close()

    # -- doing

    def vouch(self) -> None:
        """What is done at intervals for those who don't trust us: a log checkpoint where one is
        due, and witnesses to it.
        """
        if self.core.ending:
            return
        with self.core.desk.lock:
            self.checkpoints.hourly()
        for answer in self.checkpoints.witness(patient=True):
            if answer["fault"]:
                log.warning("witness %s: %s", answer["name"], answer["fault"])

    @bounded
    def add_model(self, name: str, reference: str, given: Given, actor: str) -> Record:
        """Register a model and serve it unedited.

        Args:
            name: how everybody calls it.
            reference: a folder, a file or a Hugging Face id.
            given: labels, anchors, pictures, … as they were typed.
            actor: of the entry.
        """
        self.models.add(name, reference, given, actor)
        self.reconciler.run(name)
        self.checkpoints.sign()
        self.warm.registered(name)
        return self.models.show(name)

    @bounded
    def update_model(
        self,
        name: str,
        given: Given,
        actor: str,
        reference: str | None = None,
        approve_costs: str = "",
    ) -> Record:
        """Change what a model is registered with, or rebase it on another checkpoint, and publish
        what follows from that.

        Args:
            name: of the model.
            given: what changes; what is None stays.
            actor: of the entry.
            reference: the other checkpoint; None: it stays.
            approve_costs: why what the weights of a conditional model cost is approved.
        """
        with self.core.working(name):
            self._changing.update(name, given, actor, reference, approve_costs)
        self.reconciler.run(name)
        self.checkpoints.sign()
        return self.models.show(name)


def open_service(folder: Path, progress: Progress = silent) -> Service:
    """The service on a home, under its lock."""
    home = Home(folder)
    try:
        return Service(home, progress)
    except BaseException:
        home.close()
        raise
