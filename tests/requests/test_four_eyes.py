"""Two people where a policy asks for two: every way round it that we know of, and that `verify`
finds an approval without them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govd.errors import Conflict, Denied, NotFound
from govd.hookspecs import hookimpl
from govd.ledger.entry import Draft
from govd.records.request import Request
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Needs, Record, Vote
from govd.verify.offline import verify_offline

FAR = "2999-01-01"
OTHERS = Needs(2, "legal", not_filer=True)


class Eyes:
    """A policy that waits for people at some moments."""

    def __init__(self, needs: Needs | None, *moments: str) -> None:
        self.needs, self.moments = needs, moments

    @hookimpl
    def govd_vote(self, moment: str, request: Mapping[str, Any]) -> Vote | None:
        if moment not in self.moments:
            return None
        return Vote("wait", "eyes", "others must look", needs=self.needs)


@pytest.fixture
def eyes(service: Service) -> Eyes:
    """Two of legal, not the filer, for all that is filed; ann, bob and carl are of legal."""
    for name in ("ann", "bob", "carl"):
        service.principals.add(name, ["legal"], "", "owner")
    policy = Eyes(OTHERS, "filed", "revert")
    service.core.plugins.manager.register(policy, "eyes")
    return policy


def file(service: Service, concept: str = "red", actor: str = "principal:dora") -> str:
    request = service.requests.forget("m", ForgetOptions(concepts=(concept,)), actor)
    service.reconciler.run()
    return str(request["id"])


def approve(service: Service, request: str, *actors: str) -> Request:
    for actor in actors:
        shown = service.requests.decide(request, "approve", f"{actor} looked", actor)
    service.reconciler.run()
    return service.requests.show(str(shown["id"]))


def faults(service: Service) -> list[str]:
    service.checkpoints.sign()
    return list(service.verification.verify()["faults"])


def test_two_people_approve_and_the_record_says_as_what(
    service: Service, eyes: Eyes
) -> None:
    red = file(service)
    waiting = service.requests.show(red)
    assert waiting["state"] == "waiting"
    (need,) = waiting["needed"]
    assert (need["policy"], need["role"], need["missing"]) == ("eyes", "legal", 2)
    assert need["could"] == [], "nobody has a token"
    for name in ("ann", "bob", "dora"):
        service.tokens.create("operator", name, "owner", principal=None)
    assert service.requests.show(red)["needed"][0]["could"] == [
        "principal:ann",
        "principal:bob",
    ]
    first = approve(service, red, "principal:ann")
    assert first["state"] == "waiting"
    assert first["state_reason"] == (
        "eyes: 2 people with the role legal, not the filer; 1 of 2 so far (ann)"
    )
    (need,) = first["needed"]
    assert (need["approved"], need["could"]) == (["principal:ann"], ["principal:bob"])
    done = approve(service, red, "principal:bob")
    assert done["state"] == "in_force"
    assert "needed" not in done
    both = ("legal", "operator")
    assert [(a.principal, a.role, a.roles, a.meets) for a in done.approvals] == [
        ("principal:ann", "legal", both, ("eyes",)),
        ("principal:bob", "legal", both, ("eyes",)),
    ]
    then = service.audit.as_of("now", "m")["models"][0]["forgets"][0]["approvals"]
    (why,) = service.audit.why("m", 1)["requests"]
    assert [a["principal"] for a in then] == ["principal:ann", "principal:bob"]
    assert list(why["approvals"]) == list(then)
    told = " ".join(line["what"] for line in service.audit.trail(red)["timeline"])
    assert "principal:ann approved" in told
    assert "was approved as legal, as eyes asked" in told
    assert faults(service) == []


def test_one_person_with_two_tokens_is_one(service: Service, eyes: Eyes) -> None:
    tokens = [
        service.tokens.create("operator", name, "owner", principal="ann")["token"]
        for name in ("laptop", "phone")
    ]
    actors = [service.tokens.admit(token, "operator") for token in tokens]
    assert actors == ["principal:ann"] * 2
    assert approve(service, file(service), *actors)["state"] == "waiting"


def test_the_owner_and_the_local_accounts_are_one(service: Service, eyes: Eyes) -> None:
    service.principals.add("owner", ["legal"], "", "owner")
    red = file(service)
    assert (
        approve(service, red, "owner", "local:root", "local:other")["state"]
        == "waiting"
    )
    assert approve(service, red, "principal:ann")["state"] == "in_force"


def test_other_spellings_of_a_name_are_nobody_else(
    service: Service, eyes: Eyes
) -> None:
    for name in ("Ann", "ａｎｎ", "ANN "):
        with pytest.raises(Conflict, match="but for its spelling"):
            service.principals.add(name, ["legal"], "", "owner")
        with pytest.raises(Conflict, match="but for its spelling"):
            service.tokens.create("operator", name, "owner")
    red = file(service)
    assert approve(service, red, "principal:ann", "principal:ANN")["state"] == "waiting"


def test_neither_the_filer_nor_who_acts_for_him_approves(
    service: Service, eyes: Eyes
) -> None:
    service.principals.delegate("ann", "bob", FAR, "", "owner")
    by_delegator, by_delegate = file(service, actor="principal:ann"), ""
    assert approve(
        service, by_delegator, "principal:ann", "principal:bob", "principal:carl"
    )["state_reason"].endswith("1 of 2 so far (carl)")
    by_delegate = file(service, "blue", "principal:bob")
    assert approve(
        service, by_delegate, "principal:bob", "principal:ann", "principal:carl"
    )["state_reason"].endswith("1 of 2 so far (carl)")
    service.principals.undelegate("ann", "bob", "", "owner")
    again = service.requests.decide(by_delegate, "approve", "", "principal:ann")
    assert again["state"] == "waiting", "they acted for each other when it was filed"


def test_a_delegated_role_counts_once_and_only_while_it_is_delegated(
    service: Service, eyes: Eyes
) -> None:
    service.principals.add("eve", ["brand"], "", "owner")
    service.principals.delegate("ann", "eve", FAR, "holidays", "owner")
    red = file(service)
    held = approve(service, red, "principal:eve", "principal:ann")
    assert held["state"] == "waiting"
    eve = held.approvals[0]
    assert [(one["principal"], one["roles"]) for one in eve.acting] == [
        ("principal:ann", ["legal"])
    ]
    blue = file(service, "blue")
    service.principals.undelegate("ann", "eve", "", "owner")
    late = approve(service, blue, "principal:eve", "principal:bob")
    assert late["state_reason"].endswith("1 of 2 so far (bob)")
    assert approve(service, red, "principal:bob")["state"] == "in_force"
    assert faults(service) == []


def test_what_was_approved_before_a_retry_counts_no_more(
    service: Service, eyes: Eyes
) -> None:
    red = file(service)
    approve(service, red, "principal:ann")
    service.requests.decide(red, "retry", "", "principal:dora")
    service.reconciler.run()
    assert approve(service, red, "principal:bob")["state_reason"].endswith(
        "1 of 2 so far (bob)"
    )
    assert approve(service, red, "principal:ann")["state"] == "in_force"


def test_a_policy_that_came_meanwhile_is_asked_at_the_approval(
    service: Service,
) -> None:
    first = Eyes(None, "filed")
    service.core.plugins.manager.register(first, "first")
    red = file(service)
    later = Eyes(OTHERS, "approve")
    service.core.plugins.manager.register(later, "later")
    for name in ("ann", "bob"):
        service.principals.add(name, ["legal"], "", "owner")
    held = approve(service, red, "principal:ann")
    assert held["state"] == "waiting"
    assert held["state_reason"].startswith("later: 2 people")
    assert approve(service, red, "principal:bob")["state"] == "in_force"


def test_what_was_reverted_and_is_filed_again_is_approved_anew(
    service: Service, eyes: Eyes
) -> None:
    red = file(service)
    approve(service, red, "principal:ann", "principal:bob")
    revert = service.requests.revert(red, "back", "principal:dora")["id"]
    service.reconciler.run()
    assert approve(service, revert, "principal:ann")["state"] == "waiting", (
        "so is the revert"
    )
    assert approve(service, revert, "principal:bob")["state"] == "done"
    again = file(service)
    assert again != red
    assert service.requests.show(again)["state"] == "waiting"
    assert approve(service, again, "principal:ann")["state"] == "waiting"


def test_what_takes_over_from_another_was_approved_itself(
    service: Service, eyes: Eyes
) -> None:
    """A narrow forget, covered by a wide one, comes back when that is reverted."""
    narrow = service.requests.forget(
        "m", ForgetOptions(concepts=("red",), domains=("dark",)), "principal:dora"
    )["id"]
    service.reconciler.run()
    wide = file(service)
    assert (
        approve(service, wide, "principal:ann", "principal:bob")["state"] == "in_force"
    )
    assert service.requests.show(narrow)["state"] == "waiting", (
        "covered is not approved"
    )
    revert = service.requests.revert(wide, "back", "principal:dora")["id"]
    service.reconciler.run()
    approve(service, revert, "principal:ann", "principal:bob")
    assert service.requests.show(narrow)["state"] == "waiting"
    assert approve(service, narrow, "principal:ann")["state"] == "waiting"
    assert approve(service, narrow, "principal:carl")["state"] == "in_force"
    assert faults(service) == []


def test_who_comes_back_by_another_name_is_not_another(
    service: Service, eyes: Eyes
) -> None:
    red = file(service, actor="principal:carl")
    approve(service, red, "principal:ann")
    service.principals.remove("ann", "renamed", "owner")
    service.principals.add("anna", ["legal"], "", "owner")
    held = approve(service, red, "principal:anna")
    assert held["state_reason"].endswith("1 of 2 so far (anna)")
    service.principals.remove("carl", "renamed", "owner")
    service.principals.add("karl", ["legal"], "", "owner")
    filer = approve(service, red, "principal:karl")
    assert filer["state"] == "waiting", "he may be who filed it"
    assert approve(service, red, "principal:bob")["state"] == "waiting", (
        "and so may anna"
    )


def test_what_was_approved_with_a_token_that_was_revoked_counts_as_that_person(
    service: Service, eyes: Eyes
) -> None:
    token = service.tokens.create("operator", "laptop", "owner", principal="ann")
    red = file(service)
    approve(service, red, service.tokens.admit(token["token"], "operator"))
    service.tokens.revoke(token["id"], "owner")
    other = service.tokens.create("operator", "phone", "owner", principal="ann")
    again = approve(service, red, service.tokens.admit(other["token"], "operator"))
    assert again["state_reason"].endswith("1 of 2 so far (ann)")
    assert approve(service, red, "principal:bob")["state"] == "in_force"


def test_verify_finds_an_approval_without_the_people_that_were_asked_for(
    service: Service, eyes: Eyes
) -> None:
    red = file(service)
    approve(service, red, "principal:ann")
    forged = {"reason": "", "by": "principal:ann", "role": "legal", "roles": ["legal"]}
    service.core.desk.append(
        [Draft("request.approve", red, "principal:ann", "m", forged)]
    )
    (fault,) = faults(service)
    assert "is without what was asked of people" in fault
    assert fault.endswith(
        "eyes: 2 people with the role legal, not the filer; 1 of 2 so far (ann)"
    )


@pytest.mark.parametrize(
    ("actor", "said", "problem"),
    [
        ("principal:eve", {"roles": ["legal"]}, "had the role legal, which no entry"),
        (
            "principal:eve",
            {
                "roles": [],
                "for": [{"principal": "principal:bob", "roles": ["legal"], "entry": 3}],
            },
            "had the role legal of principal:bob, which no entry",
        ),
        ("principal:bob", {}, "1 of 2 so far (ann)"),
        ("govd", {"automatic": True}, "by nobody: eyes"),
        ("policy:p@1", {"roles": ["legal"]}, "by nobody: eyes"),
    ],
)
def test_verify_finds_roles_that_nobody_gave_and_approvals_by_nobody(
    service: Service, eyes: Eyes, actor: str, said: dict[str, Any], problem: str
) -> None:
    red = file(service)
    approve(service, red, "principal:ann")
    payload = {"reason": "", "by": actor, **said}
    service.core.desk.append([Draft("request.approve", red, actor, "m", payload)])
    assert any(problem in fault for fault in faults(service)), faults(service)


# -- acts that several people ask for


def test_a_hold_is_released_by_as_many_as_a_policy_wants(
    service: Service, eyes: Eyes
) -> None:
    eyes.moments = ("release",)
    red = file(service)
    service.requests.hold(red, "case 7", "principal:carl")
    wanted = service.requests.release(red, "closed", "principal:ann")
    assert wanted.hold is not None
    assert [wish["principal"] for wish in wanted.wanted] == ["principal:ann"]
    assert wanted["needed"][0]["act"] == "release"
    assert service.requests.release(red, "closed", "principal:ann").hold is not None
    released = service.requests.release(red, "closed", "principal:bob")
    assert (released.hold, released.wanted) == (None, ())
    service.requests.hold(red, "case 8", "principal:carl")
    again = service.requests.release(red, "closed", "principal:bob")
    assert again.hold is not None, (
        "what was said for an earlier hold is not said for this one"
    )
    assert faults(service) == []
    service.core.desk.append(
        [
            Draft(
                "request.release",
                red,
                "principal:bob",
                "m",
                {"reason": "", "roles": ["legal"]},
            )
        ]
    )
    (fault,) = faults(service)
    assert "(release) is without what was asked" in fault


def test_more_time_is_given_where_enough_ask_for_the_same_date(
    service: Service, eyes: Eyes
) -> None:
    red = file(service)
    eyes.moments = ("extend",)
    filed = datetime.fromisoformat(str(service.requests.show(red)["filed_at"]))
    one, other = (str((filed + timedelta(days=days)).date()) for days in (40, 41))
    first = service.requests.extend(red, one, "busy", "principal:ann")
    assert (first["due_at"], len(first.wanted)) == (None, 1)
    second = service.requests.extend(red, other, "busy", "principal:bob")
    assert second["due_at"] is None, "another date"
    third = service.requests.extend(red, one, "busy", "principal:bob")
    assert str(third["due_at"]).startswith(one)
    assert third.wanted == ()
    assert faults(service) == []


def test_a_policy_that_says_no_to_a_release_is_heard(service: Service) -> None:
    class No:
        @hookimpl
        def govd_vote(self, moment: str) -> Vote | None:
            return Vote("deny", "no", "never") if moment == "release" else None

    service.core.plugins.manager.register(No(), "no")
    red = file(service)
    service.requests.hold(red, "case 7", "owner")
    with pytest.raises(Denied, match="no: never"):
        service.requests.release(red, "closed", "owner")
    held = service.requests.show(red)
    assert held.hold is not None
    assert [(v.moment, v.decision) for v in held.votes if v.policy == "no"] == [
        ("release", "deny")
    ]


def test_people_that_are_not_there(service: Service) -> None:
    with pytest.raises(NotFound, match="there is no principal 'nobody'"):
        service.principals.delegate("nobody", "ann", FAR, "", "owner")
    with pytest.raises(NotFound, match="there is no principal 'nobody'"):
        service.tokens.create("operator", "x", "owner", principal="nobody")


# -- evidence


def _bundled(service: Service, file: Path, request: str | None = None) -> Record:
    service.bundles.bundle_to(file, request)
    return verify_offline(file, None)


def test_a_bundle_says_who_approved_as_what_and_that_it_was_enough(
    service: Service, eyes: Eyes, tmp_path: Path
) -> None:
    service.principals.add("eve", ["brand"], "unrelated", "owner")
    red = file(service)
    approve(service, red, "principal:dora", "principal:ann", "principal:bob")
    for name, request in (("all.zip", None), ("red.zip", red)):
        told = _bundled(service, tmp_path / name, request)
        assert told["holds"], told["faults"]
        assert (
            "red everywhere was approved by principal:ann as legal, principal:bob as legal"
            in (told["claim"])
        ), "and not by who filed it"
        recorded = " ".join(told["recorded"])
        assert "the principal ann was added with the roles legal" in recorded
        assert ("the principal eve" in recorded) is (request is None), (
            "who had no part in it is not shown"
        )


def test_a_bundle_with_an_approval_that_was_not_enough_does_not_hold(
    service: Service, eyes: Eyes, tmp_path: Path
) -> None:
    red = file(service)
    approve(service, red, "principal:ann")
    forged = {"reason": "", "by": "principal:ann", "role": "legal", "roles": ["legal"]}
    service.core.desk.append(
        [Draft("request.approve", red, "principal:ann", "m", forged)]
    )
    service.reconciler.run()
    for name, request in (("all.zip", None), ("red.zip", red)):
        told = _bundled(service, tmp_path / name, request)
        assert not told["holds"]
        assert any("1 of 2 so far (ann)" in fault for fault in told["faults"]), told[
            "faults"
        ]
