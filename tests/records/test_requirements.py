"""Who counts for what policies ask of people: against every way of seating them, and in words."""

from itertools import permutations, product

from hypothesis import given
from hypothesis import strategies as st

from govd.records.actors import person_of, spelled
from govd.records.people import Filing, People, Principal
from govd.records.requirements import (
    Approver,
    Requirement,
    matching,
    required_by,
    tally,
)
from govd.types import Needs

FILED = Filing("principal:carl", 10, "2026-06-01T00:00:00.000000Z")
UNTIL = "2026-07-01T00:00:00.000000Z"
NAMES = "abcd"


def most(seats: dict[str, list[str]]) -> int:
    """How many can sit, by trying all orders and all choices."""
    best = 0
    for order in permutations(seats):
        for choice in product(*([*seats[person], None] for person in order)):
            taken = [seat for seat in choice if seat is not None]
            if len(set(taken)) == len(taken):
                best = max(best, len(taken))
    return best


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.lists(st.sampled_from("wxyz"), max_size=3)
    )
)
def test_as_many_sit_as_can(seats: dict[str, list[str]]) -> None:
    matched = matching(seats)
    assert all(seat in seats[person] for person, seat in matched.items())
    assert len(set(matched.values())) == len(matched) == most(seats)


def person(name: str, *roles: str, entry: int = 1, **more: object) -> Principal:
    record = {
        "name": name,
        "roles": list(roles),
        "seq": entry,
        "added_entry": entry,
        **more,
    }
    return Principal.from_json({"delegations": [], "removed_at": None, **record})


def delegation(to: str, entry: int = 2, ended: int | None = None) -> dict[str, object]:
    parts = {"to": to, "until": UNTIL, "at": "", "by": "owner", "reason": ""}
    return {**parts, "entry": entry, "ended_entry": ended}


def approver(
    name: str, *roles: str, entry: int = 20, **acting: tuple[str, ...]
) -> Approver:
    others = {
        f"principal:{other}": frozenset(theirs) for other, theirs in acting.items()
    }
    actor = name if ":" in name or name == "owner" else f"principal:{name}"
    return Approver(actor, frozenset(roles), others, entry)


def counted(needs: Needs, *approvers: Approver, people: People | None = None) -> int:
    requirement = Requirement("p", "filed", "", needs, 11)
    return len(tally(requirement, approvers, FILED, people or People({})).counted)


LEGAL = Needs(2, "legal")


def test_two_approvals_of_one_person_are_one() -> None:
    assert counted(LEGAL, approver("ann", "legal"), approver("ann", "legal")) == 1
    assert counted(LEGAL, approver("ann", "legal"), approver("Ann", "legal")) == 1
    assert counted(LEGAL, approver("ann", "legal"), approver("bob", "legal")) == 2
    assert (
        counted(Needs(2), approver("owner", "owner"), approver("local:root", "owner"))
        == 1
    )
    assert counted(Needs(2), approver("local:a"), approver("local:b")) == 1


def test_who_acts_by_himself_or_was_written_by_an_older_version_is_nobody() -> None:
    for actor in ("policy:p@1", "feed:f", "govd", "ann (old)"):
        strange = Approver(actor, frozenset({"legal"}), {}, 20)
        assert counted(LEGAL, strange) == 0, actor


def test_a_role_counts_once_for_a_delegator_and_his_delegate() -> None:
    bob = approver("bob", ann=("legal",))
    assert counted(LEGAL, bob) == 1
    assert counted(LEGAL, bob, approver("ann", "legal")) == 1
    with_own = approver("bob", "legal", ann=("legal",))
    assert counted(LEGAL, with_own, approver("ann", "legal")) == 2
    for_two = approver("bob", ann=("legal",), dora=("legal",))
    assert counted(LEGAL, for_two) == 1, "one person approved"
    assert counted(LEGAL, for_two, approver("ann", "legal")) == 2


def test_the_filer_his_delegate_and_his_delegator_are_not_others() -> None:
    needs = Needs(1, not_filer=True)
    assert counted(needs, approver("carl")) == 0
    assert counted(needs, approver("CARL")) == 0
    for delegator, delegate in (("carl", "bob"), ("bob", "carl")):
        both = People.of(
            [person(delegator, "x", delegations=[delegation(delegate)])], []
        )
        assert counted(needs, approver("bob"), people=both) == 0, delegator
        assert counted(needs, approver("dora"), people=both) == 1
        ended = [delegation(delegate, ended=15)]
        since = People.of([person(delegator, "x", delegations=ended)], [])
        assert counted(needs, approver("bob"), people=since) == 0, (
            "it stood as it was filed"
        )
        before = [delegation(delegate, ended=5)]
        past = People.of([person(delegator, "x", delegations=before)], [])
        assert counted(needs, approver("bob"), people=past) == 1


def test_an_owner_has_other_roles_only_where_they_were_given() -> None:
    assert counted(Needs(1, "legal"), approver("owner", "owner")) == 0
    assert counted(Needs(1, "legal"), approver("owner", "legal", "owner")) == 1


def test_who_was_removed_counts_no_more_nor_does_a_newcomer_in_his_place() -> None:
    gone = person("ann", "legal", removed_at="later", removed_entry=25)
    people = People.of([gone, person("anna", "legal", entry=26)], [])
    both = approver("ann", "legal"), approver("anna", "legal", entry=27)
    assert counted(LEGAL, *both, people=people) == 1
    filer = person("carl", "legal", removed_at="later", removed_entry=12)
    newcomer = person("karl", "legal", entry=13)
    needs, word = Needs(1, "legal", not_filer=True), approver("karl", "legal")
    assert counted(needs, word, people=People.of([filer, newcomer], [])) == 0
    assert counted(needs, word, people=People.of([newcomer], [])) == 1


def test_what_stands_is_the_newest_vote_of_each_policy_since_it_was_looked_at() -> None:
    needs = {"n": 2, "role": None, "not_filer": False}

    def vote(
        entry: int, policy: str, moment: str, decision: str, **more: object
    ) -> dict[str, object]:
        return {
            "entry": entry,
            "policy": policy,
            "moment": moment,
            "decision": decision,
            **more,
        }

    votes = [
        vote(1, "old", "filed", "wait", needs=needs),
        vote(11, "a", "filed", "wait", needs=needs),
        vote(12, "b", "filed", "wait", needs=needs),
        vote(13, "c", "filed", "wait"),
        vote(14, "b", "approve", "allow"),
        vote(15, "d", "approve", "wait"),
        vote(16, "e", "release", "wait", needs=needs),
    ]
    policies = [(one.policy, one.needs is None) for one in required_by(votes, 10)]
    assert policies == [("a", False), ("c", True)]


@given(st.text(max_size=12))
def test_spelling_settles(name: str) -> None:
    assert spelled(spelled(name)) == spelled(name)


def test_look_alikes_are_one() -> None:
    for other in ("ANN", "ａｎｎ", " ann ", "a\u034fnn", "ann\ufe0f", "an\u200bn"):
        assert person_of(f"principal:{other}") == "principal:ann", ascii(other)
    assert person_of("principal:straße") == person_of("principal:STRASSE")
