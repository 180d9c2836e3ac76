"""What attacks are tried, what each costs whoever tries it, and which claim stands once it fails.
Imports nothing of govd.

Rungs are in the order of what an attacker must have. A forget's *grade* is the number of rungs,
from the first on, of which every attack was measured and failed. Rungs beyond are reported and
claim nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

State = Literal["held", "found", "few", "unknown", "unmeasured"]
"""Of an attack or a rung: it fails; it works; too few pictures to tell; it never worked on the
unedited model; nobody measured it.
"""


@dataclass(frozen=True)
class Attack:
    """One attack: what somebody does, and what he needs to have for it."""

    does: str
    needs: str
    measure: Literal["share", "area", "rank"] = "share"


ATTACKS: Final = {
    "label": Attack("asks with the registered labels", "nothing but answers"),
    "prompts": Attack("asks with each registered prompt alone", "nothing but answers"),
    "unseen_prompts": Attack(
        "asks with prompts that nobody registered", "nothing but answers"
    ),
    "ensemble": Attack("averages all those prompts", "nothing but answers"),
    "synonyms": Attack("uses another word for it", "a word"),
    "translations": Attack("uses another language", "a word"),
    "search": Attack("searches with its words", "a word", "area"),
    "examples_1": Attack("searches with one picture", "1 picture of it", "area"),
    "examples_4": Attack("searches with 4 pictures", "4 pictures of it", "area"),
    "examples_8": Attack("searches with 8 pictures", "8 pictures of it", "area"),
    "examples_16": Attack("searches with 16 pictures", "16 pictures of it", "area"),
    "neighbours": Attack(
        "compares with the nearest labelled picture", "labelled pictures", "area"
    ),
    "probe": Attack("trains a linear probe", "labelled pictures", "area"),
    "relearning": Attack(
        "learns the projection back", "the base model's vectors of unlabelled pictures"
    ),
    "undoing": Attack("inverts the edit", "the edit file"),
    "base_diff": Attack(
        "compares both models' weights", "both models' weights, a list of words", "rank"
    ),
}
"""Attacks from the cheapest to the dearest. `share`: how many of its pictures get its name; `area`:
AUC; `rank`: the place of its word among all words.
"""


@dataclass(frozen=True)
class Rung:
    """A claim, and the attacks that must fail for it. `optional` ones count where they were
    measured.
    """

    claim: str
    broken: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


RUNGS: Final = {
    "named": Rung(
        "not named any more by any registered prompt",
        "still named by a registered prompt",
        ("label",),
        ("prompts",),
    ),
    "reworded": Rung(
        "not named by other words or prompts",
        "named by other words or prompts",
        ("unseen_prompts", "ensemble", "synonyms"),
        ("translations",),
    ),
    "searched": Rung("not found by its words", "found by its words", ("search",)),
    "shown": Rung(
        "not found by examples",
        "found by examples",
        ("examples_1", "neighbours"),
        ("examples_4", "examples_8", "examples_16"),
    ),
    "learned": Rung(
        "not recoverable by a linear probe", "recoverable by a linear probe", ("probe",)
    ),
    "restored": Rung(
        "not restored from the edited vectors",
        "restored from the edited vectors",
        ("relearning", "undoing"),
    ),
}
"""The ladder. What the difference to the base weights names (`base_diff`) stands beside it: it
tells the word, not the pictures.
"""


WHY: Final = {
    "few": "too few pictures to tell",
    "unknown": "the unedited model did not do it either",
    "unmeasured": "not measured",
}
"""What is said of an attack or a rung that neither works nor fails."""


def claim_of(leak: Mapping[str, Any]) -> str:
    """What the attacks on a forget leave to claim, in a sentence; what the next rung says, so that
    nobody thinks more.
    """
    rungs = _of_kind(leak.get("rungs"))
    grade = sum(1 for _ in _leading(rungs))
    claims = [
        RUNGS[rung["rung"]].claim for rung in rungs[:grade] if rung.get("rung") in RUNGS
    ]
    text = "; ".join(claims) if claims else "nothing is claimed"
    beyond = [
        _beyond(rung, leak) for rung in rungs[grade:] if rung.get("rung") in RUNGS
    ]
    return f"grade {grade} of {len(RUNGS)}: {text}" + (
        f". Beyond that: {'; '.join(beyond)}" if beyond else ""
    )


def _leading(rungs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    leading: list[Mapping[str, Any]] = []
    for rung, name in zip(rungs, RUNGS, strict=False):
        if rung.get("rung") != name or rung.get("state") != "held":
            break
        leading.append(rung)
    return leading


def _beyond(rung: Mapping[str, Any], leak: Mapping[str, Any]) -> str:
    """What is known of a rung that the claim does not reach."""
    words = RUNGS[rung["rung"]]
    state = rung.get("state")
    if state == "held":
        return words.claim
    if state != "found":
        return (
            f"whether it is {words.claim.removeprefix('not ')} is not known"
            f" ({WHY.get(str(state), WHY['unmeasured'])})"
        )
    deciding = [
        attack
        for attack in _of_kind(leak.get("attacks"))
        if attack.get("attack") == rung.get("by")
    ]
    if deciding:
        return f"{words.broken} ({value_of(deciding[0])})"
    return words.broken


def value_of(attack: Mapping[str, Any], which: str = "now") -> str:
    """What an attack attains, in the figure that suits it."""
    kind = (
        ATTACKS[attack["attack"]].measure
        if attack.get("attack") in ATTACKS
        else "share"
    )
    value = attack.get(which)
    if kind == "rank":
        place = attack.get("place")
        needs = attack.get("needs")
        words = needs.get("words") if isinstance(needs, Mapping) else None
        if which == "now" and place:
            return f"place {place} of {words}"
        return "–"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "–"
    if kind == "area":
        return f"AUC {value:.2f}"
    return f"{100 * value:.1f} %"


def cost_of(attack: Mapping[str, Any]) -> str:
    """What whoever tries an attack must have, with numbers where they were counted."""
    name = str(attack.get("attack"))
    needs = attack.get("needs")
    counts = needs if isinstance(needs, Mapping) else {}
    if name in ("neighbours", "probe") and counts:
        return (
            f"{counts.get('pictures')} pictures of it "
            f"and {counts.get('others')} others, labelled"
        )
    if name == "relearning" and counts:
        return (
            f"the base model's vectors of {counts.get('pictures')} pictures, no labels"
        )
    if name in ("prompts", "unseen_prompts") and counts.get("prompts"):
        return f"nothing but answers ({counts['prompts']} prompts)"
    if name in ("synonyms", "translations", "search") and counts.get("words"):
        return f"{counts['words']} word{'' if counts['words'] == 1 else 's'}"
    if name == "base_diff" and counts.get("words"):
        return f"both models' weights, {counts['words']} words"
    return ATTACKS[name].needs if name in ATTACKS else "–"


def _of_kind(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list | tuple):
        return [record for record in value if isinstance(record, Mapping)]
    return []
