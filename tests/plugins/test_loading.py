import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import govd_bounds
from govd.asking.asker import Asker
from govd.asking.plugins import load
from govd.errors import PluginFault
from govd.requests import ForgetOptions
from govd.service.service import Service

BROKEN = {
    "import_fails": "raise RuntimeError('no such device')",
    "unknown_hook": "from govd.hookspecs import hookimpl\n@hookimpl\ndef govd_no_such_hook(): ...",
    "wrong_argument": (
        "from govd.hookspecs import hookimpl\n@hookimpl\ndef govd_gate(revision, mood): ..."
    ),
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def point(folder: Path, name: str, code: str) -> EntryPoint:
    module = f"plugin_{name}"
    sys.modules.pop(module, None)
    (folder / f"{module}.py").write_text(code)
    return EntryPoint(name, module, "govd")


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_plugin_is_named_and_the_rest_goes_on(
    written: Path, kind: str
) -> None:
    manager, found = load(
        points=[
            point(written, kind, BROKEN[kind]),
            EntryPoint("bounds", "govd_bounds", "govd"),
        ]
    )
    faults = {p.name: p.fault for p in found}
    assert faults["bounds"] == ""
    assert faults[kind]
    assert manager.has_plugin("bounds")
    assert not manager.has_plugin(kind)


def test_one_that_raises_does_not_silence_the_others(written: Path) -> None:
    code = (
        "from govd.hookspecs import hookimpl\n@hookimpl\ndef govd_vote(moment): raise"
        " ValueError(moment)"
    )
    asker = Asker(
        *load(
            points=[
                EntryPoint("bounds", "govd_bounds", "govd"),
                point(written, "angry", code),
            ]
        )
    )
    answers = dict(
        asker.each(
            "govd_vote",
            moment="filed",
            request={},
            predicted={"disagreement": 0.01},
            actor="owner",
            roles=(),
            approvals=(),
        )
    )
    assert isinstance(answers["angry"], PluginFault)
    assert "plugin angry, govd_vote" in answers["angry"].message
    assert answers["bounds"].decision == "allow"


def test_a_disabled_plugin_is_not_imported(written: Path) -> None:
    _, found = load(frozenset({"gone"}), [point(written, "gone", "raise SystemExit")])
    assert found == []


def test_a_method_whose_plugin_is_disabled_is_told_as_such(service: Service) -> None:
    service.core.plugins.methods.clear()
    with pytest.raises(PluginFault, match=r"is not in use.*govd doctor"):
        service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")


@pytest.mark.parametrize(("predicted", "decision"), [(0.2, "wait"), (0.05, "allow")])
def test_over_the_bound_waits_for_a_person_with_the_figure(
    predicted: float, decision: str
) -> None:
    vote = govd_bounds.govd_vote(
        moment="filed", request={}, predicted={"disagreement": predicted}
    )
    assert vote is not None
    assert vote.decision == decision
    assert f"{predicted:.3f}" in vote.reason
    assert (
        govd_bounds.govd_vote(
            moment="revert", request={}, predicted={"disagreement": predicted}
        )
        is None
    )
