"""Votes, gates and ready policies from foreign code, as our own objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from govd.asking.plain import Nonsense, check_kind, plain_json, plain_text
from govd.types import (
    Decision,
    Gate,
    Needs,
    ReadyPolicy,
    Vote,
)

SMALL: Final = 20_000
"""Values and characters that a vote or gate may bring at most."""
REASON: Final = 2_000
"""Characters of a reason that are kept."""
PEOPLE: Final = 100
"""People whose approval a vote may need at most."""
ROLE: Final = 100
"""Characters of a role's name that are kept."""


def vote_of(answer: Any, arguments: Mapping[str, Any]) -> Vote:
    """A vote; whose it is, is not for itself to say.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Vote)
    inputs = plain_json(answer.inputs, SMALL)
    if not isinstance(inputs, dict):
        raise Nonsense("inputs that are no mapping")
    return Vote(
        decision=_decision(answer.decision),
        policy=plain_text(answer.policy, "a policy", 200),
        reason=plain_text(answer.reason, "a reason", REASON),
        inputs=inputs,
        needs=_needs(answer.needs),
    )


def _needs(needs: Any) -> Needs | None:
    """What a wait needs, as our own object."""
    if needs is None:
        return None
    check_kind(needs, Needs)
    if (
        isinstance(needs.n, bool)
        or not isinstance(needs.n, int)
        or not 1 <= needs.n <= PEOPLE
    ):
        raise Nonsense(f"a need of other than 1 to {PEOPLE} people")
    if not isinstance(needs.not_filer, bool):
        raise Nonsense("a need whose not_filer is neither true nor false")
    role = None if needs.role is None else plain_text(needs.role, "a role", ROLE)
    return Needs(int(needs.n), role, needs.not_filer)


def gate_of(answer: Any, arguments: Mapping[str, Any]) -> Gate:
    """A gate's word."""
    check_kind(answer, Gate)
    return Gate(
        _decision(answer.decision),
        plain_text(answer.gate, "a gate", 200),
        plain_text(answer.reason, "a reason", REASON),
    )


def _decision(value: Any) -> Decision:
    text = plain_text(value, "a decision")
    for decision in get_args(Decision):
        if text == decision:
            return decision  # type: ignore[no-any-return]
    raise Nonsense(f"a decision that is none of {', '.join(get_args(Decision))}")


def policies_of(answer: Any, arguments: Mapping[str, Any]) -> dict[str, ReadyPolicy]:
    """Ready policies by their names.

    Raises:
        Nonsense: the answer is none.
    """
    check_kind(answer, Mapping)
    policies: dict[str, ReadyPolicy] = {}
    for name, policy in answer.items():
        check_kind(policy, ReadyPolicy)
        plain_json(policy.as_json())
        if name != policy.name or not isinstance(policy.text, str):
            raise Nonsense(f"a ready policy {name!r} that is called {policy.name!r}")
        policies[plain_text(name, "a policy's name")] = policy
    return policies
