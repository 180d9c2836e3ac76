"""A policy may propose the revert of what disappeared from a feed."""

from datetime import timedelta

from tests.automatic.conftest import NOW, Nightly

GONE = """name: gone-from-the-list
moments: [propose]
when: request.feed == 'nightly' && request.missing
effect: {propose: revert}
message: the list asks for it no more
every: 1h
"""


def test_a_row_that_disappears_is_reverted_by_policy_and_one_that_stays_is_not(
    nightly: Nightly,
) -> None:
    service = nightly.service
    nightly.add()
    service.policies.add(GONE, "owner")
    service.policies.enforce("gone-from-the-list", "owner", force=True, reason="a test")
    nightly.run("concept\nred\nblue\n")
    nightly.settle()
    assert nightly.states() == {"red": "in_force", "blue": "in_force"}
    service.automatic.step(NOW + timedelta(hours=2))
    nightly.settle()
    assert nightly.states() == {"red": "in_force", "blue": "in_force"}
    nightly.run("concept\nblue\n")
    service.automatic.step(NOW + timedelta(hours=4))
    nightly.settle()
    assert nightly.states() == {"red": "reverted", "blue": "in_force"}
    reverts = [r for r in service.requests.all() if r["kind"] == "revert"]
    assert [str(r["filed_by"]).partition("@")[0] for r in reverts] == [
        "policy:gone-from-the-list"
    ]
    assert service.policies.reports.replay()["agree"]
