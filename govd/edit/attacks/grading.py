"""Grades: the claim that attacks leave standing, rung by rung, and never more than was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from govd.edit.attacks.readings import Attempt
from govd.grades import RUNGS, Rung, State
from govd.types import Json


def graded(attempts: Sequence[Attempt]) -> dict[str, Json]:
    """The `grade` of a forget, 0 to the number of rungs, each rung with its state and the attack
    that decides it, and the attacks.
    """
    by_name = {attempt.attack: attempt for attempt in attempts}
    rungs = [{"rung": name, **_rung(rung, by_name)} for name, rung in RUNGS.items()]
    is_held = [rung["state"] == "held" for rung in rungs]
    grade = is_held.index(False) if False in is_held else len(is_held)
    return {
        "grade": grade,
        "rungs": rungs,
        "attacks": [attempt.as_json() for attempt in attempts],
    }


def _rung(rung: Rung, by_name: Mapping[str, Attempt]) -> dict[str, Json]:
    """Broken by any attack that works; held where every required one was measured and failed, and
    one of them worked on the unedited model; else why not.
    """
    missing = Attempt("", why="nobody tried it")
    required = [(name, by_name.get(name, missing)) for name in rung.required]
    attempts = [
        *required,
        *((name, by_name[name]) for name in rung.optional if name in by_name),
    ]
    working = [
        (name, attempt) for name, attempt in attempts if attempt.state == "found"
    ]
    if working:
        name = max(
            working, key=lambda pair: pair[1].now.beyond if pair[1].now else 0.0
        )[0]
        return {"state": "found", "by": name}
    order: tuple[State, ...] = ("unmeasured", "few")
    for state in order:
        for name, attempt in required:
            if attempt.state == state:
                return {"state": state, "by": name}
    failed = [(name, attempt) for name, attempt in required if attempt.state == "held"]
    if not failed:
        return {"state": "unknown", "by": rung.required[0]}
    return {
        "state": "held",
        "by": max(
            failed, key=lambda pair: pair[1].now.interval[1] if pair[1].now else 0.0
        )[0],
    }
