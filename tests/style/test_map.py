"""The newcomer's map, `govd/README.md`: what it names is there."""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path

from govd.home.private import READ_BY
from govd.policies.document import read
from govd.records.lifecycle import APPENDED_BY, EVENTS

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "govd" / "README.md").read_text(encoding="utf-8")


def named_in(path: Path) -> set[str]:
    """Classes, functions and constants of a file; methods as `Class.method`, and alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            names |= {f"{node.name}.{member.name}" for member in members}
    return names


def lying(name: str) -> Path | None:
    """A file as the map writes it: below `govd` or the repository, or anywhere by its name."""
    paths = [ROOT / "govd" / name, ROOT / name]
    if "/" not in name:
        paths = sorted((ROOT / "govd").rglob(name))
    return next((path for path in paths if path.exists()), None)


def test_its_files_and_tests_are_there() -> None:
    paths = set(re.findall(r"`([\w/]+\.py)(?:::\w+)?`", MAP))
    assert len(paths) > 100
    assert [path for path in sorted(paths) if lying(path) is None] == []
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MAP):
        assert test in named_in(ROOT / path), test


def test_what_it_says_is_in_a_file_is_in_it() -> None:
    places = re.findall(r"`([\w/]+\.py)`:((?:(?:, | )?`[\w.]+`(?: \([^|)]*\))?)+)", MAP)
    missing = []
    for path, names in places:
        file = lying(path)
        assert file is not None
        inside = named_in(file)
        missing += [
            f"{path}: {name}"
            for name in re.findall(r"`([\w.]+)`", re.sub(r"\([^)]*\)", "", names))
            if name not in inside
        ]
    assert len(places) > 20
    assert missing == []


def test_the_files_of_the_way_have_the_functions_that_are_named_beside_them() -> None:
    rows = re.findall(r"^\| [\d, ]+ \| (`.*?) \| (.*) \|$", MAP, re.M)
    assert len(rows) > 15
    missing = []
    for files, what in rows:
        inside: set[str] = set()
        for name in re.findall(r"`([\w/]+\.py)`", files):
            path = lying(name)
            assert path is not None, name
            inside |= named_in(path)
        sentence = what.replace("`, `", "`: `")
        says = re.findall(r"`(\w+(?:\.\w+)?)`(?:, for \d|, the default)?:", sentence)
        assert says, files
        missing += [f"{files}: {name}" for name in says if name not in inside]
    assert missing == []


def test_the_way_goes_down_and_each_room_is_read_once() -> None:
    table = MAP.split("| | file | what happens there |")[1].split("\n\n")[0]
    rooms = re.findall(r"^\| \d \| `(\w+)/\w+\.py` \|", table, re.M)
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    floors = re.findall(r'^  "([\w |]+)",$', contract, re.M)
    place = {room: i for i, floor in enumerate(floors) for room in floor.split(" | ")}
    way = [room for room, _ in groupby(rooms)]
    assert len(rooms) == 9
    assert len(way) == len(set(way))
    assert [place[room] for room in way] == sorted(place[room] for room in way)


def test_tests_that_modules_name_are_there() -> None:
    named = {
        test
        for path in (ROOT / "govd").rglob("*.py")
        for test in re.findall(r"`(tests/[\w/]+\.py)`", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert [test for test in sorted(named) if not (ROOT / test).is_file()] == []


def modules() -> dict[str, ast.Module]:
    """What stands in `govd/`, by its path there; `records` and `verify` append nothing."""
    return {
        path.relative_to(ROOT / "govd").as_posix(): ast.parse(path.read_text("utf-8"))
        for path in (ROOT / "govd").rglob("*.py")
        if path.parent.name not in ("records", "verify")
    }


def drafted(tree: ast.Module) -> list[str | None]:
    """The events of entries about requests that a module drafts, None where it is a variable."""
    events: list[str | None] = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        if call.func.id == "request_draft":
            event = call.args[1]
            is_plain = isinstance(event, ast.Constant)
            events.append(str(event.value) if is_plain else None)
        if call.func.id == "Draft":
            kinds = [
                *call.args[:1],
                *(k.value for k in call.keywords if k.arg == "kind"),
            ]
            events += [
                str(kind.value).removeprefix("request.")
                for kind in kinds
                if isinstance(kind, ast.Constant)
                and str(kind.value).startswith("request.")
            ]
    return events


def test_whoever_changes_a_request_is_declared_beside_the_states() -> None:
    """What a module drafts by name is declared; what is declared is drafted there, by name or by a
    variable.
    """
    events = EVENTS["forget"] | EVENTS["revert"]
    assert APPENDED_BY.keys() == events
    declared = {(event, path) for event, by in APPENDED_BY.items() for path in by}
    of_modules = {path: drafted(tree) for path, tree in modules().items()}
    named = {
        (event, path)
        for path, own in of_modules.items()
        for event in own
        if event in events
    }
    assert named - declared == set()
    by_variable = {path for path, own in of_modules.items() if None in own}
    notes_alone = {"reconcile/drift.py"}
    assert by_variable - notes_alone <= {path for _, path in declared}
    assert {path for _, path in declared - named} <= by_variable


def test_whoever_opens_a_private_text_is_declared_beside_it() -> None:
    opening = {
        path
        for path, tree in modules().items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("open", "revealed")
        and "private" in ast.unparse(call.func.value)
    }
    assert opening == READ_BY.keys()


def test_its_policy_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", MAP, re.S)
    assert read(text).name == "no-whole-domains"
