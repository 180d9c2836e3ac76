"""Expressions: what is refused before it is used, and what an expression can come to."""

import time
from dataclasses import fields

import pytest

from govd.policies.inputs import MOMENTS, RequestInput, described
from govd.policies.language import (
    MAX_EXPRESSION_CHARS,
    BadExpression,
    compiled,
    evaluated,
)
from govd.types import Json

SEEN: dict[str, Json] = {
    "request": {
        entry.name: entry.metadata["example"] for entry in fields(RequestInput)
    },
    "predicted": {"cost": 0.018, "measured": True},
    "model": {"name": "shop", "domains": ["photo"]},
    "actor": {"name": "principal:ann", "kind": "principal", "roles": ["legal"]},
    "approvals": [
        {"principal": "principal:bob", "roles": ["legal"], "by_filer": False}
    ],
    "history": {"filed_day": 3},
    "now": "2027-02-01T22:30:00Z",
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("predicted.cost <= 0.02", True),
        ("predicted.cost > 0.02", False),
        ("predicted.worst_cell == null", True),
        ("'dog' in request.concepts && request.strength == 1.0", True),
        ("has(request.due_at) && now < request.due_at", True),
        ("has(request.expires_at)", False),
        ("approvals.exists(a, 'legal' in a.roles && !a.by_filer)", True),
        ("history.filed_day >= 10", False),
        ("now.getHours('Europe/Berlin') == 23 && now.getDayOfWeek() == 1", True),
        ("now - request.filed_at > duration('24h')", True),
        ("request.ticket.matches('^LEGAL-[0-9]+$')", True),
        ("model.dim == 0", True),
    ],
)
def test_an_expression_is_true_or_false(expression: str, value: bool) -> None:
    assert evaluated(expression, "filed", SEEN).value is value


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("predicted.worst_cell > 0.5", "missing (null)"),
        ("1 / (history.filed_day - 3) == 1", "divide by zero"),
        ("now.getHours('Nowhere/X') > 1", "timezone"),
        ("request.concepts[5] == 'dog'", "index"),
    ],
)
def test_what_has_no_answer_is_a_fault_and_never_true(
    expression: str, fault: str
) -> None:
    answer = evaluated(expression, "filed", SEEN)
    assert answer.value is None
    assert fault in answer.fault


@pytest.mark.parametrize(
    ("expression", "what", "advice"),
    [
        ("predicted.costs > 0.1", "no field 'costs'", "cost"),
        ("requst.id == 'a'", "no 'requst'", "request"),
        ("revision.rank > 1", "no 'revision' at the moment filed", ""),
        ("predicted.cost > 1", "no matching overload", "write 1.0, not 1"),
        ("request.due_at < now", "may be missing", "has(request.due_at)"),
        ("size(approvals)", "not a yes or no", ""),
        ("'yes'", "not a yes or no", ""),
        ("request.id.foo()", "foo", ""),
        ("open('/etc/passwd')", "open", ""),
        ("request.strength >", "Syntax error", ""),
        ("true " + "&& true" * MAX_EXPRESSION_CHARS, "characters", ""),
        ("(" * 200 + "true" + ")" * 200, "brackets", ""),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    expression: str, what: str, advice: str
) -> None:
    with pytest.raises(BadExpression) as error:
        compiled(expression, "filed")
    assert what in error.value.what
    assert advice in error.value.advice
    assert error.value.line >= 1
    assert error.value.column >= 1


def test_the_place_is_that_of_the_wrong_word() -> None:
    with pytest.raises(BadExpression) as error:
        compiled("true &&\n  predicted.costs > 0.1", "filed")
    assert (error.value.line, error.value.column) == (2, 12)


def test_a_nest_of_a_million_steps_ends_within_its_budget() -> None:
    row = "[" + ",".join(map(str, range(100))) + "]"
    nest = f"{row}.all(a, {row}.all(b, {row}.all(c, true)))"
    began = time.process_time()
    answer = evaluated(nest, "filed", SEEN)
    assert answer.value is None
    assert "budget" in answer.fault
    assert time.process_time() - began < 5


@pytest.mark.parametrize("moment", MOMENTS)
def test_each_field_of_each_moment_is_documented_and_can_be_used(moment: str) -> None:
    for variable in described(moment)["variables"]:
        assert variable["meaning"]
        for field in variable["fields"]:
            assert field["meaning"], field
            path = f"{variable['name']}.{field['name']}"
            if variable["type"].startswith("list of"):
                path = f"{variable['name']}[0].{field['name']}"
            guard = (
                "true" if not field["type"].startswith("timestamp") else f"has({path})"
            )
            compiled(f"{guard} && {path} == {path}", moment)
