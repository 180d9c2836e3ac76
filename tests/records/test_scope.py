from hypothesis import given
from hypothesis import strategies as st

from govd.types import Concept, ForgetSpec, Scope

NAMES = st.lists(st.sampled_from(["dog", "cat", "car"]), unique=True)
DOMAINS = st.lists(st.sampled_from(["line", "glyph"]), unique=True)
SCOPES = st.builds(
    lambda c, d: Scope(tuple(Concept(n) for n in c), tuple(d)), NAMES, DOMAINS
)


def cells(scope: Scope) -> set[tuple[str, str]]:
    concepts = {c.name for c in scope.concepts} or {"dog", "cat", "car", "else"}
    return {
        (c, d) for c in concepts for d in scope.domains or ("line", "glyph", "other")
    }


@given(SCOPES, SCOPES)
def test_a_scope_covers_another_exactly_when_its_cells_do(
    one: Scope, other: Scope
) -> None:
    assert one.covers(other) == (cells(other) <= cells(one))


@given(st.permutations(["dog", "cat", "car"]), st.permutations(["line", "glyph"]))
def test_the_order_of_typing_changes_nothing(
    concepts: list[str], domains: list[str]
) -> None:
    spec = ForgetSpec(
        Scope(tuple(Concept(c, ("b", "a")) for c in concepts), tuple(domains)),
        "oblique",
        "unnamed",
    )
    other = ForgetSpec(
        Scope(
            tuple(Concept(c, ("a", "b")) for c in sorted(concepts)), ("glyph", "line")
        ),
        "oblique",
        "unnamed",
    )
    assert spec.as_json() == other.as_json()


def test_the_three_paradigms() -> None:
    dog = (Concept("dog"),)
    assert [
        Scope(dog).paradigm,
        Scope((), ("line",)).paradigm,
        Scope(dog, ("line",)).paradigm,
    ] == [
        "concepts",
        "domains",
        "cells",
    ]
