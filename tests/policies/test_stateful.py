"""Whatever people, feeds, policies and time do to a home, in whatever order: it is as the rules
say, and its entries prove it.

`tests.month.rules` has the rules, written from the documentation; `tests.month.proof` reads the
entries with code of its own. `GOVD_STATEFUL_EXAMPLES` runs more than the few that fit into a suite.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from govd.automatic.feed_settings import FeedSettings
from govd.errors import Conflict, Denied
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from tests.month.proof import Proof, person
from tests.month.rules import IN_FORCE, OWNER, WAITING, Case, Refused, Rules
from tests.month.texts import RULES
from tests.plugins.hostile import Hostile

EXAMPLES = int(os.environ.get("GOVD_STATEFUL_EXAMPLES", "6"))
STEPS = 40
COLOURS = ("red", "green", "blue", "yellow", "purple")
BASES = ("", "court", "licence", "contract", "small")
PEOPLE = {
    "ann": ["operator", "legal"],
    "bob": ["legal"],
    "cyd": ["brand", "legal"],
    "dee": ["operator"],
}
ACTORS = (OWNER, "local:root", *(f"principal:{name}" for name in PEOPLE))
TOML = """max_predicted_disagreement = 1.0
max_total_disagreement = 1.0
max_scope_share = 1.0
max_lost_elsewhere = 1.0
expiry = "off"
"""
BAD_ROW = "beige,,mars\n"


@pytest.fixture
def made_home(tmp_path: Path, example_plugins: None, given: Given) -> Path:
    """A home with the model `m`, people, a feed, and all policies in shadow."""
    home = tmp_path / "made"
    (home / "feed").mkdir(parents=True)
    (home / "govd.toml").write_text(TOML, encoding="utf-8")
    with open_service(home) as service:
        service.add_model("m", "colours", replace(given, images=None, pool=None), "ann")
        for name, roles in PEOPLE.items():
            service.principals.add(name, roles, "a test", OWNER)
        for policy in RULES:
            service.policies.add(policy.text, OWNER)
    return home


@contextmanager
def refused(by_rules: str) -> Iterator[None]:
    """What is in the block is refused where the rules refuse it (say why), and only there."""
    refusal = ""
    try:
        yield
    except (Conflict, Denied) as error:
        refusal = error.message
    assert bool(refusal) == bool(by_rules), (
        f"govd: {refusal or 'done'}; rules: {by_rules}"
    )


class World(RuleBasedStateMachine):
    """A home and the rules, side by side."""

    home: Path
    number = 0

    @initialize(
        enforced=st.sets(st.sampled_from([policy.name for policy in RULES]), min_size=3)
    )
    def begin(self, enforced: set[str]) -> None:
        World.number += 1
        self.folder = self.home.with_name(f"home-{World.number}")
        shutil.copytree(self.home, self.folder)
        self.service: Service = open_service(self.folder)
        self.plugin = Hostile()
        self.service.core.plugins.manager.register(self.plugin, "hostile")
        self.now = datetime.now(UTC)
        url = (self.folder / "feed").as_uri()
        feed = FeedSettings("nightly", url, "m", "366d", "revert")
        self.service.feeds.add(feed, OWNER, self.now)
        self.law, self.proof = Rules(), Proof()
        self.law.roles |= {
            f"principal:{name}": {*roles} for name, roles in PEOPLE.items()
        }
        self.law.rules = {policy.name: policy for policy in RULES}
        self.read = ""
        for name in sorted(enforced):
            self.switch(name)

    def teardown(self) -> None:
        if hasattr(self, "service"):
            replay = self.service.policies.reports.replay()
            assert replay["agree"], replay["differing"]
            self.service.checkpoints.sign()
            verdict = self.service.verification.verify()
            assert verdict["holds"], verdict
            self.service.close()
            shutil.rmtree(self.folder)

    # -- what happens

    def tried(self, act: Any, *given: Any) -> tuple[Any, str]:
        """What the rules do, and why they do not."""
        try:
            return act(*given), ""
        except Refused as refusal:
            return None, str(refusal) or "no"

    @rule(
        concept=st.sampled_from(COLOURS),
        basis=st.sampled_from(BASES),
        actor=st.sampled_from(ACTORS),
    )
    def file(self, concept: str, basis: str, actor: str) -> None:
        case, why = self.tried(
            self.law.file, concept, person(actor), datetime.now(UTC), basis
        )
        with refused(why):
            options = ForgetOptions(concepts=(concept,), basis=basis)
            self.named(case, self.service.requests.forget("m", options, actor))
        self.settle()

    @rule(data=st.data(), actor=st.sampled_from(ACTORS))
    @precondition(lambda self: self.law.cases)
    def revert(self, data: st.DataObject, actor: str) -> None:
        case = self.any(data, IN_FORCE)
        revert, why = self.tried(
            self.law.revert, case, person(actor), datetime.now(UTC)
        )
        with refused(why):
            self.named(revert, self.service.requests.revert(case.key, "back", actor))
        self.settle()

    @rule(data=st.data(), actor=st.sampled_from(ACTORS))
    @precondition(lambda self: self.law.cases)
    def approve(self, data: st.DataObject, actor: str) -> None:
        case = self.any(data, WAITING)
        _, why = self.tried(self.law.approve, case, person(actor))
        with refused(why):
            self.service.requests.decide(case.key, "approve", "", actor)
        self.settle()

    @rule(data=st.data(), event=st.sampled_from(("reject", "withdraw", "retry")))
    @precondition(lambda self: self.law.cases)
    def decide(self, data: st.DataObject, event: str) -> None:
        case = self.any(data)
        _, why = self.tried(getattr(self.law, event), case)
        with refused(why):
            self.service.requests.decide(case.key, event, "as it must be", OWNER)
        self.settle()

    @rule(data=st.data(), event=st.sampled_from(("hold", "release")))
    @precondition(lambda self: self.law.cases)
    def hold_or_release(self, data: st.DataObject, event: str) -> None:
        case = self.any(data)
        _, why = self.tried(getattr(self.law, event), case)
        with refused(why):
            getattr(self.service.requests, event)(case.key, "a court", OWNER)
        self.settle()

    @rule()
    def freeze(self) -> None:
        _, why = self.tried(self.law.freeze)
        with refused(why):
            self.service.freezing.freeze("an incident", OWNER)
        self.settle()

    @rule()
    def unfreeze(self) -> None:
        _, why = self.tried(self.law.unfreeze)
        with refused(why):
            self.service.thawing.unfreeze(OWNER, "over", self.now)
        self.settle()

    @rule(name=st.sampled_from([policy.name for policy in RULES]))
    def switch(self, name: str) -> None:
        """A policy is enforced, or only tried again."""
        if name in self.law.enforced:
            self.law.enforced.discard(name)
            self.service.policies.shadow(name, OWNER, "a test")
        else:
            self.law.enforced.add(name)
            self.service.policies.enforce(name, OWNER, force=True, reason="a test")
        self.settle()

    @rule()
    def switch_plugin(self) -> None:
        """A plugin begins to fail, or is well again."""
        self.law.failing = "" if self.law.failing else "hostile"
        self.plugin.vote = self.fails if self.law.failing else lambda _: None

    @staticmethod
    def fails(_: Any) -> Any:
        raise RuntimeError("no")

    @rule(days=st.integers(1, 4))
    def pass_time(self, days: int) -> None:
        self.now += timedelta(days=days)
        filed = self.law.pass_time(self.now)
        self.service.automatic.step(self.now)
        for revert in filed:
            self.named(revert, self.revert_of(revert))
        self.settle()

    @rule(
        rows=st.lists(
            st.tuples(st.sampled_from(COLOURS), st.sampled_from(BASES)),
            min_size=1,
            max_size=4,
            unique_by=lambda row: row[0],
        ),
        whole=st.booleans(),
    )
    def feed(self, rows: list[tuple[str, str]], whole: bool) -> None:
        text = "concept,basis,domain\n" + "".join(
            f"{c},{basis},\n" for c, basis in rows
        )
        text += "" if whole else BAD_ROW
        is_new, before = text != self.read, set(self.law.cases)
        act = self.law.feed if is_new or self.law.frozen else lambda *_: None
        _, why = self.tried(act, "nightly", rows, self.now, whole)
        part = self.folder / "feed" / "list.csv.part"
        part.write_text(text, encoding="utf-8")
        part.rename(part.with_suffix(""))
        with refused(why):
            self.service.feeds.run("nightly", self.now)
            self.read = text
        for case in [c for key, c in self.law.cases.items() if key not in before]:
            self.named(case, self.revert_of(case) if case.of else self.open_of(case))
        self.settle()

    # -- whether it is so

    def any(self, data: st.DataObject, state: str = "") -> Case:
        """One of the cases, of those in a state where there are some."""
        cases = self.law.all()[-8:]
        return data.draw(
            st.sampled_from([c for c in cases if c.state == state] or cases)
        )

    def named(self, case: Case, record: Any) -> None:
        """From now on the case is called as the request is, and filed when that was."""
        self.law.rename(
            case, str(record["id"]), datetime.fromisoformat(record["filed_at"])
        )

    def revert_of(self, revert: Case) -> Any:
        assert revert.of is not None
        of = revert.of.key
        reverts = [
            r for r in self.service.core.desk.views.open.values() if r.reverts == of
        ]
        assert len(reverts) == 1, (
            f"{len(reverts)} reverts of {of}, which the rules revert"
        )
        return reverts[0]

    def open_of(self, case: Case) -> Any:
        known = set(self.law.cases)
        requests = self.service.core.desk.views.open.values()
        news = [
            r
            for r in requests
            if r.concepts[0].name == case.concept and r.id not in known
        ]
        assert len(news) == 1, f"{len(news)} new requests of {case.concept}"
        return news[0]

    def settle(self) -> None:
        """Let both come to rest, and compare them."""
        self.law.settle()
        while self.service.reconciler.run():
            pass
        for case in self.law.all():
            self.compare(case)
        entries = list(self.service.core.desk.ledger.entries())
        assert len(entries) >= self.proof.read
        self.proof.take(entries[self.proof.read :])
        assert not self.proof.faults, self.proof.faults
        in_force = {c.key for c in self.law.all() if c.state == IN_FORCE}
        assert self.proof.in_force == in_force
        known = {r.id for r in self.service.core.desk.views.open.values()}
        assert known <= set(self.law.cases), "somebody filed what the rules do not"

    def compare(self, case: Case) -> None:
        request = self.service.requests.show(case.key)
        told = f"{case.concept} {case.basis} of {case.filer}: {request.state_reason}"
        assert request.state == case.state, told
        assert (request.hold is not None) == case.held, told
        expires = None if case.expires is None else case.expires.isoformat()[:26]
        assert (request.expires_at or "")[:26] == (expires or ""), told
        if case.state == WAITING:
            self.compare_why(case, request.state_reason)

    def compare_why(self, case: Case, reason: str) -> None:
        unmet = {name.removeprefix("expire/") for name in self.law.unmet(case)}
        if case.frozen:
            assert "froze" in reason
        elif unmet:
            # or a hold, or a plugin that failed as somebody approved
            assert any(name in reason for name in unmet | {"hold", "hostile"}), (
                unmet,
                reason,
            )


@pytest.mark.slow
def test_a_home_is_as_the_rules_say_and_its_entries_prove_it(made_home: Path) -> None:
    World.home = made_home
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=EXAMPLES < 10,
            suppress_health_check=list(HealthCheck),
        ),
    )


def entries_of(*given: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries about the request `r`, by kind, actor and payload."""
    return [
        {"seq": seq, "kind": kind, "actor": actor, "subject": "r", "payload": payload}
        for seq, (kind, actor, payload) in enumerate(given)
    ]


@pytest.mark.parametrize(
    ("approvers", "faults"),
    [(("bob",), 1), (("bob", "bob"), 1), (("bob", "ann"), 1), (("bob", "cyd"), 0)],
)
def test_the_proof_finds_what_was_approved_without_its_people(
    approvers: tuple[str, ...], faults: int
) -> None:
    needs = {"n": 2, "role": None, "not_filer": True}
    vote = {"policy": "p", "moment": "filed", "decision": "wait", "needs": needs}
    *held, last = [f"principal:{name}" for name in approvers]
    entries = entries_of(
        ("request.file", "principal:ann", {"kind": "forget"}),
        ("request.vote", "policy:p@1", vote),
        ("request.wait", "govd", {}),
        *(("request.approval", actor, {"roles": []}) for actor in held),
        ("request.approve", last, {"roles": []}),
    )
    assert len(Proof().take(entries).faults) == faults
