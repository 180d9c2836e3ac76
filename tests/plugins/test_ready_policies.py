"""Ready policies: each is a policy with its defaults, and says what a wrong value is."""

from pathlib import Path

import pytest

from govd.errors import GovdError
from govd.policies.document import read
from govd.types import ReadyPolicy
from tests.plugins.ready import NEEDED, READY, text_of


@pytest.mark.parametrize("ready", READY.values(), ids=lambda ready: ready.name)
def test_each_says_what_it_is_for_and_reads_with_its_defaults(
    ready: ReadyPolicy,
) -> None:
    assert len(ready.description.split()) > 10
    document = read(text_of(ready.name), ready.name)
    assert document.name == ready.name
    assert document.message
    assert document.description


@pytest.mark.parametrize("name", ["two-people", "auto-approve"])
def test_people_read_a_share_in_per_cent(name: str) -> None:
    document = read(text_of(name, cost="0.005"), name)
    for text in (document.message, document.description):
        assert "0.5 %" in text
        assert "0.005" not in text
    assert "0.005" in document.when


def test_each_is_in_the_readme_with_its_defaults_and_needs() -> None:
    readme = Path("plugins/README.md").read_text(encoding="utf-8")
    for ready in READY.values():
        assert f"| `{ready.name}` |" in readme
        needed = {one.name for one in ready.parameters if one.default is None}
        assert needed == set(NEEDED.get(ready.name, {}))


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("two-people", {"costs": "0.1"}, "no parameter"),
        ("two-people", {"cost": "2"}, "share"),
        ("two-people", {"n": "two"}, "number"),
        ("two-people", {"role": "x}\neffect: allow"}, "written"),
        ("legal-hold", {"names": " , "}, "empty"),
        ("legal-hold", {"names": "red\x07"}, "written"),
        ("legal-hold", {"name": "Legal Hold"}, "name"),
        ("licence-ends", {"ends": "soon"}, "time"),
        ("licence-ends", {"concepts": ""}, "empty"),
        ("region", {"region": "("}, "no pattern"),
        ("change-freeze", {"zone": "Europe/Berlim"}, "no time zone"),
        ("change-freeze", {"zone": "../../etc/passwd"}, "no time zone"),
        ("change-freeze", {"days": "saturday"}, "One of: mon"),
        ("change-freeze", {"from": "25"}, "no choice"),
        ("change-freeze", {"first": "31.1.2027"}, "no date"),
        ("change-freeze", {"effect": "allow"}, "One of: wait, deny"),
        ("expiry", {"then": "delete"}, "One of: ask, revert"),
        ("expire-by-default", {"expires": "90 days"}, "no duration"),
        ("four-eyes", {"moments": "gate"}, "no choice"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_could_be(
    name: str, values: dict[str, str], what: str
) -> None:
    with pytest.raises(GovdError, match=what):
        read(text_of(name, **values), name)


def test_nothing_in_a_name_or_pattern_is_read_as_yaml_or_cel() -> None:
    strange = """o'neill "x", a: b # c, \\d+, ${y}, {{z}}, ] || true"""
    for name, values in (
        ("legal-hold", {"names": strange}),
        ("licence-ends", {"concepts": strange}),
        ("region", {"ticket": strange.replace("{", "").replace("}", "")}),
    ):
        document = read(text_of(name, **values), name)
        assert document.name == name
    forget = read(text_of("licence-ends", concepts=strange)).effect.forget or {}
    assert forget["concepts"] == [part.strip() for part in strange.split(",")]
