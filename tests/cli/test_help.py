"""What `--help` shows: two examples a command, and they are commands that can be typed."""

import shlex

import pytest

from govd.cli.command import AT_FIRST, home_behind, model_first
from govd.cli.examples import EXAMPLES, epilog
from tests.cli.test_tree import ALL


@pytest.mark.parametrize("path", sorted(ALL), ids=" ".join)
def test_two_examples_that_parse(path: tuple[str, ...]) -> None:
    name = " ".join(path)
    assert ALL[path].epilog == epilog(name)
    examples = EXAMPLES[name]
    assert len(set(examples)) == 2
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        start = words.index("govd")
        assert all("=" in word for word in words[:start]), (
            "only variables stand before the command"
        )
        typed = model_first(words[start + 1 :])
        assert tuple(typed[: len(path)]) == path
        # exits where something is no option
        ALL[path].make_context(name, typed[len(path) :])


def test_no_example_is_of_a_command_that_is_not_there() -> None:
    assert set(EXAMPLES) <= {" ".join(path) for path in ALL}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("export --model mini DIR", "export mini DIR"),
        ("export DIR --model=mini --format edit", "export mini DIR --format edit"),
        ("revision show 3 --model mini", "revision show mini 3"),
        ("audit why --model mini 7 --json", "audit why mini 7 --json"),
        ("model show --model mini", "model show mini"),
        ("classify mini -- --model", "classify mini -- --model"),
        ("forget dog --model mini", "forget dog --model mini"),
        ("export DIR --model", "export DIR --model"),
    ],
)
def test_a_model_may_be_said_as_an_option(typed: str, meant: str) -> None:
    assert model_first(typed.split()) == meant.split()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--home DIR status", "status --home DIR"),
        ("--home=DIR forget dog --reason r", "forget --home=DIR dog --reason r"),
        ("--home DIR model show mini", "model show --home DIR mini"),
        ("--home DIR forget -- --home", "forget --home DIR -- --home"),
        ("status --home DIR", "status --home DIR"),
        ("--home DIR", "--home DIR"),
        ("--version", "--version"),
        ("", ""),
    ],
)
def test_a_home_may_be_said_before_the_command(typed: str, meant: str) -> None:
    assert home_behind(typed.split(), {"model"}) == meant.split()


def test_every_command_takes_a_home() -> None:
    for path, command in ALL.items():
        assert any("--home" in p.opts for p in command.params), path


def test_every_command_that_begins_with_a_model_is_known() -> None:
    first = {
        path: next(
            (p.name for p in command.params if p.param_type_name == "argument"), ""
        )
        for path, command in ALL.items()
    }
    of_models = {path for path, name in first.items() if name == "model"}
    of_models |= {p for p, name in first.items() if p[0] == "model" and name == "name"}
    assert of_models == AT_FIRST
